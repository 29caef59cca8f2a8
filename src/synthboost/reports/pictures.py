"""Example pictures: image, truth and prediction side by side; and which cases of a study are hardest."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from contourpy import contour_generator
from PIL import Image

from synthboost.domain import STRUCTURES, GreyImage, Mask, PromptSet, Strategy, Structure
from synthboost.records.examples import Example
from synthboost.records.rows import Status
from synthboost.records.run_folder import RunRecord
from synthboost.records.run_record import BASELINE_MODEL
from synthboost.reports.run_facts import fact_text, is_trained
from synthboost.reports.table import Table, absent, count, number, words

CASES = 2
"""Worst, median and best cases that a page shows, so many of each."""
HARDEST = 15
"""Lines of the table of hard pairs (a guess at what a reader looks through)."""
LONGEST_SIDE = 320
"""Pixels of an embedded image's longer side: sharp at the size it is shown, about 40 kB (a guess)."""


class Panel(NamedTuple):
    """The image alone, with the true contours, or with the predicted ones. Lengths are mm."""

    heading: str
    outlines: tuple[tuple[str, str], ...]
    """A structure (or `true`, over a prediction), and SVG path data."""
    alternative: str
    """The panel in words."""


class Picture(NamedTuple):
    """One example: an image shared by its panels."""

    key: str
    """Unique in the page."""
    frame: str
    dice: str
    """Mean over the structures."""
    image: str
    """PNG data URI."""
    width_mm: float
    height_mm: float
    panels: tuple[Panel, ...]
    said: tuple[tuple[str, str, str], ...]
    """Of each structure its name, Dice and sentence, which is empty when the run was given no words (P0)."""


Shown = tuple[RunRecord, Picture]
"""A picture, and the run that drew its masks."""


def shown_cases(runs: Sequence[RunRecord], number_of_each: int) -> dict[str, list[Shown]]:
    """The worst, median and best frames over all trained runs that were given words, else over all; each at most once.

    Every run keeps its own worst, median and best frame, so the worst and the best are the study's, and the median is
    that of the runs' medians; a frame that is bad in a run but not that run's worst is not seen.
    """
    chosen = [run for run in runs if is_trained(run) and run.spec.prompt_set != PromptSet.P0] or runs
    kept = [(run, example) for run in chosen for example in run.examples if example.dice]
    kept.sort(key=lambda pair: (mean_dice(pair[1]), pair[0].spec.name, pair[1].frame))
    medians = [pair for pair in kept if pair[1].note == "median"]
    outwards = sorted(range(len(medians)), key=lambda place: abs(place - (len(medians) - 1) / 2))
    found, taken = dict[str, list[Shown]](), set[str]()
    for kind, pairs in {"worst": kept, "best": kept[::-1], "median": [medians[k] for k in outwards]}.items():
        own = _each_frame_once((pair for pair in pairs if pair[1].frame not in taken), number_of_each)
        taken |= {example.frame for _, example in own}
        found[kind] = _pictures(own, kind)
    return {kind: found[kind] for kind in ("worst", "median", "best")}


def case_text(run: RunRecord) -> str:
    """Whose prediction a case is: model, strategy, encoders, prompt set and seed of the run."""
    spec = run.spec
    facts = (spec.model, spec.strategy, spec.encoders, spec.prompt_set)
    return f"{', '.join(map(fact_text, facts))}, seed {fact_text(spec.seed)}"


