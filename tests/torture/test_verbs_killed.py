"""Verbs that are killed at random moments end up with what an undisturbed one leaves, and leave no process."""

from __future__ import annotations

from pathlib import Path

import pytest
from harness import torture


@pytest.mark.parametrize("seed", range(2))
def test_predict(recordings: Path, checkpoint: Path, tmp_path: Path, seed: int) -> None:
    torture(["predict", recordings, "--checkpoint", checkpoint], tmp_path, kills=5, seed=seed)
