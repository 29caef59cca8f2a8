"""NIfTI: a change is refused or taken at its word; a damaged compressed file gives its own pixels or none."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from fuzzing import fuzz

from synthboost.io.nifti import new_header, nifti_bytes, open_nifti
from synthboost.io.recording import Recording

FRAMES = np.random.default_rng(0).integers(0, 256, (3, 6, 8), dtype=np.uint8)
SOUND = [
    nifti_bytes(FRAMES[:1], new_header((6, 8), (0.5, 0.25))),
    nifti_bytes(FRAMES, new_header((6, 8), None, frames=3)),
]


def _parse(path: Path) -> tuple[Recording, np.ndarray]:
    recording = open_nifti(path)
    return recording, np.stack(list(recording.frames()))


def _is_what_the_header_says(found: tuple[Recording, np.ndarray], content: bytes) -> None:
    recording, frames = found
    assert frames.shape == (recording.length, *recording.whole_shape)
    assert recording.spacing_mm is not None
    assert all(0.01 <= side <= 10 for side in recording.spacing_mm)


@pytest.mark.parametrize("name", ["x.nii", "x.nii.gz"])
def test_a_changed_header_or_pixel_is_refused_or_taken_at_its_word(tmp_path: Path, name: str) -> None:
    sound = [gzip.decompress(content) for content in SOUND]
    wrap = gzip.compress if name.endswith("gz") else bytes
    accepted = fuzz(tmp_path / name, sound, _parse, wrap=wrap, check=_is_what_the_header_says)
    assert accepted > 20  # a pixel or a word may change: else the mutations are too coarse


def test_a_damaged_compressed_file_gives_its_own_pixels_or_none(tmp_path: Path) -> None:
    contents = {FRAMES[:1].tobytes(), FRAMES.tobytes()}

    def check(found: tuple[Recording, np.ndarray], content: bytes) -> None:
        assert found[1].tobytes() in contents

    fuzz(tmp_path / "x.nii.gz", SOUND, _parse, check=check)
