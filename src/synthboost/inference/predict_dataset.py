"""Predict every frame of a data set with its sentences; masks and an index go to a folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from synthboost.data.frame_set import FrameSet
from synthboost.domain import STRUCTURES, Frame, Prompt, Structure
from synthboost.errors import DataError
from synthboost.inference.predictor import Predictor
from synthboost.inference.prompting import final_prompts, texts_of
from synthboost.inference.sentences import EvaluationSentences, swapped
from synthboost.io.atomic import whole_folder
from synthboost.progress import track
from synthboost.records.masks import IndexEntry, mask_name, write_index, write_mask


def predict_frames(
    predictor: Predictor,
    frames: FrameSet,
    sentences: EvaluationSentences,
    folder: Path,
    batch_images: int = 8,
    probe_swapped: bool = False,
) -> None:
    """Predict all structures of all frames and write the masks with their index.

    A frame that cannot be read is listed in the index with the reason; nothing is skipped in silence.

    Args:
        predictor: holds the model.
        frames: need no annotation, unless the sentences take their shape word from the truth.
        sentences: which sentence names each structure.
        folder: replaced as a whole once every frame is done.
        batch_images: images per forward pass; does not change the result beyond rounding.
        probe_swapped: also predict each structure with another structure's sentence.
    """
    entries: list[IndexEntry] = []
    with whole_folder(folder) as temporary:
        positions = list(range(0, len(frames), batch_images))
        for first in track(positions, f"predicting {frames.name}", unit="batch"):
            batch = []
            for position in range(first, min(first + batch_images, len(frames))):
                try:
                    batch.append(frames[position])
                except DataError as error:
                    entries += _failures(frames.infos[position].name, sentences, str(error), probe_swapped)
            entries += _predict_batch(predictor, batch, sentences, temporary, probe_swapped)
        write_index(temporary, entries)


def _predict_batch(
    predictor: Predictor, frames: list[Frame], sentences: EvaluationSentences, folder: Path, probe_swapped: bool
) -> Iterator[IndexEntry]:
    if not frames:
        return
    seen = predictor.look_at([frame.image for frame in frames])
    prompts = final_prompts(predictor, seen, frames, sentences)
    answers = [
        dict(zip(STRUCTURES, answer.masks, strict=True)) for answer in predictor.ask(seen, list(map(texts_of, prompts)))
    ]
    # A mask depends on the image and the sentence alone: asked for another structure, the answer is the one at hand.
    probes = {"": (prompts, answers)}
    if probe_swapped:
        probes["swapped"] = [swapped(of_frame) for of_frame in prompts], [swapped(masks) for masks in answers]
    for probe, (asked, given) in probes.items():
        for frame, of_frame, masks in zip(frames, asked, given, strict=True):
            for structure, mask in masks.items():
                entry = _entry(frame.info.name, structure, probe, of_frame[structure])
                write_mask(folder / entry.file, mask)
                yield entry


def _entry(frame: str, structure: Structure, probe: str, prompt: Prompt) -> IndexEntry:
    return IndexEntry(
        frame=frame,
        structure=structure.short,
        probe=probe,
        prompt_set=str(prompt.prompt_set),
        paraphrase=prompt.paraphrase,
        sentence=prompt.text,
        uses_ground_truth=prompt.uses_ground_truth,
        file=mask_name(frame, structure, probe),
        reason="",
    )


def _failures(frame: str, sentences: EvaluationSentences, reason: str, probe_swapped: bool) -> list[IndexEntry]:
    return [
        IndexEntry(
            frame=frame,
            structure=structure.short,
            probe=probe,
            prompt_set=str(sentences.prompt_set),
            paraphrase=sentences.paraphrase,
            sentence="",
            uses_ground_truth=False,
            file="",
            reason=reason,
        )
        for probe in (("", "swapped") if probe_swapped else ("",))
        for structure in STRUCTURES
    ]
