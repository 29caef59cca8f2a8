from __future__ import annotations

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from oracle import Oracle

from synthboost.adaptation.pseudo_labels import (
    RECORD,
    REPORT,
    PseudoLabelSettings,
    implausible_frames,
    pseudo_label,
)
from synthboost.data import open_dataset, without_annotations
from synthboost.data.nnunet_export import export_nnunet
from synthboost.data.registry import open_dataset as reopen
from synthboost.data.simulated_set import write_dataset
from synthboost.data.source import Source, open_source
from synthboost.domain import Domain, SplitPart
from synthboost.errors import ConfigError, DataError, OutputError
from synthboost.inference.predictor import whole_heart
from synthboost.simulator.settings import SimulationSettings

SETTINGS = PseudoLabelSettings()


@pytest.fixture(scope="module")
def hearts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight simulated patients in the place of real ones: the tiny data set's rectangles are no hearts."""
    root = tmp_path_factory.mktemp("hearts") / "set"
    write_dataset(root, SimulationSettings(patients=8, size=96, split_counts=(6, 1, 1)))
    return root


@pytest.fixture
def source(hearts: Path) -> Source:
    return open_source(hearts)


def _label(source: Source, out: Path, oracle: Oracle | None = None, settings: PseudoLabelSettings = SETTINGS):
    oracle = oracle or Oracle(source.dataset)
    return pseudo_label(oracle, "oracle 1", source, out, settings)


def test_the_answer_is_a_data_set_of_real_people_with_a_models_masks(source: Source, tmp_path: Path) -> None:
    assert _label(source, tmp_path / "out") == (28, 28, {})
    made = reopen(tmp_path / "out")
    assert {info.domain for info in made.frames} == {Domain.PSEUDO_LABELLED}
    assert {info.source for info in made.frames} == {info.patient for info in made.frames}
    assert {part: made.official[part] for part in SplitPart} == {**source.split.parts, SplitPart.TESTING: ()}
    for info in made.frames:
        true = next(i for i in source.dataset.frames if i.patient == info.patient and i.name == info.name)
        np.testing.assert_array_equal(made.load(info).label_map, source.dataset.load(true).label_map)
        np.testing.assert_array_equal(made.load(info).image, source.dataset.load(true).image)
        assert info.attributes.ejection_fraction is None, "it was measured on annotations"
        assert info.attributes.sex == true.attributes.sex


