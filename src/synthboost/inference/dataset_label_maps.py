"""The label map of each frame of a data set, without overlaps: predicted, stored as predictions, or the true one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from synthboost.data.frame_set import FrameSet
from synthboost.domain import STRUCTURES, Frame, FrameInfo, LabelMap, Mask, Structure
from synthboost.errors import DataError
from synthboost.inference.label_map import painted
from synthboost.inference.predict_dataset import load_frame, predict_frames
from synthboost.inference.predictor import Predictor
from synthboost.inference.sentences import EvaluationSentences
from synthboost.io.pictures import read_labels_png
from synthboost.records.masks import LABEL_MAP_SUFFIX, IndexEntry, label_map_name, read_index, read_mask

MOST_PROBABLE, PAINTED = "the most probable structure", "LV over MYO over LA"
"""Who wins where masks overlap: of every prediction, and of masks without label maps."""


@dataclass(frozen=True, eq=False)
class FrameLabelMap:
    """The label map of one frame, or why there is none."""

    info: FrameInfo
    frame: Frame | None
    """`None` when the frame itself cannot be read."""
    label_map: LabelMap | None
    reason: str = ""


def true_label_maps(frames: FrameSet) -> Iterator[FrameLabelMap]:
    """The annotation of each frame."""
    for position, info in enumerate(frames.infos):
        frame = load_frame(frames, position)
        if isinstance(frame, DataError):
            yield FrameLabelMap(info, None, None, str(frame))
        else:
            yield FrameLabelMap(info, frame, frame.label_map, "not annotated" if frame.label_map is None else "")


def predicted_label_maps(
    predictor: Predictor, frames: FrameSet, sentences: EvaluationSentences, one_heart: bool = False
) -> Iterator[FrameLabelMap]:
    """Predict all structures of each frame; see `Prediction.label_map`."""
    for info, found in predict_frames(predictor, frames, sentences):
        if isinstance(found, DataError):
            yield FrameLabelMap(info, None, None, str(found))
        else:
            yield FrameLabelMap(info, found.frame, found.prediction.label_map(one_heart=one_heart))


def stored_label_maps(folder: Path, frames: FrameSet) -> Iterator[FrameLabelMap]:
    """Read the label map of each frame from a folder of predicted masks.

    It is the one that `write_predictions` left beside the masks; where there is none, the masks are painted. A frame
    that the index does not list, or lists without a mask, has the reason instead.

    Raises:
        DataError: the index is absent or broken.
    """
    listed = {(entry.frame, entry.structure): entry for entry in read_index(folder) if not entry.probe}
    for position, info in enumerate(frames.infos):
        frame = load_frame(frames, position)
        if isinstance(frame, DataError):
            yield FrameLabelMap(info, None, None, str(frame))
            continue
        try:
            masks = {s: _read_mask(folder, info, s, listed.get((info.name, s.short))) for s in STRUCTURES}
            label_map = _read_label_map(folder, info, masks)
            if label_map.shape != frame.image.shape:
                raise DataError(folder, f"{info.name} size", label_map.shape, f"the image's {frame.image.shape}")
        except DataError as error:
            yield FrameLabelMap(info, frame, None, str(error))
        else:
            yield FrameLabelMap(info, frame, label_map)


def resolved_by(folder: Path) -> str:
    """Who wins where masks of a folder overlap: `MOST_PROBABLE` or `PAINTED`."""
    return MOST_PROBABLE if any(folder.glob(f"*{LABEL_MAP_SUFFIX}")) else PAINTED


def _read_mask(folder: Path, info: FrameInfo, structure: Structure, entry: IndexEntry | None) -> Mask:
    if entry is None or not entry.file:
        reason = entry.reason if entry else "not listed"
        raise DataError(folder, f"{info.name} {structure.short}", reason, "a mask")
    return read_mask(folder / entry.file)


def _read_label_map(folder: Path, info: FrameInfo, masks: dict[Structure, Mask]) -> LabelMap:
    path, union = folder / label_map_name(info.name), painted(masks) > 0
    if not path.is_file():
        return painted(masks)
    label_map = read_labels_png(path)
    if label_map.shape != union.shape or not np.array_equal(label_map > 0, union):
        raise DataError(path, "label map", "does not cover what the masks cover", "the masks it was written with")
    return label_map
