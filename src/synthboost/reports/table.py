"""A table: cells of numbers with their printed form, and the same as Markdown, LaTeX, CSV, HTML and plain text."""

from __future__ import annotations

import csv
import io
import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path
from typing import Any, Literal, NamedTuple

from synthboost.errors import OutputError, printable
from synthboost.evaluation.statistics.bootstrap import Interval
from synthboost.evaluation.statistics.tests import mean_and_sd
from synthboost.io.atomic import output_errors, to_cell, to_read, write_text

NO_VALUE = "–"
NOT_RECORDED = "not recorded"
"""What a table shows where a run's folder is silent."""
MEAN_SD = ("{} mean", "{} sd")
INTERVAL = ("{} low", "{} high")
"""Names in CSV; `{}` is the column's heading."""


class Column(NamedTuple):
    """A heading, and the names in CSV of the numbers a cell holds when it holds more than one, see `MEAN_SD`."""

    heading: str
    parts: tuple[str, ...] = ()
    is_text: bool = False
    """Words are set flush left, numbers flush right."""
    is_shown: bool = True
    """Otherwise it is in CSV alone."""


class Cell(NamedTuple):
    """What is printed, and the unrounded values behind it (as many as there are parts, at least one)."""

    text: str
    values: tuple[float | int | str | None, ...]
    parts: tuple[str, ...] = ()
    is_text: bool = False
    is_shown: bool = True
    """All as of its column."""
    decimals: int | None = None
    """Of the values in CSV; by default seven significant digits, as a p-value needs."""

    @property
    def printable(self) -> Cell:
        """The same without line breaks and without what no terminal shows."""
        values = (printable(value) if isinstance(value, str) else value for value in self.values)
        return self._replace(text=printable(self.text), values=tuple(values))


@dataclass(frozen=True)
class Table:
    """A named table with caption, columns, lines and foot notes."""

    name: str
    """A file name's stem, e.g. `dice`."""
    caption: str
    columns: tuple[Column, ...]
    lines: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()
    inset: frozenset[int] = frozenset()
    """Places of lines that belong to the line above them."""
    fold: Literal["long", "always", "never", "file"] = "long"
    """Whether the page hides the lines behind one to press; `file` is not on the page."""

    @property
    def shown(self) -> Table:
        """Without the columns that hold no value in any line, except the first: what people read."""
        places = [k for k, column in enumerate(self.columns) if column.is_shown]
        kept = [k for k in places if k == places[0] or any(line[k].text not in ("", NO_VALUE) for line in self.lines)]
        lines = tuple(tuple(line[k] for k in kept) for line in self.lines)
        return replace(self, columns=tuple(self.columns[k] for k in kept), lines=lines) if lines else self

    suffixes = ("md", "tex", "csv", "html")
    """Of the files that `write` makes."""

    def write(self, folder: Path) -> None:
        """Write it as Markdown, LaTeX, CSV and HTML.

        Raises:
            OutputError: a file cannot be written.
        """
        for suffix, formatter in zip(self.suffixes, (to_markdown, to_latex, to_csv, to_html), strict=True):
            write_text(folder / f"{self.name}.{suffix}", formatter(self))

    def __post_init__(self) -> None:
        """A line of another length is a programming error."""
        assert all(len(line) == len(self.columns) for line in self.lines), self.name

    @classmethod
    def of(
        cls, name: str, caption: str, lines: Iterable[Mapping[str, Cell]], notes: Iterable[str] = (), **other: Any
    ) -> Table:
        """A table of lines that each map all headings, in one order, to their cells; all words are made printable."""
        known = [{printable(heading): cell.printable for heading, cell in line.items()} for line in lines]
        first = known[0].items() if known else ()
        columns = tuple(Column(heading, cell.parts, cell.is_text, cell.is_shown) for heading, cell in first)
        assert all([*line] == [column.heading for column in columns] for line in known), name
        cells = tuple(tuple(line.values()) for line in known)
        return cls(name, printable(caption), columns, cells, tuple(map(printable, notes)), **other)


def words(text: object) -> Cell:
    """A cell of words."""
    return Cell(str(text), (str(text),), is_text=True)


def unshown(text: str) -> Cell:
    """Words for CSV alone, where the caption says them to people."""
    return Cell(text, (text,), is_text=True, is_shown=False)


def digits(text: str) -> Cell:
    """A number that is words already."""
    return Cell(text, (text,))


def named(headings: Iterable[str], texts: Iterable[object]) -> dict[str, Cell]:
    """Cells of words by their headings."""
    return {heading: words(text) for heading, text in zip(headings, texts, strict=True)}


def count(number: int) -> Cell:
    """A whole number with thousands separated by commas."""
    return Cell(f"{number:,}", (number,))


def number(value: float, decimals: int = 2, scale: float = 1.0, sign: bool = False) -> Cell:
    """One number; `scale` 100 prints a fraction in percent."""
    return Cell(fixed(scale * value, decimals, sign), (scale * value,), decimals=decimals)