def test_no_annotation_is_read_so_the_label_files_may_be_absent(hearts: Path, source: Source, tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    shutil.copytree(hearts, bare)
    for path in bare.rglob("*_gt.nii.gz"):
        path.unlink()
    for path in bare.rglob("Info_*.cfg"):
        path.write_text("".join(f"{line}\n" for line in path.read_text().splitlines() if not line.startswith("EF")))
    oracle = Oracle(source.dataset)
    _label(source, tmp_path / "with")
    unseen = open_source(bare)
    pseudo_label(oracle, "oracle 1", unseen, tmp_path / "without", SETTINGS)
    files = sorted(p.relative_to(tmp_path / "with") for p in (tmp_path / "with").rglob("*.nii.gz"))
    assert len(files) == 56
    for file in files:
        assert (tmp_path / "with" / file).read_bytes() == (tmp_path / "without" / file).read_bytes()


def test_label_files_that_are_there_are_not_opened(source: Source) -> None:
    bare = without_annotations(source.dataset)
    assert all(bare.load(info).label_map is None for info in bare.frames[:4])
    assert all(info.attributes.ejection_fraction is None for info in bare.frames)


def test_a_frame_without_an_atrium_and_what_hangs_on_it_is_left_out_and_said(source: Source, tmp_path: Path) -> None:
    frames, kept, _ = _label(source, tmp_path / "out", Oracle(source.dataset, blind_to="patient0002_4CH_ED"))
    assert kept < frames
    with (tmp_path / "out" / REPORT).open() as handle:
        rejected = {line["frame"]: line["rejected_for"] for line in csv.DictReader(handle)}
    assert "LA pixels" in rejected["patient0002_4CH_ED"]
    assert all(name.startswith("patient0002") for name in rejected)
    names = {info.name for info in open_dataset(tmp_path / "out").frames}
    assert not names & rejected.keys()
    assert len(names) == kept


def test_frames_that_are_left_out_are_not_missing_when_the_set_is_trained_on(source: Source, tmp_path: Path) -> None:
    _label(source, tmp_path / "out", Oracle(source.dataset, blind_to="patient0002"))
    made = open_source(tmp_path / "out", made_from=source.split)
    assert len(made.split.parts[SplitPart.TRAINING]) == 5


def test_an_unsure_model_annotates_nothing_and_that_is_an_error(source: Source, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="at least one"):
        _label(source, tmp_path / "out", Oracle(source.dataset, confidence=0.6))


def test_a_stopped_annotation_goes_on_and_a_finished_one_predicts_nothing(source: Source, tmp_path: Path) -> None:
    oracle = Oracle(source.dataset)
    _label(source, tmp_path / "out", oracle)
    shutil.rmtree(tmp_path / "out" / "database_nifti" / "patient0003")
    oracle.predicted = 0
    _label(source, tmp_path / "out", oracle)
    assert oracle.predicted == 4
    _label(source, tmp_path / "out", oracle)
    assert oracle.predicted == 4


def test_a_folder_of_another_model_is_refused(source: Source, tmp_path: Path) -> None:
    _label(source, tmp_path / "out")
    before = json.loads((tmp_path / "out" / RECORD).read_text())
    with pytest.raises(OutputError, match="model"):
        pseudo_label(Oracle(source.dataset), "oracle 2", source, tmp_path / "out", SETTINGS)
    assert json.loads((tmp_path / "out" / RECORD).read_text()) == before


def test_test_patients_are_not_used(source: Source, tmp_path: Path) -> None:
    oracle = Oracle(source.dataset)
    _label(source, tmp_path / "out", oracle)
    assert oracle.predicted == 4 * 7


def test_the_likeliest_structure_wins_above_the_threshold_and_one_piece_of_it_stays() -> None:
    probability = np.zeros((3, 3, 7))
    probability[0, 1, :3] = 0.9
    probability[1, 1, 2:4] = (0.8, 0.8)
    probability[0, 1, 6] = 0.9
    probability[2, 2, 0] = 0.4
    # The ventricle has 0.9 at column 2 and wins it; its single pixel at column 6 is the smaller piece; 0.4 is too low.
    np.testing.assert_array_equal(whole_heart(probability, 0.5)[1], [1, 1, 1, 2, 0, 0, 0])
    assert whole_heart(probability, 0.5)[2, 0] == 0


def test_both_sides_of_a_wall_that_is_open_at_the_apex_stay_and_a_fragment_goes() -> None:
    probability = np.zeros((3, 12, 9))
    probability[0, :, 4] = 0.9
    probability[1, :, (2, 3)] = probability[1, :10, 5] = 0.9
    probability[1, :2, 8] = 0.9
    np.testing.assert_array_equal(whole_heart(probability, 0.5)[0], [0, 0, 2, 2, 1, 2, 0, 0, 0])


def test_a_hole_in_a_cavity_is_filled() -> None:
    probability = np.zeros((3, 5, 5))
    probability[2, 1:4, 1:4] = 0.9
    probability[2, 2, 2] = 0.1
    assert whole_heart(probability, 0.5)[2, 2] == 3


def test_a_seam_between_ventricle_and_wall_goes_to_the_likelier_of_the_two() -> None:
    probability = np.zeros((3, 5, 5))
    probability[1] = 0.9
    probability[1, 1:4, 1:4] = 0.1
    probability[0, 2, 2] = 0.9
    probability[0, 1:4, 1] = 0.3
    # The eight pixels around the ventricle are below the threshold: three of them are rather ventricle than wall.
    np.testing.assert_array_equal(whole_heart(probability, 0.5)[1:4, 1:4], [[1, 2, 2], [1, 1, 2], [1, 2, 2]])


@pytest.mark.parametrize("value", [-0.1, 1.0])
def test_a_confidence_that_cannot_be_is_refused(value: float) -> None:
    with pytest.raises(ConfigError, match="least_confidence"):
        PseudoLabelSettings(least_confidence=value)


def test_people_of_other_names_are_numbered_and_stay_the_source(source: Source, tmp_path: Path) -> None:
    export_nnunet(source.dataset, source.split, tmp_path / "table")
    path = tmp_path / "table" / "frames.csv"
    path.write_text(path.read_text().replace(",patient00", ",person-"))
    renamed = open_source(tmp_path / "table")
    assert _label(renamed, tmp_path / "out", Oracle(renamed.dataset)) == (28, 28, {})
    made = reopen(tmp_path / "out")
    assert {info.patient.name for info in made.frames} == {f"patient{number:04d}" for number in range(1, 8)}
    assert {info.source for info in made.frames} < {info.patient for info in renamed.dataset.frames}


def test_frames_of_one_view_and_phase_are_checked_apart_and_unknown_ones_alone(source: Source) -> None:
    frames = [source.dataset.load(info) for info in source.dataset.frames[:4]]
    hearts = [(frame.info, frame.label_map, frame.spacing_mm) for frame in frames]
    again = replace(frames[0].info, number=1)
    unknown = replace(frames[0].info, view=None)
    nothing = np.zeros_like(frames[0].label_map)
    found = implausible_frames([
        *hearts, (again, nothing, (0.5, 0.5)), (unknown, frames[0].label_map, None), (unknown, nothing, None)
    ])  # fmt: skip
    assert found[:4] == [()] * 4
    assert found[5] == ()
    assert "LV pixels" in found[4]
    assert "LV pixels" in found[6]
