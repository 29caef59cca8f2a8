"""The masks to take home: a zip made in memory, which the server never writes to its disk."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from synthboost.app.numbers import measure
from synthboost.app.wording import file_name_of, structure_named
from synthboost.inference.label_map import resolve
from synthboost.io.nifti import new_header, nifti_bytes
from synthboost.io.pictures import png_bytes

README = """Masks drawn by synthboost. Research software, not a medical device.

label_map.png      every pixel belongs to one sentence, or to none (0); values as in masks.csv
label_map.nii.gz   the same with the spacing; if that is unknown, it says 1 and no unit
mask*.png          each sentence's own mask, 1 bit; they may overlap
overlay.png        as the page showed it
masks.csv          sentence, file, value in the label map, numbers
"""
_FIXED_TIME = (1980, 1, 1, 0, 0, 0)


def zip_masks(
    sentences: Sequence[str],
    probability: NDArray[np.float32],
    threshold: float,
    spacing_mm: tuple[float, float] | None,
    overlay: Image.Image,
) -> bytes:
    """Pack masks (N, H, W) at the image's own size.

    Values in the label map are CAMUS' (1-3) if every sentence begins with the name of another structure, else the
    sentence's number. Neither the image itself nor the upload's name is in the zip, but for the overlay.
    """
    labels = label_values(sentences)
    label_map = resolve(probability, labels, threshold)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as pack:
        names = [f"{file_name_of(sentence, n)}.png" for n, sentence in enumerate(sentences, start=1)]
        _add(pack, "README.txt", README.encode())
        _add(pack, "label_map.png", png_bytes(label_map))
        _add(pack, "label_map.nii.gz", nifti_bytes([label_map], new_header(label_map.shape[-2:], spacing_mm)))
        for name, own in zip(names, probability, strict=True):
            _add(pack, name, png_bytes(own > threshold))
        _add(pack, "overlay.png", png_bytes(np.asarray(overlay)))
        _add(pack, "masks.csv", _table(sentences, names, labels, probability, threshold, spacing_mm))
    return stream.getvalue()


def label_values(sentences: Sequence[str]) -> list[int]:
    """Return each sentence's value in the label map; see `zip_masks`."""
    structures = [structure_named(sentence) for sentence in sentences]
    named = [int(s) for s in structures if s is not None]
    return named if len(set(named)) == len(sentences) else list(range(1, len(sentences) + 1))


def _table(
    sentences: Sequence[str],
    names: Sequence[str],
    labels: Sequence[int],
    probability: NDArray[np.float32],
    threshold: float,
    spacing_mm: tuple[float, float] | None,
) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["sentence", "file", "value", "threshold", "pixels", "area_mm2", "confidence"])
    measured = measure(sentences, probability, threshold, spacing_mm)
    for name, value, line in zip(names, labels, measured, strict=True):
        writer.writerow([
            _no_formula(line.sentence), name, value, threshold, line.pixels,
            "" if line.area_mm2 is None else f"{line.area_mm2:.2f}",
            "" if line.confidence is None else f"{line.confidence:.4f}",
        ])  # fmt: skip
    return text.getvalue().encode()


def _no_formula(sentence: str) -> str:
    return f"'{sentence}" if sentence.startswith(("=", "+", "-", "@")) else sentence


def _add(pack: zipfile.ZipFile, name: str, content: bytes) -> None:
    entry = zipfile.ZipInfo(name, _FIXED_TIME)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    pack.writestr(entry, content)
