"""Orbits as moving pictures: GIF, MP4 and WebP."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import numpy as np
from PIL import Image

from mirage.core.contracts import ByteArray, check_shape
from mirage.core.errors import MirageError
from mirage.core.files import replacing
from mirage.drawing.canvas import enlarge

_LOG = logging.getLogger(__name__)
_SIDE = 192  # frames are enlarged to about this, pixels


def _pictures(frames: ByteArray, path: Path, fps: float) -> list[Image.Image]:
    check_shape("frames", frames, (None, None, None, 3))
    if len(frames) == 0 or fps <= 0:
        raise MirageError(
            f"{len(frames)} frames at {fps} a second make no film",
            where=str(path),
            todo="give at least one frame and a positive fps",
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    return [enlarge(frame, _SIDE) for frame in frames]


def save_gif(frames: ByteArray, path: Path, fps: float = 8.0) -> None:
    """Write frames [V, H, W, 3] uint8 as a GIF that loops for ever, small ones enlarged.

    All frames share one palette, so that still areas do not flicker.
    """
    pictures = _pictures(frames, path, fps)
    strip = Image.fromarray(np.ascontiguousarray(frames.reshape(-1, frames.shape[2], 3)))
    colours = strip.quantize(256, method=Image.Quantize.MEDIANCUT)
    first, *rest = (p.quantize(palette=colours, dither=Image.Dither.NONE) for p in pictures)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.gif")
    first.save(
        temporary, save_all=True, append_images=rest, duration=round(1000 / fps), loop=0, disposal=1
    )
    temporary.replace(path)


def save_webp(frames: ByteArray, path: Path, fps: float = 8.0) -> None:
    """Write frames [V, H, W, 3] uint8 as a WebP that loops for ever, small ones enlarged."""
    first, *rest = _pictures(frames, path, fps)
    with replacing(path) as temporary:
        first.save(
            temporary,
            save_all=True,
            append_images=rest,
            duration=round(1000 / fps),
            loop=0,
            quality=80,
            method=4,
        )


def save_mp4(frames: ByteArray, path: Path, fps: float = 8.0) -> bool:
    """Write frames [V, H, W, 3] uint8 as H.264 that every browser plays, small ones enlarged.

    Odd sides are padded by one row or column of edge pixels, which 4:2:0 colour needs.

    Returns:
        Whether it was written: without ffmpeg a line is logged and nothing is.
    """
    pictures = [_pad_even(picture) for picture in _pictures(frames, path, fps)]
    try:
        # optional: a GIF says the same where no ffmpeg is installed
        import imageio_ffmpeg

        imageio_ffmpeg.get_ffmpeg_exe()
    except (ImportError, RuntimeError) as error:
        _LOG.warning("no MP4 written to %s: %s; pip install imageio-ffmpeg", path, error)
        return False
    height, width, _ = pictures[0].shape
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.mp4")
    writer = imageio_ffmpeg.write_frames(
        str(temporary),
        (width, height),
        fps=fps,
        codec="libx264",
        pix_fmt_out="yuv420p",
        quality=None,
        macro_block_size=2,
        output_params=["-crf", "16", "-movflags", "+faststart"],
    )
    writer.send(None)
    for picture in pictures:
        writer.send(picture)
    writer.close()
    temporary.replace(path)
    return True


def _pad_even(picture: Image.Image) -> ByteArray:
    pad = ((0, picture.height % 2), (0, picture.width % 2), (0, 0))
    return np.ascontiguousarray(np.pad(np.asarray(picture), pad, mode="edge"))
