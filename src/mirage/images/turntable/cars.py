"""Cars: a body lofted along x, a cabin lofted upwards, lamps and wheels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mirage.core.contracts import FloatArray
from mirage.images.turntable import palette
from mirage.images.turntable.palette import sample_contrast, sample_paint, shade
from mirage.images.turntable.solids import (
    GLASS,
    LAMP,
    MATTE,
    PAINT,
    Colour,
    ColouredMesh,
    block,
    lathe,
    loft,
    superellipse,
    turned,
)

STYLES = ("sedan", "hatch", "suv", "pickup")
PATTERNS = ("plain", "roof", "two_tone", "stripe", "belt", "door")


@dataclass(frozen=True)
class CarDesign:
    """One car. Lengths in metres; x positions run from the middle of the car to its front."""

    style: str
    length: float
    width: float
    height: float
    clearance: float  # under the sills
    wheel_radius: float
    front_axle: float  # x
    rear_axle: float  # x
    nose: float  # height of the bonnet's leading edge
    belt: float  # height of the lower edge of the windows
    deck: float  # height of the boot or bed behind the cabin
    cabin: tuple[float, float, float, float]  # x: screen base, roof front, roof rear, rear base
    tumblehome: float  # width of the roof over the width of the belt
    corner: float  # superellipse power of the plan; larger is boxier
    pattern: str
    paint: Colour
    second: Colour
    bumper: Colour
    hub: Colour
    lamp_height: float
    lamp_width: float
    rack: bool  # roof bars

    @property
    def skin(self) -> tuple[Colour, ...]:
        """The colours that a texture may cover; windows, lamps and wheels stay."""
        return self.paint, self.second, self.bumper


def sample_car(rng: np.random.Generator) -> CarDesign:
    """Draw a car."""
    style = STYLES[int(rng.choice(4, p=[0.34, 0.28, 0.23, 0.15]))]
    length = {"sedan": 4.5, "hatch": 3.85, "suv": 4.4, "pickup": 4.9}[style]
    height = {"sedan": 1.42, "hatch": 1.5, "suv": 1.75, "pickup": 1.75}[style]
    length, height = length * rng.uniform(0.95, 1.05), height * rng.uniform(0.95, 1.05)
    tall = style in ("suv", "pickup")
    radius = rng.uniform(0.36, 0.41) if tall else rng.uniform(0.31, 0.345)
    belt = height * rng.uniform(0.6, 0.65)
    half = length / 2.0
    screen = half - length * rng.uniform(0.25, 0.29)
    slope = rng.uniform(0.5, 0.72) * (0.75 if tall else 1.0)
    rear = {"sedan": 0.17, "hatch": 0.02, "suv": 0.015, "pickup": 0.42}[style] * length
    rear_slope = {"sedan": 0.62, "hatch": 0.35, "suv": 0.2, "pickup": 0.14}[style]
    cabin_end = -half + rear + 0.04
    paint = sample_paint(rng)
    dark_bumper = rng.random() < (0.5 if tall else 0.2)
    return CarDesign(
        style=style,
        length=length,
        width=rng.uniform(1.68, 1.84) + (0.08 if tall else 0.0),
        height=height,
        clearance=rng.uniform(0.26, 0.34) if tall else rng.uniform(0.17, 0.22),
        wheel_radius=radius,
        front_axle=half - length * rng.uniform(0.185, 0.205),
        rear_axle=-half + length * rng.uniform(0.19, 0.22),
        nose=belt * rng.uniform(0.74, 0.86),
        belt=belt,
        deck=belt * (rng.uniform(0.94, 1.0) if style != "pickup" else rng.uniform(0.9, 0.96)),
        cabin=(screen, screen - slope, cabin_end + rear_slope * rng.uniform(0.85, 1.15), cabin_end),
        tumblehome=rng.uniform(0.74, 0.84) + (0.04 if tall else 0.0),
        corner=rng.uniform(5.0, 9.0),
        pattern=PATTERNS[int(rng.choice(6, p=[0.34, 0.16, 0.14, 0.14, 0.1, 0.12]))],
        paint=paint,
        second=sample_contrast(rng, paint),
        bumper=(38, 38, 42) if dark_bumper else shade(paint, 0.8),
        hub=(205, 207, 212) if rng.random() < 0.75 else (120, 122, 128),
        lamp_height=rng.uniform(0.13, 0.2),
        lamp_width=rng.uniform(0.3, 0.44),
        rack=bool(style == "suv" and rng.random() < 0.6),
    )


def build_car(car: CarDesign) -> list[ColouredMesh]:
    """The car as coloured meshes, standing on z = 0."""
    meshes = [_body(car), *_cabin(car), *_front(car), *_rear(car), *_mirrors(car)]
    for x in (car.front_axle, car.rear_axle):
        meshes += _wheel_pair(car, x)
    if car.style == "pickup":
        meshes.append(_bed(car))
    if car.rack:
        meshes += _rack(car)
    return meshes


def _stations(car: CarDesign) -> FloatArray:
    """x of the body's sections: dense at both ends and along the wheel arches."""
    u = np.linspace(-1.0, 1.0, 90)
    along = np.sign(u) * (1.0 - (1.0 - np.abs(u)) ** 1.8) * car.length / 2.0
    angle = np.linspace(0.0, np.pi, 19)
    arches = [x + _arch_radius(car) * np.cos(angle) for x in (car.front_axle, car.rear_axle)]
    return np.unique(np.concatenate([along, *arches]).round(5))


