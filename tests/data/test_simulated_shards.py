from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from synthboost.data import simulated_set
from synthboost.data.simulated_set import write_shards
from synthboost.data.writer import MadePatient, NewPatient
from synthboost.errors import ConfigError, OutputError
from synthboost.simulator.settings import SimulationSettings

SETTINGS = SimulationSettings(patients=5, size=48)


def contents(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("shards") / "set"
    assert write_shards(out, SETTINGS, workers=1, patients_per_shard=2) == 20
    return out


def test_two_workers_write_the_bytes_of_one(written: Path, tmp_path: Path) -> None:
    write_shards(tmp_path / "two", SETTINGS, workers=2, patients_per_shard=2)
    assert contents(tmp_path / "two") == contents(written)


def test_a_lost_shard_alone_is_made_again_the_same(written: Path) -> None:
    before = contents(written)
    (written / "shard-000001.tar").unlink()
    assert write_shards(written, SETTINGS, patients_per_shard=2) == 8
    assert contents(written) == before


def test_a_folder_begun_with_other_settings_is_refused(written: Path) -> None:
    for settings, size in ((replace(SETTINGS, seed=1), 2), (SETTINGS, 3)):
        with pytest.raises(OutputError, match="seed is 0|patients_per_shard is 2"):
            write_shards(written, settings, patients_per_shard=size)


def test_killed_at_any_moment_it_resumes_to_the_same_bytes(written: Path, tmp_path: Path) -> None:
    out = tmp_path / "killed"
    code = (
        "from pathlib import Path; from synthboost.simulator.settings import SimulationSettings as S; "
        "from synthboost.data.simulated_set import write_shards as w; "
        f"w(Path({str(out)!r}), S(patients=5, size=48), 1, 2)"
    )
    process = subprocess.Popen([sys.executable, "-c", code])
    limit = time.monotonic() + 300
    while not (out / "shard-000000.tar").exists() and time.monotonic() < limit:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    write_shards(out, SETTINGS, 1, 2)
    assert contents(out) == contents(written)


def test_a_stopped_call_loses_a_part_of_a_shard_at_most(
    written: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(simulated_set, "PART", 1)
    simulate: Callable[..., MadePatient] = simulated_set._simulate
    asked: list[str] = []

    def stopped(settings: SimulationSettings, wanted: NewPatient) -> MadePatient:
        asked.append(wanted.name)
        if len(asked) == 4:
            raise KeyboardInterrupt
        return simulate(settings, wanted)

    monkeypatch.setattr(simulated_set, "_simulate", stopped)
    with pytest.raises(KeyboardInterrupt):
        write_shards(tmp_path / "set", SETTINGS, 1, patients_per_shard=2)
    assert not list((tmp_path / "set").glob("shard-*"))
    assert write_shards(tmp_path / "set", SETTINGS, 1, patients_per_shard=2) == 8
    assert asked == [f"patient000{n}" for n in (1, 2, 3, 4, 4, 5)]
    assert contents(tmp_path / "set") == contents(written)


def test_shards_hold_no_half_sequences(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="phases_between: 2"):
        write_shards(tmp_path / "set", SimulationSettings(patients=1, phases_between=2))
