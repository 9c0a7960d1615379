"""Stages of a sweep's jobs that only write what they would have measured, and are counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

from mirage.commands.stages.images import images_key
from mirage.commands.stages.train import model_key
from mirage.config import Config
from mirage.runs.folder import RunFolder, hash_of, write_json

SOURCE = ["images.source=turntable"]


class Stages:
    """What `mirage images`, `poses` and `train` do, but for the work; counts it by folder."""

    def __init__(self, poses: Callable[[Config, str], str] | None = None) -> None:
        self.key_of_poses = poses or (lambda config, images: hash_of(config.parts, config.poses))
        self.worked: Counter[tuple[str, str]] = Counter()
        self.before: Callable[[Config], None] = lambda config: None

    def __call__(self, command: str, config: Config) -> None:
        if command == "poses":
            self.before(config)
        folder = RunFolder(Path(config.run))
        key = images_key(config)
        if command != "images":
            key = self.key_of_poses(config, key)
        if command == "train":
            self.train(config, folder, model_key(config, key))
        elif not folder.is_done(command, key):
            self.worked[command, folder.root.name] += 1
            score = max(config.poses.counts, default=24) + config.parts.seed
            figures = {"score": score, "name": "words"}
            write_json(folder[command] / "summary.json", figures)
            folder.finish(command, key)
        print(f"{command} of {folder.root.name}")

    def train(self, config: Config, folder: RunFolder, key: str) -> None:
        if not folder.is_done("model", key):
            self.worked["train", folder.root.name] += 1
            for stage in ("train", "model"):
                folder.unshare(stage)
                folder[stage].mkdir(exist_ok=True)
                folder.finish(stage, key)

    def count(self, command: str) -> int:
        return sum(number for (name, _), number in self.worked.items() if name == command)
