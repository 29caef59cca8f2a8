"""The Bland-Altman plot and the table of agreement: differences of two methods against their mean."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from synthboost.errors import people
from synthboost.evaluation.clinical.method_agreement import MethodAgreement, ValueInterval
from synthboost.reports.figure import INK, QUIET, TRUE_CONTOUR, Plot, dress, panels, plain_label
from synthboost.reports.table import Cell, Table, absent, count, fixed, named, number

NOT_A_DEVICE = "Research software, not a medical device."
INTERVAL = ("{} value", "{} low", "{} high")


class Compared(NamedTuple):
    """One quantity, measured in two ways in the same patients."""

    name: str
    """e.g. `EF`."""
    unit: str
    first: str
    """What stands before the minus sign, e.g. `predicted, biplane`."""
    second: str
    values: NDArray[np.float64]
    """(n, 2) first and second of each patient with both."""
    missing: tuple[tuple[str, str], ...]
    """Patients without both values, with the reason."""
    agreement: MethodAgreement | None
    """`None` when too few patients have both."""

    @property
    def title(self) -> str:
        """e.g. `EF: predicted, biplane - stated (%)`."""
        return f"{self.name}: {self.first} - {self.second} ({self.unit})"


def agreement_table(compared: Sequence[Compared], caption: str, notes: Sequence[str] = ()) -> Table:
    """One line per quantity; patients that could not be compared are counted in the table and named below it."""
    absentees: dict[str, list[str]] = {}
    for item in compared:
        if item.missing:
            patients = ", ".join(sorted(patient for patient, _ in item.missing))
            absentees.setdefault(patients, []).append(f"{item.name} ({item.first})")
    missing = [f"Not measured of {patients}: {', '.join(names)}." for patients, names in absentees.items()]
    explained = "Differences are first minus second; 95 % of them are expected between the limits (Bland and Altman)."
    return Table.of("agreement", caption, map(_line, compared), (explained, *missing, *notes, NOT_A_DEVICE))


def agreement_lines(compared: Sequence[Compared]) -> list[str]:
    """Return a sentence for each quantity, for a terminal: the table says the rest."""
    lines = []
    for item in compared:
        if (found := item.agreement) is None:
            pairs = ", ".join(f"{fixed(first, 1)} against {fixed(second, 1)}" for first, second in item.values)
            said = f"{pairs or 'no patient has both'} (too few patients for an interval)"
        else:
            low, high = (fixed(limit.value, 1, sign=True) for limit in (found.lower_limit, found.upper_limit))
            said = f"bias {_estimate(found.bias).text}, 95 % limits {low} to {high}, {people(found.n)}"
        lines.append(f"{item.title}: {said}")
    return lines


def bland_altman_plot(compared: Sequence[Compared], caption: str) -> Plot:
    """Panels of difference against mean, with bias and limits and their intervals; those without agreement are out."""
    shown = [item for item in compared if item.agreement is not None]
    figure, axes = panels(len(shown), 2.5)
    for each, item in zip(axes, shown, strict=True):
        _draw(each, item)
    parts = [
        f"{item.title}: bias {item.agreement.bias.value:.1f}, limits {item.agreement.lower_limit.value:.1f} to "
        f"{item.agreement.upper_limit.value:.1f}, {item.agreement.n} patients"
        for item in shown
        if item.agreement is not None
    ]
    return Plot("bland-altman", f"{caption} {NOT_A_DEVICE}", f"Bland-Altman plots. {'; '.join(parts)}.", figure)


def _draw(axes: Axes, item: Compared) -> None:
    agreement = item.agreement
    assert agreement is not None
    means, differences = item.values.mean(axis=1), item.values[:, 0] - item.values[:, 1]
    dress(axes, plain_label(item.title))
    axes.scatter(means, differences, s=14, color=TRUE_CONTOUR, edgecolors=INK, linewidths=0.4, zorder=3)
    for estimate, stroke, word in (
        (agreement.bias, "solid", "bias"),
        (agreement.lower_limit, "dashed", "−1.96 SD"),
        (agreement.upper_limit, "dashed", "+1.96 SD"),
    ):
        axes.axhline(estimate.value, color=INK, linewidth=1.1, linestyle=stroke)
        axes.axhspan(estimate.low, estimate.high, color=QUIET, alpha=0.15, linewidth=0)
        axes.annotate(
            f"{word} {fixed(estimate.value, 1, sign=True)}", (1, estimate.value), xycoords=("axes fraction", "data"),
            xytext=(-2, 3), textcoords="offset points", ha="right", fontsize=8, color=INK,
        )  # fmt: skip
    axes.set_xlabel(f"mean of both ({item.unit}), {agreement.n} patients", color=INK, fontsize=9)
    axes.set_ylabel("difference", color=INK, fontsize=9)


def _line(item: Compared) -> dict[str, Cell]:
    found = item.agreement
    names = named(("quantity", "first", "second", "unit"), (item.name, item.first, item.second, item.unit))
    return {
        **names,
        "patients": count(len(item.values)),
        "not measured": count(len(item.missing)),
        "bias [95 % CI]": _estimate(found.bias if found else None),
        "lower limit [95 % CI]": _estimate(found.lower_limit if found else None),
        "upper limit [95 % CI]": _estimate(found.upper_limit if found else None),
        "mean absolute error": absent() if found is None else number(found.mean_absolute_error, 1),
        "Pearson r": absent() if found is None or found.pearson is None else number(found.pearson, 3),
        "Spearman rho": absent() if found is None or found.spearman is None else number(found.spearman, 3),
    }


def _estimate(found: ValueInterval | None) -> Cell:
    if found is None:
        return absent(INTERVAL)
    value, low, high = (fixed(number, 1, sign=True) for number in (found.value, found.low, found.high))
    return Cell(f"{value} [{low}, {high}]", (found.value, found.low, found.high), INTERVAL, decimals=1)