def signed(value: float, decimals: int = 2, scale: float = 1.0) -> Cell:
    """One number with its sign."""
    return number(value, decimals, scale, sign=True)


def mean_sd(values: Sequence[float], decimals: int = 2, scale: float = 1.0, otherwise: str = NO_VALUE) -> Cell:
    """Mean and sample standard deviation (ddof = 1) as arXiv 2309.12829 prints them; one value has no deviation."""
    if not values:
        return absent(MEAN_SD, otherwise)
    mean, sd = mean_and_sd(values)
    return spread_cell(scale * mean, None if sd is None else scale * sd, decimals)


def spread_cell(mean: float, sd: float | None, decimals: int = 2) -> Cell:
    """A mean and the standard deviation around it, if there is one."""
    text = f"{fixed(mean, decimals)} ± {NO_VALUE if sd is None else fixed(sd, decimals)}"
    return Cell(text, (mean, sd), MEAN_SD, decimals=decimals)


def interval(found: Interval | tuple[float, float] | None, scale: float = 1.0, sign: bool = False) -> Cell:
    """An interval from low to high, or a dash where none can be formed."""
    if found is None:
        return absent(INTERVAL)
    low, high = (scale * bound for bound in (found if isinstance(found, tuple) else (found.low, found.high)))
    return Cell(f"{fixed(low, 2, sign)} to {fixed(high, 2, sign)}", (low, high), INTERVAL, decimals=2)


def absent(parts: Sequence[str] = (), text: str = NO_VALUE) -> Cell:
    """A cell without a value."""
    return Cell(text, (None,) * max(1, len(parts)), tuple(parts))


def fixed(value: float, decimals: int, sign: bool = False) -> str:
    """A number with a true minus sign and no negative zero."""
    text = f"{value:{'+' if sign else ''}.{decimals}f}"
    if float(text) == 0:
        return text.lstrip("+-")
    return text.replace("-", "−")


SORTABLE = 6
"""Lines from which the page sorts a table by a press on a heading; of fewer everything is seen at once (a guess)."""
LONG_TEXT = 40
"""Characters from which a cell of words is set wide, so that it does not become a tower on a narrow screen."""
MANY_COLUMNS = 8
"""From which a LaTeX table is set in small type: so many cells of mean ± SD do not fit on A4."""
LISTING = ".synthboost-files"
"""Lists the files of a folder that a report or a comparison wrote: those it may overwrite."""
TEXT_WIDTH = 100
"""Characters to a line of prose in a terminal."""

_LATEX_CHARACTERS = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "“": "``", "”": "''", "±": r"$\pm$", "−": "$-$", "–": "--", "†": r"$\dagger$", "→": r"$\to$", "×": r"$\times$",
    "≥": r"$\geq$", "≤": r"$\leq$", "…": r"\dots{}",
}  # fmt: skip


def to_markdown(table: Table) -> str:
    """A pipe table under its caption in bold, notes below."""
    table = table.shown
    lines = [
        markdown_line([column.heading for column in table.columns]),
        markdown_line(["---" if column.is_text else "---:" for column in table.columns]),
        *(markdown_line([cell.text for cell in line]) for line in table.lines),
    ]
    paragraphs = [f"**{markdown_text(table.caption)}**", "\n".join(lines), *map(markdown_text, table.notes)]
    return "\n\n".join(paragraphs) + "\n"


def to_latex(table: Table) -> str:
    r"""A `table` environment that needs the packages booktabs and graphicx.

    A table of many columns is set in small type, and whatever is still wider than the text is scaled to its width.
    """
    table = table.shown
    small = [r"\scriptsize", r"\setlength{\tabcolsep}{3pt}"] if len(table.columns) >= MANY_COLUMNS else []
    alignment = "".join("l" if column.is_text else "r" for column in table.columns)
    body = [" & ".join(latex_text(cell.text) for cell in line) + r" \\" for line in table.lines]
    return "\n".join(
        [
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{latex_text(table.caption)}}}",
            rf"\label{{tab:{table.name}}}",
            *small,
            r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%",
            rf"\begin{{tabular}}{{{alignment}}}",
            r"\toprule",
            " & ".join(latex_text(column.heading) for column in table.columns) + r" \\",
            r"\midrule",
            *body,
            r"\bottomrule",
            r"\end{tabular}}",
            *(rf"\par\smallskip {{\footnotesize {latex_text(note)}}}" for note in table.notes),
            r"\end{table}",
            "",
        ]
    )


