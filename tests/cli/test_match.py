"""`synthboost match`: simulated images with the grey levels and speckle of others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from synthboost.data import open_dataset

Run = Callable[..., Any]


def test_match_writes_a_data_set_and_takes_shares(synthboost: Run, simulated: Path, tmp_path: Path) -> None:
    out = tmp_path / "matched"
    call = ("match", "--images", simulated, "--like", simulated, "--out", out)
    answer = synthboost(*call, "--shard", "1/2")
    assert answer.out == f"2 patients matched now: {out}; other shards are still to come\n", answer.err
    assert synthboost(*call).out == f"1 patient matched now: {out}\n"
    assert len(open_dataset(out).frames) == 12
    assert "shard: 3/2; expected i/n" in synthboost(*call, "--shard", "3/2").err
    other = synthboost(*call, "--seed", 3)
    assert other.code == 2
    assert "seed: not as the folder was begun with" in other.err
