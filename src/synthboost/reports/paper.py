"""The Dice of the paper's tables 2 and 3, cell by cell, to stand beside ours."""

from __future__ import annotations

import csv
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from synthboost.domain import PromptSet, Strategy

PAPER_MODELS = {"clipseg": "CLIPSeg", "cris": "CRIS"}
"""Our name of a model to the paper's."""
PAPER_PROMPTS: tuple[str, ...] = tuple(str(p) for p in PromptSet if "-" not in p)
"""P0 to P7."""
PAPER_PATIENTS = 50
"""The official test patients of CAMUS."""
PAPER_GRID = "512x512"
PAPER_TRAINING_PATIENTS = 400


class PaperCell(NamedTuple):
    """One printed cell: Dice in percent over 600 image-structure pairs of the official test patients."""

    mean: float
    sd: float
    """Over the pairs, n - 1 in the denominator."""


PUBLISHED = " (published)"
"""Ends the name of a model in rows that the authors published; those are the paper's own runs."""


PaperKey = tuple[str, str, str, str]
"""Encoders (`trained`: table 2, `frozen`: table 3, `none`: zero-shot), strategy, model (ours), prompt set."""


@cache
def paper_dice() -> dict[PaperKey, PaperCell]:
    """All 108 cells by encoders, strategy, model and prompt set.

    Source: arXiv 2309.12829, tables 2 and 3 with the zero-shot lines, copied as printed into `paper_dice.csv`. Scored
    on the 50 official test patients of CAMUS at 512 x 512 pixels; one training per cell. Where a combination is not in
    the paper (P7 for synthetic images alone), it is not here.
    """
    ours = {theirs: name for name, theirs in PAPER_MODELS.items()}
    text = files("synthboost.reports").joinpath("paper_dice.csv").read_text(encoding="utf-8")
    return {
        (line["encoders"], str(Strategy(line["strategy"])), ours[line["model"]], str(PromptSet(line["prompt"]))): (
            PaperCell(float(line["dice_mean_percent"]), float(line["dice_std_percent"]))
        )
        for line in csv.DictReader(text.splitlines())
    }


def paper_cell(encoders: str, strategy: str, model: str, prompt_set: str) -> PaperCell | None:
    """One cell; a zero-shot one whatever the encoders, because nothing is trained in it. `None` if not printed.

    The paper's own runs (see `records.published`) have the cells of their models.
    """
    if strategy == Strategy.ZERO_SHOT:
        encoders = "none"
    return paper_dice().get((encoders, strategy, model.removesuffix(PUBLISHED), prompt_set))


def model_heading(model: str) -> str:
    """What the paper calls a model, e.g. `CLIPSeg`, or our name of one that it does not have."""
    known = PAPER_MODELS.get(model.removesuffix(PUBLISHED))
    return model if known is None else known + (PUBLISHED if model.endswith(PUBLISHED) else "")


def model_place(model: str) -> tuple[bool, str]:
    """Sorts models: the paper's first, published rows behind ours, then others by name."""
    return (model.removesuffix(PUBLISHED) not in PAPER_MODELS, model)
