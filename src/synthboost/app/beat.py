"""The beat of a clip: the ventricle's area over time, ED and ES, and the ejection fraction that one view gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthboost.app.results import heart_of, structures_named
from synthboost.domain import FrameInfo, GreyImage, PatientId, Phase, PromptSet, Structure, View
from synthboost.evaluation.clinical.beats import Beat, find_beats, measure_beats
from synthboost.evaluation.clinical.patient_numbers import Measurement, measure_patient
from synthboost.evaluation.clinical.phases import smoothed
from synthboost.inference.predictor import Prediction, Predictor
from synthboost.prompts import PARAPHRASES, build_prompt

VIEW = View.FOUR_CHAMBER
"""The single-plane fraction is the same in either view: under this one it is measured."""


@dataclass(frozen=True, eq=False)
class ClipBeats:
    """What a clip shows of the left ventricle."""

    areas: tuple[float, ...]
    """Of each frame, in `unit`; 0 where no ventricle is seen."""
    smoothed: NDArray[np.float64]
    """(T,) whose largest and smallest values are ED and ES."""
    beats: tuple[Beat, ...]
    """One or more."""
    unit: str
    """`cm²`, or `pixels` where the spacing is unknown."""
    frame_seconds: float | None
    fraction: Measurement
    """The single-plane ejection fraction, as `predict` writes it: the mean over the beats."""
    model_sd: float | None
    """In points; `None` unless all ways to predict gave a fraction."""

    @property
    def frames(self) -> dict[Phase, int]:
        """ED and ES of the first beat."""
        return dict(zip(Phase, self.beats[0][:2], strict=True))


def ventricle_area(prediction: Prediction, spacing_mm: tuple[float, float] | None) -> float:
    """Area of the left ventricular cavity in cm², or in pixels where the spacing (rows, columns) is unknown."""
    pixels = int(np.count_nonzero(heart_of(prediction) == Structure.LEFT_VENTRICULAR_CAVITY))
    return pixels * (1.0 if spacing_mm is None else spacing_mm[0] * spacing_mm[1] / 100)


def measure_clip(
    predictor: Predictor,
    images: Sequence[GreyImage],
    areas: Sequence[float],
    measured: Sequence[Mapping[str, float]],
    sentences: Sequence[str],
    spacing_mm: tuple[float, float] | None,
    frame_seconds: float | None,
) -> ClipBeats | None:
    """Find and measure the beats of a clip; the first one's ED and ES are predicted again in other words and mirrored.

    Args:
        predictor: predicted the areas.
        images: all frames, (H, W) uint8.
        areas: see `ventricle_area`.
        measured: of each frame, see `measure_frame`.
        sentences: of the visitor.
        spacing_mm, frame_seconds: of the clip, if known.

    Returns:
        `None` where the area hardly changes.
    """
    beats = find_beats(areas, frame_seconds)
    if not beats:
        return None
    variants = _variants(predictor, [images[number] for number in beats[0][:2]], sentences, spacing_mm)
    values = [one["ef_single_plane"] for one in measure_beats(measured, beats, frame_seconds)]
    known, others = [value for value in values if value is not None], [one.value for one in variants]
    fraction = Measurement(variants[0].name, float(np.mean(known)), "%") if known else variants[0]
    model_sd = None if None in others else float(np.std(np.array(others, dtype=np.float64), ddof=1))
    unit = "pixels" if spacing_mm is None else "cm²"
    return ClipBeats(
        tuple(areas), smoothed(areas, frame_seconds), tuple(beats), unit, frame_seconds, fraction, model_sd
    )


def _variants(
    predictor: Predictor, ends: Sequence[GreyImage], sentences: Sequence[str], spacing_mm: tuple[float, float] | None
) -> list[Measurement]:
    """The fraction of ED and ES from the visitor's sentences, then from other words, and all that mirrored."""
    found = []
    for shown in (ends, [np.ascontiguousarray(image[:, ::-1]) for image in ends]):
        encoded = predictor.encode_images(shown)
        for words in _wordings(sentences):
            maps = map(heart_of, predictor.predict_encoded(encoded, [words] * len(shown)))
            views = {(VIEW, phase): (own, spacing_mm) for phase, own in zip(Phase, maps, strict=True)}
            found.append(measure_patient(views)[f"ef_{VIEW}"])
    return found


def _wordings(sentences: Sequence[str]) -> list[tuple[str, ...]]:
    """The sentences, and their structures in the words of P1."""
    info = FrameInfo(PatientId("page", "page", "clip"), None, None)
    named = structures_named(sentences)
    plain = (
        tuple(build_prompt(PromptSet.P1, structure, info, paraphrase=number).text for structure in named)
        for number in range(len(PARAPHRASES))
    )
    return list(dict.fromkeys([tuple(sentences), *plain]))
