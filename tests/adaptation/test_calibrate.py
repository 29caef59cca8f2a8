from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from oracle import Oracle

from synthboost.adaptation.calibrate import measure_hearts
from synthboost.data.simulated_set import write_dataset
from synthboost.data.source import Source, open_source
from synthboost.domain import Phase, Structure, View
from synthboost.errors import ConfigError
from synthboost.simulator.calibration import measure_heart
from synthboost.simulator.settings import SimulationSettings


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
    measured = measure(source, Oracle(source.dataset))
    assert (measured.frames, measured.kept) == (12, 12)
    frames = [source.dataset.load(info) for info in source.dataset.frames]
    first = next(f for f in frames if f.info.name == "patient0001_4CH_ED")
    assert first.label_map is not None
    expected = measure_heart(first.label_map, first.spacing_mm)
    found = measured.hearts[View.FOUR_CHAMBER, Phase.END_DIASTOLE][0]
    np.testing.assert_allclose(found.area, expected.area, rtol=0.01)
    np.testing.assert_allclose(found.tilt, expected.tilt, atol=1.0)


def test_the_label_files_may_be_absent(hearts: Path, source: Source, tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    shutil.copytree(hearts, bare)
    for path in bare.rglob("*_gt.nii.gz"):
        path.unlink()
    oracle = Oracle(source.dataset)
    assert measure(open_source(bare), oracle).hearts == measure(source, oracle).hearts


def test_masks_that_could_not_be_a_heart_are_not_measured(source: Source) -> None:
    measured = measure(source, Oracle(source.dataset, blind_to="patient0002_4CH_ED", unseen=Structure.MYOCARDIUM))
    assert measured.frames == 12
    assert measured.kept < 12
    assert len(measured.hearts[View.FOUR_CHAMBER, Phase.END_DIASTOLE]) == 2


def test_only_so_many_patients_are_used(source: Source) -> None:
    assert measure(source, Oracle(source.dataset), patients=1).frames == 4


def test_no_patient_at_all_is_refused(source: Source) -> None:
    with pytest.raises(ConfigError, match="patients"):
        measure(source, Oracle(source.dataset), patients=0)
