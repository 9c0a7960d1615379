"""The ring and the parts: where things stand, and what lies over what."""

from __future__ import annotations

import numpy as np
import pytest
from synthetic.pages import make_parts, make_ring

from mirage.report.browsers import PoseBrowser


def place(pose: dict[str, str]) -> tuple[float, float]:
    """Right of and above the middle, percent."""
    return float(pose["left"].rstrip("%")) - 50, 50 - float(pose["top"].rstrip("%"))


def test_poses_stand_clockwise_from_the_top() -> None:
    poses = make_ring().context()["poses"]
    assert isinstance(poses, list)
    assert [pose["id"] for pose in poses] == [2, 1, 0, 3]
    for pose, direction in zip(poses, [(0, 1), (1, 0), (0, -1), (-1, 0)], strict=True):
        x, y = place(pose)
        np.testing.assert_allclose((x / np.hypot(x, y), y / np.hypot(x, y)), direction, atol=1e-3)
    assert [len(pose["photos"]) for pose in poses] == [2, 1, 0, 3]
    assert poses[0]["words"] == "pose 2 · 0° · 2 photos"


@pytest.mark.parametrize("num_poses", [1, 2, 7, 90])
def test_thumbnails_of_bunched_poses_do_not_overlap(num_poses: int) -> None:
    azimuth = np.linspace(0, 5, num_poses)
    thumbnails = np.zeros((num_poses, 8, 8, 3), np.uint8)
    browser = PoseBrowser(
        azimuth, np.ones(num_poses, int), thumbnails, [thumbnails[:1]] * num_poses
    )
    context = browser.context()
    side = float(str(context["side"]).rstrip("%"))
    places = np.array([place(pose) for pose in context["poses"]])  # type: ignore[attr-defined]
    apart = np.linalg.norm(places[:, None] - places[None], axis=-1)[~np.eye(num_poses, dtype=bool)]
    assert side > 0 and (apart >= side - 1e-2).all()


def test_a_layer_is_opaque_where_its_part_is() -> None:
    (photo, _) = make_parts().context()["photos"]  # type: ignore[misc]
    left, other = (np.asarray(layer)[..., 3] for layer in photo["layers"])
    assert (left[:, :4] > 150).all() and (left[:, 4:] == 0).all() and (other == 0).all()
    assert (np.asarray(photo["background"])[..., 3] == 0).all()  # all of it is the object
