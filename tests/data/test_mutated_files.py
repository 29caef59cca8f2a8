"""Whatever bytes a file holds, a reader gives a result or a typed error, never anything else."""

from __future__ import annotations

import gzip
import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from synthboost.data.image_file import read_image, read_label_map
from synthboost.data.info_cfg import read_info
from synthboost.data.lists import read_frames_csv
from synthboost.errors import DataError

ROUNDS = 150
CFG = b"ED: 1\nES: 18\nNbFrame: 18\nSex: F\nAge: 56\nImageQuality: Good\nEF: 54\nFrameRate: 48.4\n"
CSV = (
    b"frame,domain,source_patient,source_split,generator,generator_version,seed\n"
    b"patient0001_2CH_ED,diffusion,patient0002,training,sdm,1,2\n"
)


@pytest.mark.parametrize("kind", ["nii", "nii.gz", "header in gz", "mhd", "png", "cfg", "csv"])
def test_mutated_files_give_a_result_or_a_typed_error(tmp_path, write_image, kind):
    labels = np.random.default_rng(1).integers(0, 4, (20, 30)).astype(np.uint8)
    packed = write_image(labels).read_bytes()
    header = write_image(labels, name="image.mhd").read_bytes()
    cases: dict[str, tuple[Callable[[Path], object], str, bytes, Callable[[bytes], bytes]]] = {
        "nii": (read_label_map, "x.nii", gzip.decompress(packed), bytes),
        "nii.gz": (read_image, "x.nii.gz", packed, bytes),
        "header in gz": (
            read_image,
            "x.nii.gz",
            gzip.decompress(packed)[:352],
            lambda h: gzip.compress(h + bytes(600)),
        ),
        "mhd": (read_image, "image.mhd", header, bytes),
        "png": (read_label_map, "x.png", _png(labels), bytes),
        "cfg": (read_info, "Info_2CH.cfg", CFG, bytes),
        "csv": (lambda path: read_frames_csv(path, "camus-nifti", "database_nifti"), "frames.csv", CSV, bytes),
    }
    read, name, sound, finish = cases[kind]
    rng = np.random.default_rng(7)
    refused = 0
    for _ in range(ROUNDS):
        (tmp_path / name).write_bytes(finish(_mutated(sound, rng)))
        try:
            read(tmp_path / name)
        except DataError:
            refused += 1
    assert refused > ROUNDS / 3


def _png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def _mutated(data: bytes, rng: np.random.Generator) -> bytes:
    """A few bytes changed, removed or inserted."""
    mutated = bytearray(data)
    for _ in range(rng.integers(1, 6)):
        at, size = int(rng.integers(len(mutated))), int(rng.integers(1, 5))
        mutated[at : at + int(rng.integers(0, size + 1))] = rng.bytes(int(rng.integers(0, size + 1)))
    return bytes(mutated)


def test_reading_data_never_loads_torch():
    code = "import sys, synthboost.data; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
