"""A few images of a run with true and predicted masks and the sentences: what a report shows."""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from synthboost.domain import GreyImage, LabelMap, Mask, Structure
from synthboost.errors import DataError, readable
from synthboost.io.atomic import whole_file

MOST_BYTES = 200 * 2**20
"""Of a file of examples: a dozen of the largest images that are read."""
LEAST_MM, MOST_MM = 1e-3, 1e3
"""Spacings of pixels that no image is beyond."""


@dataclass(frozen=True, eq=False)
class Example:
    """One image as a run saw it. Keep it as confidential as the image itself."""

    frame: str
    note: str
    """Why it was chosen: `best`, `median`, `worst`."""
    image: GreyImage
    """(H, W) uint8."""
    true: LabelMap
    """(H, W) uint8, 0-3."""
    predicted: dict[Structure, Mask]
    """(H, W) bool each; they may overlap, since each comes from a sentence of its own."""
    sentences: dict[Structure, str]
    dice: dict[Structure, float]
    """0-1."""
    spacing_mm: tuple[float, float]
    """(rows, columns)."""


def write_examples(path: Path, examples: list[Example]) -> None:
    """Write examples into one compressed file without any pickled object."""
    arrays: dict[str, np.ndarray] = {}
    texts = []
    for number, example in enumerate(examples):
        arrays[f"{number}/image"] = example.image
        arrays[f"{number}/true"] = example.true
        for structure, mask in example.predicted.items():
            arrays[f"{number}/{structure.short}"] = mask
        texts.append(
            {
                "frame": example.frame,
                "note": example.note,
                "spacing_mm": example.spacing_mm,
                "sentences": {s.short: text for s, text in example.sentences.items()},
                "dice": {s.short: dice for s, dice in example.dice.items()},
            }
        )
    arrays["texts"] = np.frombuffer(json.dumps(texts).encode(), dtype=np.uint8)
    with whole_file(path) as temporary:
        np.savez_compressed(temporary, allow_pickle=False, **arrays)


def read_examples(path: Path) -> list[Example]:
    """Read what `write_examples` wrote.

    Raises:
        DataError: the file is damaged or is something else.
    """
    # What zipfile and numpy raise of a damaged header is of a dozen kinds, from tokenize.TokenError to MemoryError.
    expected = "an examples.npz of this version"
    with readable(path, expected, Exception), zipfile.ZipFile(path) as members:
        size = sum(member.file_size for member in members.infolist())
    if size > MOST_BYTES:
        raise DataError(path, "size", f"{size:,} bytes", f"at most {MOST_BYTES:,} of all images together")
    with readable(path, expected, Exception), np.load(path, allow_pickle=False) as arrays:
        texts = json.loads(arrays["texts"].tobytes())
        examples = [_example(arrays, number, text) for number, text in enumerate(texts)]
    for number, example in enumerate(examples):
        if not _is_sound(example):
            raise DataError(path, f"example {number}", "does not fit together", "an image with masks of its size")
    return examples


def _is_sound(example: Example) -> bool:
    image, masks, spacing = example.image, example.predicted.values(), example.spacing_mm
    if not all(isinstance(array, np.ndarray) and array.ndim == 2 for array in (image, example.true, *masks)):
        return False
    return (
        image.size > 0
        and all(array.dtype == np.uint8 and array.shape == image.shape for array in (image, example.true))
        and bool(example.true.max() <= max(Structure))
        and all(mask.dtype == np.bool_ and mask.shape == image.shape for mask in masks)
        and all(isinstance(text, str) for text in (example.frame, example.note, *example.sentences.values()))
        and all(type(dice) in (int, float) and 0 <= dice <= 1 for dice in example.dice.values())
        and len(spacing) == 2
        and all(type(step) in (int, float) and LEAST_MM <= step <= MOST_MM for step in spacing)
    )


def _example(arrays: np.lib.npyio.NpzFile, number: int, text: dict[str, Any]) -> Example:
    by_short = {s.short: s for s in Structure}
    return Example(
        frame=text["frame"],
        note=text["note"],
        image=arrays[f"{number}/image"],
        true=arrays[f"{number}/true"],
        predicted={by_short[k]: arrays[f"{number}/{k}"] for k in text["sentences"]},
        sentences={by_short[k]: v for k, v in text["sentences"].items()},
        dice={by_short[k]: v for k, v in text["dice"].items()},
        spacing_mm=tuple(text["spacing_mm"]),
    )
