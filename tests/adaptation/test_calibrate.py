from __future__ import annotations

import math
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from oracle import Oracle

from synthboost.adaptation.calibrate import LEAST_FRAMES, Heart, calibrate, measure_heart, measure_hearts
from synthboost.data.simulated_set import write_dataset
from synthboost.data.source import Source, open_source
from synthboost.domain import Phase, Structure, View
from synthboost.errors import ConfigError, DataError
from synthboost.simulator.anatomy import draw_anatomy
from synthboost.simulator.contours import draw_labels
from synthboost.simulator.priors import PRIORS, PriorName, calibrated
from synthboost.simulator.render import pixel_grid
from synthboost.simulator.settings import SimulationSettings

ED = Phase.END_DIASTOLE
LITERATURE = PRIORS[PriorName.LITERATURE]
HEART = {
    "length": 80.0, "area": 2400.0, "annulus": 30.0, "wall": 10.0, "tilt": 5.0, "apex_depth": 20.0, "apex_lateral": 0.0,
}  # fmt: skip


@pytest.fixture(scope="module")
def hearts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("hearts") / "set"
    write_dataset(root, SimulationSettings(patients=5, size=96, split_counts=(3, 1, 1)))
    return root


@pytest.fixture
def source(hearts: Path) -> Source:
    return open_source(hearts)


def measure(source: Source, oracle: Oracle, patients: int = 10):
    return measure_hearts(oracle, source, patients, "images")  # type: ignore[arg-type]


def test_training_patients_are_measured_as_their_masks_would_be(source: Source) -> None:
    hearts, frames_read = measure(source, Oracle(source.dataset))
    assert (frames_read, sum(map(len, hearts.values()))) == (12, 12)
    frames = [source.dataset.load(info) for info in source.dataset.frames]
    first = next(f for f in frames if f.info.name == "patient0001_4CH_ED")
    assert first.label_map is not None
    expected = measure_heart(first.label_map, first.spacing_mm)
    found = hearts[View.FOUR_CHAMBER, Phase.END_DIASTOLE][0]
    np.testing.assert_allclose(found["area"], expected["area"], rtol=0.01)
    np.testing.assert_allclose(found["tilt"], expected["tilt"], atol=1.0)


