"""What the discriminator tells apart, and which way each side learns."""

from __future__ import annotations

import torch
from torch import Tensor

from mirage.model.discriminator import Discriminator, hinge_loss, reverse_gradient


def test_a_reversed_gradient_has_the_other_sign_and_the_weight() -> None:
    x = torch.tensor([1.0, -2.0], requires_grad=True)
    y = reverse_gradient(x, 0.25)
    assert torch.equal(y, x)
    (3 * y).sum().backward()
    assert x.grad is not None and x.grad.tolist() == [-0.75, -0.75]


def maps_of(*values: float) -> list[Tensor]:
    return [
        torch.full((2, channels, 4, 4), value)
        for channels, value in zip((3, 5), values, strict=True)
    ]


def test_judgements_are_of_places_and_tell_apart_once_learned() -> None:
    torch.manual_seed(0)
    discriminator = Discriminator([3, 5])
    decoded, photos = maps_of(0.1, -0.2), maps_of(-0.1, 0.2)
    assert [judged.shape for judged in discriminator(photos)] == [(2, 1, 4, 4)] * 2
    optimizer = torch.optim.Adam(discriminator.parameters(), 1e-2)
    for _ in range(60):
        optimizer.zero_grad()
        loss = hinge_loss(discriminator, decoded, photos, 1.0)
        loss.backward()
        optimizer.step()
    assert loss < 1  # 2: nothing is told apart
    for fake, real in zip(discriminator(decoded), discriminator(photos), strict=True):
        assert fake.mean() < real.mean()


def test_what_is_decoded_learns_to_pass_for_photos() -> None:
    """One descent on the shared loss raises the judgement of what is decoded, none of photos'."""
    torch.manual_seed(0)
    discriminator = Discriminator([3])
    decoded = torch.randn(2, 3, 4, 4).mul(0.3).requires_grad_(True)
    photos = torch.randn(2, 3, 4, 4).mul(0.3)

    def judged() -> Tensor:
        return discriminator([decoded])[0].mean()

    discriminator.eval()  # the same weights at every look
    before = judged()
    hinge_loss(discriminator, [decoded], [photos], 0.5).backward()
    assert decoded.grad is not None and photos.grad is None
    with torch.no_grad():
        decoded -= decoded.grad
    assert judged() > before
