"""A data set as a value: its fingerprint, its frames, what it refuses."""

from __future__ import annotations

import pickle
import shutil
from dataclasses import replace

import numpy as np
import pytest

from synthboost.data import open_dataset
from synthboost.errors import DataError


def test_the_fingerprint_does_not_depend_on_the_place(tiny_camus, tmp_path):
    shutil.copytree(tiny_camus, tmp_path / "elsewhere")
    assert open_dataset(tmp_path / "elsewhere").fingerprint() == open_dataset(tiny_camus).fingerprint()


@pytest.mark.parametrize(
    "name",
    [
        "database_nifti/patient0001/patient0001_2CH_ED.nii.gz",
        "database_nifti/patient0003/patient0003_4CH_ES_gt.nii.gz",
        "database_nifti/patient0002/Info_4CH.cfg",
        "database_split/subgroup_training.txt",
    ],
)
def test_the_fingerprint_changes_with_any_file_that_is_read(tiny_camus, name):
    before = open_dataset(tiny_camus).fingerprint()
    with (tiny_camus / name).open("ab") as handle:
        handle.write(b"\n")
    assert open_dataset(tiny_camus).fingerprint() != before


def test_the_fingerprint_does_not_change_with_files_that_are_never_read(tiny_camus):
    before = open_dataset(tiny_camus).fingerprint()
    (tiny_camus / "database_nifti" / "patient0001" / "patient0001_2CH_half_sequence.nii.gz").write_bytes(b"x")
    (tiny_camus / "notes.txt").write_text("x")
    assert open_dataset(tiny_camus).fingerprint() == before


def test_the_raw_files_of_the_first_release_are_part_of_the_fingerprint(camus_mhd):
    before = open_dataset(camus_mhd).fingerprint()
    raw = camus_mhd / "testing" / "patient0001" / "patient0001_4CH_ED_gt.raw"
    raw.write_bytes(raw.read_bytes()[:-1] + b"\1")
    assert open_dataset(camus_mhd).fingerprint() != before


def test_a_frame_of_another_data_set_is_refused(tiny_camus):
    dataset = open_dataset(tiny_camus)
    stranger = replace(dataset.frames[0], patient=replace(dataset.frames[0].patient, name="patient0099"))
    with pytest.raises(DataError, match="camus-nifti/database_nifti/patient0099"):
        dataset.load(stranger)


def test_a_broken_frame_names_its_file(tiny_camus):
    path = tiny_camus / "database_nifti" / "patient0001" / "patient0001_2CH_ED_gt.nii.gz"
    path.write_bytes(path.read_bytes()[:60])
    dataset = open_dataset(tiny_camus)
    with pytest.raises(DataError, match=r"patient0001_2CH_ED_gt\.nii\.gz"):
        dataset.load(dataset.frames[0])


def test_a_data_set_travels_between_processes(tiny_camus):
    dataset = open_dataset(tiny_camus)
    copy = pickle.loads(pickle.dumps(dataset))
    assert copy.frames == dataset.frames
    assert np.array_equal(copy.load(copy.frames[3]).image, dataset.load(dataset.frames[3]).image)
