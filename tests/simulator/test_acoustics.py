from __future__ import annotations

import numpy as np
import pytest

from synthboost.domain import Quality
from synthboost.simulator.acoustics import envelope_decibel, point_spread, to_grey
from synthboost.simulator.appearance import APPEARANCES, Acquisition, AppearanceName, draw_acquisition
from synthboost.simulator.fan import Fan, PolarGrid
from synthboost.simulator.priors import stream
from synthboost.simulator.texture import Canvas

GRID = PolarGrid(Fan(37.5, 140.0), step_mm=0.2, step_rad=float(np.deg2rad(0.29)))


@pytest.fixture
def scanner() -> Acquisition:
    return draw_acquisition(stream(0, 0, "acquisition"), APPEARANCES[AppearanceName.CLEAN], Quality.GOOD, 1.0)


def _energy(scanner: Acquisition, blood: float) -> np.ndarray:
    """Squared envelope of a uniform medium, between 50 and 110 mm."""
    canvas = Canvas(GRID, stream(0, 0, "speckle"))
    flat = np.zeros(GRID.shape, dtype=np.float32)
    decibel = envelope_decibel(canvas, flat, flat + np.float32(blood), flat, scanner, stream(0, 0, "shared"))
    return np.asarray(10.0 ** (decibel[250:550, 20:-20] / 10.0))


def _nakagami(energy: np.ndarray) -> float:
    return float(energy.mean() ** 2 / energy.var())


def test_speckle_of_blood_is_fully_developed(scanner: Acquisition) -> None:
    assert 0.8 < _nakagami(_energy(scanner, blood=1.0)) < 1.3


def test_tissue_has_brighter_grains_than_fully_developed_speckle(scanner: Acquisition) -> None:
    assert _nakagami(_energy(scanner, blood=0.0)) < _nakagami(_energy(scanner, blood=1.0))


def test_a_point_is_blurred_to_the_width_of_the_pulse(scanner: Acquisition) -> None:
    point = np.zeros(GRID.shape, dtype=np.complex64)
    point[350, 130] = 1.0
    spread = np.abs(point_spread(point, GRID, scanner, skirt=False))
    axial = spread[:, 130] / spread.max()
    # Vendor A: 0.75 mm at half maximum is 3.75 samples of 0.2 mm; 1.875 to either side.
    assert axial[350 + 1] > 0.5 > axial[350 + 2]
    assert spread.argmax() == np.ravel_multi_index((350, 130), GRID.shape)


def test_blurring_keeps_the_mean_energy_of_noise(scanner: Acquisition) -> None:
    rng = stream(1, 0, "noise")
    noise = (rng.standard_normal(GRID.shape) + 1j * rng.standard_normal(GRID.shape)).astype(np.complex64)
    after = point_spread(noise, GRID, scanner, skirt=False)
    assert np.mean(np.abs(after[100:600]) ** 2) == pytest.approx(np.mean(np.abs(noise) ** 2), rel=0.08)


def test_grey_levels_rise_with_the_echo_and_stay_between_0_and_1(scanner: Acquisition) -> None:
    ramp = np.linspace(-60.0, 0.0, GRID.shape[0], dtype=np.float32)[:, None] * np.ones(GRID.shape, dtype=np.float32)
    grey = to_grey(ramp, GRID, scanner)
    assert grey.min() >= 0.0
    assert grey.max() <= 1.0
    assert (np.diff(grey[:, 50]) >= -1e-6).all()
    # 95th percentile of the ramp is put at the operator's grey, then the gamma acts.
    assert np.percentile(grey, 95) == pytest.approx(scanner.high**scanner.gamma, abs=0.01)
