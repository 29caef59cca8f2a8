"""A line of `frames.csv`: which columns there may be, and what their cells say."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from synthboost.data.dataset import FrameFiles
from synthboost.data.info_cfg import attributes_of
from synthboost.domain import STRUCTURES, FrameInfo, PatientId, Phase, SplitPart, Structure, View
from synthboost.errors import DataError
from synthboost.io import film, mhd, nifti, pictures
from synthboost.io.recording import Spacing, check_spacing
from synthboost.io.recordings import open_recording
from synthboost.io.tables import count_of

COLUMNS = {
    "image": "path from the table: PNG, JPEG, TIFF, NIfTI, MHD, DICOM, or a film",
    "number": "of the frame, from 0, if the image is a clip or a film",
    "mask": "path of the label map, PNG, NIfTI or MHD; empty: not annotated",
    "structures": "that the mask shows, e.g. `LV MYO`, or with their numbers in it: `LV=255`; empty: all, as in CAMUS",
    "patient": "who; without the column each image is a patient of its own",
    "view": "`2CH` or `4CH` (or `A2C`, `A4C`)",
    "phase": "`ED` or `ES`",
    "spacing": "mm between pixels, `0.3` or `rows x columns`; empty: what the image states; `unknown`",
    "sex": "`F` or `M`",
    "age": "whole years",
    "quality": "`Good`, `Medium` or `Poor`",
    "ef": "ejection fraction in percent",
    "split": "`training`, `validation` or `testing` (or `train`, `val`, `test`), the same for all of a patient",
}
"""Column -> what it says. Others are ignored and counted."""
_WORDS: dict[str, dict[str, Any]] = {
    "view": {**{str(view): view for view in View}, "A2C": View.TWO_CHAMBER, "A4C": View.FOUR_CHAMBER},
    "phase": {str(phase): phase for phase in Phase},
    "split": {
        **{str(part).upper(): part for part in SplitPart},
        "TRAIN": SplitPart.TRAINING, "VAL": SplitPart.VALIDATION, "TEST": SplitPart.TESTING,
    },
}  # fmt: skip
_SHORT = {structure.short: structure for structure in STRUCTURES}
_KEYS = {"Sex": "sex", "Age": "age", "ImageQuality": "quality", "EF": "ef"}
_UNKNOWN = "unknown"
STATES_SPACING, _STATES_NONE = (*nifti.SUFFIXES, *mhd.SUFFIXES), (*pictures.SUFFIXES, *film.SUFFIXES)
_NUMBER = r"([0-9]*\.?[0-9]+)"


class Line(NamedTuple):
    """What a line says."""

    where: str
    info: FrameInfo
    files: FrameFiles
    part: SplitPart | None
    labels: Mapping[int, int]
    """Number in the mask -> CAMUS' label."""
    spacing_mm: Spacing | None
    """As the table states it."""


def understood(root: Path, where: str, row: Mapping[str, str], release: str) -> Line:
    """Return what a line (column -> cell) of the table in `root` says; frames are not yet told apart.

    Raises:
        DataError: a cell is not one of those that `COLUMNS` describes.
    """
    image, mask = (_file(where, row, name) for name in ("image", "mask"))
    if image is None:
        raise DataError(where, "image", "empty", "the path of an image")
    labels = _labels(where, row.get("structures", ""))
    spacing_mm, known = _spacing(root / image, where, row.get("spacing", ""))
    # Of letters with marks there are two spellings that look alike: who is written in both is one person.
    name = unicodedata.normalize("NFC", row.get("patient", image.as_posix().replace("/", "-")))
    try:
        patient = PatientId(release, "images", name)
    except DataError as error:
        raise DataError(where, "patient", error.value, error.expected) from error
    attributes = attributes_of(where, {key: row[column] for key, column in _KEYS.items() if row.get(column)})
    if 0 < (attributes.ejection_fraction or 0) < 1:
        raise DataError(where, "ef", row["ef"], "percent, as `55`", "It would be read as less than 1 %.")
    info = FrameInfo(
        patient, _word(where, row, "view"), _word(where, row, "phase"), attributes,
        structures=tuple(map(Structure, sorted({*labels.values()} - {0}))) if mask else STRUCTURES, spacing_known=known,
    )  # fmt: skip
    number = count_of(where, "number", row["number"]) if row.get("number") else None
    return Line(where, info, FrameFiles(image, mask, number), _word(where, row, "split"), labels, spacing_mm)


def _file(where: str, row: Mapping[str, str], column: str) -> Path | None:
    path = PurePosixPath(row.get(column, "").replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or ":" in path.as_posix():
        raise DataError(where, column, path, "a path below the table", "Put the table into a folder above.")
    return Path(path) if path.parts else None


def _word(where: str, row: Mapping[str, str], column: str) -> Any:
    cell, words = row.get(column, ""), _WORDS[column]
    if cell and cell.upper() not in words:
        raise DataError(where, column, repr(cell[:60]), f"{', '.join(words)}, or nothing where it is unknown")
    return words[cell.upper()] if cell else None


def _labels(where: str, cell: str) -> dict[int, int]:
    """Number in the mask -> CAMUS' label."""
    labels = {0: 0}
    for text in re.split(r"[ ,;]+", cell) if cell else map(str, _SHORT):
        short, separator, number = text.partition("=")
        structure = _SHORT.get(short.upper())
        if structure is None or (separator and not re.fullmatch("[0-9]{1,3}", number)):
            raise DataError(where, "structures", repr(text[:60]), f"one of {', '.join(_SHORT)}, or LV=255 and the like")
        place = int(number) if separator else int(structure)
        if place in labels or structure in labels.values():
            raise DataError(where, "structures", repr(cell[:60]), "each structure and each number once")
        labels[place] = int(structure)
    return labels


def _spacing(image: Path, where: str, cell: str) -> tuple[Spacing | None, bool]:
    """The spacing by the table, and whether there is any; the header of a DICOM file alone is asked for its own."""
    if cell.lower() == _UNKNOWN:
        return None, False
    if cell:
        found = re.fullmatch(rf"{_NUMBER}(?: *[xX] *{_NUMBER})?", cell)
        if found is None:
            raise DataError(where, "spacing", repr(cell[:60]), "mm, as `0.3`, or `0.3 x 0.4` (rows x columns)")
        return check_spacing(Path(where), "spacing", (float(found[1]), float(found[2] or found[1]))), True
    name = image.name.lower()
    if name.endswith(STATES_SPACING) or name.endswith(_STATES_NONE) or not image.is_file():
        return None, name.endswith(STATES_SPACING)
    return None, open_recording(image).spacing_mm is not None
