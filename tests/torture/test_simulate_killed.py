"""`simulate` that is killed at random moments ends up with the bytes of an undisturbed one, and loses little."""

from __future__ import annotations

from pathlib import Path

import pytest
from harness import Whom, torture

SETTINGS = ["--size", "64", "--workers", "2"]


@pytest.mark.parametrize("whom", ["group", "parent"])
@pytest.mark.parametrize("kind", [["--patients", "24"], ["--frames", "96"], ["--patients", "90", "--on-the-fly"]])
@pytest.mark.parametrize("seed", range(2))
def test_every_layout(tmp_path: Path, kind: list[str], whom: Whom, seed: int) -> None:
    torture(["simulate", *SETTINGS, *kind], tmp_path, kills=6, seed=seed, whom=whom)
