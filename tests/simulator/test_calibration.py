from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from synthboost.data import open_dataset
from synthboost.data.simulated_set import settings_of, write_dataset
from synthboost.domain import Sex, View
from synthboost.errors import ConfigError
from synthboost.simulator.calibration import Calibration
from synthboost.simulator.priors import PRIORS, Diagnosis, PriorName
from synthboost.simulator.settings import SimulationSettings

LITERATURE = PRIORS[PriorName.LITERATURE]


def test_a_prior_is_shifted_where_the_calibration_says() -> None:
    shifted = Calibration(volume=0.5, annulus=1.2, wall_mm=1.0, tilt_4ch_deg=4.0, apex_2ch_mm=-3.0).shift(LITERATURE)
    assert shifted.volume_scale == 0.5
    assert shifted.annulus[Sex.MALE] == pytest.approx(1.2 * 31.0)
    assert shifted.wall[Sex.FEMALE] == pytest.approx(9.3)
    assert shifted.tilt == {View.FOUR_CHAMBER: 11.0, View.TWO_CHAMBER: 1.0}
    assert shifted.apex_lateral[View.TWO_CHAMBER] == -3.0
    assert shifted.length_factor[Diagnosis.DILATED] == LITERATURE.length_factor[Diagnosis.DILATED]


def test_one_calibration_after_another_multiplies_and_adds() -> None:
    both = Calibration(volume=0.8, wall_mm=1.0).then(Calibration(volume=0.5, wall_mm=0.5, tilt_2ch_deg=2.0))
    assert both == Calibration(volume=0.4, wall_mm=1.5, tilt_2ch_deg=2.0)


def test_items_there_and_back() -> None:
    calibration = Calibration(volume=0.9, apex_4ch_mm=-2.5)
    assert calibration.items == (("volume", 0.9), ("apex_4ch_mm", -2.5))
    assert Calibration.of_items(calibration.items) == calibration


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
    every = Calibration(0.95, 1.03, 1.05, -0.6, 4.3, 4.8, -2.1, -0.5, -1.4)
    plain = SimulationSettings(patients=3, size=48, prior=PriorName.LITERATURE)
    patients = []
    for name, settings in (("plain", plain), ("calibrated", replace(plain, calibration=every.items))):
        write_dataset(tmp_path / name, settings)
        patients.append(set(open_dataset(tmp_path / name).patients))
    assert not patients[0] & patients[1]
    assert settings_of(tmp_path / "calibrated").calibration == every.items
