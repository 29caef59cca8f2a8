"""Example pictures: the image in its true shape, the true and the predicted contour, the sentence, the Dice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from contourpy import contour_generator

from synthboost.domain import STRUCTURES, Mask, Structure
from synthboost.records.examples import Example
from synthboost.records.run_folder import RunRecord
from synthboost.reports.inline import png_data_uri

LONGEST_SIDE = 320
"""Pixels of an embedded image's longer side: sharp at the size it is shown, about 40 kB (a guess)."""


@dataclass(frozen=True)
class Panel:
    """One structure of one example. Lengths are mm."""

    structure: str
    sentence: str
    """Empty when the run was asked without words (P0)."""
    dice: str
    true_path: str
    """SVG path data."""
    predicted_path: str
    alternative: str
    """The picture in words."""


@dataclass(frozen=True)
class Picture:
    """One example: an image shared by one panel per structure."""

    key: str
    """Unique in the page."""
    frame: str
    note: str
    image: str
    """PNG data URI."""
    width_mm: float
    height_mm: float
    panels: tuple[Panel, ...]


@dataclass(frozen=True)
class Gallery:
    """The examples of one run."""

    run: str
    model: str
    strategy: str
    pictures: tuple[Picture, ...]


def galleries(runs: Sequence[RunRecord], per_run: int) -> list[Gallery]:
    """The first `per_run` examples of every run that has any; the last line of the tables comes first.

    In the paper's order that is the strategy that is expected to be best, which is what a reader wants to see first.
    """
    return [
        Gallery(
            run.spec.name,
            run.spec.model,
            run.spec.strategy,
            tuple(picture(example, f"image-{place}-{k}") for k, example in enumerate(run.examples[:per_run])),
        )
        for place, run in reversed(list(enumerate(runs)))
        if run.examples and per_run > 0
    ]


def picture(example: Example, key: str) -> Picture:
    """One example, ready for the page; rows and columns may have different spacings."""
    height, width = example.image.shape
    row_mm, column_mm = example.spacing_mm
    return Picture(
        key=key,
        frame=example.frame,
        note=example.note,
        image=png_data_uri(example.image, LONGEST_SIDE),
        width_mm=round(width * column_mm, 3),
        height_mm=round(height * row_mm, 3),
        panels=tuple(_panel(example, structure) for structure in STRUCTURES if structure in example.predicted),
    )


def contour_path(mask: Mask, spacing_mm: tuple[float, float]) -> str:
    """The outline of a mask (H, W) as closed SVG path data in mm, origin at the image's upper left corner.

    The outline runs halfway between the centres of inner and outer pixels; a mask that touches the image's edge is
    closed along it.
    """
    row_mm, column_mm = spacing_mm
    framed = np.pad(mask.astype(np.float64), 1)
    parts = []
    for line in contour_generator(z=framed).lines(0.5):
        # Pixel (0, 0) has its centre at (0.5, 0.5) pixels; the frame of one pixel shifts everything by one.
        points = (np.asarray(line)[:-1] - 0.5) * (column_mm, row_mm)
        parts.append("M" + "L".join(f"{x:.2f} {y:.2f}" for x, y in points) + "Z")
    return "".join(parts)


def _panel(example: Example, structure: Structure) -> Panel:
    predicted, sentence = example.predicted[structure], example.sentences.get(structure, "")
    dice = example.dice.get(structure)
    percent = "not scored" if dice is None else f"{100 * dice:.1f} %"
    nothing = "" if predicted.any() else " Nothing was predicted."
    return Panel(
        structure=structure.short,
        sentence=sentence,
        dice=percent,
        true_path=contour_path(np.asarray(example.true == int(structure)), example.spacing_mm),
        predicted_path=contour_path(predicted, example.spacing_mm),
        alternative=(
            f"Ultrasound image {example.frame} with the true and the predicted contour of the "
            f"{structure.name.lower().replace('_', ' ')}; Dice {percent}.{nothing}"
        ),
    )
