"""HMC-QU: four-chamber films, and the wall of the left ventricle over one heartbeat.

Degerli et al., IEEE Access 9:67425-67438 (2021). What is read, and where it is known from: docs/data.md.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from synthboost.data.dataset import Dataset, FrameFiles
from synthboost.data.splits import drawn_split
from synthboost.domain import FrameInfo, LabelMap, PatientId, Structure, View
from synthboost.errors import DataError, readable
from synthboost.evaluation.metrics.resample import to_grid
from synthboost.io.tables import count_of, read_lines

FILMS, MASKS, LIST = Path("HMC-QU"), Path("LV Ground-truth Segmentation Masks"), "A4C.csv"
VARIABLE = "predicted"
"""Of a mask file: (frames, 224, 224), 0 and 1."""
MYO = Structure.MYOCARDIUM


@dataclass(frozen=True, eq=False)
class HmcQu(Dataset):
    """`HMC-QU/A4C/*.avi` and `LV Ground-truth Segmentation Masks/Mask_*.mat`; the sheet must be saved as CSV."""

    looks_for: ClassVar[str] = f"{FILMS}/A4C/*.avi beside '{MASKS}/Mask_*.mat'"
    first: Mapping[Path, int] = field(default_factory=dict)
    """Mask file -> the frame of its film, from 0, that its first mask is of."""

    @classmethod
    def find_root(cls, path: Path) -> Path | None:
        """The folder itself if films and masks are in it; else `None`."""
        return path if (path / FILMS / "A4C").is_dir() and (path / MASKS).is_dir() else None

    @classmethod
    def open(cls, root: Path, allow_missing: bool = False) -> Self:
        """Read the list, no film and no mask: the frames from `Reference Frame` to `End of Cycle` are annotated.

        Raises:
            DataError: the list is not there as CSV, a line is wrong, or a film with masks is absent (unless allowed).
        """
        if not (root / LIST).is_file():
            raise DataError(
                root / LIST, "file", "absent", f"{LIST}, the sheet of A4C.xlsx",
                "Open A4C.xlsx and save it as CSV in UTF-8: sheets are not read.",
            )  # fmt: skip
        files: dict[FrameInfo, FrameFiles] = {}
        first, absent, bare = dict[Path, int](), list[str](), 0
        for where, row in read_lines(root / LIST, "ECHO", "Reference Frame", "End of Cycle"):
            film, mask = FILMS / "A4C" / f"{row['ECHO']}.avi", MASKS / f"Mask_{row['ECHO']}.mat"
            if not (root / mask).is_file():
                bare += 1
            elif not (root / film).is_file():
                absent.append(film.as_posix())
            else:
                start, end = (count_of(where, name, row[name]) for name in ("Reference Frame", "End of Cycle"))
                if not 1 <= start <= end:
                    raise DataError(where, "End of Cycle", end, f"from Reference Frame = {start} on, counted from 1")
                if mask in first:
                    raise DataError(where, "ECHO", f"{row['ECHO']} again", "each film once")
                first[mask] = start - 1
                person = re.match(r"[A-Za-z]+[0-9]+", row["ECHO"])
                patient = PatientId("hmc-qu", "A4C", person[0] if person else row["ECHO"])
                for number in range(start - 1, end):
                    info = FrameInfo(
                        patient, View.FOUR_CHAMBER, None, number=number, structures=(MYO,), spacing_known=False
                    )
                    if info in files:
                        raise DataError(where, "ECHO", row["ECHO"], f"one film of {patient.name}")
                    files[info] = FrameFiles(film, mask, number)
        ignored = {"films without masks": bare, "films of the view A2C": len([*(root / FILMS / "A2C").glob("*.avi")])}
        return cls.of(
            root, "hmc-qu", files, absent, allow_missing, side_files=(Path(LIST),), first=first,
            official=drawn_split({info.patient for info in files}), ignored={k: n for k, n in ignored.items() if n},
        )  # fmt: skip

    def label_map_of(self, info: FrameInfo, shape: tuple[int, ...]) -> tuple[LabelMap, None]:
        """Bring the frame's mask, of another size, to the film's; see `Dataset.label_map_of`."""
        files = self.files_of(info)
        assert files.label_map is not None
        assert files.number is not None
        path, place = self.root / files.label_map, files.number - self.first[files.label_map]
        masks = _masks(path)
        if place >= len(masks):
            raise DataError(path, "masks", len(masks), f"one for each frame of the cycle, {place + 1} or more")
        wall = to_grid(masks[place] > 0, (shape[0], shape[1]))
        return wall.astype(np.uint8) * np.uint8(MYO), None


def _masks(path: Path) -> NDArray[np.generic]:
    """(frames, h, w), 0 and 1."""
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    with readable(path, "a MATLAB file", MatReadError, ValueError, TypeError, NotImplementedError, KeyError):
        found = {name: value for name, value in loadmat(path).items() if not name.startswith("__")}
    masks = found.get(VARIABLE, next(iter(found.values()), None))
    if not isinstance(masks, np.ndarray) or masks.ndim != 3 or not np.isin(masks, (0, 1)).all():
        raise DataError(
            path, VARIABLE, str(getattr(masks, "shape", "absent")), "masks (frames, rows, columns) of 0 and 1"
        )
    return masks
