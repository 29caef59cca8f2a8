"""The numbers of each beat of a predicted clip, with how far the model changes them in other words and mirrored."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from synthboost.domain import GreyImage, LabelMap, Structure
from synthboost.evaluation.clinical.beats import NUMBERS, Beat, beat_numbers, find_beats, measure_beats, measure_frame
from synthboost.inference.predictor import Predictor
from synthboost.inference.sentences import Target, structure_targets
from synthboost.io.recordings import Recording

COLUMNS = ("beat", "ED", "ES", "end", "number", "value", "unit", "model_sd", "beats_sd")
"""Of `beats.csv`: one line per beat and number, and of several beats one with the mean. `model_sd`: standard deviation
over two wordings, each of the image and its mirror image, at the beat's ED and ES; `beats_sd`: over the beats."""


def beat_rows(
    predictor: Predictor, recording: Recording, targets: Sequence[Target], label_maps: Sequence[LabelMap]
) -> list[dict[str, Any]]:
    """Find and measure the beats of a clip; none if its ventricle hardly changes.

    Args:
        predictor: predicts the ends of each beat again, four times.
        recording: its frames are read once more.
        targets: that the label maps were predicted for; all three structures.
        label_maps: (h, w) of each frame.
    """
    areas = [float(np.count_nonzero(labels == Structure.LEFT_VENTRICULAR_CAVITY)) for labels in label_maps]
    beats = find_beats(areas, recording.frame_seconds)
    if not beats:
        return []
    frames = [measure_frame(labels, recording.spacing_mm) for labels in label_maps]
    numbers = measure_beats(frames, beats, recording.frame_seconds)
    spread = _model_spread(predictor, recording, targets, beats)
    units = {name: unit if recording.spacing_mm or unit != "ml" else "px3" for name, unit in NUMBERS.items()}
    rows = [
        {"beat": n, "ED": beat.ed, "ES": beat.es, "end": beat.end, "number": name, "value": _rounded(value),
         "unit": units[name], "model_sd": _rounded(own_spread.get(name))}
        for n, (beat, own, own_spread) in enumerate(zip(beats, numbers, spread, strict=True), start=1)
        for name, value in own.items()
    ]  # fmt: skip
    return [*rows, *_means(numbers, units)]


def _means(numbers: Sequence[dict[str, float | None]], units: dict[str, str]) -> Iterator[dict[str, Any]]:
    for name, unit in units.items():
        values = [value for own in numbers if (value := own[name]) is not None]
        if len(values) > 1:
            mean, spread = float(np.mean(values)), float(np.std(values, ddof=1))
            yield {"beat": "mean", "number": name, "value": _rounded(mean), "unit": unit, "beats_sd": _rounded(spread)}


def _model_spread(
    predictor: Predictor, recording: Recording, targets: Sequence[Target], beats: Sequence[Beat]
) -> list[dict[str, float]]:
    wanted = {number for beat in beats for number in (beat.ed, beat.es)}
    found = {
        number: [measure_frame(labels, recording.spacing_mm) for labels in _variants(predictor, image, targets)]
        for number, image in enumerate(recording.frames()) if number in wanted
    }  # fmt: skip
    spread = []
    for ed, es, _ in beats:
        variants = []
        for first, second in zip(found[ed], found[es], strict=True):
            ends = {name: (first[name], second[name]) for name in first if first[name] and second[name]}
            atrium = ends.get("atrium")
            variants.append(beat_numbers(ends, atrium and (max(atrium), min(atrium))))
        columns = {name: [value for own in variants if (value := own[name]) is not None] for name in NUMBERS}
        spread.append({name: float(np.std(c, ddof=1)) for name, c in columns.items() if len(c) == len(variants)})
    return spread


def _variants(predictor: Predictor, image: GreyImage, targets: Sequence[Target]) -> Iterator[LabelMap]:
    """Label maps in two wordings, each of the image and of its mirror image, mirrored back."""
    other = structure_targets([target.name for target in targets], paraphrase=1)
    for wording in (targets, other):
        sentences, labels = [target.sentence for target in wording], [target.label for target in wording]
        yield predictor.predict(image, sentences).label_map(labels)
        mirrored = predictor.predict(np.ascontiguousarray(image[:, ::-1]), sentences).label_map(labels)
        yield np.ascontiguousarray(mirrored[:, ::-1])


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
