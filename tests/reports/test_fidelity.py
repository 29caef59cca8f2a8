"""The main lines of a fidelity report: distances with their floor, the largest gaps, copies; other files refused."""

from __future__ import annotations

import pytest

from synthboost.errors import DataError
from synthboost.reports.fidelity import fidelity_tables

FLOORED = {"value": 3.0, "low": 2.0, "high": 4.0, "floor": 1.0, "floor_low": 0.5, "floor_high": 1.5, "images": 40}
MEAN = {"mean": 0.9, "low": 0.85, "high": 0.95}
REPORT = {
    "n_real": 1200, "n_synthetic": 40, "real_patients": 20, "reference": "held-out", "size": [128, 128],
    "synthetic_patients": 5, "left_out": [1, 2], "settings": {"seed": 0, "dynamic_range_db": 60.0},
    "frechet_by_region": {"LV": FLOORED}, "frechet": FLOORED,
    "kernel_floor": FLOORED, "density": FLOORED, "coverage": FLOORED,
    "kernel": {"value": 0.1, "low": -0.1, "high": 0.3}, "learned_frechet": FLOORED | {"value": 1.25},
    "learned_kernel": None,
    "speckle": [
        {"region": "LV", "statistic": "grain_rows", "gap": g, "real": MEAN, "synthetic": MEAN}
        for g in (0.1, -2.0, 0.3, 1.0, 0.2)
    ],
    "memorisation": {"pixels 16 x 16": {"ratio": 0.98, "suspects": [], "near_share": 0.1, "p_value": 0.5}},
    "consistency": {"LV": MEAN},
}  # fmt: skip


def test_distances_stand_beside_their_floor_and_what_the_images_learned_from_reach():
    table = fidelity_tables("sdm", REPORT)[0]
    assert [cell.text for cell in table.lines[0]][1:] == [
        "3.00 [2.00, 4.00]", "1.00 [0.50, 1.50]", "1.25 [2.00, 4.00]",
    ]  # fmt: skip
    assert "40 synthetic images against 1,200 held-out real images of 20 patients at 128 x 128 px" in table.caption
    assert table.name == "fidelity_1"


def test_the_largest_gaps_come_first_and_copies_are_counted():
    texts = [[cell.text for cell in line[:2]] for line in fidelity_tables("sdm", REPORT)[0].lines]
    gaps = [value for name, value in texts if "gaps in texture" in name]
    assert gaps == ["−2.00 SD", "+1.00 SD", "+0.30 SD", "+0.20 SD"]
    assert [value for name, value in texts if name.startswith("copies")] == ["0.98, 0 suspects"]
    assert [value for name, value in texts if name.startswith("mask consistency, LV")] == ["0.90 [0.85, 0.95]"]


@pytest.mark.parametrize("broken", [{}, {**REPORT, "frechet": 3}, {**REPORT, "speckle": [{}]}])
def test_another_file_is_refused(broken):
    with pytest.raises(DataError, match=r"fidelity\.json"):
        fidelity_tables("sdm", broken)
