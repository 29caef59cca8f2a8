"""The main lines of a fidelity report, read from the `fidelity.json` that `synthesize fidelity` writes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from synthboost.errors import DataError
from synthboost.reports.cells import Column, Table, fixed, words
from synthboost.reports.conditions import NO_VALUE

GAPS = 4
"""The largest gaps of the speckle statistics that are shown."""
_MEASURES = (
    ("frechet", "Fréchet radiomic distance (lower is more alike)"),
    ("kernel_floor", "kernel distance on halves (0 if alike)"),
    ("density", "density (1 if alike)"),
    ("coverage", "coverage (the floor if alike; low: too little variety)"),
)


def fidelity_table(name: str, report: Mapping[str, Any], place: int = 0) -> Table:
    """How like real images a synthetic set is: distances against their floor, gaps in texture, copies.

    Args:
        name: what the set is called.
        report: the content of `fidelity.json`.
        place: number of the set among those of the page.

    Raises:
        DataError: it is not such a report.
    """
    columns = (
        Column("measure", is_text=True), Column("synthetic against real"), Column("real against real (floor)"),
        Column("what was learned from, against real"),
    )  # fmt: skip
    try:
        lines = [tuple(words(text) for text in line) for line in (*_distances(report), *_others(report))]
        caption = (
            f"Fidelity of {name}: {report['n_synthetic']:,} synthetic images against {report['n_real']:,} "
            f"{report['reference']} real images of {report['real_patients']:,} patients at {report['size'][0]} x "
            f"{report['size'][1]} px, no downloaded network involved; 95 % ranges in brackets."
        )
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise DataError(
            name, "fidelity", f"{type(error).__name__} {error}", "the fidelity.json of `synthboost synthesize fidelity`"
        ) from error
    return Table(f"fidelity_{place + 1}", caption, columns, tuple(lines))


def _distances(report: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
    lines = [
        (
            heading,
            _range(report[key], "value", "low", "high"),
            _range(report[key], "floor", "floor_low", "floor_high"),
            _pupil(report, "learned_frechet") if key == "frechet" else NO_VALUE,
        )
        for key, heading in _MEASURES
    ]
    kernel = _range(report["kernel"], "value", "low", "high")
    return [*lines, ("kernel distance, all images", kernel, "0", _pupil(report, "learned_kernel"))]


def _pupil(report: Mapping[str, Any], key: str) -> str:
    """What the images learned from would get; a dash without held-out images."""
    found = report.get(key)
    return NO_VALUE if found is None else _range(found, "value", "low", "high")


def _others(report: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
    gaps = sorted(report["speckle"], key=lambda item: -abs(item["gap"]))[:GAPS]
    lines = [
        (
            f"largest gaps in texture: {item['region']}, {str(item['statistic']).replace('_', ' ')}",
            f"{fixed(float(item['gap']), 2, sign=True)} SD", "0", NO_VALUE,
        )
        for item in gaps
    ]  # fmt: skip
    for space, found in report["memorisation"].items():
        text = f"{fixed(float(found['ratio']), 2)}, {len(found['suspects'])} suspects"
        lines.append(
            (f"copies: distance to the nearest training image over held-out images', {space}", text, "1", NO_VALUE)
        )
    for structure, found in (report.get("consistency") or {}).items():
        dice = _range(found, "mean", "low", "high")
        lines.append((f"mask consistency, {structure}: Dice of a segmenter trained on real", dice, NO_VALUE, NO_VALUE))
    return lines


def _range(values: Mapping[str, Any], middle: str, low: str, high: str) -> str:
    found = [fixed(float(values[key]), 2) for key in (middle, low, high)]
    return f"{found[0]} [{found[1]}, {found[2]}]"
