"""The numbers beside the image: how large each mask is, and the long axis of a chamber."""

from __future__ import annotations

from dataclasses import dataclass

from synthboost.app.sentences import structure_named
from synthboost.domain import Structure
from synthboost.errors import DataError
from synthboost.evaluation.clinical.apical_view import ApicalView
from synthboost.inference.predictor import Prediction

CHAMBERS = {Structure.LEFT_VENTRICULAR_CAVITY: "ventricle", Structure.LEFT_ATRIUM_CAVITY: "atrium"}
"""Structure -> its part of an `ApicalView`."""


@dataclass(frozen=True)
class MaskMeasurement:
    """One line of the table."""

    sentence: str
    pixels: int
    share: float
    """Of the image, 0-1."""
    area_mm2: float | None
    """`None` when the spacing is unknown."""
    confidence: float | None
    """Mean probability inside, 0-1; `None` when the mask is empty."""
    length: float | None = None
    """Of a chamber's long axis, in `length_unit`; `None` when it cannot be measured."""
    length_unit: str = "px"


def measure(prediction: Prediction, spacing_mm: tuple[float, float] | None) -> list[MaskMeasurement]:
    """Measure the mask of each sentence; `spacing_mm` is (rows, columns), or `None`.

    The long axis needs the mitral plane, which lies where the ventricle has no myocardium near: both have to be among
    the masks, under their own names.
    """
    unit, lengths = "px" if spacing_mm is None else "mm", _lengths(prediction, spacing_mm)
    lines = []
    for sentence, mask, own in zip(prediction.sentences, prediction.masks, prediction.probability, strict=True):
        pixels = int(mask.sum())
        area = None if spacing_mm is None else pixels * spacing_mm[0] * spacing_mm[1]
        confidence = float(own[mask].mean()) if pixels else None
        length = lengths.get(structure_named(sentence))
        lines.append(MaskMeasurement(sentence, pixels, pixels / mask.size, area, confidence, length, unit))
    return lines


def _lengths(prediction: Prediction, spacing_mm: tuple[float, float] | None) -> dict[Structure | None, float]:
    named = {s: n for n, text in enumerate(prediction.sentences) if (s := structure_named(text)) is not None}
    if not named:
        return {}
    own = Prediction(prediction.sentences, prediction.probability[list(named.values())], prediction.threshold)
    view = ApicalView.of(own.label_map(list(named)), spacing_mm)
    found: dict[Structure | None, float] = {}
    for structure in named.keys() & CHAMBERS.keys():
        try:
            found[structure] = getattr(view, CHAMBERS[structure]).length
        except DataError:
            continue  # no such chamber in these masks: the table says so by a dash
    return found
