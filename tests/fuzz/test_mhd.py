"""MHD: a changed header is refused or taken at its word; it never opens another file than its own `.raw`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from fuzzing import fuzz, mutated_text

from synthboost.io.mhd import open_mhd

HEADER = (
    b"ObjectType = Image\nNDims = 3\nBinaryData = True\nBinaryDataByteOrderMSB = False\nCompressedData = False\n"
    b"TransformMatrix = 1 0 0 0 1 0 0 0 1\nOffset = 1 2 3\nElementSpacing = 0.5 0.25 1\nDimSize = 8 6 3\n"
    b"ElementType = MET_UCHAR\nElementDataFile = x.raw\n"
)
PIXELS = np.random.default_rng(0).integers(0, 256, 144, dtype=np.uint8).tobytes()


def _parse(path: Path) -> np.ndarray:
    recording = open_mhd(path)
    assert all(0.01 <= side <= 10 for side in recording.spacing_mm or ())
    assert recording.header is not None
    assert np.isfinite(recording.header.get_best_affine()).all()
    return np.stack(list(recording.frames()))


def _is_made_of_its_own_pixels(frames: np.ndarray, content: bytes) -> None:
    assert frames.dtype == np.uint8
    assert frames.size in (144, 72, 36, 18)
    if b"MET_UCHAR" in content:
        assert frames.tobytes() == PIXELS


def test_a_changed_header_is_refused_or_taken_at_its_word(tmp_path: Path) -> None:
    (tmp_path / "x.raw").write_bytes(PIXELS)
    (tmp_path / "other.raw").write_bytes(PIXELS[::-1])
    fuzz(tmp_path / "x.mhd", [HEADER], _parse, mutate=mutated_text, check=_is_made_of_its_own_pixels, usual=300)
