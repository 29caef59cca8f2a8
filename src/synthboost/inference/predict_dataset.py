"""A data set through a model: each frame with its sentences and its prediction, and a folder of all masks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from synthboost.data.frame_set import FrameSet
from synthboost.domain import STRUCTURES, Frame, FrameInfo, Mask, Prompt, Structure
from synthboost.errors import DataError
from synthboost.inference.predictor import EncodedImages, Prediction, Predictor
from synthboost.inference.sentences import EvaluationSentences, swapped, texts_of
from synthboost.io.atomic import whole_folder
from synthboost.io.pictures import write_png
from synthboost.progress import track
from synthboost.records.masks import (
    IndexEntry,
    label_map_name,
    mask_name,
    write_index,
    write_mask,
)

BATCH_IMAGES = 8


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
        predicted = _predict_batch(predictor, readable, sentences)
        for position, frame in loaded.items():
            yield frames.infos[position], frame if isinstance(frame, DataError) else next(predicted)


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


def final_prompts(
    predictor: Predictor, images: EncodedImages, frames: Sequence[Frame], sentences: EvaluationSentences
) -> list[dict[Structure, Prompt]]:
    """Return the sentences of each frame; a shape word from a prediction costs a first one.

    Args:
        predictor: holds the model.
        images: of `frames`.
        frames, sentences: as for `predict_frames`.
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


def _predict_batch(
    predictor: Predictor, frames: list[Frame], sentences: EvaluationSentences
) -> Iterator[PredictedFrame]:
    if not frames:
        return
    images = predictor.encode_images([frame.image for frame in frames])
    prompts = final_prompts(predictor, images, frames, sentences)
    predictions = predictor.predict_encoded(images, [texts_of(of_frame) for of_frame in prompts])
    yield from map(PredictedFrame, frames, prompts, predictions)


def _write_frame(folder: Path, found: PredictedFrame, probe_swapped: bool) -> Iterator[IndexEntry]:
    name, probes = found.frame.info.name, {"": (found.prompts, found.masks)}
    if probe_swapped:  # a mask depends on the image and the sentence alone: that of the other sentence is at hand
        probes["swapped"] = swapped(found.prompts), swapped(found.masks)
    for probe, (prompts, masks) in probes.items():
        for structure in STRUCTURES:
            prompt, file = prompts[structure], mask_name(name, structure, probe)
            write_mask(folder / file, masks[structure])
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