def hardest_pairs(rows: pd.DataFrame) -> Table:
    """The image-structure pairs with the lowest mean Dice over all trained models that were given words."""
    untrained = (rows.model == BASELINE_MODEL) | (rows.strategy == Strategy.ZERO_SHOT)
    words_given = (rows.probe == "") & (rows.prompt_set != PromptSet.P0)
    own = rows[words_given & ~untrained & (rows.status != Status.FAILED)]
    groups = own.groupby(["patient", "frame", "structure"], sort=True)
    hard = groups.dice.agg(lambda dice: math.fsum(dice) / len(dice)).sort_values(kind="stable").index[:HARDEST]
    lines = []
    for key in hard:
        found = groups.get_group(key)
        dice, (_, frame, structure), first = (100 * found.dice).tolist(), key, found.iloc[0]
        lines.append(
            {
                "frame": words(frame),
                "structure": words(structure),
                "quality": words("unknown" if pd.isna(first.quality) else first.quality),
                "true area mm²": absent() if pd.isna(first.area_true_mm2) else number(first.area_true_mm2, 0),
                "mean Dice %": number(math.fsum(dice) / len(dice)),
                "lowest %": number(min(dice)),
                "highest %": number(max(dice)),
                "runs": count(found.run.nunique()),
            }
        )
    caption = "The hardest image-structure pairs: lowest mean Dice over all trained runs, P0 left out."
    return Table.of("hardest_pairs", caption, lines)


def picture(example: Example, key: str) -> Picture:
    """One example, ready for the page; rows and columns may have different spacings."""
    height, width = example.image.shape
    row_mm, column_mm = example.spacing_mm
    return Picture(
        key=key,
        frame=example.frame,
        dice=f"{100 * mean_dice(example):.1f} %" if example.dice else "not scored",
        image=_png_data_uri(example.image),
        width_mm=round(width * column_mm, 3),
        height_mm=round(height * row_mm, 3),
        panels=_panels(example),
        said=tuple((s.short, _dice(example, s), example.sentences.get(s, "")) for s in _structures(example)),
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


def _panels(example: Example) -> tuple[Panel, ...]:
    drawn, spacing = _structures(example)[::-1], example.spacing_mm  # the ventricle last: its wall would cover it
    true = [(s.short, contour_path(np.asarray(example.true == int(s)), spacing)) for s in drawn]
    predicted = [(s.short, contour_path(example.predicted[s], spacing)) for s in drawn]
    name, names = f"Ultrasound image {example.frame}", ", ".join(map(_words, drawn[::-1]))
    scores = " ".join(
        f"{_words(s)}; Dice {_dice(example, s)}.{'' if example.predicted[s].any() else ' Nothing was predicted.'}"
        for s in drawn[::-1]
    )
    return (
        Panel("image", (), f"{name}."),
        Panel("truth", tuple(true), f"{name} with the true contours: {names}."),
        Panel(
            "prediction, the truth dashed", (*(("true", path) for _, path in true), *predicted),
            f"{name} with the predicted contours: {scores}",
        ),
    )  # fmt: skip


def _structures(example: Example) -> list[Structure]:
    return [structure for structure in STRUCTURES if structure in example.predicted]


def _words(structure: Structure) -> str:
    return structure.name.lower().replace("_", " ")


def _dice(example: Example, structure: Structure) -> str:
    dice = example.dice.get(structure)
    return "not scored" if dice is None else f"{100 * dice:.1f} %"


def mean_dice(example: Example) -> float:
    """Mean Dice (0-1) over the structures of an example; some were scored."""
    return math.fsum(example.dice.values()) / len(example.dice)


def _png_data_uri(image: GreyImage) -> str:
    """A grey image as a PNG data URI, made smaller when a side is longer than `LONGEST_SIDE` pixels."""
    picture = Image.fromarray(image)
    scale = LONGEST_SIDE / max(picture.size)
    if scale < 1:
        width, height = (max(1, round(scale * side)) for side in picture.size)
        picture = picture.resize((width, height), Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    picture.save(stream, format="PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(stream.getvalue()).decode('ascii')}"


def _each_frame_once(pairs: Iterable[tuple[RunRecord, Example]], most: int) -> list[tuple[RunRecord, Example]]:
    first: dict[str, tuple[RunRecord, Example]] = {}
    for run, example in pairs:
        if len(first) == most:
            break
        first.setdefault(example.frame, (run, example))
    return list(first.values())


def _pictures(pairs: Sequence[tuple[RunRecord, Example]], kind: str) -> list[Shown]:
    return [(run, picture(example, f"{kind}-{place}")) for place, (run, example) in enumerate(pairs)]
