"""One line that says how a set of rows came out, for the command line."""

from __future__ import annotations

from synthboost.domain import Structure
from synthboost.evaluation.statistics.tests import mean_and_sd
from synthboost.records.rows import Row


def dice_line(rows: list[Row]) -> str:
    """Return e.g. `Dice 87.31 ± 6.02 % over 240 pairs of 20 patients (LV 91.20, MYO 82.51, LA 88.22)`.

    Probes are left out; failed rows are counted.
    """
    own = [row for row in rows if not row.probe]
    scored = [row for row in own if row.dice is not None]
    failed = f"; {len(own) - len(scored)} failed, see rows.csv" if len(scored) < len(own) else ""
    if not scored:
        return f"no pair could be scored{failed}"
    parts = ", ".join(_of_structure(scored, structure) for structure in Structure)
    patients = len({row.patient for row in scored})
    people = f"{patients} patients" if patients > 1 else "1 patient"
    leak = "; the sentences use ground truth" if any(row.uses_ground_truth for row in scored) else ""
    total = mean_and_sd([row.dice for row in scored if row.dice is not None])
    return f"Dice {total} % over {len(scored)} pairs of {people} ({parts}){failed}{leak}"


def _of_structure(rows: list[Row], structure: Structure) -> str:
    values = [row.dice for row in rows if row.structure == structure.short and row.dice is not None]
    return f"{structure.short} {100 * sum(values) / len(values):.2f}" if values else f"{structure.short} -"
