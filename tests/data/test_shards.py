from __future__ import annotations

import numpy as np
import pytest

from synthboost.data import check_split, make_split, open_dataset, without_annotations
from synthboost.data.inspection import faults, inspect_dataset
from synthboost.data.simulated_set import write_dataset, write_shards
from synthboost.errors import DataError
from synthboost.simulator.render import simulate_patient
from synthboost.simulator.settings import SimulationSettings

SETTINGS = SimulationSettings(patients=3, size=48)


@pytest.fixture
def shards(tmp_path):
    write_shards(tmp_path / "shards", SETTINGS, patients_per_shard=2)
    return tmp_path / "shards"


def test_shards_are_the_same_data_set_as_the_layout_of_camus(shards, tmp_path):
    write_dataset(tmp_path / "camus", SETTINGS)
    ours, theirs = open_dataset(shards), open_dataset(tmp_path / "camus")
    assert (ours.frames, ours.official, ours.release) == (theirs.frames, theirs.official, theirs.release)
    for info in ours.frames:
        a, b = ours.load(info), theirs.load(info)
        assert (a.image == b.image).all()
        assert (a.label_map == b.label_map).all()
        assert np.allclose(a.spacing_mm, b.spacing_mm)


def test_pixels_are_those_of_the_simulator(shards):
    dataset = open_dataset(shards)
    patients = {f"patient{n:04d}": simulate_patient(n, SETTINGS) for n in SETTINGS.patient_numbers}
    for info in dataset.frames:
        made, read = patients[info.patient.name].frames[info.view, info.phase], dataset.load(info)
        assert read.image.tobytes() == made.image.tobytes()
        assert read.label_map.tobytes() == made.label_map.tobytes()
        assert read.spacing_mm == made.spacing_mm


def test_the_split_of_shards_is_checked_like_any_other(shards):
    dataset = open_dataset(shards)
    check_split(make_split("official", dataset), dataset)


def test_a_changed_byte_is_found_by_the_checksum_and_a_lost_shard_when_opened(shards):
    dataset = open_dataset(shards)
    path = shards / "shard-000001.tar"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    found = faults(dataset, inspect_dataset(dataset, deep=True))
    assert [fault.rpartition("/")[2] for fault in found] == ["shard-000001.tar: checksum differs from the stated one"]
    path.unlink()
    with pytest.raises(DataError, match=r"shard-000001\.tar"):
        open_dataset(shards)


def test_without_annotations_no_mask_is_read(shards):
    dataset = without_annotations(open_dataset(shards))
    assert dataset.load(dataset.frames[0]).label_map is None