def _arch_radius(car: CarDesign) -> float:
    return car.wheel_radius * 1.2


def _top(car: CarDesign, x: FloatArray) -> FloatArray:
    """Height of the body's upper edge along x: nose, bonnet, belt, deck."""
    half = car.length / 2.0
    knots_x = [-half, car.cabin[3] - 0.05, car.cabin[3] + 0.3, car.cabin[0], half]
    knots_z = [car.deck * 0.97, car.deck, car.belt, car.belt, car.nose]
    line = np.interp(x, knots_x, knots_z)
    # The bonnet bulges a little above the straight line from nose to screen.
    bonnet = np.clip((x - car.cabin[0]) / (half - car.cabin[0]), 0.0, 1.0)
    return np.asarray(line + 0.16 * (car.belt - car.nose) * np.sin(np.pi * bonnet))


def _bottom(car: CarDesign, x: FloatArray) -> FloatArray:
    """Height of the body's lower edge along x, raised over the wheels."""
    bottom = np.full_like(x, car.clearance)
    for axle in (car.front_axle, car.rear_axle):
        lift = np.sqrt(np.clip(_arch_radius(car) ** 2 - (x - axle) ** 2, 0.0, None))
        bottom = np.maximum(bottom, np.where(lift > 0.0, car.wheel_radius + lift, 0.0))
    return bottom


def _body(car: CarDesign) -> ColouredMesh:
    """Sections along x; the part above the arches keeps its shape, the part below is cut."""
    x = _stations(car)
    top, bottom = _top(car, x), _bottom(car, x)
    end = np.abs(2.0 * x / car.length).clip(0.0, 1.0)
    plan = (1.0 - end**car.corner).clip(0.0) ** (1.0 / car.corner)
    rise = (1.0 - end**14.0).clip(0.0) ** (1.0 / 14.0)
    middle = car.clearance + 0.62 * (car.nose - car.clearance)
    top = middle + (top - middle) * rise
    bottom = np.minimum(middle + (bottom - middle) * rise, top - 0.02)
    outline = superellipse(96, 5.0)
    y = car.width / 2.0 * plan[:, None] * outline[:, 0]
    shoulder = np.maximum(np.minimum(car.nose * 0.8, top - 0.1), bottom + 0.01)[:, None]
    upper = shoulder + (top[:, None] - shoulder) * outline[:, 1]
    lower = shoulder + (shoulder - bottom[:, None]) * outline[:, 1]
    z = np.where(outline[:, 1] > 0.0, upper, lower)
    # Sides lean in above the shoulder.
    y = y * (1.0 - 0.1 * ((z - shoulder) / car.belt).clip(0.0))
    rings = np.stack([np.broadcast_to(x[:, None], y.shape), y, z], axis=-1)
    return _paint_body(car, loft(rings, car.paint, PAINT))


