"""Light that stays and light that turns with an object, on painted stripes."""

from __future__ import annotations

import numpy as np
import pytest

from mirage.metrics.light import brightness, shading_error, sun_shares

_VIEWS, _SIDE = 6, 32
_MASKS = np.zeros((_VIEWS, _SIDE, _SIDE), bool)
_MASKS[:, 6:26, 4:28] = True


def shown(light: np.ndarray, paint: float = 1.0, backdrop: int = 90) -> np.ndarray:
    """[V, S, S, 3] uint8 of paint in stripes, under light [V, S, S] in [0, 1]."""
    stripes = np.where(np.arange(_SIDE) // 6 % 2, 0.9, 0.6)[None, :, None, None]
    lit = (paint * light[..., None] * stripes * (1.0, 0.8, 0.6)) ** (1 / 2.2)
    frames = np.where(_MASKS[..., None], 255.0 * lit, backdrop)
    return np.rint(frames).astype(np.uint8)


def side_light(azimuths: np.ndarray) -> np.ndarray:
    """[V, S, S] light that falls off from the side it comes from."""
    across = np.linspace(-1.0, 1.0, _SIDE)
    share = 0.55 + 0.35 * np.sin(np.deg2rad(azimuths))[:, None] * across
    return np.broadcast_to(share[:, None], (_VIEWS, _SIDE, _SIDE))


UNLIT = np.full((_VIEWS, _SIDE, _SIDE), 0.5)
STAYS = side_light(np.full(_VIEWS, 60.0))
TURNS = side_light(60.0 + np.arange(_VIEWS) * 60.0)


def of(frames: np.ndarray) -> np.ndarray:
    return brightness(frames, _MASKS)


def shares(frames: np.ndarray) -> tuple[float, float]:
    return sun_shares(of(frames), of(shown(UNLIT)), of(shown(STAYS)), of(shown(TURNS)))


def test_the_sun_stays_turns_or_is_not_there() -> None:
    assert shares(shown(STAYS)) == pytest.approx((1.0, 0.0), abs=1e-9)
    assert shares(shown(TURNS)) == pytest.approx((0.0, 1.0), abs=1e-9)
    assert shares(shown(UNLIT)) == pytest.approx((0.0, 0.0), abs=1e-9)


def test_half_of_each_in_stops_is_a_half_of_each() -> None:
    assert shares(shown(np.sqrt(STAYS * TURNS))) == pytest.approx((0.5, 0.5), abs=0.03)


def test_the_truth_has_no_error_and_a_turned_sun_has() -> None:
    truth = of(shown(STAYS))
    assert shading_error(truth, truth).max() == 0.0
    assert shading_error(of(shown(TURNS)), truth).max() > 0.3


def test_neither_another_exposure_nor_another_backdrop_is_light() -> None:
    other = shown(STAYS, paint=0.5, backdrop=240)
    assert shading_error(of(other), of(shown(STAYS))).max() < 0.08
    assert shares(other) == pytest.approx((1.0, 0.0), abs=0.06)


def test_a_stop_is_a_stop() -> None:
    half = STAYS.copy()
    half[: _VIEWS // 2] *= 0.5
    error = shading_error(of(shown(half)), of(shown(STAYS)))
    np.testing.assert_allclose(error, 0.5, atol=0.06)  # half of all views are off: ± ½ stop


def test_noise_is_an_error_and_no_light() -> None:
    rng = np.random.default_rng(0)
    noisy = shown(STAYS).astype(int) + rng.integers(-40, 41, (_VIEWS, _SIDE, _SIDE, 3))
    frames = noisy.clip(0, 255).astype(np.uint8)
    assert shading_error(of(frames), of(shown(STAYS))).mean() > 0.02
    assert shares(frames) == pytest.approx((1.0, 0.0), abs=0.05)
