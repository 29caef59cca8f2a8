from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from synthboost.data import check_split, make_split, open_dataset, without_annotations
from synthboost.data.inspection import faults, inspect_dataset
from synthboost.data.simulated_readers import HEARTS
from synthboost.data.simulated_set import write_dataset, write_hearts
from synthboost.domain import SplitPart
from synthboost.errors import DataError
from synthboost.simulator.settings import SimulationSettings

SETTINGS = SimulationSettings(patients=3, size=48)


@pytest.fixture
def drawn(tmp_path: Path) -> Path:
    write_hearts(tmp_path / "drawn", SETTINGS)
    return tmp_path / "drawn"


def test_drawn_frames_are_the_same_data_set_as_the_layout_of_camus(drawn: Path, tmp_path: Path) -> None:
    write_dataset(tmp_path / "camus", SETTINGS)
    ours, theirs = open_dataset(drawn), open_dataset(tmp_path / "camus")
    assert (ours.frames, ours.official, ours.release) == (theirs.frames, theirs.official, theirs.release)
    for info in ours.frames:
        a, b = ours.load(info), theirs.load(info)
        assert (a.image == b.image).all()
        assert (a.image == ours.read(info, False).image).all()
        assert (a.label_map == b.label_map).all()  # type: ignore[union-attr]
        assert a.spacing_mm == pytest.approx(b.spacing_mm)


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
