"""images: the photos (or the rendered turntable) → manifest.parquet and rejected.csv."""

from __future__ import annotations

from mirage.config import Config
from mirage.images.manifest import build_manifest, fingerprint, open_images
from mirage.stages.folder import RunFolder, hash_of


def run(config: Config, folder: RunFolder) -> str:
    """Build the manifest unless it is there; returns the closing line."""
    key = hash_of("images", config.images, fingerprint(config.images))
    if not folder.is_done("images", key):
        folder.reopen("images")
        build_manifest(config.images, folder["images"])
        folder.finish("images", key)
    images = open_images(folder["images"])
    held_out = int((images.split == "heldout").sum())
    return (
        f"images: {len(images)} usable, {held_out} of them held out, "
        f"{images.num_rejected} rejected → {folder['images']}"
    )
