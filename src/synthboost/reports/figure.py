"""A figure with its name and its words: drawn once, shown on the page, written as SVG and PDF; colours and strokes."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from html import escape
from pathlib import Path
from typing import Literal

from matplotlib import rc_context
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from synthboost.domain import Strategy
from synthboost.errors import printable
from synthboost.io.atomic import whole_file, write_text

TRUE_CONTOUR = "#56b4e9"
INK = "#1d2733"
QUIET = "#5b6672"
RULE = "#d9dee3"
WIDTH = 5.6
"""Inches: at this width letters of 9 points can still be read on a phone."""

Stroke = Literal["solid", "dashed", "dashdot", "dotted"]
# Okabe and Ito, Color Universal Design, 2008; darkened where thin lines on white need it.
_LINES: dict[str, tuple[str, Stroke]] = {
    Strategy.ZERO_SHOT: ("#666666", "solid"),
    Strategy.REAL: ("#0072b2", "solid"),
    Strategy.SYNTHETIC: ("#c77700", "dashed"),
    Strategy.SYNTHETIC_THEN_REAL: ("#00795a", "dashdot"),
    Strategy.MIXED: ("#b0548c", "dotted"),
}
_METADATA = {"Date": None, "Creator": None, "Format": None, "Type": None}


@dataclass(frozen=True, eq=False)
class Plot:
    """A figure for the page and for files."""

    name: str
    """A file name's stem."""
    caption: str
    alternative: str
    """The figure in words, for those who do not see it."""
    figure: Figure

    suffixes = ("svg", "pdf")
    """Of the files that `write` makes."""

    @cached_property
    def svg(self) -> str:
        """An `<svg>` element that scales with its place and reads out `alternative`."""
        stream = io.StringIO()
        # Letters as outlines look alike everywhere; a fixed salt gives the same figure the same text.
        with rc_context({"svg.fonttype": "path", "svg.hashsalt": "synthboost"}):
            self.figure.savefig(stream, format="svg", metadata=_METADATA, transparent=True)
        self.figure.set_layout_engine("none")  # it is laid out: the PDF, drawn after it, need not measure it again
        markup = stream.getvalue()
        markup = markup[markup.index("<svg") :]
        markup = re.sub(r'(<svg[^>]*?) width="[^"]*" height="[^"]*"', r"\1", markup, count=1)
        return markup.replace("<svg", f'<svg role="img" aria-label="{escape(printable(self.alternative))}"', 1)

    def write(self, folder: Path) -> None:
        """Write it as `.svg` and `.pdf`.

        Raises:
            OutputError: a file cannot be written.
        """
        svg, pdf = folder / f"{self.name}.svg", folder / f"{self.name}.pdf"
        write_text(svg, f'<?xml version="1.0" encoding="utf-8"?>\n{self.svg}\n')
        with whole_file(pdf) as temporary, rc_context({"pdf.fonttype": 42}):
            # No date, so that the same runs give the same file.
            self.figure.savefig(temporary, format="pdf", metadata={"CreationDate": None})


def strategy_colour(strategy: str) -> str:
    """A strategy's colour; what is no strategy (a baseline) is grey."""
    return _LINES.get(strategy, (QUIET, "solid"))[0]


def strategy_stroke(strategy: str) -> Stroke:
    """A strategy's kind of line, distinct for the colour-blind and in grey print."""
    return _LINES.get(strategy, (QUIET, "solid"))[1]


def file_stem(*parts: str) -> str:
    """Words as one name that every file system takes."""
    return "_".join(re.sub(r"[^A-Za-z0-9]+", "-", part).strip("-") or "none" for part in parts)


def plain_label(text: str) -> str:
    """Text for a figure in which dollar signs mean themselves, and which no leading underscore hides from a legend."""
    return printable(text).replace("$", r"\$").lstrip("_")


def panels(count: int, height: float, columns: int = 1) -> tuple[Figure, Sequence[Axes]]:
    """A figure of `count` panels of `height` inches each, a legend's room above; and its panels in reading order."""
    rows = -(-count // columns)
    figure = Figure(figsize=(WIDTH, rows * height + 0.6), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False, sharey=columns > 1)
    axes = list(grid.flat)
    for empty in axes[count:]:
        empty.set_axis_off()
    return figure, axes[:count]


def dress(axes: Axes, title: str, label_size: float = 9) -> None:
    """The common look: a title flush left, lines across, no frame."""
    axes.set_title(title, loc="left", fontsize=10, color=INK, fontweight="bold")
    axes.grid(axis="y", color=RULE, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(QUIET)
    axes.tick_params(colors=QUIET, length=0, labelsize=label_size)


def legend_above(figure: Figure, axes: Sequence[Axes], columns: int = 2) -> None:
    """One legend over all panels, each entry once."""
    entries: dict[str, Artist] = {}
    for each in axes:
        for handle, label in zip(*each.get_legend_handles_labels(), strict=True):
            entries.setdefault(label, handle)
    if entries:
        figure.legend(
            list(entries.values()), list(entries), loc="outside upper center", ncols=columns, frameon=False, fontsize=9,
            handlelength=2.4,
        )  # fmt: skip
