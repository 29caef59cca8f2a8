"""Frames as a diffusion network sees them: a square image, its condition map, and the codes of its attributes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from synthboost.data.sector import find_sector
from synthboost.data.source import FrameSet
from synthboost.diffusion.condition import condition_map
from synthboost.diffusion.network import attribute_codes
from synthboost.domain import Frame, GreyImage
from synthboost.errors import DataError
from synthboost.progress import track
from synthboost.training.frame_stream import shrunk_image


@dataclass(frozen=True, eq=False)
class DiffusionExamples:
    """N examples in memory: two bytes per pixel."""

    images: NDArray[np.uint8]
    """(N, S, S) grey values."""
    conditions: NDArray[np.uint8]
    """(N, S, S), values of `ConditionClass`."""
    codes: NDArray[np.int64]
    """(N, 3) view, phase, quality; 0 is unknown."""

    def __len__(self) -> int:
        return len(self.images)

    def batch(self, positions: NDArray[np.intp], channels: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return images (B, channels, S, S) in [-1, 1], maps (B, S, S) and codes (B, 3) of some examples."""
        grey = torch.from_numpy(self.images[positions]).float() / 127.5 - 1
        images = grey[:, None].expand(-1, channels, -1, -1).contiguous()
        return images, torch.from_numpy(self.conditions[positions]).long(), torch.from_numpy(self.codes[positions])


def make_examples(frames: FrameSet, size: int, unannotated: bool = False) -> DiffusionExamples:
    """Prepare every frame; the ultrasound sector is found in each image (never `pixel != 0`, see `find_sector`).

    Args:
        frames: annotated, unless `unannotated`.
        size: of the network's images.
        unannotated: the maps hold the sector alone, whatever the frames' label maps say.

    Raises:
        DataError: a frame has no annotation, or its sector cannot be made out; all such frames are named.
    """
    if not len(frames):
        kind = "frame" if unannotated else "annotated frame"
        raise DataError(frames.name, "frames", 0, f"at least one {kind}", "Check the split.")
    found, failed = [], []
    for frame in track(frames, f"finding sectors of {frames.name}", len(frames), "frame"):
        try:
            found.append(_example(frame, size, unannotated))
        except DataError as error:
            failed.append(f"{frame.info.name} ({error.field}: {error.value})")
    if failed:
        raise DataError(
            frames.name, f"sector of {len(failed)} of {len(frames)} frames", "; ".join(failed[:5]), "a visible fan",
            "Leave these patients out (--leave-out).",
        )  # fmt: skip
    images, conditions, codes = zip(*found, strict=True)
    return DiffusionExamples(np.stack(images), np.stack(conditions), np.array(codes, dtype=np.int64))


def frame_codes(frame: Frame) -> tuple[int, ...]:
    """Return the codes of a frame's view, phase and quality."""
    info = frame.info
    return attribute_codes(view=info.view, phase=info.phase, quality=info.attributes.quality)


def _example(frame: Frame, size: int, unannotated: bool) -> tuple[GreyImage, NDArray[np.uint8], tuple[int, ...]]:
    label_map = np.zeros_like(frame.image) if unannotated else frame.label_map
    if label_map is None:
        raise DataError(frame.info.name, "label map", "absent", "an annotated frame")
    sector = find_sector(frame.image, frame.info.name).mask(frame.image.shape)
    return shrunk_image(frame.image, size), condition_map(label_map, sector, size), frame_codes(frame)
