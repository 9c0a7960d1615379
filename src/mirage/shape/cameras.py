"""The cameras of an orbit: one elevation and lens for all views, and what each view is off by."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mirage.core.contracts import FloatArray

# What corrections are expected to be, one standard deviation: degrees, shares of half the side.
_AZIMUTH, _SHIFT, _SCALE, _ELEVATION = 4.0, 0.05, 0.05, 3.0
_FIELD_OF_VIEW = 30.0  # degrees: what is believed of a lens that nobody named
_LENS = 0.3  # one standard deviation of the logarithm of its focal length


@dataclass(frozen=True)
class Rays:
    """N rays in the object's frame: origin [N, 3] and unit direction [N, 3]."""

    origin: Tensor
    direction: Tensor


class OrbitCameras(nn.Module):
    """Cameras round an upright object, all of whose figures can be fitted.

    A view at azimuth a shows the object turned by a, counter-clockwise from above, to a camera at
    elevation e that looks at the origin. A point p is seen at

        q = R_x(e) R_y(a + δa) p,   u = s · f · (q_x, q_y) / (f − q_z) + t,

    u in half sides of the picture, right and up. f is the focal length in half sides and, by the
    choice of unit, the camera's distance as well. δa, s and t are the view's corrections.

    Args:
        azimuth: [V] degrees. elevation: degrees over the horizon.
        field_of_view: degrees, of the whole side.
    """

    def __init__(
        self, azimuth: FloatArray, elevation: float, field_of_view: float = _FIELD_OF_VIEW
    ) -> None:
        super().__init__()
        count = len(azimuth)
        self.azimuth: Tensor
        self.register_buffer("azimuth", torch.as_tensor(azimuth, dtype=torch.float32).deg2rad())
        self.elevation = nn.Parameter(torch.tensor(math.radians(elevation)))
        focal = 1.0 / math.tan(math.radians(field_of_view / 2.0))
        self.log_focal = nn.Parameter(torch.tensor(math.log(focal)))
        self.turn = nn.Parameter(torch.zeros(count))
        self.log_scale = nn.Parameter(torch.zeros(count))
        self.shift = nn.Parameter(torch.zeros(count, 2))

    def __len__(self) -> int:
        return len(self.azimuth)

    @property
    def field_of_view(self) -> float:
        """Degrees."""
        return math.degrees(2.0 * math.atan(math.exp(-float(self.log_focal.detach()))))

    def rotations(self) -> Tensor:
        """[V, 3, 3] R_x(e) R_y(a + δa), by which the object is turned before the camera."""
        turn = self.azimuth + self.turn
        c, s, zero, one = turn.cos(), turn.sin(), torch.zeros_like(turn), torch.ones_like(turn)
        about_y = torch.stack([c, zero, s, zero, one, zero, -s, zero, c], -1).view(-1, 3, 3)
        c, s = self.elevation.cos(), self.elevation.sin()
        zero, one = torch.zeros_like(c), torch.ones_like(c)
        about_x = torch.stack([one, zero, zero, zero, c, -s, zero, s, c]).view(3, 3)
        return about_x @ about_y

    def project(self, points: Tensor) -> Tensor:
        """[N, 3] → [V, N, 2] in half sides, right and up; nothing is behind these cameras."""
        turned = points @ self.rotations().transpose(1, 2)
        focal = self.log_focal.exp()
        seen = turned[..., :2] * focal / (focal - turned[..., 2:]).clamp_min(0.1 * focal.detach())
        return seen * self.log_scale.exp()[:, None, None] + self.shift[:, None]

    def rays(self, view: Tensor, place: Tensor) -> Rays:
        """The rays of pixels.

        Args:
            view: [N] int, which view. place: [N, 2] where in it, half sides, right and up.
        """
        focal = self.log_focal.exp()
        place = (place - self.shift[view]) / self.log_scale.exp()[view, None]
        forward = torch.cat([place, -focal.expand(len(place), 1)], dim=1)
        rotation = self.rotations()[view]
        direction = torch.einsum("nij,ni->nj", rotation, forward)  # Rᵀ: out of the camera's frame
        return Rays(rotation[:, 2] * focal, direction / direction.norm(dim=1, keepdim=True))

    def implausibility(self) -> Tensor:
        """How far corrections and lens are from what is expected, a mean of squared deviations.

        It also fixes what views do not tell: turns and scales that all views share.
        """
        lens = self.log_focal + math.log(math.tan(math.radians(_FIELD_OF_VIEW / 2.0)))
        off = torch.cat(
            [
                (self.turn / math.radians(_AZIMUTH))[:, None],
                (self.log_scale / _SCALE)[:, None],
                self.shift / _SHIFT,
            ],
            dim=1,
        )
        return off.square().mean() + (lens / _LENS).square() / len(self)