def _paint_body(car: CarDesign, body: ColouredMesh) -> ColouredMesh:
    x, y, z = body.centroids().T
    facing = body.normals[body.triangles].mean(axis=1)
    side = np.abs(y) > 0.8 * car.width / 2.0
    if car.pattern == "two_tone":
        body = body.painted(z < car.clearance + 0.45 * (car.belt - car.clearance), car.second)
    elif car.pattern == "stripe":
        body = body.painted(
            (np.abs(y) < 0.3) & (np.abs(y) > 0.05) & (facing[:, 2] > 0.2), car.second
        )
    elif car.pattern == "belt":
        low = car.clearance + 0.5 * (car.belt - car.clearance)
        body = body.painted(side & (z > low) & (z < low + 0.16), car.second)
    elif car.pattern == "door":
        door = (x < car.cabin[0] - 0.25) & (x > car.cabin[0] - 1.25) & side
        body = body.painted(door & (z > car.clearance + 0.1), car.second)
    body = body.painted(facing[:, 2] < -0.4, palette.RUBBER)
    return body.painted((z < car.clearance + 0.09) & side, (34, 34, 37))


def _cabin(car: CarDesign) -> list[ColouredMesh]:
    """Rounded rectangles from the belt up to the roof; glass between the pillars."""
    screen, roof_front, roof_rear, rear = car.cabin
    share = np.concatenate([np.linspace(0.0, 1.0, 25), np.ones(8)])
    scale = np.concatenate([np.ones(25), np.linspace(1.0, 0.0, 9)[1:]])
    base = min(car.belt, car.deck) - 0.06
    eave = car.height - 0.05
    bulge = share + 0.12 * np.sin(np.pi * share)
    front = screen + (roof_front - screen) * share
    back = rear + (roof_rear - rear) * share ** (1.1 if car.style == "sedan" else 1.0)
    half_width = car.width / 2.0 * (0.93 + (car.tumblehome - 0.93) * share**1.2)
    outline = superellipse(120, 9.0)
    middle, half_length = (front + back) / 2.0, (front - back) / 2.0 * scale
    rings = np.empty((len(share), 120, 3))
    rings[..., 0] = middle[:, None] + half_length[:, None] * outline[:, 0]
    rings[..., 1] = (half_width * scale)[:, None] * outline[:, 1]
    height = base + (eave - base) * np.minimum(bulge, 1.0)
    rings[..., 2] = (height + (car.height - eave) * np.sqrt(1.0 - scale**2))[:, None]
    roof = car.second if car.pattern in ("roof", "two_tone") else car.paint
    shell = loft(rings, roof, PAINT)
    level = np.repeat(np.repeat(np.arange(len(share) - 1), 120), 2)
    point = np.repeat(np.tile(np.arange(120), len(share) - 1), 2)
    a, b = ((outline + np.roll(outline, -1, axis=0)) / 2.0)[point].T
    is_side = np.abs(b) > 0.93
    lengths = half_length[0] * 2.0
    pillar = 0.1 / lengths
    door = (screen - 1.35 - rear) / lengths * 2.0 - 1.0
    side_glass = is_side & (np.abs(a) < 0.9) & (np.abs(a - door) > pillar)
    if car.style == "suv":
        side_glass &= np.abs(a + 0.52) > pillar
    end_glass = ~is_side & (np.abs(b) < 0.88)
    high = (level >= 4) & (level < 21)
    glass = (side_glass | end_glass) & high
    shell = shell.painted(glass, palette.GLASS_COLOUR)
    if car.pattern == "stripe":
        centre = shell.centroids()
        top = (level >= 22) & (np.abs(centre[:, 1]) < 0.3) & (np.abs(centre[:, 1]) > 0.05)
        shell = shell.painted(top, car.second)
    return shell.split(glass, GLASS)


