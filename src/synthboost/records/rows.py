"""The row: one image x structure, with everything a table or a test may want to group by."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from pathlib import Path

import numpy as np

from synthboost.errors import DataError
from synthboost.files import write_csv

RANDOM_WEIGHTS = "random weights"
"""The `encoders` of a zero-shot run whose model was never trained by anybody."""
NOTHING_TRAINED = "none"
"""The `encoders` of a zero-shot run with pretrained weights, and of a baseline."""


TINY_SHARE = 0.0005
"""Share of the image (0.05 %) below which a true mask is `tiny`: there one pixel moves Dice by percents."""


class Status(StrEnum):
    """How the scoring of a row went; only `failed` rows carry no scores."""

    OK = "ok"
    TINY = "tiny"
    """Scored, but the true mask covers less than `TINY_SHARE` of the image, where Dice is unstable."""
    EMPTY_PREDICTION = "empty_pred"
    EMPTY_TRUTH = "empty_gt"
    BOTH_EMPTY = "both_empty"
    FAILED = "failed"


@dataclass(frozen=True)
class Row:
    """Scores of one predicted mask, and what it was the mask of. Unknown attributes and absent scores are `None`."""

    run: str
    model: str
    strategy: str
    encoders: str
    """`trained`, `frozen`; `none` when nothing was trained, `random weights` when nothing ever was."""
    synthetic: str
    """The domains of the synthetic images that took part in training, e.g. `diffusion`; empty when none did."""
    real_patients: int | None
    """Real patients that took part in training; `None` when none did."""
    prompt_set: str
    paraphrase: int | None
    sentence: str
    uses_ground_truth: bool
    """The sentence contains a word derived from the true mask."""
    probe: str
    """Empty for the ordinary score; `swapped` when the sentence named another structure on purpose."""
    seed: int | None
    """Of the training; `None` when nobody recorded it."""
    split: str
    part: str
    domain: str
    patient: str
    frame: str
    view: str
    phase: str
    structure: str
    quality: str | None
    sex: str | None
    age: int | None
    ejection_fraction: float | None
    grid: str
    """`native`, or `HxW` when image and mask were resampled before scoring."""
    row_mm: float | None
    column_mm: float | None
    """Spacing of the grid that was scored on; `None` when it is not known."""
    status: str
    reason: str
    """Why a row failed; empty otherwise."""
    dice: float | None
    iou: float | None
    nsd: float | None
    nsd_tolerance_mm: float | None
    """`None` where there is no NSD at all."""
    hd95_mm: float | None
    assd_mm: float | None
    area_true_mm2: float | None
    area_predicted_mm2: float | None


ROW_COLUMNS: tuple[str, ...] = tuple(field.name for field in fields(Row))
_QUOTED = ("=", "+", "-", "@", "\t", "\r", "'")
"""Beginnings that get an apostrophe: a spreadsheet would run the cell as a formula, or take the apostrophe away."""
_TYPES = {field.name: str(field.type) for field in fields(Row)}


def write_rows(path: Path, rows: Iterable[Row]) -> None:
    """Write rows as CSV, whole or not at all; floats keep every digit, `None` is an empty cell."""
    write_csv(path, ROW_COLUMNS, ({k: _to_cell(v) for k, v in asdict(row).items()} for row in rows))


def read_rows(path: Path) -> list[Row]:
    """Read what `write_rows` wrote.

    Raises:
        DataError: the file is absent, its columns are not a row's, or a cell does not parse.
    """
    try:
        with path.open(encoding="utf-8", newline="") as handle:
            reader = csv.DictReader(handle)
            header = tuple(reader.fieldnames or ())
            if header != ROW_COLUMNS:
                odd = sorted(set(header) ^ set(ROW_COLUMNS))
                raise DataError(path, "columns", odd, "the columns of a rows.csv of this version")
            return [_parse(path, line, cells) for line, cells in enumerate(reader, start=2)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(path, "file", error, "a readable rows.csv") from error


def _to_cell(value: object) -> object:
    if value is None:
        return ""
    if isinstance(value, float | np.floating):
        assert not math.isnan(value), "an absent score is None; NaN could not be read back"
        return repr(float(value))
    if isinstance(value, str) and value.startswith(_QUOTED):
        return "'" + value
    return value


def _parse(path: Path, line: int, cells: dict[str, str]) -> Row:
    if None in cells or None in cells.values():
        raise DataError(f"{path}:{line}", "cells", "too many or too few", f"{len(ROW_COLUMNS)} cells")
    values: dict[str, object] = {}
    for name, cell in cells.items():
        kind = _TYPES[name]
        try:
            values[name] = _from_cell(cell, kind)
        except ValueError:
            raise DataError(f"{path}:{line}", name, repr(cell), f"a value of type {kind}") from None
    return Row(**values)  # type: ignore[arg-type]


def _from_cell(cell: str, kind: str) -> object:
    if kind.endswith("| None") and cell == "":
        return None
    if kind.startswith("bool"):
        return {"True": True, "False": False}[cell] if cell in ("True", "False") else _refuse(cell)
    if kind.startswith("int"):
        return int(cell)
    if kind.startswith("float"):
        number = float(cell)
        return _refuse(cell) if math.isnan(number) else number
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(_QUOTED) else cell


def _refuse(cell: str) -> object:
    raise ValueError(cell)
