"""Time photos → patch features against the script people write: timm, DataLoader, PIL, np.save.

Both read the same files, squeeze them to the same square and pass them through the same weights.
`python benchmarks/features.py --help` lists the options.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

# As in kmeans.py: a thread that waits must not burn a processor that another one needs.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np
import timm
import torch
import torch.nn.functional as F
from paired import print_table, print_versions, take_turns
from photos import make_photos
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from mirage.config import BackboneConfig, ImagesConfig
from mirage.features.backbone import load_backbone
from mirage.features.effnet_lite import effnet_lite_state
from mirage.features.extract import extract_features
from mirage.images.image_set import open_images
from mirage.images.manifest import build_manifest

MIN_COSINE = 0.9999
VIT = "vit_small_patch14_reg4_dinov2.lvd142m"


class Photos(Dataset):
    """The peer's photos."""

    def __init__(self, paths: list[Path], size: int, mean: tuple, std: tuple) -> None:
        self.paths = paths
        self.transform = transforms.Compose(
            [
                transforms.Resize((size, size), transforms.InterpolationMode.LANCZOS),
                transforms.ToTensor(),
                transforms.Normalize(mean, std),
            ]
        )

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> torch.Tensor:
        return self.transform(Image.open(self.paths[index]).convert("RGB"))


def peer_network(name: str, weights: Path) -> torch.nn.Module:
    """The network as timm gives it."""
    if name == "effnet_lite":
        network = timm.create_model("tf_efficientnet_lite2", pretrained=False)
        network.load_state_dict(effnet_lite_state(network, "2"))
    else:
        network = timm.create_model(VIT, pretrained=False, dynamic_img_size=True, num_classes=0)
        network.load_state_dict(torch.load(weights))
    return network.eval()


def run_peer(network: Any, config: BackboneConfig, paths: list[Path], output: Path) -> np.ndarray:
    """Every feature [N, h, w, C], and the file they are saved to."""
    photos = Photos(paths, config.size, network.default_cfg["mean"], network.default_cfg["std"])
    loader = DataLoader(photos, batch_size=config.batch_size, num_workers=2)
    options = {"extra_blocks": True} if config.name == "effnet_lite" else {}
    found = []
    with torch.inference_mode():
        for pixels in loader:
            maps = network.forward_intermediates(
                pixels,
                indices=config.layers,
                norm=True,
                stop_early=True,
                intermediates_only=True,
                **options,
            )
            joined = torch.cat([F.normalize(m, dim=1) for m in maps], dim=1)
            found.append(F.normalize(joined, dim=1).permute(0, 2, 3, 1).numpy())
    features = np.concatenate(found)
    np.save(output, features)
    return features


def compare(name: str, paths: list[Path], work: Path, args: argparse.Namespace) -> bool:
    """Gate and timings of one network; whether the features agree."""
    weights = work / "vit.pth"
    if name == "dinov2":  # timing does not ask for trained weights
        torch.manual_seed(0)
        vit = timm.create_model(VIT, pretrained=False, dynamic_img_size=True, num_classes=0)
        torch.save(vit.state_dict(), weights)
        config = BackboneConfig(weights=str(weights), precision="fp32")
        paths = paths[: max(1, len(paths) // 4)]  # a photo costs ten times as much
    else:
        config = BackboneConfig(name=name, size=160, layers=[4, 5], precision="fp32")
    network, backbone = peer_network(name, weights), load_backbone(config)
    images = open_images(work / "images")
    row_of = {path: row for row, path in enumerate(images.path[:])}
    ids = np.array([row_of[path.name] for path in paths])

    def ours() -> np.ndarray:
        batches = images.batches(ids, config.size, config.batch_size)
        return np.concatenate([f.numpy() for _, f in extract_features(batches, backbone)])

    peer = "timm + DataLoader + PIL + np.save"
    contenders = {
        "mirage, fp32": ours,
        peer: lambda: run_peer(network, config, paths, work / "features.npy"),
    }
    seconds, features = take_turns(contenders, args.rounds)
    cosine = (features["mirage, fp32"] * features[peer]).sum(axis=-1)
    rates = {
        name: f"{len(paths) / np.median([took.wall for took in own]):.1f} photos/s"
        for name, own in seconds.items()
    }
    title = f"{name}, {config.size} px, batches of {config.batch_size}, {len(paths)} photos"
    print_table(title, seconds, "mirage, fp32", rates)
    print(f"cosine of the features: mean {cosine.mean():.7f}, least {cosine.min():.7f}")
    return bool(cosine.min() > MIN_COSINE)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--photos", type=Path, help="a folder of photos; none makes JPEGs")
    parser.add_argument("--num-photos", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--networks", nargs="+", default=["effnet_lite", "dinov2"])
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        folder = work / "photos"
        folder.mkdir()
        if args.photos is None:
            make_photos(folder, args.num_photos)
        else:
            found = sorted(path for path in args.photos.rglob("*") if path.is_file())
            for number, path in enumerate(found[: args.num_photos]):
                (folder / f"{number:05}{path.suffix}").write_bytes(path.read_bytes())
        # Our list of photos is made beforehand, as the peer's is: a run makes it once.
        (work / "images").mkdir()
        source = ImagesConfig(path=str(folder), fit="stretch", min_count=2)
        build_manifest(source, work / "images")
        usable = [folder / name for name in open_images(work / "images").path[:]]
        print_versions(["timm", "torch", "torchvision", "pillow"], args.threads, args.rounds)
        equal = [compare(name, usable, work, args) for name in args.networks]
    if not all(equal):
        print(f"\nGATE FAILED: a cosine is below {MIN_COSINE}")
    return 0 if all(equal) else 1


if __name__ == "__main__":
    sys.exit(main())
