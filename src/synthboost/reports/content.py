"""What a report says besides the numbers: title, summary, sentences, commands, notes; given, or read off the runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from synthboost.domain import Domain, PromptSet
from synthboost.errors import ConfigError
from synthboost.records.run_folder import RunRecord
from synthboost.records.run_record import BASELINE_MODEL
from synthboost.reports.series import rows_of_runs

SIMULATED_TARGET = "simulated target domain"
"""What `real` stands for when the target data come from a simulator."""
TARGET_NOTE = (
    "The target domain of this report is simulated: wherever a table or a figure says “real”, the images come from "
    "a simulator, not from patients. Its numbers say how the method behaves there, not how well it works on patients."
)


CONFIDENTIAL = "This page shows images of patients: keep it as confidential as the data set, whose terms hold for it."


@dataclass(frozen=True)
class ReportContent:
    """The words of a report. All are escaped on the page."""

    title: str
    summary: tuple[str, ...] = ()
    """Paragraphs under the headline: what this is."""
    target_is_simulated: bool = False
    """The strategy called `real` was trained and tested on simulated images; the page then says so everywhere."""
    sentences: tuple[tuple[str, str], ...] = ()
    """(prompt set, example sentence) pairs."""
    commands: tuple[tuple[str, str], ...] = ()
    """(what it does, command) pairs: how to run the same on CAMUS."""
    notes: tuple[str, ...] = ()
    """Limits of the result."""
    licence: tuple[str, ...] = ()
    """Licences and terms of software, data and weights."""
    fixed_dice: float = 0.75
    """The validation Dice (0-1) whose first reaching counts as convergence; fix it before training."""
    deviations: tuple[str, ...] = ()
    """Every deviation from the paper that the runs themselves do not tell."""
    recipe: tuple[tuple[str, str, str], ...] = ()
    """(what, the paper's, what was done here): the recipe's differences from the paper."""
    fidelity: tuple[tuple[str, Mapping[str, Any]], ...] = ()
    """(name of a synthetic set, content of its `fidelity.json`) pairs."""
    unfinished: tuple[tuple[str, str], ...] = ()
    """(run, its error or what is known of it) pairs: runs that have no result."""

    def __post_init__(self) -> None:
        """Refuse what no page can be made of."""
        if not self.title.strip():
            raise ConfigError("report", "title", repr(self.title), "a title")
        if not 0 < self.fixed_dice < 1:
            raise ConfigError("report", "fixed_dice", self.fixed_dice, "a Dice between 0 and 1, such as 0.75")


def content_from_runs(runs: Sequence[RunRecord], **known: Any) -> ReportContent:
    """The words that the run folders alone can give, and what is `known` besides (fields of `ReportContent`).

    Raises:
        ConfigError: `fixed_dice` is not between 0 and 1.
    """
    rows, n = rows_of_runs(runs), len(runs)
    values = {
        "title": f"Language-guided segmentation of echocardiograms: {'one run' if n == 1 else f'{n:,} runs'}",
        "summary": (
            "An ultrasound image and an English sentence go in; the mask of the structure that the sentence names "
            "comes out. This page compares runs that differ in the images they learned from. Every number is "
            "computed from the per-image rows in the run folders listed under provenance.",
        ),
        "target_is_simulated": _target_is_simulated(runs, rows),
        "sentences": _example_sentences(rows),
        "notes": (
            *((CONFIDENTIAL,) if (rows.domain == Domain.REAL).any() else ()),
            "The intervals resample patients, because images of one patient are not independent. They do not hold "
            "the chance of training: for that, compare several seeds.",
        ),
        "licence": ("The terms of the data sets and of the weights that were used apply to what was made from them.",),
    }
    return ReportContent(**{**values, **known})


def _target_is_simulated(runs: Sequence[RunRecord], rows: pd.DataFrame) -> bool:
    """True when any run names a simulated set as its `real` data, or any score was taken on simulated images."""
    named = any("real" in run.spec.data and run.spec.data["real"].domain == Domain.SIMULATED for run in runs)
    return named or bool((rows.domain == Domain.SIMULATED).any())


def _example_sentences(rows: pd.DataFrame) -> tuple[tuple[str, str], ...]:
    """The first sentence of each prompt set that was used, in the paper's order."""
    own = rows[(rows.probe == "") & (rows.model != BASELINE_MODEL)]
    first = own.sort_values(["patient", "frame", "structure"], kind="stable").drop_duplicates("prompt_set")
    order = [str(prompt_set) for prompt_set in PromptSet]
    pairs = first[["prompt_set", "sentence"]].itertuples(index=False, name=None)
    return tuple(sorted(pairs, key=lambda pair: (order.index(pair[0]) if pair[0] in order else len(order), pair)))