def to_csv(table: Table) -> str:
    """Values with the decimals that are printed, one column per part; caption and notes are left to other formats."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(to_cell(name) for column in table.columns for name in _part_names(column))
    for line in table.lines:
        writer.writerow(to_cell(value) for cell in line for value in _rounded(cell))
    return stream.getvalue()


def to_html(table: Table) -> str:
    """A captioned table; the first column heads its line; everything is escaped."""
    table = table.shown
    sortable = "" if table.inset or len(table.lines) < SORTABLE else ' class="sortable"'
    label = f"caption-{escape(table.name)}"
    head = "".join(f'<th scope="col"{_class(column)}>{escape(column.heading)}</th>' for column in table.columns)
    inset = ("", ' class="inset"')
    body = "\n".join(
        f"<tr{inset[place in table.inset]}>{_html_line(table.columns, line)}</tr>"
        for place, line in enumerate(table.lines)
    )
    notes = "".join(f'<p class="note">{escape(note)}</p>' for note in table.notes)
    # The caption stands outside of what scrolls, so that it can be read whole on a narrow screen.
    return (
        f'<div class="table">\n<p class="caption" id="{label}">{escape(table.caption)}</p>\n'
        f'<div class="scroll" role="region" aria-labelledby="{label}" tabindex="0">\n'
        f'<table{sortable} aria-labelledby="{label}">\n<thead><tr>{head}</tr></thead>\n'
        f"<tbody>\n{body}\n</tbody>\n</table>\n</div>\n</div>\n{notes}"
    )


def to_text(table: Table) -> str:
    """Lines for a terminal: aligned columns, the caption above, the notes below."""
    table = table.shown
    lines = [[column.heading for column in table.columns], *([cell.text for cell in line] for line in table.lines)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    texts = []
    for line in lines:
        cells = zip(line, widths, table.columns, strict=True)
        aligned = (text.ljust(width) if column.is_text else text.rjust(width) for text, width, column in cells)
        texts.append("  ".join(aligned).rstrip())
    return "\n".join([_wrapped(table.caption), "", *texts, *(f"\n{_wrapped(note)}" for note in table.notes)]) + "\n"


def write_tables(folder: Path, tables: Sequence[Table]) -> None:
    """Write tables into a folder that may hold other files.

    Raises:
        OutputError: one of other origin is in the way, or a file cannot be written.
    """
    claim_files(folder, (f"{table.name}.{suffix}" for table in tables for suffix in Table.suffixes))
    for table in tables:
        table.write(folder)


def claim_files(folder: Path, names: Iterable[str]) -> None:
    """List files of a folder as ours, before they are written.

    Raises:
        OutputError: one exists and is not listed, so it is somebody else's; or the list cannot be written.
    """
    listing, wanted = folder / LISTING, set(names)
    with output_errors(folder):
        ours = set(listing.read_text(encoding="utf-8").splitlines()) if listing.is_file() else set()
    for name in sorted(wanted - ours):
        if (folder / name).exists():
            raise OutputError(
                folder / name, "file", "not written by a report", "a name that is free", "Choose another folder."
            )
    write_text(listing, "".join(f"{name}\n" for name in sorted(ours | wanted)))


def latex_text(text: str) -> str:
    """Text with LaTeX's special characters spelled out; a straight quote opens after a space, a bracket or nothing."""
    paired = re.sub(r'(?<![^\s(\[“])"(?=\S)', "“", text).replace('"', "”")
    return "".join(_LATEX_CHARACTERS.get(character, character) for character in paired)


def _wrapped(text: str) -> str:
    return textwrap.fill(text, TEXT_WIDTH, break_on_hyphens=False, break_long_words=False)


def markdown_line(cells: Sequence[str]) -> str:
    """A line of a table; the cells mean themselves."""
    return f"| {' | '.join(markdown_text(cell) for cell in cells)} |"


def markdown_text(text: str) -> str:
    """One line in which everything that Markdown or HTML would read as its own means itself."""
    plain = re.sub(r"&(?=#?\w+;)", "&amp;", printable(text)).replace("<", "&lt;")
    return re.sub(r"([\\|*`]|\](?=[(\[]))", r"\\\1", plain)


def _part_names(column: Column) -> list[str]:
    return [part.format(column.heading) for part in column.parts] or [column.heading]


def _rounded(cell: Cell) -> list[object]:
    if cell.decimals is None:
        return [to_read(value) for value in cell.values]
    # Adding zero makes a negative zero a positive one.
    return [round(v, cell.decimals) + 0.0 if isinstance(v, float) else v for v in cell.values]


def _html_line(columns: tuple[Column, ...], line: tuple[Cell, ...]) -> str:
    first, *others = zip(columns, line, strict=True)
    cells = [f'<th scope="row"{_class(*first)}{_value(first[1])}>{escape(first[1].text)}</th>']
    cells += [f"<td{_class(column, cell)}{_value(cell)}>{escape(cell.text)}</td>" for column, cell in others]
    return "".join(cells)


def _value(cell: Cell) -> str:
    """The number by which a table is sorted."""
    value = cell.values[0]
    return "" if cell.is_text or not isinstance(value, float | int) else f' data-value="{value:.6g}"'


def _class(column: Column, cell: Cell | None = None) -> str:
    if not column.is_text:
        return ""
    return ' class="words long"' if cell is not None and len(cell.text) > LONG_TEXT else ' class="words"'
