"""The trainer that all trainings share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from lightning.pytorch.callbacks import Callback, ModelCheckpoint

from mirage.callbacks.ema import WarmupEMA
from mirage.config import TrainConfig
from mirage.core.errors import MirageError
from mirage.datamodules.pairs import BackTranslated, PairedImages
from mirage.datamodules.posed import PosedImages
from mirage.generation.pretrained import shipped
from mirage.generation.view_reader import ViewReader
from mirage.model.denoiser import PoseDenoiser
from mirage.model.lit import PoseDiffusion
from mirage.model.paired import PairedDiffusion
from mirage.poses.bank_file import load_bank
from mirage.sampler.export import BANK, load_pipeline
from mirage.training.checkpoints import BEST, LAST
from mirage.training.fitting import METRICS, make_trainer
from mirage.training.trainer import _pose_reader, checkpoint_to_export

MakeDenoiser = Callable[..., PoseDenoiser]
MakeData = Callable[[int], PosedImages]


class Norms(Callback):
    """The norm of the gradient that each step was made with, and the network's precision."""

    def __init__(self) -> None:
        self.norms: list[float] = []
        self.types: set[torch.dtype] = set()

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        pl_module.denoiser.unet.conv_in.register_forward_hook(
            lambda module, inputs, output: self.types.add(output.dtype)
        )

    def on_train_batch_end(self, trainer: Any, pl_module: Any, *_: Any) -> None:
        gradients = [w.grad for w in pl_module.parameters() if w.grad is not None]
        self.norms.append(float(torch.nn.utils.get_total_norm(gradients)))


def paired(data: PosedImages) -> PairedImages:
    turned = BackTranslated(data.images, np.arange(12), np.arange(12))
    return PairedImages(
        turned, data.images, data.ring, data.train_ids, data.heldout_ids, 4, 0.0, data.num_steps, 0
    )


@pytest.mark.parametrize("kind", [PoseDiffusion, PairedDiffusion])
@pytest.mark.parametrize("precision", ["bf16", "fp32"])
def test_it_trains_in_each_precision_and_clips_the_gradient(
    kind: type[PoseDiffusion],
    precision: str,
    make_denoiser: MakeDenoiser,
    make_data: MakeData,
    tmp_path: Path,
) -> None:
    config = TrainConfig(steps=2, warmup_steps=1, precision=precision, gradient_clip=1e-3)
    norms, denoiser = Norms(), make_denoiser()
    before = denoiser.unet.conv_in.weight.clone()
    data = make_data(2)
    trainer = make_trainer(
        config,
        tmp_path,
        [WarmupEMA(config.ema_decay), norms],
        devices=1,
        logger=False,
        enable_checkpointing=False,
        limit_val_batches=0,
    )
    trainer.fit(kind(denoiser, config), data if kind is PoseDiffusion else paired(data))
    assert norms.norms == pytest.approx([1e-3, 1e-3], rel=1e-2)
    assert norms.types == {torch.bfloat16 if precision == "bf16" else torch.float32}
    assert not torch.equal(denoiser.unet.conv_in.weight, before)


def save(path: Path, step: int) -> None:
    torch.save({"global_step": step, "weights": torch.zeros(3)}, path)


@pytest.mark.parametrize(
    ("losses", "best", "exported"),
    [
        ([0.5, 0.3, 0.2], 300, "last.ckpt"),  # still learning: the last steps count too
        ([0.5, 0.2, 0.3], 200, "best.ckpt"),  # learned by heart since
        ([0.5, 0.2, 0.2], 200, "last.ckpt"),
        ([], None, "last.ckpt"),  # never validated
        ([0.5, 0.2], None, "last.ckpt"),  # by a version that kept none
        ([0.5, 0.3], 400, "last.ckpt"),  # of a step that the record knows nothing of
    ],
)
def test_the_weights_that_generalise_best_are_exported(
    losses: list[float], best: int | None, exported: str, tmp_path: Path
) -> None:
    save(tmp_path / LAST, 350)
    if best is not None:
        save(tmp_path / BEST, best)
    rows = [f"{100 * (i + 1)},,{loss},\r\n" for i, loss in enumerate(losses)]
    text = "step,train_loss,val_loss,learning_rate\r\n10,0.9,,0.001\r\n" + "".join(rows)
    (tmp_path / METRICS).write_text(text)
    checkpoint, said = checkpoint_to_export(tmp_path)
    assert checkpoint == tmp_path / exported
    assert ("step 200" in said and "0.3000" in said) if exported == BEST else said == ""


def test_a_damaged_best_checkpoint_is_not_exported(tmp_path: Path) -> None:
    save(tmp_path / LAST, 350)
    save(tmp_path / BEST, 100)
    (tmp_path / BEST).write_bytes((tmp_path / BEST).read_bytes()[:-100])
    text = "step,train_loss,val_loss,learning_rate\r\n100,,0.2,\r\n200,,0.3,\r\n"
    (tmp_path / METRICS).write_text(text)
    assert checkpoint_to_export(tmp_path)[0] == tmp_path / LAST


def test_callbacks_that_no_checkpoint_holds_apart_are_refused(tmp_path: Path) -> None:
    twins: list[Callback] = [ModelCheckpoint(tmp_path, monitor="val/loss") for _ in range(2)]
    train = TrainConfig(precision="fp32")
    with pytest.raises(MirageError, match="2 callbacks are the same, ModelCheckpoint"):
        make_trainer(train, tmp_path, twins)
    others: list[Callback] = [Norms(), Norms(), twins[0]]
    assert make_trainer(train, tmp_path, others, logger=False).callbacks[:3] == others


def test_views_are_read_in_their_frame_as_they_are_when_they_are_turned() -> None:
    """What a model frames is smaller than the bank's photos show it, and is looked at closer."""
    weights = shipped()["cars_photos"]
    framing, bank = load_pipeline(weights).framing, load_bank(weights / BANK)
    assert framing.target is not None
    views = np.full((2, 128, 128, 3), 200, np.uint8)
    views[:, 50:90, 20:110] = (180, 30, 30)
    views[1, 50:70, 20:60] = (30, 30, 30)
    read = _pose_reader(weights / BANK, framing)(views)
    reader = ViewReader.open(bank, framing)
    assert read is not None
    np.testing.assert_array_equal(read.azimuth, reader.read(views).azimuth)
    assert not np.array_equal(read.azimuth, bank.assign(reader.backbone(views)).azimuth)
