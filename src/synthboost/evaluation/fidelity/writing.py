"""A fidelity report as JSON, as Markdown, and as a fragment of HTML."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from html import escape
from pathlib import Path
from typing import Any

from synthboost.evaluation.fidelity.floor import AgainstFloor
from synthboost.evaluation.fidelity.report import FidelityReport
from synthboost.evaluation.statistics.bootstrap import Interval
from synthboost.io.atomic import write_json, write_text

SUSPECTS_SHOWN = 10
_Table = tuple[str, list[str], list[list[str]]]
"""Caption, headings, lines."""


def write_fidelity(report: FidelityReport, folder: Path) -> None:
    """Write `fidelity.json`, `fidelity.md` and `fidelity.html` into a folder.

    Raises:
        OutputError: it cannot be written.
    """
    write_json(folder / "fidelity.json", to_json(report))
    write_text(folder / "fidelity.md", to_markdown(report))
    write_text(folder / "fidelity.html", to_html(report))


def to_json(report: FidelityReport) -> dict[str, Any]:
    """All numbers of the report, unrounded; keys as the fields are called, structures and regions by their names."""
    values = asdict(report)
    values["frechet_by_region"] = {str(region): asdict(v) for region, v in report.frechet_by_region.items()}
    if report.consistency is not None:
        values["consistency"] = {s.short: asdict(interval) for s, interval in report.consistency.dice.items()}
    return values


def to_markdown(report: FidelityReport) -> str:
    """The report as headings and pipe tables."""
    parts = ["# Fidelity", _preamble(report)]
    for caption, headings, lines in _tables(report):
        rule = ["---", *["---:"] * (len(headings) - 1)]
        rows = [f"| {' | '.join(map(_plain, line))} |" for line in (headings, rule, *lines)]
        parts += [f"## {caption}", "\n".join(rows)]
    return "\n\n".join(parts) + "\n"


def to_html(report: FidelityReport) -> str:
    """The report as a section without style, to be put into a page."""
    parts = ["<section>", "<h2>Fidelity</h2>", f"<p>{escape(_preamble(report))}</p>"]
    for caption, headings, lines in _tables(report):
        head = "".join(f"<th>{escape(h)}</th>" for h in headings)
        body = "\n".join("<tr>" + "".join(f"<td>{escape(c)}</td>" for c in line) + "</tr>" for line in lines)
        parts.append(f"<h3>{escape(caption)}</h3>\n<table>\n<tr>{head}</tr>\n{body}\n</table>")
    return "\n".join([*parts, "</section>", ""])


def _preamble(report: FidelityReport) -> str:
    height, width = report.size
    return (
        f"{report.n_synthetic} synthetic images from masks of {report.synthetic_patients} patients, against "
        f"{report.n_real} real {report.reference} images of {report.real_patients} patients, all at {height} x {width} "
        f"px. {report.left_out[0]} real and {report.left_out[1]} synthetic images lack a region and are left out of "
        f"the distances. Seed {report.settings.seed}; grey values are read as {report.settings.dynamic_range_db:g} dB."
    )


def _tables(report: FidelityReport) -> Sequence[_Table]:
    tables = [_distances(report), _speckle(report)]
    if report.memorisation:
        tables.append(_memorisation(report))
        tables += _suspects(report)
    if report.consistency is not None:
        lines = [[s.short, _interval(i)] for s, i in report.consistency.dice.items()]
        tables.append(("Mask consistency (Dice of a segmenter trained on real images)", ["structure", "Dice"], lines))
    return tables


def _distances(report: FidelityReport) -> _Table:
    lines = [["Frechet radiomic distance", *_floored(report.frechet)]]
    lines += [[f"... of {region}", *_floored(v)] for region, v in report.frechet_by_region.items()]
    if report.learned_frechet is not None:
        lines.append(["Frechet distance of what was learned from", *_floored(report.learned_frechet)])
    k = report.kernel
    lines += [
        ["kernel distance (KID), by patient", f"{k.value:.3f} [{k.low:.3f}, {k.high:.3f}]", "0 if alike", "all"],
        *_learned_kernel(report),
        ["kernel distance on halves", *_floored(report.kernel_floor)],
        ["density", *_floored(report.density)],
        ["coverage", *_floored(report.coverage)],
    ]
    return "Distances", ["measure", "real - synthetic", "real - real (floor)", "images"], lines


def _learned_kernel(report: FidelityReport) -> list[list[str]]:
    k = report.learned_kernel
    if k is None:
        return []
    return [
        ["kernel distance of what was learned from", f"{k.value:.3f} [{k.low:.3f}, {k.high:.3f}]", "0 if alike", "all"]
    ]


def _floored(found: AgainstFloor) -> list[str]:
    return [
        f"{found.value:.3f} [{found.low:.3f}, {found.high:.3f}]",
        f"{found.floor:.3f} [{found.floor_low:.3f}, {found.floor_high:.3f}]",
        str(found.images),
    ]


def _speckle(report: FidelityReport) -> _Table:
    lines = [
        [f"{c.region}: {c.statistic.replace('_', ' ')}", _interval(c.real), _interval(c.synthetic), f"{c.gap:+.2f}"]
        for c in report.speckle
    ]
    return "Speckle (means with intervals by patient)", ["statistic", "real", "synthetic", "gap in real SD"], lines


def _memorisation(report: FidelityReport) -> _Table:
    lines = [
        [space, f"{m.ratio:.3f}", f"{m.near_share:.1%}", f"{m.p_value:.2g}", str(len(m.suspects))]
        for space, m in report.memorisation.items()
    ]
    headings = ["space", "distance ratio", "nearer than 5 % of held-out", "p", "suspects"]
    return "Memorisation (distance to the nearest training image; held-out images are the yardstick)", headings, lines


def _suspects(report: FidelityReport) -> list[_Table]:
    lines = [
        [s.synthetic, s.training, space, f"{s.distance:.4g}"]
        for space, m in report.memorisation.items()
        for s in m.suspects[:SUSPECTS_SHOWN]
    ]
    headings = ["synthetic", "training", "space", "distance"]
    return [("Nearer to training than any held-out image (look at them)", headings, lines)] if lines else []


def _plain(cell: str) -> str:
    return cell.replace("|", "\\|")


def _interval(interval: Interval) -> str:
    return f"{interval.mean:.3f} [{interval.low:.3f}, {interval.high:.3f}]"
