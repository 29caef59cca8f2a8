from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from synthboost.data import open_dataset
from synthboost.data.simulated_set import export_camus, write_dataset, write_hearts, write_shards
from synthboost.errors import DataError
from synthboost.simulator.settings import SimulationSettings

SETTINGS = SimulationSettings(patients=3, size=48)


@pytest.mark.parametrize("write", [write_shards, write_hearts])
def test_an_export_is_the_set_that_simulate_would_have_written(write, tmp_path: Path) -> None:
    write(tmp_path / "set", SETTINGS)
    write_dataset(tmp_path / "camus", SETTINGS)
    assert export_camus(open_dataset(tmp_path / "set"), tmp_path / "out") == 3
    ours, theirs = open_dataset(tmp_path / "out"), open_dataset(tmp_path / "camus")
    assert (ours.frames, ours.official, ours.release) == (theirs.frames, theirs.official, theirs.release)
    for path in (tmp_path / "camus").rglob("*.nii.gz"):
        assert (tmp_path / "out" / path.relative_to(tmp_path / "camus")).read_bytes() == path.read_bytes()


def test_shares_are_written_apart_and_nothing_twice(tmp_path: Path) -> None:
    write_hearts(tmp_path / "set", SETTINGS)
    dataset = open_dataset(tmp_path / "set")
    assert export_camus(dataset, tmp_path / "out", (1, 2)) == 2
    assert not (tmp_path / "out" / "frames.csv").exists()
    assert export_camus(dataset, tmp_path / "out", (2, 2)) == 1
    assert export_camus(dataset, tmp_path / "out") == 0
    assert len(open_dataset(tmp_path / "out").frames) == 12


def test_a_set_of_patients_is_not_exported(tiny_camus: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"simulation\.json"):
        export_camus(open_dataset(tiny_camus), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_half_sequences_are_not_lost_in_silence(tmp_path: Path) -> None:
    write_dataset(tmp_path / "set", replace(SETTINGS, patients=1, phases_between=1))
    with pytest.raises(DataError, match="half sequences: 1 frames"):
        export_camus(open_dataset(tmp_path / "set"), tmp_path / "out")
    assert not (tmp_path / "out").exists()
