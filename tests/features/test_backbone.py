from pathlib import Path

import numpy as np
import pytest
import timm
import torch

from mirage.config import BackboneConfig
from mirage.core import hub
from mirage.core.errors import MirageError
from mirage.features import backbone as module
from mirage.features.backbone import Backbone, load_backbone

SIZE = 64


@pytest.fixture(scope="module")
def lite() -> Backbone:
    return load_backbone(lite_config())


def lite_config(**changes: object) -> BackboneConfig:
    settings = {"name": "effnet_lite", "size": SIZE, "layers": [4, 5], "precision": "fp32"}
    return BackboneConfig(**(settings | changes))  # type: ignore[arg-type]


def photos(num: int = 2, size: int = SIZE) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (num, size, size, 3), dtype=np.uint8)


def test_features_are_of_unit_length_and_of_the_announced_shape(lite: Backbone) -> None:
    features = lite(photos(3))
    assert features.shape == (3, *lite.grid, lite.dim) == (3, 4, 4, 88 + 120)
    assert features.dtype == torch.float32
    torch.testing.assert_close(features.norm(dim=-1), torch.ones(3, 4, 4))


def test_a_photo_has_the_same_features_alone_and_in_a_batch(lite: Backbone) -> None:
    batch = photos(3)
    torch.testing.assert_close(lite(batch)[1:2], lite(batch[1:2]), rtol=1e-4, atol=1e-4)


def test_more_photos_than_a_core_takes_at_once_keep_their_order(lite: Backbone) -> None:
    batch = photos(2 * module._CPU_BLOCK + 1)
    one_by_one = torch.cat([lite(photo[None]) for photo in batch])
    torch.testing.assert_close(lite(batch), one_by_one, rtol=1e-4, atol=1e-4)


def test_auto_takes_bf16_on_a_cpu_only_with_a_matrix_unit(monkeypatch: pytest.MonkeyPatch) -> None:
    for has_unit in (False, True):
        monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda has=has_unit: has)
        assert module._wants_bf16("auto", torch.device("cpu")) is has_unit
        assert module._wants_bf16("bf16", torch.device("cpu"))


def test_photos_of_another_size_are_resized(lite: Backbone) -> None:
    small = np.full((1, 32, 32, 3), 90, np.uint8)
    large = np.full((1, SIZE, SIZE, 3), 90, np.uint8)
    torch.testing.assert_close(lite(small), lite(large), rtol=1e-4, atol=1e-4)


def test_stages_of_different_stride_meet_on_the_finer_grid() -> None:
    joined = load_backbone(lite_config(layers=[5, 7]))
    assert joined.grid == (4, 4)
    assert joined.dim == 120 + 352


def test_only_uint8_photos_are_taken(lite: Backbone) -> None:
    with pytest.raises(ValueError, match="uint8"):
        lite(np.zeros((1, SIZE, SIZE, 3), np.float32))  # type: ignore[arg-type]


def test_a_vision_transformer_loads_from_a_local_file(tmp_path: Path) -> None:
    name = "vit_tiny_patch16_224"
    file = tmp_path / "weights.pth"
    torch.save(timm.create_model(name, pretrained=False).state_dict(), file)
    config = BackboneConfig(model=name, weights=str(file), size=112, precision="fp32")
    vit = load_backbone(config)
    assert vit(photos(1, 112)).shape == (1, 7, 7, 192)


def test_weights_of_another_model_are_told(tmp_path: Path) -> None:
    file = tmp_path / "weights.pth"
    torch.save({"nothing": torch.zeros(1)}, file)
    with pytest.raises(MirageError, match="cannot be built"):
        load_backbone(BackboneConfig(weights=str(file)))


@pytest.mark.parametrize("name", ["dinov2", "effnet_lite"])
def test_a_missing_weights_file_is_told(name: str, tmp_path: Path) -> None:
    config = BackboneConfig(name=name, weights=str(tmp_path / "none.pth"))
    with pytest.raises(MirageError, match="no such file"):
        load_backbone(config)


def test_a_hub_out_of_reach_names_the_ways_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(module.huggingface_hub, "try_to_load_from_cache", lambda *_: None)
    with pytest.raises(MirageError) as caught:
        load_backbone(BackboneConfig())
    assert "backbone=effnet_lite" in str(caught.value)
    assert "backbone.weights=FILE" in str(caught.value)


def test_an_unknown_model_is_told() -> None:
    with pytest.raises(MirageError, match="no pretrained model"):
        load_backbone(BackboneConfig(model="vit_of_nowhere"))


@pytest.mark.parametrize(
    ("model", "size", "layers", "grid"),
    [
        ("test_vit", 64, [-1], 4),  # patches of 16 pixels
        ("test_resnet", 50, [-1], 2),
        ("test_convnext", 64, [-1], 2),  # convolutional
        ("test_efficientnet", 64, [1, 2], 16),
        ("swin_tiny_patch4_window7_224", 64, [1], 8),  # is built for a size
    ],
)
def test_any_timm_network_describes_photos(
    tmp_path: Path, model: str, size: int, layers: list[int], grid: int
) -> None:
    torch.save(timm.create_model(model, num_classes=0).state_dict(), tmp_path / "weights.pth")
    backbone = load_backbone(
        BackboneConfig(
            model=model,
            weights=str(tmp_path / "weights.pth"),
            size=size,
            layers=layers,
            precision="fp32",
        )
    )
    photos = np.random.default_rng(0).integers(0, 256, (2, size, size, 3), np.uint8)
    features = backbone(photos)
    assert features.shape == (2, grid, grid, backbone.dim)
    assert torch.allclose(features.norm(dim=-1), torch.ones(2, grid, grid), atol=1e-5)
    assert not torch.allclose(features[0], features[1])


@pytest.mark.parametrize(
    ("model", "size", "layers", "why"),
    [
        ("test_vit", 70, [-1], "divisible by patch size"),
        ("test_vit", 64, [40], "layers \\[40\\]"),
        ("mixer_s16_224", 96, [-1], "cannot be built|gives no features"),
    ],
)
def test_a_network_that_cannot_says_why(
    tmp_path: Path, model: str, size: int, layers: list[int], why: str
) -> None:
    torch.save(timm.create_model(model, num_classes=0).state_dict(), tmp_path / "weights.pth")
    weights = str(tmp_path / "weights.pth")
    with pytest.raises(MirageError, match=why) as told:
        load_backbone(BackboneConfig(model=model, weights=weights, size=size, layers=layers))
    assert "backbone.model" in told.value.where


def test_patches_of_a_known_size_are_checked_at_once() -> None:
    with pytest.raises(MirageError, match="100 is not divisible by 16"):
        BackboneConfig(model="vit_small_patch16_dinov3", size=100)
    assert BackboneConfig(model="resnet18", size=100).size == 100
