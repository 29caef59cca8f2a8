"""What a study's report says besides the numbers: the words of a report, and what only the study knows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from synthboost.errors import ConfigError
from synthboost.records.run_folder import RunRecord
from synthboost.reports.cells import Table
from synthboost.reports.content import ReportContent, content_from_runs


@dataclass(frozen=True)
class RecipeDifference:
    """One thing in which the study departs from the paper."""

    what: str
    paper: str
    here: str


@dataclass(frozen=True)
class StudyContent(ReportContent):
    """The words of a study's report. All are escaped on the page."""

    deviations: tuple[str, ...] = ()
    """Every deviation from the paper that the runs themselves do not tell."""
    recipe: tuple[RecipeDifference, ...] = ()
    """The recipe's differences from the paper."""
    fidelity: tuple[tuple[str, Mapping[str, Any]], ...] = ()
    """(name of a synthetic set, content of its `fidelity.json`) pairs."""
    statistics: tuple[Table, ...] = ()
    """Further tables of the study, e.g. a family of comparisons after Holm; shown among the differences."""
    unfinished: tuple[tuple[str, str], ...] = ()
    """(run, its error or what is known of it) pairs: runs that have no result."""
    cases: int = 4
    """Worst and best cases that are shown, so many of each."""

    def __post_init__(self) -> None:
        """Refuse what no page can be made of."""
        super().__post_init__()
        if self.cases < 0:
            raise ConfigError("report", "cases", self.cases, "0 or more")


def study_content_from_runs(
    runs: Sequence[RunRecord], *, title: str | None = None, fixed_dice: float = 0.75, **known: Any
) -> StudyContent:
    """The words that the run folders alone can give, and what is `known` besides (fields of `StudyContent`).

    Raises:
        ConfigError: `fixed_dice` is not between 0 and 1.
    """
    plain = content_from_runs(runs, fixed_dice=fixed_dice)
    values = {field.name: getattr(plain, field.name) for field in fields(plain)}
    values["title"] = title or f"A study of {len(runs):,} runs: language-guided segmentation of echocardiograms"
    return StudyContent(**(values | known))
