"""The numbers of each beat of a predicted clip, with how far the model changes them in other words and mirrored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from synthboost.domain import GreyImage, LabelMap, Structure
from synthboost.evaluation.clinical.beats import NUMBERS, Beat, beat_numbers, find_beats, measure_beats, measure_frame
from synthboost.inference.predictor import Predictor
from synthboost.inference.sentences import Target, structure_targets
from synthboost.inference.uncertainty import predict_variants
from synthboost.io.recordings import Recording

COLUMNS = ("beat", "ED", "ES", "end", "number", "value", "unit", "model_sd", "beats_sd", "doubts", "reason")
"""Of `beats.csv`: one line per beat and number, and of several beats one with the mean. `model_sd`: standard deviation
over two wordings, each of the image and its mirror image, at the beat's ED and ES, which is no interval around the
truth; `beats_sd`: over the beats; `doubts`: why not to rely on the number; `reason`: why there is no value."""
FRACTION = "ef_single_plane"
MOST_POINTS, MOST_SHARE = 10.0, 0.2
"""Of `model_sd`: of a number in percent, and of a volume relative to it. Ten points are the width of a grade of the
ejection fraction (Lang 2015: 41-51, 30-40 %); a fifth of a volume moves one of 50 % by so many. Beyond is a doubt."""
CONTRADICTS = "the model contradicts itself: look at the outlines at ED and ES"


def beats_of(label_maps: Sequence[LabelMap], frame_seconds: float | None) -> list[Beat]:
    """Find the beats in the label map of each frame of a clip; see `find_beats`."""
    areas = [float(np.count_nonzero(labels == Structure.LEFT_VENTRICULAR_CAVITY)) for labels in label_maps]
    return find_beats(areas, frame_seconds)


def beat_rows(
    predictor: Predictor, recording: Recording, targets: Sequence[Target], label_maps: Sequence[LabelMap],
    beats: Sequence[Beat], ends: Mapping[int, GreyImage], doubts: Sequence[tuple[str, ...] | None],
) -> list[dict[str, Any]]:  # fmt: skip
    """Measure the beats of a clip.

    Args:
        predictor: predicts the ends of each beat again, four times.
        recording: the clip.
        targets: that the label maps were predicted for; all three structures.
        label_maps: (h, w) of each frame.
        beats: see `beats_of`.
        ends: the frames of ED and ES of each beat.
        doubts: about each frame; see `doubts_about`.
    """
    frames = [measure_frame(labels, recording.spacing_mm) for labels in label_maps]
    numbers = measure_beats(frames, beats, recording.frame_seconds, recording.seconds)
    other = structure_targets([target.name for target in targets], paraphrase=1)
    wordings = [[target.sentence for target in wording] for wording in (targets, other)]
    labels = [target.label for target in targets]
    found = {
        number: [one.label_map(labels) for one in predict_variants(predictor, image, wordings)]
        for number, image in ends.items()
    }
    spread = model_spread(found, recording.spacing_mm, beats)
    doubtful = [contradicted(*pair) for pair in zip(numbers, spread, strict=True)]
    units = {name: unit if recording.spacing_mm or unit != "ml" else "px3" for name, unit in NUMBERS.items()}
    rows = [
        {"beat": n, "ED": beat.ed, "ES": beat.es, "end": beat.end, "number": name, "value": _rounded(value),
         "unit": units[name], "model_sd": _rounded(own_spread.get(name)),
         "doubts": _joined([*doubts[beat.ed : beat.end], (CONTRADICTS,) if name in large else None]),
         "reason": "" if value is not None else _why_missing(name, recording.frame_seconds)}
        for n, (beat, own, own_spread, large) in enumerate(zip(beats, numbers, spread, doubtful, strict=True), start=1)
        for name, value in own.items()
    ]  # fmt: skip
    means = list(_means(numbers, units))
    for mean in means:
        large = any(mean["number"] in own for own in doubtful)
        mean["doubts"] = _joined([*doubts, (CONTRADICTS,) if large else None])
    return [*rows, *means]


def contradicted(numbers: Mapping[str, float | None], spread: Mapping[str, float]) -> set[str]:
    """Return the numbers of a beat whose spread is large; the ejection fraction also if that of a volume is."""
    large = {
        name for name, sd in spread.items()
        if (value := numbers[name]) is not None and sd > (MOST_POINTS if NUMBERS[name] == "%" else MOST_SHARE * value)
    }  # fmt: skip
    return large | {FRACTION} if large & {"lv_volume_ED", "lv_volume_ES"} else large


def fraction_of(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """The single-plane ejection fraction among `beat_rows`, with its spreads and doubts: of several beats the means."""
    found = [row for row in rows if row["number"] == FRACTION and row["value"] is not None]
    if not found:
        return None
    spreads = [sd for row in found if (sd := row.get("model_sd")) is not None]
    model_sd, last = float(np.mean(spreads)) if spreads else None, found[-1]
    return {
        "percent": last["value"], "model_sd": _rounded(model_sd), "beats_sd": last.get("beats_sd"),
        "doubts": last["doubts"],
    }  # fmt: skip


def _joined(doubts: Sequence[tuple[str, ...] | None]) -> str:
    return "; ".join(dict.fromkeys(reason for own in doubts for reason in own or ()))


def _why_missing(number: str, frame_seconds: float | None) -> str:
    if number != "heart_rate":
        return "cannot be measured in these masks"
    return (
        "the file does not state the time between frames" if frame_seconds is None else "the clip ends before the beat"
    )


def _means(numbers: Sequence[dict[str, float | None]], units: dict[str, str]) -> Iterator[dict[str, Any]]:
    for name, unit in units.items():
        values = [value for own in numbers if (value := own[name]) is not None]
        if len(values) > 1:
            mean, spread = float(np.mean(values)), float(np.std(values, ddof=1))
            yield {"beat": "mean", "number": name, "value": _rounded(mean), "unit": unit, "beats_sd": _rounded(spread)}


def model_spread(
    label_maps: Mapping[int, Sequence[LabelMap]], spacing_mm: tuple[float, float] | None, beats: Sequence[Beat]
) -> list[dict[str, float]]:
    """Standard deviation of each beat's numbers, those that all variants give, over variants of its label maps.

    Args:
        label_maps: of the frames of ED and ES, of each all variants in the same order; see `predict_variants`.
        spacing_mm: (rows, columns), if known.
        beats: at least one.
    """
    found = {number: [measure_frame(one, spacing_mm) for one in maps] for number, maps in label_maps.items()}
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


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
