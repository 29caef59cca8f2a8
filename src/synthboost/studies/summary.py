"""One line that says how a set of rows came out, for the command line."""

from __future__ import annotations

import pandas as pd

from synthboost.domain import Structure
from synthboost.evaluation.statistics.tests import mean_and_sd


def dice_line(rows: pd.DataFrame) -> str:
    """Return e.g. `Dice 87.31 ± 6.02 % over 240 pairs of 20 patients (LV 91.20, MYO 82.51, LA 88.22)`.

    Probes are left out; failed rows are counted.
    """
    own = rows[rows.probe == ""]
    scored = own[own.dice.notna()]
    failed = f"; {len(own) - len(scored)} failed, see rows.csv" if len(scored) < len(own) else ""
    if scored.empty:
        return f"no pair could be scored{failed}"
    percent = 100 * scored.groupby("structure").dice.mean()
    parts = ", ".join(f"{s.short} {percent[s.short]:.2f}" if s.short in percent else f"{s.short} -" for s in Structure)
    patients = scored.patient.nunique()
    people = f"{patients} patients" if patients > 1 else "1 patient"
    leak = "; the sentences use ground truth" if scored.uses_ground_truth.any() else ""
    return f"Dice {mean_and_sd(scored.dice)} % over {len(scored)} pairs of {people} ({parts}){failed}{leak}"
