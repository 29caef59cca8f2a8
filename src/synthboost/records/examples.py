"""A few images of a run with true and predicted masks and the sentences: what a report shows."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from synthboost.domain import GreyImage, LabelMap, Mask, Structure
from synthboost.errors import DataError, first_words
from synthboost.io.atomic import whole_file


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
    try:
        with np.load(path, allow_pickle=False) as arrays:
            texts = json.loads(arrays["texts"].tobytes())
            return [_example(arrays, number, text) for number, text in enumerate(texts)]
    except Exception as error:  # numpy and zipfile raise anything where a file is damaged
        raise DataError(path, "file", first_words(error), "an examples.npz of this version") from error


def _example(arrays: np.lib.npyio.NpzFile, number: int, text: dict[str, Any]) -> Example:
    by_short = {s.short: s for s in Structure}
    return Example(
        frame=text["frame"],
        note=text["note"],
        image=arrays[f"{number}/image"],
        true=arrays[f"{number}/true"],
        predicted={by_short[k]: arrays[f"{number}/{k}"].astype(bool) for k in text["sentences"]},
        sentences={by_short[k]: v for k, v in text["sentences"].items()},
        dice={by_short[k]: v for k, v in text["dice"].items()},
        spacing_mm=tuple(text["spacing_mm"]),
    )