def test_the_label_files_may_be_absent(hearts: Path, source: Source, tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    shutil.copytree(hearts, bare)
    for path in bare.rglob("*_gt.nii.gz"):
        path.unlink()
    oracle = Oracle(source.dataset)
    assert measure(open_source(bare), oracle) == measure(source, oracle)


def test_masks_that_could_not_be_a_heart_are_not_measured(source: Source) -> None:
    hearts, frames = measure(source, Oracle(source.dataset, blind_to="patient0002_4CH_ED", unseen=Structure.MYOCARDIUM))
    assert frames == 12
    assert sum(map(len, hearts.values())) < 12
    assert len(hearts[View.FOUR_CHAMBER, Phase.END_DIASTOLE]) == 2


def test_only_so_many_patients_are_used(source: Source) -> None:
    assert measure(source, Oracle(source.dataset), patients=1)[1] == 4


def test_no_patient_at_all_is_refused(source: Source) -> None:
    with pytest.raises(ConfigError, match="patients"):
        measure(source, Oracle(source.dataset), patients=0)


def seen(two: Heart, four: Heart, frames: int = LEAST_FRAMES):
    return {(View.TWO_CHAMBER, ED): [two] * frames, (View.FOUR_CHAMBER, ED): [four] * frames}


def test_equal_hearts_need_no_calibration() -> None:
    assert calibrate(seen(HEART, HEART), seen(HEART, HEART)) == {}
    assert calibrated(LITERATURE, {}) == LITERATURE


def test_sizes_become_factors_and_poses_shifts() -> None:
    # Length 72 of 80 and area 2592 of 2400: 1.08 ** 2 / 0.9 of the volume, and 0.9 of the length at any volume.
    real = {**HEART, "length": 72.0, "area": 2592.0, "annulus": 33.0, "wall": 12.5, "apex_depth": 23.0}
    found = calibrate(seen({**real, "tilt": 8.0}, {**real, "apex_lateral": -4.0}), seen(HEART, HEART))
    assert found["volume"] == pytest.approx(1.296, abs=5e-4)
    assert found["length"] == pytest.approx(0.9 / 1.296 ** (1 / 3), abs=5e-4)
    assert found["annulus"] == 1.1
    assert found["wall_mm"] == 2.5
    assert found["tilt_2ch_deg"] == 3.0
    assert found["apex_depth_mm"] == 3.0
    assert found["apex_4ch_mm"] == -4.0
    assert not found.keys() & {"tilt_4ch_deg", "apex_2ch_mm"}


def test_medians_are_compared_and_a_wild_frame_changes_nothing() -> None:
    wild = {**HEART, "area": 9000.0, "tilt": 80.0}
    real = seen(HEART, HEART, LEAST_FRAMES + 1)
    real[View.TWO_CHAMBER, ED][0] = wild
    assert calibrate(real, seen(HEART, HEART)) == {}


def test_too_few_frames_are_refused() -> None:
    with pytest.raises(DataError, match="simulated"):
        calibrate(seen(HEART, HEART), seen(HEART, HEART, LEAST_FRAMES - 1))


def test_a_calibrated_simulation_shows_what_it_was_calibrated_to() -> None:
    """Masks of a larger, thicker, tilted heart: calibrating to them from the plain prior finds the shifts again."""
    true = {"volume": 1.3, "wall_mm": 3.0, "tilt_4ch_deg": 6.0}
    plain = SimulationSettings(patients=30, size=64, prior=PriorName.LITERATURE)
    found = calibrate(simulated_hearts(replace(plain, calibration=tuple(true.items()))), simulated_hearts(plain))
    assert found["volume"] == pytest.approx(true["volume"], rel=0.15)
    assert found["wall_mm"] == pytest.approx(true["wall_mm"], abs=1.0)
    assert 2.5 < found["tilt_4ch_deg"] < 7.5  # hearts that do not fit the fan are drawn again: one step falls short
    assert abs(found.get("tilt_2ch_deg", 0.0)) < 2.0


def simulated_hearts(settings: SimulationSettings):
    found: dict[tuple[View, Phase], list[Heart]] = {}
    for number in settings.patient_numbers:
        anatomy = draw_anatomy(settings.seed, number, settings.prior_table, settings.preset.half_angles)
        for view in View:
            grid = pixel_grid(anatomy.views[view], settings)
            label_map = draw_labels(anatomy.views[view].contours[ED], grid)
            try:
                found.setdefault((view, ED), []).append(measure_heart(label_map, (grid.spacing_mm, grid.spacing_mm)))
            except DataError:
                continue
    return found


def drawn(right: int = 0) -> NDArray[np.uint8]:
    """A cavity of 40 x 20 pixels, a wall of 5 around it with a tip of 5 x 2 on top, an atrium below; 100 x 80."""
    label_map = np.zeros((100, 80), dtype=np.uint8)
    label_map[15:60, 25 + right : 55 + right] = 2
    label_map[10:15, 39 + right : 41 + right] = 2
    label_map[20:60, 30 + right : 50 + right] = 1
    label_map[60:80, 30 + right : 50 + right] = 3
    return label_map


def test_a_drawn_heart_is_measured() -> None:
    heart = measure_heart(drawn(), (1.0, 1.0))
    assert heart["length"] == pytest.approx(math.hypot(40, 10))  # middle of the base to an upper corner
    assert heart["area"] == 800.0
    assert heart["annulus"] == 14.0  # 20 less what lies within 2 mm of the wall at either end
    assert heart["apex_depth"] == 10.0
    assert heart["apex_lateral"] == -1.0
    assert heart["tilt"] == pytest.approx(math.degrees(math.atan2(1, 50)))
    assert heart["wall"] == pytest.approx(5.0, rel=0.1)


def test_a_spacing_scales_lengths_and_leaves_angles() -> None:
    once, twice = (measure_heart(drawn(), (spacing, spacing)) for spacing in (1.0, 2.0))
    assert twice["length"] == pytest.approx(2 * once["length"])
    assert twice["area"] == 4 * once["area"]
    assert twice["apex_depth"] == 2 * once["apex_depth"]
    assert twice["tilt"] == pytest.approx(once["tilt"])


def test_a_heart_further_right_differs_in_its_place_alone() -> None:
    here, there = measure_heart(drawn(), (1.0, 1.0)), measure_heart(drawn(7), (1.0, 1.0))
    assert there["apex_lateral"] - here["apex_lateral"] == 7.0
    assert (there["length"], there["area"], there["tilt"]) == (here["length"], here["area"], here["tilt"])


def test_a_base_that_lies_to_the_right_is_a_positive_tilt() -> None:
    leaning = drawn()
    leaning[10:15] = np.roll(leaning[10:15], -12, axis=1)  # the outer apex to the left
    assert measure_heart(leaning, (1.0, 1.0))["tilt"] == pytest.approx(math.degrees(math.atan2(13, 50)))


def test_a_heart_upside_down_is_refused() -> None:
    with pytest.raises(DataError, match="upside down"):
        measure_heart(np.ascontiguousarray(drawn()[::-1]), (1.0, 1.0), "patient0001_4CH_ED")


def test_a_map_without_a_wall_is_refused() -> None:
    bare = drawn()
    bare[bare == 2] = 0
    with pytest.raises(DataError, match="myocardium"):
        measure_heart(bare, (1.0, 1.0))
