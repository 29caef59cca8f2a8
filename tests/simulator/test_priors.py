from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from synthboost.data import open_dataset
from synthboost.data.simulated_set import settings_of, write_dataset
from synthboost.errors import ConfigError
from synthboost.simulator.priors import (
    CALIBRATION,
    PRIORS,
    PriorName,
    calibrated,
    calibration_of,
    one_after_another,
    stream,
    truncated_normal,
)
from synthboost.simulator.settings import SimulationSettings

LITERATURE = PRIORS[PriorName.LITERATURE]


def test_a_stream_is_repeatable_and_differs_by_seed_patient_and_name() -> None:
    first = stream(7, 12, "pose", "4CH").random(3)
    assert np.array_equal(first, stream(7, 12, "pose", "4CH").random(3))
    for other in (stream(8, 12, "pose", "4CH"), stream(7, 13, "pose", "4CH"), stream(7, 12, "pose", "2CH")):
        assert not np.array_equal(first, other.random(3))


def test_truncated_draws_stay_in_bounds_without_a_heap_at_the_ends() -> None:
    rng = stream(0, 0, "test")
    draws = np.array([truncated_normal(rng, 0.0, 1.0, -1.0, 1.0) for _ in range(200)])
    assert np.abs(draws).max() < 1.0
    # Sd of a standard normal cut at +-1 is 0.54.
    assert draws.std() == pytest.approx(0.54, abs=0.06)


def test_a_prior_is_shifted_where_the_calibration_says() -> None:
    shifted = calibrated(
        LITERATURE, {"volume": 0.5, "annulus": 1.2, "wall_mm": 1.0, "tilt_4ch_deg": 4.0, "apex_2ch_mm": -3.0}
    ).mean
    assert shifted["volume"] == 0.5 * LITERATURE.mean["volume"]
    assert shifted["annulus M"] == pytest.approx(1.2 * 31.0)
    assert shifted["wall F"] == pytest.approx(9.3)
    assert (shifted["tilt 4CH"], shifted["tilt 2CH"]) == (11.0, 1.0)
    assert shifted["apex_lateral 2CH"] == -3.0
    assert shifted["length_factor dilated"] == LITERATURE.mean["length_factor dilated"]
    assert shifted["annulus_systolic"] == LITERATURE.mean["annulus_systolic"]


def test_one_calibration_after_another_multiplies_and_adds() -> None:
    both = one_after_another({"volume": 0.8, "wall_mm": 1.0}, {"volume": 0.5, "wall_mm": 0.5, "tilt_2ch_deg": 2.0})
    assert both == {"volume": 0.4, "wall_mm": 1.5, "tilt_2ch_deg": 2.0}


def test_what_changes_nothing_is_no_part_of_a_calibration() -> None:
    found = calibration_of([("apex_4ch_mm", -2.5), ("length", 1.0), ("volume", 0.9), ("wall_mm", 0.0)])
    assert list(found.items()) == [("volume", 0.9), ("apex_4ch_mm", -2.5)]


@pytest.mark.parametrize(
    ("items", "said"),
    [
        ((("size", 1.0),), "size"),
        ((("volume", 9.0),), "0.4 to 2.5"),
        ((("volume", 0.9), ("volume", 0.8)), "each name once"),
        ((("wall_mm", float("nan")),), "wall_mm"),
    ],
)
def test_a_calibration_that_cannot_be_is_refused(items: tuple[tuple[str, float], ...], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        SimulationSettings(calibration=items)


def test_a_calibrated_set_is_read_and_shows_other_people_than_the_plain_one(tmp_path: Path) -> None:
    every = tuple(zip(CALIBRATION, (0.95, 1.03, 1.05, -0.6, 4.3, 4.8, -2.1, -0.5, -1.4), strict=True))
    plain = SimulationSettings(patients=3, size=48, prior=PriorName.LITERATURE)
    patients = []
    for name, settings in (("plain", plain), ("calibrated", replace(plain, calibration=every))):
        write_dataset(tmp_path / name, settings)
        patients.append(set(open_dataset(tmp_path / name).patients))
    assert not patients[0] & patients[1]
    assert settings_of(tmp_path / "calibrated").calibration == every
