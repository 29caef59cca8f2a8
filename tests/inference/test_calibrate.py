from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from synthboost.domain import STRUCTURES, GreyImage, Phase, View
from synthboost.errors import ConfigError
from synthboost.evaluation.heart_in_view import measure_heart
from synthboost.experiments.sources import Source, open_source
from synthboost.inference.calibrate import measure_hearts
from synthboost.inference.predictor import Prediction
from synthboost.inference.pseudo_labels import PseudoLabelSettings
from synthboost.simulator.settings import SimulationSettings
from synthboost.simulator.writer import write_dataset

SETTINGS = PseudoLabelSettings()


class Oracle:
    """Answers with the true masks of a simulated set; finds no wall in frames of the given name."""

    threshold = 0.5

    def __init__(self, source: Source, no_wall: str = "none") -> None:
        frames = [source.dataset.load(info) for info in source.dataset.frames]
        self.truth = {frame.image.tobytes(): frame for frame in frames}
        self.no_wall = no_wall

    def predict_batch(self, images: Sequence[GreyImage], sentences: Sequence[Sequence[str]]) -> list[Prediction]:
        frame = self.truth[images[0].tobytes()]
        assert frame.label_map is not None
        masks = np.stack([frame.label_map == int(structure) for structure in STRUCTURES]).astype(np.float32)
        masks[1] *= self.no_wall not in frame.info.name
        return [Prediction(tuple(own), masks, self.threshold) for own in sentences]


@pytest.fixture(scope="module")
def hearts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("hearts") / "set"
    write_dataset(root, SimulationSettings(patients=5, size=96, split_counts=(3, 1, 1)))
    return root


@pytest.fixture
def source(hearts: Path) -> Source:
    return open_source(hearts, "official")


def measure(source: Source, oracle: Oracle, patients: int = 10):
    return measure_hearts(oracle, source.dataset, source.split, patients, SETTINGS, "images")  # type: ignore[arg-type]


def test_training_patients_are_measured_as_their_masks_would_be(source: Source) -> None:
    measured = measure(source, Oracle(source))
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
    oracle = Oracle(source)
    assert measure(open_source(bare, "official"), oracle).hearts == measure(source, oracle).hearts


def test_masks_that_could_not_be_a_heart_are_not_measured(source: Source) -> None:
    measured = measure(source, Oracle(source, no_wall="patient0002_4CH_ED"))
    assert measured.frames == 12
    assert measured.kept < 12
    assert len(measured.hearts[View.FOUR_CHAMBER, Phase.END_DIASTOLE]) == 2


def test_only_so_many_patients_are_looked_at(source: Source) -> None:
    assert measure(source, Oracle(source), patients=1).frames == 4


def test_nobody_to_look_at_is_refused(source: Source) -> None:
    with pytest.raises(ConfigError, match="patients"):
        measure(source, Oracle(source), patients=0)
