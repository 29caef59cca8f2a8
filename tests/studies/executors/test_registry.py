from __future__ import annotations

from pathlib import Path

import pytest

from synthboost.errors import ConfigError
from synthboost.studies.executors import make_executor, with_options
from synthboost.studies.executors.local import LocalExecutor
from synthboost.studies.executors.ray import RayExecutor, RaySettings
from synthboost.studies.executors.slurm import SlurmExecutor, SlurmSettings


def test_an_executor_is_built_by_name(tmp_path: Path) -> None:
    assert make_executor("local", 3, tmp_path) == LocalExecutor(3)
    assert make_executor("local", 3, tmp_path, ["threads=2"]) == LocalExecutor(3, threads=2)


def test_executors_of_clusters_take_their_options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(SlurmExecutor, "__post_init__", lambda _: None)  # neither need be installed
    monkeypatch.setattr(RayExecutor, "__post_init__", lambda _: None)
    options = ["partition=gpu", "hours=4", "gpus=1"]
    slurm = make_executor("slurm", 16, Path("study"), options)
    assert slurm == SlurmExecutor(tmp_path / "study", SlurmSettings("gpu", hours=4.0, gpus=1, at_once=16))
    ray = make_executor("ray", 2, Path("study"), ["address=auto"])
    assert ray == RayExecutor(tmp_path / "study", RaySettings("auto", at_once=2))
    with pytest.raises(ConfigError, match="executor ray: option: hours=4; expected name=value"):
        make_executor("ray", 2, tmp_path, ["hours=4"])


def test_an_unknown_name_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="executor: abacus; expected one of local"):
        make_executor("abacus", 1, tmp_path)


def test_words_become_fields_of_their_types() -> None:
    words = ("partition=gpu", "hours=0.5", "cpus=8", "setup=module load cuda", "setup=ulimit -n 4096",
             "options=constraint=a100")  # fmt: skip
    expected = SlurmSettings(
        partition="gpu", hours=0.5, cpus=8, setup=("module load cuda", "ulimit -n 4096"), options=("constraint=a100",)
    )
    assert with_options(SlurmSettings(), words, "study") == expected
    ray = with_options(RaySettings(at_once=3), ("address=auto", "memory_gb=2.5", "at_once=none"), "study")
    assert ray == RaySettings(address="auto", memory_gb=2.5)


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("queue=gpu", "option: queue=gpu; expected name=value with one of partition, hours"),
        ("partition", "option: partition; expected name=value"),
        ("cpus=2.5", "cpus: 2.5; expected a whole number"),
        ("hours=long", "hours: long; expected a number"),
        ("hours=-1", "options: hours: -1.0; expected a positive number"),
    ],
)
def test_a_word_that_cannot_be_understood_is_named(word: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        with_options(SlurmSettings(), (word,), "study")
