"""A data set as a value: its fingerprint, its frames, what it refuses."""

from __future__ import annotations

import pickle
import shutil
import subprocess
import sys
import threading
from dataclasses import replace

import numpy as np
import pytest

from synthboost.data import open_dataset
from synthboost.data.dataset import AHEAD_PER_WORKER, ordered_map
from synthboost.errors import ConfigError, DataError


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


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_frames_come_in_order_and_alike_whatever_the_workers(tiny_camus, workers):
    dataset = open_dataset(tiny_camus)
    infos = dataset.frames[::-1]
    serial, parallel = list(ordered_map(dataset.load, infos, 0)), list(ordered_map(dataset.load, infos, workers))
    assert [f.info for f in parallel] == list(infos)
    assert all(np.array_equal(a.image, b.image) for a, b in zip(serial, parallel, strict=True))


@pytest.mark.parametrize("workers", [0, 2])
def test_a_broken_frame_is_raised_in_its_turn_and_names_the_file(tiny_camus, workers):
    (tiny_camus / "database_nifti" / "patient0002" / "patient0002_2CH_ED.nii.gz").write_bytes(b"<html>")
    dataset = open_dataset(tiny_camus)
    frames = ordered_map(dataset.load, dataset.frames, workers)
    assert [next(frames).info.patient.name for _ in range(4)] == ["patient0001"] * 4
    with pytest.raises(DataError, match=r"patient0002_2CH_ED\.nii\.gz.*<html>"):
        next(frames)


@pytest.mark.parametrize("workers", [0, 3])
def test_only_a_few_items_are_taken_ahead(workers):
    taken = []

    def items():
        for item in range(1000):
            taken.append(item)
            yield item

    results = ordered_map(lambda x: x * x, items(), workers)
    assert [next(results) for _ in range(3)] == [0, 1, 4]
    assert len(taken) <= 3 + workers * AHEAD_PER_WORKER


def test_stopping_early_ends_the_threads():
    results = ordered_map(lambda x: x, range(100), 3)
    next(results)
    results.close()
    assert not [t for t in threading.enumerate() if t.name.startswith("load")]


def test_a_negative_number_of_workers_is_refused():
    with pytest.raises(ConfigError, match="workers"):
        ordered_map(abs, [1], -1)


def test_reading_data_never_loads_torch():
    code = "import sys, synthboost.data; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
