from __future__ import annotations

import json
import pickle
import re
import shutil
from pathlib import Path

import pytest
from splits import check_split

from synthboost.data import make_split, open_dataset, without_annotations
from synthboost.data.inspection import faults, inspect_dataset, render_report
from synthboost.data.simulated_readers import HEARTS
from synthboost.data.simulated_set import write_dataset, write_hearts, write_shards
from synthboost.domain import SplitPart
from synthboost.errors import DataError
from synthboost.io.shards import read_shard, write_index, write_shard
from synthboost.simulator.render import simulate_patient
from synthboost.simulator.settings import SimulationSettings

SETTINGS = SimulationSettings(patients=3, size=48)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same three patients in each form: `shards`, `drawn`, `camus`."""
    root = tmp_path_factory.mktemp("written")
    write_shards(root / "shards", SETTINGS, patients_per_shard=2)
    write_hearts(root / "drawn", SETTINGS)
    write_dataset(root / "camus", SETTINGS)
    return root


@pytest.fixture
def shards(written: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(written / "shards", tmp_path / "shards"))


@pytest.fixture
def drawn(written: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(written / "drawn", tmp_path / "drawn"))


def assert_is_the_layout_of_camus(root: Path, camus: Path) -> None:
    """What is read from `root` is what `write_dataset` wrote to `camus`."""
    ours, theirs = open_dataset(root), open_dataset(camus)
    assert (ours.frames, ours.official, ours.release) == (theirs.frames, theirs.official, theirs.release)
    for info in ours.frames:
        a, b = ours.load(info), theirs.load(info)
        assert (a.image == b.image).all()
        assert (a.image == ours.read(info, False).image).all()
        assert (a.label_map == b.label_map).all()  # type: ignore[union-attr]
        assert a.spacing_mm == pytest.approx(b.spacing_mm)


def test_shards_are_the_same_data_set_as_the_layout_of_camus(shards, written):
    assert_is_the_layout_of_camus(shards, written / "camus")


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


def _with_facts(shards: Path, **changes: object) -> None:
    """Write the shards anew with other facts of the first frame; index and checksums fit."""
    names = sorted(path.name for path in shards.glob("*.tar"))
    for name in names:
        members = [(key, list(contents)) for key, contents in read_shard(shards / name)]
        if name == names[0]:
            members[0][1][2] = json.dumps({**json.loads(members[0][1][2]), **changes}).encode()
        write_shard(shards / name, members)
    write_index(shards, names, {})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"spacing_mm": [-1.0, 0.3]}, "spacing_mm of the rows: -1 mm"),
        ({"spacing_mm": [float("nan"), 0.3]}, "spacing_mm of the rows: nan mm"),
        ({"spacing_mm": [0.3, 1e999]}, "spacing_mm of the columns: inf mm"),
        ({"spacing_mm": [10**400, 0.3]}, "attributes: OverflowError"),
        ({"spacing_mm": [0.3]}, "attributes"),
        ({"age": "x"}, "Age: 'x'; expected whole years from 0 to 120"),
        ({"age": 61.5}, "Age: '61.5'"),
        ({"age": True}, "Age: 'True'"),
        ({"ejection_fraction": 900}, "EF: '900'; expected a number from 0 to 100"),
        ({"ejection_fraction": float("nan")}, "EF: 'nan'"),
        ({"wall_thickness_mm": 1e9}, "WallThickness"),
        ({"sex": "W"}, "Sex: 'W'"),
        ({"quality": None}, "ImageQuality: ''"),
        ({"view": "3CH"}, "attributes"),
        ({"patient": {"release": "=cmd", "folder": "database_nifti", "name": "patient0001"}}, "release: '=cmd'"),
        ({"patient": {"release": "other", "folder": "f", "name": "patient0001"}}, "releases of the patients: 2"),
        ({"patient": {"release": "a", "folder": 7, "name": "patient0001"}}, "folder: 7"),
    ],
)
def test_what_no_heart_and_no_scanner_has_is_refused(shards, changes, said):
    _with_facts(shards, **changes)
    with pytest.raises(DataError, match=re.escape(said)):
        open_dataset(shards)


def test_a_run_refuses_a_shard_that_was_changed_and_an_inspection_goes_on(shards):
    path = shards / "shard-000000.tar"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    dataset = open_dataset(shards)
    with pytest.raises(DataError, match=r"shard-000000\.tar: checksum"):
        dataset.fingerprint()
    assert "fingerprint        none, checksum" in render_report(dataset, inspect_dataset(dataset))


def test_drawn_frames_are_the_same_data_set_as_the_layout_of_camus(drawn: Path, written: Path) -> None:
    assert_is_the_layout_of_camus(drawn, written / "camus")


def test_the_split_is_checked_without_drawing_anything(drawn: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = open_dataset(drawn)
    monkeypatch.setattr("synthboost.simulator.render.simulate_frame", lambda *_: pytest.fail("it was drawn"))
    check_split(make_split("official", dataset), dataset)
    assert len(dataset.official[SplitPart.TRAINING]) == 1


def test_the_fingerprint_knows_the_settings(drawn: Path, tmp_path: Path) -> None:
    write_hearts(tmp_path / "other", SimulationSettings(patients=3, size=48, seed=1))
    assert open_dataset(drawn).fingerprint() != open_dataset(tmp_path / "other").fingerprint()
    assert open_dataset(drawn).fingerprint() == open_dataset(drawn).fingerprint()


def test_it_travels_between_processes(drawn: Path) -> None:
    dataset = open_dataset(drawn)
    info = dataset.frames[0]
    there = pickle.loads(pickle.dumps(dataset))
    assert (there.load(info).image == dataset.load(info).image).all()


def test_an_inspection_draws_and_finds_nothing_odd(drawn: Path) -> None:
    dataset = open_dataset(drawn)
    assert not faults(dataset, inspect_dataset(dataset, deep=True))


@pytest.mark.parametrize(("before", "after"), [("Good", "Great"), (",F,", ",W,"), ("\n3,", "\n4,")])
def test_broken_attributes_are_named(drawn: Path, before: str, after: str) -> None:
    path = drawn / HEARTS
    assert before in path.read_text()
    path.write_text(path.read_text().replace(before, after))
    with pytest.raises(DataError, match=HEARTS):
        open_dataset(drawn)


def test_without_annotations_no_label_map_comes_with_an_image(drawn: Path) -> None:
    dataset = without_annotations(open_dataset(drawn))
    assert dataset.load(dataset.frames[0]).label_map is None
