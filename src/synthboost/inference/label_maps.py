"""All structures of a frame in one label map without overlaps: predicted, read from a folder of masks, or the true one.

A model answers each sentence by itself, so its masks may overlap. Where probabilities are at hand the most probable
structure wins; where only masks are, the ventricle lies over its wall and the wall over the atrium.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from synthboost.data.frame_set import FrameSet
from synthboost.domain import STRUCTURES, Frame, FrameInfo, LabelMap, Mask, Structure
from synthboost.errors import DataError
from synthboost.inference.outputs.label_map import resolve, whole_heart
from synthboost.inference.predictor import Predictor
from synthboost.inference.prompting import final_prompts, texts_of
from synthboost.inference.sentences import EvaluationSentences
from synthboost.records.masks import IndexEntry, read_index, read_mask

PAINTED = tuple(reversed(STRUCTURES))
"""The order in which masks are painted: later ones lie on top. As the simulator paints its own label maps."""


@dataclass(frozen=True, eq=False)
class FoundMap:
    """The label map of one frame, or why there is none."""

    info: FrameInfo
    frame: Frame | None
    """`None` when the frame itself cannot be read."""
    label_map: LabelMap | None
    reason: str = ""
    sentences: tuple[str, ...] = ()
    """Those that drew it, in the order of the structures; none for a true one."""


def painted(masks: Mapping[Structure, Mask]) -> LabelMap:
    """The label map (H, W) of masks of one shape that may overlap; see `PAINTED`.

    Raises:
        DataError: their shapes differ.
    """
    shapes = {mask.shape for mask in masks.values()}
    if len(shapes) != 1:
        raise DataError("masks of a frame", "shapes", sorted(shapes), "one shape")
    label_map = np.zeros(shapes.pop(), dtype=np.uint8)
    for structure in PAINTED:
        if structure in masks:
            label_map[masks[structure]] = int(structure)
    return label_map


def true_maps(frames: FrameSet) -> Iterator[FoundMap]:
    """The annotation of each frame."""
    for info, frame, reason in _loaded(frames):
        label_map = None if frame is None else frame.label_map
        yield FoundMap(info, frame, label_map, reason or ("" if label_map is not None else "not annotated"))


def predicted_maps(
    predictor: Predictor, frames: FrameSet, sentences: EvaluationSentences, mend: bool = False
) -> Iterator[FoundMap]:
    """Ask a model for all structures of each frame; `mend` makes one heart of each answer (see `whole_heart`)."""
    for info, frame, reason in _loaded(frames):
        if frame is None:
            yield FoundMap(info, None, None, reason)
            continue
        seen = predictor.look_at([frame.image])
        [prompts] = final_prompts(predictor, seen, [frame], sentences)
        texts = texts_of(prompts)
        [answer] = predictor.ask(seen, [texts])
        if mend:
            label_map = whole_heart(answer.probability, predictor.threshold)
        else:
            label_map = resolve(answer.probability, STRUCTURES, predictor.threshold)
        yield FoundMap(info, frame, label_map, "", texts)


def stored_maps(folder: Path, frames: FrameSet) -> Iterator[FoundMap]:
    """Read the masks of each frame that `predict_frames` wrote.

    A frame that the index does not list, or lists without a mask, has the reason instead.

    Raises:
        DataError: the index is absent or broken.
    """
    listed: dict[tuple[str, str], IndexEntry] = {
        (entry.frame, entry.structure): entry for entry in read_index(folder) if not entry.probe
    }
    for info, frame, reason in _loaded(frames):
        entries = {structure: listed.get((info.name, structure.short)) for structure in STRUCTURES}
        if frame is None:
            yield FoundMap(info, None, None, reason)
            continue
        try:
            label_map = painted({s: _read(folder, info, s, entry) for s, entry in entries.items()})
            if label_map.shape != frame.image.shape:
                raise DataError(folder, f"{info.name} size", label_map.shape, f"the image's {frame.image.shape}")
        except DataError as error:
            yield FoundMap(info, frame, None, str(error))
            continue
        yield FoundMap(info, frame, label_map, "", tuple(entry.sentence for entry in entries.values() if entry))


def _read(folder: Path, info: FrameInfo, structure: Structure, entry: IndexEntry | None) -> Mask:
    if entry is None or not entry.file:
        reason = entry.reason if entry else "not listed"
        raise DataError(folder, f"{info.name} {structure.short}", reason, "a mask")
    return read_mask(folder / entry.file)


def _loaded(frames: FrameSet) -> Iterator[tuple[FrameInfo, Frame | None, str]]:
    for position, info in enumerate(frames.infos):
        try:
            yield info, frames[position], ""
        except DataError as error:
            yield info, None, str(error)
