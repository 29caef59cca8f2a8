"""Verbs that make data sets and are killed at random moments leave the bytes of an undisturbed one, and no process."""

from __future__ import annotations

from pathlib import Path

import pytest
from killing import Whom, torture

SETTINGS = ["--size", "64", "--workers", "2"]


@pytest.mark.parametrize("whom", ["group", "parent"])
@pytest.mark.parametrize("kind", [["--patients", "24"], ["--frames", "96"], ["--patients", "90", "--on-the-fly"]])
@pytest.mark.parametrize("seed", range(2))
def test_every_layout(tmp_path: Path, kind: list[str], whom: Whom, seed: int) -> None:
    torture(["simulate", *SETTINGS, *kind], tmp_path, kills=6, seed=seed, whom=whom)


@pytest.mark.parametrize("whom", ["group", "parent"])
def test_sets_that_are_made_of_others(simulated: Path, other: Path, tmp_path: Path, whom: Whom) -> None:
    for name, verb in (
        ("export", ["data", "export", simulated]),
        ("match", ["match", "--images", simulated, "--like", other]),
    ):
        (tmp_path / name).mkdir()
        torture(verb, tmp_path / name, kills=4, whom=whom)
