"""Any folder with a table: `frames.csv` says of each image where its mask is, and what is known of it.

Only the column `image` is needed. A column that lacks, like an empty cell, means unknown, and nothing is guessed.
"""

from __future__ import annotations

import difflib
import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar, Self

from synthboost.data.dataset import Dataset
from synthboost.data.image_file import UNKNOWN_SPACING, read_label_map
from synthboost.data.lists import FRAMES_CSV
from synthboost.data.splits import drawn_split
from synthboost.data.table_line import COLUMNS, STATES_SPACING, Line, understood
from synthboost.domain import FrameInfo, GreyImage, LabelMap, PatientId, SplitPart
from synthboost.errors import DataError, shown
from synthboost.io.recording import Spacing, to_grey_image
from synthboost.io.recordings import open_recording, read_frame
from synthboost.io.tables import read_lines


@dataclass(frozen=True, eq=False)
class TableFolder(Dataset):
    """The images that `frames.csv` lists."""

    looks_for: ClassVar[str] = f"{FRAMES_CSV} with a column `image`"
    lines: Mapping[tuple[PatientId, str], Line] = field(default_factory=dict)
    """By patient and name of the frame."""

    @classmethod
    def find_root(cls, path: Path) -> Path | None:
        """The folder itself if its `frames.csv` has a column `image`; that of a synthetic set has none."""
        table = path / FRAMES_CSV
        if not table.is_file():
            return None
        with table.open("rb") as handle:
            head = handle.readline(4096).decode("utf-8", errors="replace").lstrip("\ufeff")
        return path if "image" in [name.strip().strip('"') for name in re.split("[,;\t]", head)] else None

    @classmethod
    def open(cls, root: Path, allow_missing: bool = False) -> Self:
        """Read the table, no pixel; the official split is its column `split`, or else `drawn_split`.

        Raises:
            DataError: a line is wrong, two mean the same frame, a patient is in two parts or in none or of two sexes or
                ejection fractions, or a file is absent (unless allowed: its patient is then left out).
        """
        rows = list(read_lines(root / FRAMES_CSV, "image"))
        columns = list(rows[0][1]) if rows else []
        for name in columns:
            close = difflib.get_close_matches(name, COLUMNS, n=1, cutoff=0.8)
            if name not in COLUMNS and close and close[0] not in columns:
                raise DataError(root / FRAMES_CSV, "column", name, f"a known one; did you mean {close[0]}")
        # With a hash of the images' names: patient 7 of two folders is two people.
        release = f"table-{hashlib.sha256(repr([row['image'] for _, row in rows]).encode()).hexdigest()[:12]}"
        lines = _told_apart([understood(root, where, row, release) for where, row in rows])
        _require_agreement(lines)
        lost = {path: line for line in lines for path in line.files.all if not (root / path).is_file()}
        skipped = {line.info.patient for line in lost.values()}
        kept = {(line.info.patient, line.info.name): line for line in lines if line.info.patient not in skipped}
        return cls.of(
            root, release, {line.info: line.files for line in kept.values()}, sorted(path.as_posix() for path in lost),
            allow_missing, side_files=(Path(FRAMES_CSV),), official=_parts(root / FRAMES_CSV, lines),
            ignored={f"cells of the column {name}": len(rows) for name in columns if name not in COLUMNS}, lines=kept,
        )  # fmt: skip

    def image_of(self, info: FrameInfo) -> tuple[GreyImage, Spacing]:
        """Read an image of any kind; the spacing is the table's, or else its own. See `Dataset.image_of`."""
        files, line = self.files_of(info), self.lines[info.patient, info.name]
        pixels, stated = read_frame(self.root / files.image, files.number)
        spacing_mm = line.spacing_mm or stated if info.spacing_known else None
        return to_grey_image(self.root / files.image, pixels), spacing_mm or UNKNOWN_SPACING

    def label_map_of(self, info: FrameInfo, shape: tuple[int, ...]) -> tuple[LabelMap, Spacing | None]:
        """Read a label map, which may be a clip beside one; see `Dataset.label_map_of`."""
        files, line = self.files_of(info), self.lines[info.patient, info.name]
        path = self.root / str(files.label_map)
        is_clip = path.name.lower().endswith(STATES_SPACING) and open_recording(path).length > 1
        labels, spacing_mm = read_label_map(path, line.labels, files.number if is_clip else None)
        if labels.shape != shape and (drawn_on := open_recording(self.root / files.image)).whole_shape == labels.shape:
            labels = drawn_on.region.crop(labels)  # of a DICOM image the region is read, and all of it may be annotated
        compared = info.spacing_known and line.spacing_mm is None and spacing_mm != UNKNOWN_SPACING
        return labels, spacing_mm if compared else None


def _told_apart(lines: Iterable[Line]) -> list[Line]:
    """Number the frames of one patient, view and phase: by their place in the film, or in the table.

    Raises:
        DataError: two lines mean the same frame.
    """
    same: defaultdict[str, list[Line]] = defaultdict(list)
    seen = set[tuple[Path, int]]()
    for line in lines:
        if (place := (line.files.image, line.files.number or 0)) in seen:
            raise DataError(line.where, "image", f"{line.files.image} again", "each frame once")
        seen.add(place)
        same[line.info.name].append(line)
    for name, group in same.items():
        numbers = [n if line.files.number is None else line.files.number for n, line in enumerate(group)]
        if len(group) > 1:
            same[name] = [
                line._replace(info=replace(line.info, number=n)) for n, line in zip(numbers, group, strict=True)
            ]
    told = [line for group in same.values() for line in group]
    twice = Counter(line.info.name for line in told)
    for line in told:
        if twice[line.info.name] > 1:
            raise DataError(line.where, "frame", f"{line.info.name} again", "each frame once")
    return told


def _require_agreement(lines: Iterable[Line]) -> None:
    """Refuse (`DataError`) a patient of two sexes, or of two ejection fractions in one view."""
    known: dict[tuple[object, ...], object] = {}
    for line in lines:
        patient, attributes = line.info.patient, line.info.attributes
        for column, said, view in (
            ("sex", attributes.sex, None), ("ef", attributes.ejection_fraction, line.info.view)
        ):  # fmt: skip
            if said is not None and (first := known.setdefault((patient, column, view), said)) != said:
                raise DataError(line.where, column, said, f"{first}, as in the lines above of {patient.name}")


def _parts(path: Path, lines: Iterable[Line]) -> dict[SplitPart, tuple[PatientId, ...]]:
    of_patient: dict[PatientId, SplitPart | None] = {}
    for line in lines:
        if (first := of_patient.setdefault(line.info.patient, line.part)) != line.part:
            said = f"{line.info.patient.name} is {line.part or 'in no part'}"
            raise DataError(line.where, "split", said, f"{first or 'no part'}, as in the lines above")
    if not any(of_patient.values()):
        return drawn_split(of_patient)
    if none := [patient.name for patient, part in of_patient.items() if part is None]:
        raise DataError(path, "split", f"empty for {shown(none)}", "a part for every patient, or for none")
    return {part: tuple(sorted(p for p, of in of_patient.items() if of is part)) for part in SplitPart}
