"""The numbers beside the image: how large each mask is, and the long axis of a chamber."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthboost.app.wording import structure_named
from synthboost.domain import Structure
from synthboost.errors import DataError
from synthboost.evaluation.clinical.apical_view import ApicalView
from synthboost.inference.label_map import resolve


@dataclass(frozen=True)
class Measured:
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


def measure(
    sentences: Sequence[str],
    probability: NDArray[np.float32],
    threshold: float,
    spacing_mm: tuple[float, float] | None,
) -> list[Measured]:
    """Measure N masks.

    The long axis needs the mitral plane, which lies where the ventricle has no myocardium near: both have to be among
    the masks, under their own names.

    Args:
        sentences: N.
        probability: (N, H, W), 0-1.
        threshold: inside is what is larger.
        spacing_mm: (rows, columns), or `None`.
    """
    masks = probability > threshold
    lengths = _lengths(sentences, probability, threshold, spacing_mm)
    lines = []
    for sentence, mask, own in zip(sentences, masks, probability, strict=True):
        pixels = int(mask.sum())
        area = None if spacing_mm is None else pixels * spacing_mm[0] * spacing_mm[1]
        structure = structure_named(sentence)
        lines.append(
            Measured(
                sentence, pixels, pixels / mask.size, area, float(own[mask].mean()) if pixels else None,
                None if structure is None else lengths.get(structure), "px" if spacing_mm is None else "mm",
            )
        )  # fmt: skip
    return lines


def _lengths(
    sentences: Sequence[str],
    probability: NDArray[np.float32],
    threshold: float,
    spacing_mm: tuple[float, float] | None,
) -> dict[Structure, float]:
    named = {structure: n for n, text in enumerate(sentences) if (structure := structure_named(text)) is not None}
    if not named:
        return {}
    chosen = list(named)
    labels = resolve(probability[[named[s] for s in chosen]], chosen, threshold)
    view = ApicalView.of(labels, spacing_mm)
    found: dict[Structure, float] = {}
    for structure, chamber in (
        (Structure.LEFT_VENTRICULAR_CAVITY, "ventricle"),
        (Structure.LEFT_ATRIUM_CAVITY, "atrium"),
    ):
        if structure in named:
            try:
                found[structure] = getattr(view, chamber).length
            except DataError:
                continue  # no such chamber in these masks: the table says so by a dash
    return found
