"""Settings of an executor, word by word."""

from __future__ import annotations

import pytest

from synthboost.errors import ConfigError
from synthboost.studies.executors.ray import RaySettings
from synthboost.studies.executors.settings import with_options
from synthboost.studies.executors.slurm import SlurmSettings


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
        ("hours=-1", "executor slurm: hours: -1.0; expected a positive number"),
    ],
)
def test_a_word_that_cannot_be_understood_is_named(word: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        with_options(SlurmSettings(), (word,), "study")
