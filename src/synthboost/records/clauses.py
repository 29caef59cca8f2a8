"""`clauses.csv`: what a model draws when clauses of a sentence are left out, or wrong."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from synthboost.domain import Structure
from synthboost.io.tables import Allowed, one_of, read_frame, within

if TYPE_CHECKING:  # as in `rows`
    import pandas as pd

SUBSET = "subset"
"""The probe of a sentence that is right, and says some of the clauses."""


class ClauseRow(TypedDict):
    """One sentence about one structure of one frame. Masks are compared at the model's own resolution."""

    patient: str
    frame: str
    structure: str
    probe: str
    """`subset`, or what is wrong with the sentence: `wrong view`."""
    said: str
    """Of a `subset`: the clauses it was to have, e.g. `structure view`; what is not known of the frame is not there."""
    sentence: str
    named: str
    """The structure that the sentence names; empty if none."""
    dice: float
    """0-1, against the true mask of `structure`."""
    dice_named: float | None
    """0-1, against the true mask of the structure `named`."""
    unmoved: float
    """Dice (0-1) between this mask and the one that the right sentence draws: 1 if nothing moves."""


_ALLOWED: Allowed = {
    "structure": one_of(structure.short for structure in Structure),
    **dict.fromkeys(("dice", "dice_named", "unmoved"), within(0, 1)),
}


def read_clauses(path: Path) -> pd.DataFrame:
    """Read `clauses.csv`.

    Raises:
        DataError: the file is absent, its columns are others, or a cell does not parse.
    """
    return read_frame(path, ClauseRow, _ALLOWED)
