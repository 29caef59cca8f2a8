"""What a report says besides the numbers: title, summary, sentences, commands, notes; given, or read off the runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from synthboost.domain import Domain, PromptSet
from synthboost.errors import ConfigError
from synthboost.records.rows import Row
from synthboost.records.run_folder import RunRecord
from synthboost.reports.conditions import BASELINE_MODEL

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
    target_note: str = TARGET_NOTE
    """Shown at the top when the target is simulated."""
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
    examples_per_run: int = 3
    """Pictures shown of each run."""

    def __post_init__(self) -> None:
        """Refuse what no page can be made of."""
        if not self.title.strip():
            raise ConfigError("report", "title", repr(self.title), "a title")
        if not 0 < self.fixed_dice < 1:
            raise ConfigError("report", "fixed_dice", self.fixed_dice, "a Dice between 0 and 1, such as 0.75")
        if self.examples_per_run < 0:
            raise ConfigError("report", "examples_per_run", self.examples_per_run, "0 or more")


def content_from_runs(runs: Sequence[RunRecord], *, fixed_dice: float = 0.75) -> ReportContent:
    """The words that the run folders alone can give: no claim that is not in them.

    Raises:
        ConfigError: `fixed_dice` is not between 0 and 1.
    """
    rows = [row for run in runs for row in run.rows]
    real = any(row.domain == Domain.REAL for row in rows)
    many = "one run" if len(runs) == 1 else f"{len(runs)} runs"
    return ReportContent(
        title=f"Language-guided segmentation of echocardiograms: {many}",
        summary=(
            "An ultrasound image and an English sentence go in; the mask of the structure that the sentence names "
            "comes out. This page compares runs that differ in the images they learned from. Every number is "
            "computed from the per-image rows in the run folders listed under provenance.",
        ),
        target_is_simulated=_target_is_simulated(runs, rows),
        sentences=_example_sentences(rows),
        notes=(
            *((CONFIDENTIAL,) if real else ()),
            "The intervals resample patients, because images of one patient are not independent. They do not hold "
            "the chance of training: for that, compare several seeds.",
        ),
        licence=("The terms of the data sets and of the weights that were used apply to what was made from them.",),
        fixed_dice=fixed_dice,
    )


def _target_is_simulated(runs: Sequence[RunRecord], rows: Sequence[Row]) -> bool:
    """True when any run names a simulated set as its `real` data, or any score was taken on simulated images."""
    named = any("real" in run.spec.data and run.spec.data["real"].domain == Domain.SIMULATED for run in runs)
    return named or any(row.domain == Domain.SIMULATED for row in rows)


def _example_sentences(rows: Sequence[Row]) -> tuple[tuple[str, str], ...]:
    """The first sentence of each prompt set that was used, in the paper's order."""
    first: dict[str, str] = {}
    for row in sorted(rows, key=lambda row: (row.patient, row.frame, row.structure)):
        if row.probe == "" and row.model != BASELINE_MODEL:
            first.setdefault(row.prompt_set, row.sentence)
    order = [str(prompt_set) for prompt_set in PromptSet]
    return tuple(
        sorted(first.items(), key=lambda pair: (order.index(pair[0]) if pair[0] in order else len(order), pair))
    )
