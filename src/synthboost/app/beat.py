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
from synthboost.inference.beats import CONTRADICTS, FRACTION, contradicted, model_spread
from synthboost.inference.predictor import Prediction, Predictor
from synthboost.inference.uncertainty import predict_variants
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
    doubt: str = ""
    """Why not to rely on the fraction; see `contradicted`."""

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
    wordings, ends = _wordings(sentences), beats[0][:2]
    maps = {n: [*map(heart_of, predict_variants(predictor, images[n], wordings))] for n in ends}
    plain = {(VIEW, phase): (maps[number][0], spacing_mm) for phase, number in zip(Phase, ends, strict=True)}
    fraction = measure_patient(plain)[f"ef_{VIEW}"]
    numbers = measure_beats(measured, beats, frame_seconds)
    if known := [value for own in numbers if (value := own[FRACTION]) is not None]:
        fraction = Measurement(fraction.name, float(np.mean(known)), "%")
    spread = model_spread(maps, spacing_mm, beats[:1])[0]
    doubt = CONTRADICTS if FRACTION in contradicted(numbers[0], spread) else ""
    unit = "pixels" if spacing_mm is None else "cm²"
    return ClipBeats(
        tuple(areas), smoothed(areas, frame_seconds), tuple(beats), unit, frame_seconds, fraction,
        spread.get(FRACTION), doubt,
    )  # fmt: skip


def _wordings(sentences: Sequence[str]) -> list[tuple[str, ...]]:
    """The sentences, and their structures in the words of P1."""
    info = FrameInfo(PatientId("page", "page", "clip"), None, None)
    named = structures_named(sentences)
    plain = (
        tuple(build_prompt(PromptSet.P1, structure, info, paraphrase=number).text for structure in named)
        for number in range(len(PARAPHRASES))
    )
    return list(dict.fromkeys([tuple(sentences), *plain]))
