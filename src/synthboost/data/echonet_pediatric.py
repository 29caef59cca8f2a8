"""EchoNet-Pediatric: as EchoNet-Dynamic, of children; of two views the four-chamber one is read.

Reddy et al., J Am Soc Echocardiogr 36:482-489 (2023). What is read, and where it is known from: docs/data.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from synthboost.data.echonet import FILMS, LIST, TRACINGS, EchoNetDynamic, has_tracings
from synthboost.domain import SplitPart
from synthboost.io.tables import read_lines


@dataclass(frozen=True, eq=False)
class EchoNetPediatric(EchoNetDynamic):
    """`A4C/Videos/*.avi`; films of the short axis (`PSAX/`) are counted and not read."""

    looks_for: ClassVar[str] = f"A4C/{LIST} and A4C/{TRACINGS} (X, Y) beside A4C/{FILMS}/"
    RELEASE: ClassVar[str] = "echonet-pediatric"
    SPLIT: ClassVar[Mapping[str, SplitPart]] = {
        **{str(fold): SplitPart.TRAINING for fold in range(8)}, "8": SplitPart.VALIDATION, "9": SplitPart.TESTING,
    }  # fmt: skip
    """Ours: the release has ten folds, and its authors tested on each in turn."""
    COORDINATES: ClassVar[tuple[str, ...]] = ("X", "Y")
    KEYS: ClassVar[Mapping[str, str]] = {"EF": "EF", "Sex": "Sex", "Age": "Age"}
    FOLDER: ClassVar[str] = "A4C"

    @classmethod
    def find_root(cls, path: Path) -> Path | None:
        """The folder that holds `A4C`, at most two folders below; `None` if there is none."""
        inner = "pediatric_echo_avi"
        places = (path, path / inner, path / inner / inner)
        return next((place for place in places if has_tracings(place / cls.FOLDER, "X")), None)

    @staticmethod
    def _outline(lines: NDArray[np.float32]) -> NDArray[np.float32]:
        return lines

    @staticmethod
    def _mended(said: dict[str, str]) -> dict[str, str]:
        """Ages in completed years; a sex that is neither is unknown to the sentences."""
        age = said.get("Age", "").partition(".")[0]
        sex = {"Sex": said["Sex"]} if said.get("Sex", "").upper() in ("F", "M") else {}
        return {key: text for key, text in {**said, "Age": age}.items() if text and key != "Sex"} | sex

    @classmethod
    def _elsewhere(cls, root: Path) -> dict[str, int]:
        path = root / "PSAX" / LIST
        return {"films of the view PSAX": sum(1 for _ in read_lines(path, "FileName"))} if path.is_file() else {}
