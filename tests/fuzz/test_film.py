"""Films: refused, or frames of one size, each with a time or none with one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from fuzzing import fuzz

from synthboost.io.film import open_film

pytest.importorskip("av")


def _parse(path: Path) -> tuple[int, ...]:
    recording = open_film(path)
    shape = (0, 0, 0)
    for number, frame in enumerate(recording.frames(), start=1):
        shape = (number, *frame.shape)
    assert shape == (recording.length, *recording.whole_shape)
    times = recording.seconds
    assert times is None or (len(times) == recording.length and (np.diff(times) > 0).all())
    return shape


@pytest.mark.parametrize("name", ["x.mp4", "x.avi", "x.mkv"])
def test_a_changed_film_is_refused_or_a_film(tmp_path: Path, make_film, name: str) -> None:
    path = make_film(name, frames=3)
    fuzz(path, [path.read_bytes()], _parse, usual=120)
