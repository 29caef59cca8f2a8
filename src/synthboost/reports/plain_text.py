"""A table for a terminal: aligned columns, the caption above, the notes below."""

from __future__ import annotations

import textwrap

from synthboost.reports.cells import Table

WIDTH = 100
"""Characters to a line of prose."""


def to_text(table: Table) -> str:
    """The table as lines of text; words stand to the left, numbers to the right."""
    lines = [[column.heading for column in table.columns], *([cell.text for cell in line] for line in table.lines)]
    widths = [max(len(line[place]) for line in lines) for place in range(len(table.columns))]
    texts = []
    for line in lines:
        cells = zip(line, widths, table.columns, strict=True)
        aligned = (text.ljust(width) if column.is_text else text.rjust(width) for text, width, column in cells)
        texts.append("  ".join(aligned).rstrip())
    return "\n".join([_wrapped(table.caption), "", *texts, *(f"\n{_wrapped(note)}" for note in table.notes)]) + "\n"


def _wrapped(text: str) -> str:
    return textwrap.fill(text, WIDTH, break_on_hyphens=False, break_long_words=False)
