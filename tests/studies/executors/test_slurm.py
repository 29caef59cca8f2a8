"""What SLURM is told, and how its listing is read; programs of its names stand in for it."""

from __future__ import annotations

import builtins
import re
from pathlib import Path
from typing import Any

import pytest

from synthboost.errors import ConfigError, SynthboostError
from synthboost.studies.executors import slurm
from synthboost.studies.executors.base import Outcome
from synthboost.studies.executors.slurm import SlurmExecutor, SlurmQueue, SlurmSettings, SlurmTask

pytest.importorskip("submitit", reason="the extra `slurm` is not installed")


def nothing(name: str) -> Outcome:
    return Outcome(name)


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is searched for programs first; `sbatch` keeps the script as `submitted`, and calls it job 12."""
    folder = tmp_path / "programs"
    folder.mkdir()
    for name in ("srun", "scontrol"):
        write_program(folder / name, "exit 1")
    write_program(folder / "sbatch", f"cp $1 {folder}/submitted; echo Submitted batch job 12")
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    return folder


def write_program(path: Path, line: str) -> None:
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(0o755)


def tasks(*names: str) -> list[SlurmTask]:
    return [SlurmTask(name, nothing) for name in names]


def submitted(programs: Path) -> dict[str, str]:
    """The options of the script that `sbatch` was given."""
    found = re.findall(r"^#SBATCH --([a-z-]+)(?:=(.*))?$", (programs / "submitted").read_text(), re.M)
    return {name: value.strip("'\"") for name, value in found}


def test_an_array_asks_for_what_the_settings_say(programs: Path, tmp_path: Path) -> None:
    settings = SlurmSettings(
        partition="gpu", hours=1.5, memory_gb=7.5, cpus=3, gpus=1, at_once=2, account="heart",
        setup=("module load cuda",), options=("constraint=a100", "--nice=5"),
    )  # fmt: skip
    numbers = SlurmQueue(tmp_path / "jobs", settings).submit(tasks("a", "b", "c"), ("7", "8_1"))
    assert numbers == ["12_0", "12_1", "12_2"]
    options = submitted(programs)
    assert {name: options[name] for name in options if name not in ("output", "error", "wckey", "nodes")} == {
        "job-name": "synthboost", "array": "0-2%2", "partition": "gpu", "time": "90", "mem": "7680MB",
        "cpus-per-task": "3", "gpus-per-node": "1", "account": "heart",
        "constraint": "a100", "nice": "5", "dependency": "afterok:7:8_1",
        "kill-on-invalid-dep": "yes", "requeue": "", "signal": "USR2@90", "open-mode": "append",
    }  # fmt: skip
    assert "\nmodule load cuda\n" in (programs / "submitted").read_text()


def test_one_job_is_no_array_and_nothing_is_asked_that_was_not_set(programs: Path, tmp_path: Path) -> None:
    assert SlurmQueue(tmp_path / "jobs", SlurmSettings()).submit(tasks("a"), ()) == ["12"]
    assert not {"array", "partition", "account", "gpus-per-node", "dependency"} & submitted(programs).keys()


def test_the_listing_of_the_queue_tells_arrays_from_single_jobs(programs: Path, tmp_path: Path) -> None:
    write_program(programs / "squeue", "".join(f"echo '{line}'\n" for line in ("12|0", "12|3", "14|N/A")))
    assert SlurmQueue(tmp_path).queued() == {"12_0", "12_3", "14"}


def test_what_an_earlier_call_submitted_and_is_still_queued_is_taken_up(programs: Path, tmp_path: Path) -> None:
    queue = SlurmQueue(tmp_path / "jobs")
    queue.submit(tasks("a", "b", "c"), ())
    write_program(programs / "squeue", "echo '12|1'\necho '12|2'\necho '77|N/A'")  # a has ended, 77 is another's
    assert queue.adopt({"a", "b"}) == {"b": "12_1"}


def test_a_queue_that_does_not_answer_is_asked_again_and_then_reported(
    programs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = SlurmQueue(tmp_path, poll_seconds=0.01)
    once = programs / "once"
    write_program(programs / "squeue", f"[ -f {once} ] && exit 0; touch {once}; exit 1")
    assert queue.queued() == set()
    write_program(programs / "squeue", "echo 'Unable to contact slurm controller' >&2; exit 1")
    monkeypatch.setattr(slurm, "PATIENCE_SECONDS", 0.05)
    with pytest.raises(SynthboostError, match="Unable to contact slurm controller.*The jobs go on"):
        queue.queued()


def test_what_sbatch_refuses_is_a_config_error_with_its_words(programs: Path, tmp_path: Path) -> None:
    write_program(programs / "sbatch", "echo 'invalid partition specified: gpu' >&2; exit 1")
    with pytest.raises(ConfigError, match="sbatch: jobs: .*invalid partition specified: gpu"):
        SlurmQueue(tmp_path / "jobs", SlurmSettings(partition="gpu")).submit(tasks("a"), ())


def test_without_submitit_or_slurm_the_executor_says_what_to_do(
    programs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(programs))
    with pytest.raises(ConfigError, match="no program squeue.*login node"):
        SlurmExecutor(tmp_path)
    real = builtins.__import__

    def without(name: str, *others: Any) -> Any:
        if name == "submitit":
            raise ImportError(name)
        return real(name, *others)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ConfigError, match=r"submitit: not installed.*pip install 'synthboost\[slurm\]'"):
        SlurmExecutor(tmp_path)


@pytest.mark.parametrize(
    ("field", "value"),
    [("hours", 0.0), ("hours", float("inf")), ("cpus", 0), ("gpus", -1), ("at_once", 0), ("options", ("constraint",))],
)
def test_a_setting_that_cannot_work_is_named(field: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=f"options: {field}"):
        SlurmSettings(**{field: value})
