from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from synthboost.errors import ConfigError, DataError
from synthboost.simulator.settings import SimulationSettings
from synthboost.simulator.visibility import QualityRule


def test_a_tenth_validates_a_tenth_tests_and_the_rest_trains() -> None:
    assert SimulationSettings(patients=100).counts == (80, 10, 10)
    assert SimulationSettings(patients=7).counts == (5, 1, 1)
    assert SimulationSettings(patients=2).counts == (2, 0, 0)


def test_counts_can_be_given() -> None:
    assert SimulationSettings(patients=9, split_counts=(4, 2, 3)).counts == (4, 2, 3)


def test_seed_zero_is_a_seed() -> None:
    assert SimulationSettings(seed=0).seed == 0


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("patients", 0),
        ("seed", -1),
        ("quality_strength", -0.1),
        ("size", 8),
        ("spacing_mm", 0.0),
        ("first_patient_number", 0),
        ("split_counts", (1, 1, 1)),
        ("dials", (("gain", float("nan")),)),
        ("dials", (("brightness", 1.0),)),
    ],
)
def test_a_setting_that_cannot_work_is_refused_and_named(field: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=field):
        SimulationSettings(**{field: value})


def read_back(settings: SimulationSettings, **changes: Any) -> SimulationSettings:
    values = {**json.loads(json.dumps(settings.to_json())), **changes}
    return SimulationSettings.from_json(values, Path("simulation.json"))


def test_settings_come_back_from_their_record() -> None:
    assert read_back(SimulationSettings()) == SimulationSettings()
    ruled = SimulationSettings(
        quality_rule=QualityRule.VISIBLE_WALL, phases_between=4, dials=(("gain", 0.5),), calibration=(("wall_mm", 1.0),)
    )
    assert ruled.to_json()["quality_rule"] == "visible-wall"
    assert read_back(ruled) == ruled


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("patients", 1.5), ("patients", True), ("patients", "3"), ("seed", 1e999), ("size", None), ("prior", "mine"),
        ("spacing_mm", float("nan")), ("calibration", [["wall_mm", 1.0]]), ("calibration", {"wall_mm": "1"}),
        ("dials", {"gain": 7}), ("split_counts", [50, 50]), ("brightness", 1),
    ],
)  # fmt: skip
def test_a_record_of_what_cannot_be_is_refused_by_field(field: str, value: Any) -> None:
    with pytest.raises(DataError, match=rf"simulation\.json: settings.*({field}|50|gain)"):
        read_back(SimulationSettings(), **{field: value})
