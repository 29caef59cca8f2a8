"""The outlines and the checksum of one recording; what a folder of results holds is tested with many of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from synthboost.errors import DataError
from synthboost.inference.predict_recording import contours_of, input_sha256


def test_the_outline_of_a_rectangle_runs_half_a_pixel_outside_in_columns_and_rows() -> None:
    mask = np.zeros((8, 9), bool)
    mask[2:5, 3:8] = True  # rows 2-4, columns 3-7
    (outline,) = contours_of(mask, (0.5, 2.0))
    points = np.array(outline["pixels"])
    assert points.min(axis=0).tolist() == [2.5, 1.5]
    assert points.max(axis=0).tolist() == [7.5, 4.5]
    np.testing.assert_allclose(np.array(outline["mm"]), points * [2.0, 0.5])
    assert points[0].tolist() == points[-1].tolist()


def test_a_mask_at_the_border_is_closed_and_an_empty_one_has_no_outline() -> None:
    (outline,) = contours_of(np.ones((3, 3), bool), None)
    assert "mm" not in outline
    assert outline["pixels"][0] == outline["pixels"][-1]
    assert contours_of(np.zeros((3, 3), bool), None) == []


def test_the_checksum_of_an_mhd_covers_its_pixels(tmp_path: Path) -> None:
    header, pixels = tmp_path / "a.mhd", tmp_path / "a.raw"
    header.write_text("NDims = 2")
    pixels.write_bytes(b"one")
    first = input_sha256(header)
    pixels.write_bytes(b"two")
    assert input_sha256(header) != first
    pixels.unlink()
    with pytest.raises(DataError, match="a.mhd"):
        input_sha256(header)
