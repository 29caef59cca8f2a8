"""The row: one image x structure, with everything a table or a test may want to group by."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from synthboost.domain import Domain, Phase, Quality, Sex, Structure, View
from synthboost.io.tables import Allowed, frame_of, one_of, read_frame, within, write_frame

if TYPE_CHECKING:  # slow to import, and `predict` does without it
    import pandas as pd

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


class Row(TypedDict):
    """Scores of one predicted mask, and what it was the mask of. Unknown attributes and absent scores are `None`.

    Many rows are a data frame with these columns: words are `str`, counts `Int64`, measures `float64`; what is `None`
    here is missing there.
    """

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
    """Of the training; `None` when it was not recorded."""
    split: str
    part: str
    domain: str
    patient: str
    frame: str
    view: str | None
    phase: str | None
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


_ALLOWED: Allowed = {
    "domain": one_of(Domain),
    "view": one_of(View),
    "phase": one_of(Phase),
    "structure": one_of(structure.short for structure in Structure),
    "quality": one_of(Quality),
    "sex": one_of(Sex),
    "status": one_of(Status),
    "age": within(0, 120),
    "ejection_fraction": within(0, 100),
    **dict.fromkeys(("dice", "iou", "nsd"), within(0, 1)),
    **dict.fromkeys(("real_patients", "paraphrase", "nsd_tolerance_mm", "hd95_mm", "assd_mm"), within(0)),
    **dict.fromkeys(("row_mm", "column_mm", "area_true_mm2", "area_predicted_mm2"), within(0)),
}


def rows_frame(rows: Iterable[Row]) -> pd.DataFrame:
    """Gather rows in a data frame with the columns of `Row`."""
    return frame_of(Row, rows)


def write_rows(path: Path, rows: pd.DataFrame) -> None:
    """Write rows as CSV, whole or not at all; floats keep every digit, what is missing is an empty cell."""
    write_frame(path, Row, rows)


def read_rows(path: Path) -> pd.DataFrame:
    """Read what `write_rows` wrote.

    Raises:
        DataError: the file is absent, its columns are not a row's, or a cell holds what no scoring gives.
    """
    return read_frame(path, Row, _ALLOWED)
