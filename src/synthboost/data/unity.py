"""Unity Imaging: pictures of many views, with curves and points that experts set; the cavity of the left ventricle.

data.unityimaging.net; Howard et al., Circ Cardiovasc Imaging 14:e011951 (2021). What is read, and where it is known
from: docs/data.md.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from synthboost.data.dataset import Dataset, FrameFiles
from synthboost.data.image_file import UNKNOWN_SPACING
from synthboost.data.splits import drawn_split
from synthboost.data.traces import filled
from synthboost.domain import FrameInfo, GreyImage, LabelMap, PatientId, Structure
from synthboost.errors import DataError
from synthboost.io.recording import Spacing, to_grey_image
from synthboost.io.recordings import read_frame
from synthboost.io.typed_json import read_json

LABELS, PICTURES, CURVE = "labels-all.json", Path("png-cache"), "curve-lv-endo"
CODE = re.compile(r"([0-9]{2})-([0-9a-f]{2})([0-9a-f]{2})[0-9a-f]{60}")
"""A film; its pictures are `CODE-0007.png`, in folders that begin as it does."""
BETWEEN = 8
"""Points of the outline for each that an expert set; a guess: about one a pixel."""
LV = Structure.LEFT_VENTRICULAR_CAVITY


@dataclass(frozen=True, eq=False)
class Unity(Dataset):
    """`labels-all.json`, in a folder of the root or in it, and `png-cache/01/ab/cd/01-abcd...-0007.png`."""

    looks_for: ClassVar[str] = f"{LABELS} (or */{LABELS}) beside {PICTURES}/"
    curves: Mapping[tuple[PatientId, str], NDArray[np.float64]] = field(default_factory=dict)
    """By patient and name of the frame: the points (N, 2) as (x, y), from one hinge of the valve to the other."""

    @classmethod
    def find_root(cls, path: Path) -> Path | None:
        """The folder itself if labels and pictures are in it; else `None`."""
        return path if _labels(path) is not None and (path / PICTURES).is_dir() else None

    @classmethod
    def open(cls, root: Path, allow_missing: bool = False) -> Self:
        """Read the labels, no picture. Each film is a patient: whose it is, and which view, they do not say.

        Raises:
            DataError: a label is broken, no curve of the cavity is there, or a picture is absent (unless allowed).
        """
        path = _labels(root)
        assert path is not None, "find_root found it"
        files: dict[FrameInfo, FrameFiles] = {}
        curves, absent, ignored = dict[tuple[PatientId, str], NDArray[np.float64]](), list[str](), Counter[str]()
        for name, entry in read_json(path).items():
            code, _, number = name.removesuffix(".png").rpartition("-")
            match = CODE.fullmatch(code)
            if match is None or not re.fullmatch("[0-9]{4}", number) or not isinstance(entry, dict):
                raise DataError(path, "picture", name[:90], "a code of 67 characters, a dash and four digits")
            curve = _curve(path, name, entry.get("labels", {}).get(CURVE))
            picture = PICTURES.joinpath(*match.groups(), f"{code}-{number}.png")
            if curve is None:
                ignored[f"pictures without {CURVE}"] += 1
            elif not (root / picture).is_file():
                absent.append(picture.as_posix())
            else:
                info = FrameInfo(
                    PatientId("unity", "png-cache", code), None, None, number=int(number), structures=(LV,),
                    spacing_known=False,
                )  # fmt: skip
                files[info], curves[info.patient, info.name] = FrameFiles(picture, path.relative_to(root)), curve
        official = drawn_split({info.patient for info in files})
        return cls.of(root, "unity", files, absent, allow_missing, official=official, ignored=ignored, curves=curves)

    def image_of(self, info: FrameInfo) -> tuple[GreyImage, Spacing]:
        """Read a picture, in colour or not; see `Dataset.image_of`."""
        path = self.root / self.files_of(info).image
        return to_grey_image(path, read_frame(path)[0]), UNKNOWN_SPACING

    def label_map_of(self, info: FrameInfo, shape: tuple[int, ...]) -> tuple[LabelMap, None]:
        """Close the curve by a straight line, the mitral plane; see `Dataset.label_map_of`."""
        mask = filled(_smooth(self.curves[info.patient, info.name]), shape)
        return mask.astype(np.uint8) * np.uint8(LV), None


def _labels(root: Path) -> Path | None:
    return next((path for path in (root / LABELS, *sorted(root.glob(f"*/{LABELS}"))) if path.is_file()), None)


def _curve(path: Path, name: str, label: Any) -> NDArray[np.float64] | None:
    """The points of a label, `None` if an expert set none; of several the first."""
    first = label[0] if isinstance(label, list) and label else label
    if not isinstance(first, dict) or first.get("type") != "curve":
        return None
    try:
        points = np.array([[float(n) for n in str(first[axis]).split()] for axis in ("x", "y")]).T
        if (
            points.ndim != 2
            or len(points) < 3
            or not np.isfinite(points).all()
            or (points[1:] == points[:-1]).all(1).any()
        ):
            raise ValueError
    except (KeyError, ValueError):
        shown_label = str(first)[:60]
        raise DataError(path, f"{CURVE} of {name}", shown_label, "x and y, three numbers or more in each") from None
    return points


def _smooth(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """The cubic spline through points (N, 2), by the distance along them."""
    from scipy.interpolate import CubicSpline

    along = np.concatenate([[0.0], np.linalg.norm(np.diff(points, axis=0), axis=1).cumsum()])
    finer = np.interp(np.arange(0, len(points) - 1 + 1e-9, 1 / BETWEEN), np.arange(len(points)), along)
    return np.asarray(CubicSpline(along, points)(finer))
