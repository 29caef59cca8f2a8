"""Tables: cells of numbers with their printed form, independent of the format they end up in."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

NO_VALUE = "–"
NOT_RECORDED = "not recorded"
"""What a table shows where a run's folder is silent."""
MEAN_SD = ("mean", "sd")
INTERVAL = ("low", "high")


class Column(NamedTuple):
    """A heading, and the names of the numbers a cell holds when it holds more than one (`mean`, `sd`)."""

    heading: str
    parts: tuple[str, ...] = ()
    is_text: bool = False
    """Words are set flush left, numbers flush right."""


class Cell(NamedTuple):
    """What is printed, and the unrounded values behind it (as many as the column has parts, at least one)."""

    text: str
    values: tuple[float | int | str | None, ...]


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

    def __post_init__(self) -> None:
        """A line of another length is a programming error."""
        assert all(len(line) == len(self.columns) for line in self.lines), self.name


def text_columns(*headings: str) -> tuple[Column, ...]:
    """Columns of words."""
    return tuple(Column(heading, is_text=True) for heading in headings)


def words(text: object) -> Cell:
    """A cell of words."""
    return Cell(str(text), (str(text),))


def count(number: int) -> Cell:
    """A whole number with thousands separated by commas."""
    return Cell(f"{number:,}", (number,))


def number(value: float, decimals: int = 2, scale: float = 1.0, sign: bool = False) -> Cell:
    """One number; `scale` 100 prints a fraction in percent."""
    return Cell(fixed(scale * value, decimals, sign), (scale * value,))


def signed(value: float, decimals: int = 2, scale: float = 1.0) -> Cell:
    """One number with its sign."""
    return number(value, decimals, scale, sign=True)


def mean_sd(values: Sequence[float], decimals: int = 2, scale: float = 1.0, otherwise: str = NO_VALUE) -> Cell:
    """Mean and sample standard deviation (ddof = 1) as arXiv 2309.12829 prints them; one value has no deviation."""
    if not values:
        return absent(MEAN_SD, otherwise)
    mean, deviation = moments(values)
    if deviation is None:
        return Cell(f"{fixed(scale * mean, decimals)} ± {NO_VALUE}", (scale * mean, None))
    text = f"{fixed(scale * mean, decimals)} ± {fixed(scale * deviation, decimals)}"
    return Cell(text, (scale * mean, scale * deviation))


def interval(bounds: tuple[float, float] | None, decimals: int = 2, scale: float = 1.0, sign: bool = False) -> Cell:
    """An interval from low to high, or a dash where none can be formed."""
    if bounds is None:
        return absent(INTERVAL)
    low, high = (scale * bound for bound in bounds)
    return Cell(f"{fixed(low, decimals, sign)} to {fixed(high, decimals, sign)}", (low, high))


def absent(parts: Sequence[str] = (), text: str = NO_VALUE) -> Cell:
    """A cell without a value."""
    return Cell(text, (None,) * max(1, len(parts)))


def moments(values: Sequence[float]) -> tuple[float, float | None]:
    """Mean and sample standard deviation (ddof = 1), the latter `None` for a single value; `values` not empty."""
    mean = math.fsum(values) / len(values)
    if len(values) == 1:
        return mean, None
    return mean, math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1))


def fixed(value: float, decimals: int, sign: bool = False) -> str:
    """A number with a true minus sign and no negative zero."""
    text = f"{value:{'+' if sign else ''}.{decimals}f}"
    if float(text) == 0:
        return text.lstrip("+-")
    return text.replace("-", "−")
