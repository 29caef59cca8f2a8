"""What is told of the masks: the numbers beside the image, and a zip to take home, made in memory alone."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from synthboost.app.sentences import file_name_of, structure_named
from synthboost.domain import LabelMap, Structure
from synthboost.errors import DataError
from synthboost.evaluation.clinical.apical_view import ApicalView
from synthboost.inference.predictor import Prediction, resolve
from synthboost.io.atomic import to_cell
from synthboost.io.nifti import new_header, nifti_bytes
from synthboost.io.pictures import png_bytes

CHAMBERS = {Structure.LEFT_VENTRICULAR_CAVITY: "ventricle", Structure.LEFT_ATRIUM_CAVITY: "atrium"}
"""Structure -> its part of an `ApicalView`."""
README = """Masks predicted by synthboost. Research software, not a medical device.

label_map.png      every pixel belongs to one sentence, or to none (0); values as in masks.csv
label_map.nii.gz   the same with the spacing; if that is unknown, it says 1 and no unit
mask*.png          each sentence's own mask, 1 bit; they may overlap
overlay.png        as the page showed it
masks.csv          sentence, file, value in the label map, numbers
"""
_FIXED_TIME = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class MaskMeasurement:
    """One line of the table."""

    sentence: str
    pixels: int
    share: float
    """Of the image, 0-1."""
    area_mm2: float | None
    """`None` when the spacing is unknown."""
    confidence: float | None
    """Mean probability inside, 0-1; `None` when the mask is empty."""
    length: float | None = None
    """Of a chamber's long axis, in mm where the spacing is known, else in pixels; `None` when it cannot be measured."""

    @property
    def length_unit(self) -> str:
        """Of `length`."""
        return "px" if self.area_mm2 is None else "mm"


def measure(prediction: Prediction, spacing_mm: tuple[float, float] | None) -> list[MaskMeasurement]:
    """Measure the mask of each sentence; `spacing_mm` is (rows, columns), or `None`.

    The long axis needs the mitral plane, which lies where the ventricle has no myocardium near: both have to be among
    the masks, under their own names.
    """
    lengths, lines = _lengths(prediction, spacing_mm), []
    for sentence, mask, own in zip(prediction.sentences, prediction.masks, prediction.probability, strict=True):
        pixels = int(mask.sum())
        area = None if spacing_mm is None else pixels * spacing_mm[0] * spacing_mm[1]
        confidence = float(own[mask].mean()) if pixels else None
        length = lengths.get(structure_named(sentence))
        lines.append(MaskMeasurement(sentence, pixels, pixels / mask.size, area, confidence, length))
    return lines


def structures_named(sentences: Sequence[str]) -> dict[Structure, int]:
    """Return the structures that sentences begin with, each with its sentence's place: of several the last."""
    return {s: n for n, text in enumerate(sentences) if (s := structure_named(text)) is not None}


def heart_of(prediction: Prediction) -> LabelMap:
    """Return the label map (H, W) of the structures that the sentences name; others take no part."""
    named = structures_named(prediction.sentences)
    if not named:
        return np.zeros(prediction.probability.shape[1:], dtype=np.uint8)
    return resolve(prediction.probability[list(named.values())], list(named), prediction.threshold)


def _lengths(prediction: Prediction, spacing_mm: tuple[float, float] | None) -> dict[Structure | None, float]:
    view = ApicalView.of(heart_of(prediction), spacing_mm)
    found: dict[Structure | None, float] = {}
    for structure in structures_named(prediction.sentences).keys() & CHAMBERS.keys():
        try:
            found[structure] = getattr(view, CHAMBERS[structure]).length
        except DataError:
            continue  # no such chamber in these masks: the table says so by a dash
    return found


def zip_masks(prediction: Prediction, spacing_mm: tuple[float, float] | None, overlay: Image.Image) -> bytes:
    """Pack the masks at the image's own size.

    Values in the label map are CAMUS' (1-3) if every sentence begins with the name of another structure, else the
    sentence's number. Neither the image itself nor the upload's name is in the zip, but for the overlay.
    """
    labels = label_values(prediction.sentences)
    label_map = prediction.label_map(labels)
    names = [f"{file_name_of(sentence, n)}.png" for n, sentence in enumerate(prediction.sentences, start=1)]
    files = {
        "README.txt": README.encode(),
        "label_map.png": png_bytes(label_map),
        "label_map.nii.gz": nifti_bytes([label_map], new_header(label_map.shape[-2:], spacing_mm)),
        **{name: png_bytes(mask) for name, mask in zip(names, prediction.masks, strict=True)},
        "overlay.png": png_bytes(np.asarray(overlay)),
        "masks.csv": _table(prediction, names, labels, spacing_mm),
    }
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as pack:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, _FIXED_TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            pack.writestr(entry, content)
    return stream.getvalue()


def label_values(sentences: Sequence[str]) -> list[int]:
    """Return each sentence's value in the label map; see `zip_masks`."""
    structures = [structure_named(sentence) for sentence in sentences]
    named = [int(s) for s in structures if s is not None]
    return named if len(set(named)) == len(sentences) else list(range(1, len(sentences) + 1))


def _table(
    prediction: Prediction, names: Sequence[str], labels: Sequence[int], spacing_mm: tuple[float, float] | None
) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["sentence", "file", "value", "threshold", "pixels", "area_mm2", "confidence"])
    for name, value, line in zip(names, labels, measure(prediction, spacing_mm), strict=True):
        writer.writerow([
            to_cell(line.sentence), name, value, prediction.threshold, line.pixels,
            "" if line.area_mm2 is None else f"{line.area_mm2:.2f}",
            "" if line.confidence is None else f"{line.confidence:.4f}",
        ])  # fmt: skip
    return text.getvalue().encode()
