"""Small files to damage."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

ImageWriter = Callable[..., Path]


@pytest.fixture
def write_image(tmp_path: Path) -> ImageWriter:
    """(pixels (rows, columns), spacing (rows, columns) in mm, name) -> path; the name's end chooses the format."""

    def write(pixels: np.ndarray, spacing_mm: tuple[float, ...] = (0.5, 0.25), name: str = "image.nii.gz") -> Path:
        image = sitk.GetImageFromArray(pixels)
        image.SetSpacing(spacing_mm[::-1])
        sitk.WriteImage(image, str(tmp_path / name))
        return tmp_path / name

    return write


@pytest.fixture
def patch_header() -> Callable[..., Path]:
    """(path of a .nii.gz, offset, struct format, values): overwrite numbers of the NIfTI header."""

    def patch(path: Path, offset: int, form: str, *values: float) -> Path:
        data = bytearray(gzip.decompress(path.read_bytes()))
        struct.pack_into(form, data, offset, *values)
        path.write_bytes(gzip.compress(bytes(data)))
        return path

    return patch


@pytest.fixture
def corner() -> np.ndarray:
    """3 rows x 5 columns with one bright pixel in row 0, column 4: no turn or flip looks like it."""
    pixels = np.zeros((3, 5), np.uint8)
    pixels[0, 4] = 200
    return pixels


@pytest.fixture
def camus_mhd(tmp_path: Path) -> Path:
    """The first release: patient0001 twice, once in each folder, as two people."""
    for folder, sex, grey in (("training", "F", 50), ("testing", "M", 90)):
        patient = tmp_path / "mhd" / folder / "patient0001"
        patient.mkdir(parents=True)
        for view in ("2CH", "4CH"):
            (patient / f"Info_{view}.cfg").write_text(
                f"ED: 1\nES: 9\nNbFrame: 18\nSex: {sex}\nAge: 56\nImageQuality: Good\n"
                "LVedv: 94.0\nLVesv: 34.6\nLVef: 63.2\n"
            )
            for phase in ("ED", "ES"):
                pixels = np.full((1, 6, 4), grey + len(view + phase), np.uint8)
                pixels[0, 0, :3] = ("24".index(view[0]), "DS".index(phase[1]), grey)
                for ending, values in (("", pixels), ("_gt", pixels % 4)):
                    image = sitk.GetImageFromArray(values)
                    image.SetSpacing((0.308, 0.154, 1.54))
                    sitk.WriteImage(image, str(patient / f"patient0001_{view}_{phase}{ending}.mhd"))
    return tmp_path / "mhd"
