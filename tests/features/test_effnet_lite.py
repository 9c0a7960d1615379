"""EfficientNet-Lite under timm's names: the published networks, and their faster form."""

from __future__ import annotations

import pytest
import timm
import torch

from mirage.core.errors import MirageError
from mirage.features import effnet_lite as module
from mirage.features.effnet_lite import effnet_lite, effnet_lite_state


@pytest.mark.parametrize(("size", "side"), [("0", 224), ("2", 260)])
def test_renamed_weights_compute_what_the_original_package_computes(size: str, side: int) -> None:
    original_package = pytest.importorskip("efficientnet_lite_pytorch")
    original = original_package.EfficientNet.from_pretrained(
        f"efficientnet-lite{size}", weights_path=module._packaged(size)
    ).eval()
    ours = timm.create_model(f"tf_efficientnet_lite{size}", pretrained=False).eval()
    ours.load_state_dict(effnet_lite_state(ours, size))
    # The package fixes its padding for one size of photos, so only that can be compared.
    pixels = torch.randn(1, 3, side, side, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        torch.testing.assert_close(ours(pixels), original(pixels), rtol=1e-3, atol=1e-3)


def test_folding_the_batch_norms_changes_nothing() -> None:
    plain = timm.create_model("tf_efficientnet_lite2", pretrained=False).eval()
    plain.load_state_dict(effnet_lite_state(plain, "2"))
    folded = timm.create_model("tf_efficientnet_lite2", pretrained=False).eval()
    folded.load_state_dict(plain.state_dict())
    folded = module._fold_batch_norms(folded)
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in folded.modules())
    pixels = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        torch.testing.assert_close(folded(pixels), plain(pixels), rtol=1e-3, atol=1e-3)


def test_a_package_that_is_not_installed_is_named() -> None:
    with pytest.raises(MirageError, match="EfficientNet-Lite3") as raised:
        effnet_lite("tf_efficientnet_lite3")
    assert "pip install efficientnet_lite3_pytorch_model" in str(raised.value)
