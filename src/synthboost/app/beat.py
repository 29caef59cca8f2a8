"""The beat of a clip: the ventricle's area over time, ED and ES, and the ejection fraction that one view gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthboost.app.results import heart_of, structures_named
from synthboost.domain import FrameInfo, GreyImage, PatientId, Phase, PromptSet, Structure, View
from synthboost.evaluation.clinical.patient_numbers import Measurement, measure_patient
from synthboost.evaluation.clinical.phases import find_phases
from synthboost.inference.predictor import Prediction, Predictor
from synthboost.prompts import PARAPHRASES, build_prompt

VIEW = View.FOUR_CHAMBER
"""The single-plane fraction is the same in either view: under this one it is measured."""


@dataclass(frozen=True, eq=False)
class Beat:
    """What a clip shows of the left ventricle."""

    areas: tuple[float, ...]
    """Of each frame, in `unit`; 0 where no ventricle is seen."""
    smoothed: NDArray[np.float64]
    """(T,) whose largest and smallest values are ED and ES."""
    frames: dict[Phase, int]
    """From 0."""
    unit: str
    """`cm²`, or `pixels` where the spacing is unknown."""
    frame_seconds: float | None
    fractions: tuple[Measurement, ...]
    """The single-plane ejection fraction: from the visitor's sentences, then from other words and the mirror image."""

    @property
    def fraction(self) -> Measurement:
        """From the visitor's sentences."""
        return self.fractions[0]

    @property
    def spread(self) -> tuple[float, float] | None:
        """Lowest and highest fraction of all ways to predict, in percent; `None` unless two or more gave one."""
        values = [own.value for own in self.fractions if own.value is not None]
        return (min(values), max(values)) if len(values) > 1 else None


def ventricle_area(prediction: Prediction, spacing_mm: tuple[float, float] | None) -> float:
    """Area of the left ventricular cavity in cm², or in pixels where the spacing (rows, columns) is unknown."""
    pixels = int(np.count_nonzero(heart_of(prediction) == Structure.LEFT_VENTRICULAR_CAVITY))
    return pixels * (1.0 if spacing_mm is None else spacing_mm[0] * spacing_mm[1] / 100)


def find_beat(
    predictor: Predictor,
    images: Sequence[GreyImage],
    areas: Sequence[float],
    sentences: Sequence[str],
    spacing_mm: tuple[float, float] | None,
    frame_seconds: float | None,
) -> Beat | None:
    """Find ED and ES, and predict these two frames again in other words and in the mirror image.

    Args:
        predictor: predicted the areas.
        images: all frames, (H, W) uint8.
        areas: see `ventricle_area`.
        sentences: of the visitor.
        spacing_mm, frame_seconds: of the clip, if known.

    Returns:
        `None` where there are no two frames with ventricles of different size.
    """
    found = find_phases(areas, frame_seconds)
    if found is None:
        return None
    frames = dict(zip(Phase, found[:2], strict=True))
    ends = [images[frames[phase]] for phase in Phase]
    fractions = []
    for shown in (ends, [np.ascontiguousarray(image[:, ::-1]) for image in ends]):
        encoded = predictor.encode_images(shown)
        for words in _wordings(sentences):
            maps = map(heart_of, predictor.predict_encoded(encoded, [words] * len(shown)))
            measured = measure_patient(
                {(VIEW, phase): (own, spacing_mm) for phase, own in zip(Phase, maps, strict=True)}
            )
            fractions.append(measured[f"ef_{VIEW}"])
    unit = "pixels" if spacing_mm is None else "cm²"
    return Beat(tuple(areas), found[2], frames, unit, frame_seconds, tuple(fractions))


def _wordings(sentences: Sequence[str]) -> list[tuple[str, ...]]:
    """The sentences, and their structures in the words of P1."""
    info = FrameInfo(PatientId("page", "page", "clip"), None, None)
    named = structures_named(sentences)
    plain = (
        tuple(build_prompt(PromptSet.P1, structure, info, paraphrase=number).text for structure in named)
        for number in range(len(PARAPHRASES))
    )
    return list(dict.fromkeys([tuple(sentences), *plain]))
