"""The training curve: what is drawn, and what is left out."""

import numpy as np

from mirage.drawing.plots import curves


def test_smoothing_keeps_a_line_and_halves_noise() -> None:
    np.testing.assert_allclose(curves._smooth(np.full(200, 2.5)), 2.5)
    noise = np.random.default_rng(0).normal(0, 1, 400)
    assert curves._smooth(noise).std() < 0.4 * noise.std()
    assert len(curves._smooth(np.array([1.0, 2.0]))) == 2


def test_losses_that_are_not_finite_are_left_out() -> None:
    at, loss = curves._finite([1, 2, 3, 4], [0.5, np.nan, np.inf, 0.25])
    assert at.tolist() == [1, 4] and loss.tolist() == [0.5, 0.25]


def test_held_out_loss_adds_ink_of_its_own_colour() -> None:
    steps, losses = np.arange(100), 1.0 / (1 + np.arange(100))

    def num_accent(picture: np.ndarray) -> int:
        red, green, blue = picture.astype(int).transpose(2, 0, 1)
        return int(((red > 170) & (green < 100) & (blue < 60)).sum())

    plain = np.asarray(curves.training_curve(steps, losses))
    both = np.asarray(curves.training_curve(steps, losses, (steps[::10], losses[::10])))
    assert plain.shape == both.shape and plain.shape[1] > plain.shape[0]
    assert num_accent(plain) == 0 and num_accent(both) > 200


def test_no_points_still_draw() -> None:
    assert curves.training_curve([], []).width > 0