def _front(car: CarDesign) -> list[ColouredMesh]:
    """Headlights, grille, plate and bumper."""
    x, side = car.length / 2.0, car.width / 2.0 - car.lamp_width / 2.0 - 0.06
    z = car.nose * 0.86 - car.lamp_height / 2.0
    lamp = (0.22, car.lamp_width, car.lamp_height)
    low = car.clearance + 0.14
    grille_width = max(2.0 * (side - car.lamp_width / 2.0) - 0.06, 0.4)
    meshes = [block((x - 0.1, s * side, z), lamp, palette.HEADLIGHT, LAMP, 0.4) for s in (-1, 1)]
    meshes.append(block((x - 0.05, 0.0, z), (0.14, grille_width, car.lamp_height), palette.GRILLE))
    meshes.append(block((x - 0.1, 0.0, low), (0.26, car.width * 0.93, 0.2), car.bumper))
    meshes.append(block((x, 0.0, low + 0.02), (0.1, car.width * 0.55, 0.1), palette.GRILLE))
    meshes.append(block((x + 0.03, 0.0, low + 0.17), (0.06, 0.5, 0.12), palette.PLATE))
    return meshes


def _rear(car: CarDesign) -> list[ColouredMesh]:
    """Tail lights, plate and bumper; tall and outboard, where headlights are flat and wide."""
    x = -car.length / 2.0
    z = car.deck * 0.8
    width, height = (0.2, 0.38) if car.style in ("suv", "hatch", "pickup") else (0.42, 0.2)
    side = car.width / 2.0 - width / 2.0 - 0.04
    low = car.clearance + 0.14
    lamp, middle = (0.24, width, height), z - height / 4
    meshes = [
        block((x + 0.1, s * side, middle), lamp, palette.TAIL_LIGHT, LAMP, 0.3) for s in (-1, 1)
    ]
    meshes.append(block((x + 0.1, 0.0, low), (0.26, car.width * 0.93, 0.2), car.bumper))
    meshes.append(block((x - 0.01, 0.0, z - 0.12), (0.07, 0.5, 0.13), palette.PLATE))
    return meshes


def _mirrors(car: CarDesign) -> list[ColouredMesh]:
    x, z = car.cabin[0] - 0.3, car.belt + 0.07
    side = car.width / 2.0 + 0.02
    return [block((x, s * side, z), (0.14, 0.2, 0.14), car.paint, PAINT, 0.5) for s in (-1, 1)]


def _wheel_pair(car: CarDesign, x: float) -> list[ColouredMesh]:
    """Tyre and hub of one axle, left and right."""
    r = car.wheel_radius
    tyre = np.array(
        [[0.0, -0.1], [0.9 * r, -0.1], [r, -0.07], [r, 0.07], [0.92 * r, 0.1], [0.0, 0.1]]
    )
    hub = np.array([[0.66 * r, 0.09], [0.62 * r, 0.115], [0.2 * r, 0.105], [0.0, 0.12]])
    pair: list[ColouredMesh] = []
    for sign in (-1.0, 1.0):
        axes = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -sign], [0.0, sign, 0.0]])  # z → ± y
        centre = (x, sign * (car.width / 2.0 - 0.14), r)
        pair.append(turned(lathe(tyre, palette.RUBBER, MATTE, 28), axes).moved(centre))
        pair.append(turned(lathe(hub, car.hub, PAINT, 28), axes).moved(centre))
    return pair


def _bed(car: CarDesign) -> ColouredMesh:
    """The open bed of a pickup, as a dark recess in the deck."""
    front, rear = car.cabin[3] - 0.08, -car.length / 2.0 + 0.14
    size = (front - rear, car.width * 0.78, 0.1)
    return block(((front + rear) / 2.0, 0.0, car.deck - 0.025), size, (30, 30, 32), MATTE, 0.1)


def _rack(car: CarDesign) -> list[ColouredMesh]:
    _, front, rear, _ = car.cabin
    y = car.width / 2.0 * car.tumblehome * 0.85
    centre, size = (front + rear) / 2.0, (front - rear) * 0.85
    return [
        block((centre, s * y, car.height + 0.02), (size, 0.06, 0.07), (40, 40, 44)) for s in (-1, 1)
    ]
