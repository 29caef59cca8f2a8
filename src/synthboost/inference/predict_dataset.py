"""A data set through a model: each frame with its prediction, a folder of all masks, and one label map per frame."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np

from synthboost.data.source import FrameSet
from synthboost.domain import STRUCTURES, Frame, FrameInfo, LabelMap, Mask, Prompt, Structure
from synthboost.errors import DataError
from synthboost.inference.doubts import orientation_note, some_of
from synthboost.inference.predictor import EncodedImages, Prediction, Predictor
from synthboost.inference.sentences import EvaluationSentences, structure_targets, texts_of
from synthboost.io.atomic import whole_folder
from synthboost.io.pictures import read_labels_png, write_png
from synthboost.progress import track
from synthboost.records.masks import (
    LABEL_MAP_SUFFIX,
    IndexEntry,
    label_map_name,
    mask_name,
    read_index,
    read_mask,
    write_index,
    write_mask,
)

BATCH_IMAGES = 8
MOST_PROBABLE, PAINTED = "the most probable structure", "LV over MYO over LA"
"""Who wins where masks overlap: of every prediction, and of masks without label maps."""


@dataclass(frozen=True, eq=False)
class PredictedFrame:
    """One frame, the sentence that names each structure, and the prediction for these sentences in the same order."""

    frame: Frame
    prompts: dict[Structure, Prompt]
    prediction: Prediction

    @property
    def masks(self) -> dict[Structure, Mask]:
        """(H, W) each; they may overlap."""
        return dict(zip(STRUCTURES, self.prediction.masks, strict=True))


PredictedFrames: TypeAlias = Iterator[tuple[FrameInfo, PredictedFrame | DataError]]
"""Frames in order; one that cannot be read comes with its error."""
FrameLabelMaps: TypeAlias = Iterator[tuple[FrameInfo, Frame | None, LabelMap | str]]
"""Frames in order, `None` where one cannot be read; and the label map without overlaps, or why there is none."""


def predict_frames(
    predictor: Predictor, frames: FrameSet, sentences: EvaluationSentences, batch_images: int = BATCH_IMAGES
) -> PredictedFrames:
    """Predict all structures of each frame.

    Args:
        predictor: holds the model.
        frames: need no annotation, unless the sentences take their shape word from the truth.
        sentences: which sentence names each structure.
        batch_images: images per forward pass; does not change the result beyond rounding.
    """
    for first in range(0, len(frames), batch_images):
        positions = range(first, min(first + batch_images, len(frames)))
        loaded = {position: load_frame(frames, position) for position in positions}
        readable = [frame for frame in loaded.values() if isinstance(frame, Frame)]
        predicted = predict_loaded(predictor, readable, sentences)
        for position, frame in loaded.items():
            yield frames.infos[position], frame if isinstance(frame, DataError) else next(predicted)


def predict_loaded(
    predictor: Predictor, frames: Sequence[Frame], sentences: EvaluationSentences
) -> Iterator[PredictedFrame]:
    """Predict all structures of frames at hand, all at once; see `predict_frames`."""
    if not frames:
        return
    images = predictor.encode_images([frame.image for frame in frames])
    prompts = final_prompts(predictor, images, frames, sentences)
    predictions = predictor.predict_encoded(images, [texts_of(of_frame) for of_frame in prompts])
    yield from map(PredictedFrame, frames, prompts, predictions)


def write_predictions(
    predictor: Predictor,
    frames: FrameSet,
    sentences: EvaluationSentences,
    folder: Path,
    batch_images: int = BATCH_IMAGES,
    probe_swapped: bool = False,
) -> None:
    """Predict all structures of each frame (see `predict_frames`) and write what `write_predicted` writes."""
    predicted = predict_frames(predictor, frames, sentences, batch_images)
    write_predicted(predicted, frames, sentences, folder, probe_swapped)


def write_predicted(
    predicted: PredictedFrames,
    frames: FrameSet,
    sentences: EvaluationSentences,
    folder: Path,
    probe_swapped: bool = False,
) -> None:
    """Write each sentence's mask, each frame's label map, and the index.

    A frame that cannot be read is listed in the index with the reason; nothing is skipped in silence.

    Args:
        predicted: all `frames`, predicted for these sentences.
        frames, sentences: as for `predict_frames`.
        folder: replaced as a whole once every frame is done.
        probe_swapped: also write each structure's mask for another structure's sentence.
    """
    entries: list[IndexEntry] = []
    with whole_folder(folder) as temporary:
        for info, found in track(predicted, f"predicting {frames.name}", len(frames), "frame"):
            if isinstance(found, DataError):
                entries += _failures(info.name, sentences, str(found), probe_swapped)
            else:
                entries += _write_frame(temporary, found, probe_swapped)
                write_png(temporary / label_map_name(info.name), found.prediction.label_map())
        write_index(temporary, entries)


def orientation_of(predictor: Predictor, frames: FrameSet) -> str:
    """Whether the frames look mirrored, asked of some of them; see `orientation_note`."""
    found = (load_frame(frames, n) for n in some_of(range(len(frames))))
    some = {frame.info.name: frame.image for frame in found if isinstance(frame, Frame)}
    return orientation_note(predictor, some, [target.sentence for target in structure_targets()])


def true_label_maps(frames: FrameSet) -> FrameLabelMaps:
    """The annotation of each frame."""
    for position, info in enumerate(frames.infos):
        frame = load_frame(frames, position)
        if isinstance(frame, DataError):
            yield info, None, str(frame)
        else:
            yield info, frame, "not annotated" if frame.label_map is None else frame.label_map


def predicted_label_maps(
    predictor: Predictor, frames: FrameSet, sentences: EvaluationSentences, one_heart: bool = False
) -> FrameLabelMaps:
    """Predict all structures of each frame; see `Prediction.label_map`."""
    for info, found in predict_frames(predictor, frames, sentences):
        if isinstance(found, DataError):
            yield info, None, str(found)
        else:
            yield info, found.frame, found.prediction.label_map(one_heart=one_heart)


def stored_label_maps(folder: Path, frames: FrameSet) -> FrameLabelMaps:
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
            yield info, None, str(frame)
            continue
        try:
            label_map = _read_label_map(folder, info.name, listed)
            if label_map.shape != frame.image.shape:
                raise DataError(folder, f"{info.name} size", label_map.shape, f"the image's {frame.image.shape}")
        except DataError as error:
            yield info, frame, str(error)
        else:
            yield info, frame, label_map


def resolved_by(folder: Path) -> str:
    """Who wins where masks of a folder overlap: `MOST_PROBABLE` or `PAINTED`."""
    return MOST_PROBABLE if any(folder.glob(f"*{LABEL_MAP_SUFFIX}")) else PAINTED


def painted(masks: Mapping[Structure, Mask]) -> LabelMap:
    """The label map (H, W) of masks whose probabilities nobody kept: LV over MYO over LA, as the simulator paints.

    Raises:
        DataError: their shapes differ.
    """
    shapes = {mask.shape for mask in masks.values()}
    if len(shapes) != 1:
        raise DataError("masks of a frame", "shapes", sorted(shapes), "one shape")
    label_map = np.zeros(shapes.pop(), dtype=np.uint8)
    for structure in reversed(STRUCTURES):
        if structure in masks:
            label_map[masks[structure]] = int(structure)
    return label_map


def final_prompts(
    predictor: Predictor, images: EncodedImages, frames: Sequence[Frame], sentences: EvaluationSentences
) -> list[dict[Structure, Prompt]]:
    """Return the sentences of each frame, whose `images` are encoded; a shape word from a prediction costs a first one.

    See `predict_frames`.
    """
    prompts = [sentences.first(frame) for frame in frames]
    if not sentences.needs_prediction:
        return prompts
    predictions = predictor.predict_encoded(images, [texts_of(of_frame) for of_frame in prompts])
    return [
        sentences.second(frame, dict(zip(STRUCTURES, prediction.masks, strict=True)))
        for frame, prediction in zip(frames, predictions, strict=True)
    ]


def load_frame(frames: FrameSet, position: int) -> Frame | DataError:
    """Return a frame, or why it cannot be read."""
    try:
        return frames[position]
    except DataError as error:
        return error


def _write_frame(folder: Path, found: PredictedFrame, probe_swapped: bool) -> Iterator[IndexEntry]:
    name, masks, probes = found.frame.info.name, found.masks, {"": STRUCTURES}
    if probe_swapped:  # a mask depends on the image and the sentence alone: that of the next sentence is at hand
        probes["swapped"] = (*STRUCTURES[1:], STRUCTURES[0])
    for probe, named in probes.items():
        for structure, other in zip(STRUCTURES, named, strict=True):
            prompt, file = found.prompts[other], mask_name(name, structure, probe)
            write_mask(folder / file, masks[other])
            yield IndexEntry(
                name, structure.short, probe, str(prompt.prompt_set), prompt.paraphrase, prompt.text,
                prompt.uses_ground_truth, file,
            )  # fmt: skip


def _failures(frame: str, sentences: EvaluationSentences, reason: str, probe_swapped: bool) -> list[IndexEntry]:
    return [
        IndexEntry(frame, structure.short, probe, str(sentences.prompt_set), sentences.paraphrase, reason=reason)
        for probe in (("", "swapped") if probe_swapped else ("",))
        for structure in STRUCTURES
    ]


def _read_label_map(folder: Path, name: str, listed: Mapping[tuple[str, str], IndexEntry]) -> LabelMap:
    masks = {}
    for structure in STRUCTURES:
        entry = listed.get((name, structure.short))
        if entry is None or not entry.file:
            raise DataError(folder, f"{name} {structure.short}", entry.reason if entry else "not listed", "a mask")
        masks[structure] = read_mask(folder / entry.file)
    path, label_map = folder / label_map_name(name), painted(masks)
    if not path.is_file():
        return label_map
    stored = read_labels_png(path)
    if stored.shape != label_map.shape or not np.array_equal(stored > 0, label_map > 0):
        raise DataError(path, "label map", "does not cover what the masks cover", "the masks it was written with")
    return stored
