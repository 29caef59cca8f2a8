"""A data set: which frames there are, known without reading a pixel, and how each is loaded."""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Self

from synthboost.data.image_file import read_annotated, read_image
from synthboost.domain import Frame, FrameInfo, GreyImage, PatientId, Phase, SplitPart, View
from synthboost.errors import DataError


@dataclass(frozen=True)
class FrameFiles:
    """Where the pixels of a frame are, relative to the data set's root."""

    image: Path
    label_map: Path | None
    """`None`: the frame is not annotated."""

    @property
    def all(self) -> tuple[Path, ...]:
        """These files, and beside each header of an MHD its pixels."""
        paths = [path for path in (self.image, self.label_map) if path is not None]
        return (*paths, *(path.with_suffix(".raw") for path in paths if path.suffix.lower() == ".mhd"))


@dataclass(frozen=True, eq=False)
class Dataset:
    """Frames of one release in one folder. A plain value: it holds no open file and travels between processes.

    Each kind of data set on disk is a class: it says how a folder is recognised (`looks_for`, `find_root`) and opened
    (`open`), and, unless images and label maps are files of their own, how a frame is read (`read`).
    """

    looks_for: ClassVar[str]
    """What `find_root` looks for, in words for the user."""
    has_images: ClassVar[bool] = True
    """Whether images are on disk; if not, they are drawn when they are read."""
    root: Path
    release: str
    frames: tuple[FrameInfo, ...]
    """All frames, sorted by patient, view and phase."""
    files: Mapping[tuple[PatientId, View, Phase], FrameFiles]
    side_files: tuple[Path, ...] = ()
    """Everything else that was read: `Info_*.cfg`, split lists, `frames.csv`; relative to the root."""
    official: Mapping[SplitPart, tuple[PatientId, ...]] = field(default_factory=dict)
    """The split that the release states, patients without a folder included; empty when it states none."""
    absent: tuple[str, ...] = ()
    """What is missing, one text per item: files of skipped patients, listed patients without a folder."""

    @classmethod
    def find_root(cls, path: Path) -> Path | None:
        """From the folder that the user gave to the data set's root, or `None` if it holds something else."""
        raise NotImplementedError

    @classmethod
    def open(cls, root: Path, allow_missing: bool = False) -> Self:
        """Read names and attributes in the folder that `find_root` found, no pixel.

        With `allow_missing`, patients of whom a file is missing are skipped, and `absent` says so.

        Raises:
            DataError: a file is missing (unless allowed) or is not as it should be.
        """
        raise NotImplementedError

    @classmethod
    def of(cls, root: Path, release: str, files: Mapping[FrameInfo, FrameFiles], **others: Any) -> Self:
        """Put a data set together from its frames, in any order, and the other fields."""
        by_key = {(info.patient, info.view, info.phase): of_frame for info, of_frame in files.items()}
        frames = tuple(sorted(files, key=lambda info: (info.patient, info.view, info.phase)))
        return cls(root=root, release=release, frames=frames, files=by_key, **others)

    @property
    def patients(self) -> tuple[PatientId, ...]:
        """The patients that have frames, sorted."""
        return tuple(sorted({info.patient for info in self.frames}))

    def has_annotation(self, info: FrameInfo) -> bool:
        """Whether the frame comes with a label map."""
        return self.files_of(info).label_map is not None

    def load(self, info: FrameInfo) -> Frame:
        """Read one frame: upright, uint8, with its true spacing, and its label map if it has one.

        Raises:
            DataError: the frame is not of this data set, or a file of it is broken; names the file.
        """
        return self.read(info, self.has_annotation(info))

    def load_image(self, info: FrameInfo) -> GreyImage:
        """Read the image of one frame alone, (H, W) uint8.

        Raises:
            DataError: as for `load`.
        """
        return self.read(info, False).image

    def read(self, info: FrameInfo, annotated: bool) -> Frame:
        """Read one frame, its label map only if `annotated`; see `load`."""
        files = self.files_of(info)
        if not annotated or files.label_map is None:
            image, spacing_mm = read_image(self.root / files.image)
            return Frame(info, image, None, spacing_mm)
        image, label_map, spacing_mm = read_annotated(self.root / files.image, self.root / files.label_map)
        return Frame(info, image, label_map, spacing_mm)

    def files_of(self, info: FrameInfo) -> FrameFiles:
        """The files of a frame.

        Raises:
            DataError: the frame is not of this data set.
        """
        try:
            return self.files[info.patient, info.view, info.phase]
        except KeyError:
            raise DataError(self.root, "frame", f"{info.patient}, {info.name}", "a frame of this data set") from None

    def fingerprint(self) -> str:
        """SHA-256 (hex) of the data: changes if and only if a file that was or would be read changes.

        Covers path (relative to the root) and every byte of all images, label maps and side files of the frames in
        this data set. It covers neither the place of the root nor files that are never read (sequences, notes).

        Raises:
            DataError: a file cannot be read.
        """
        total = hashlib.sha256()
        every = {path for files in self.files.values() for path in files.all} | set(self.side_files)
        for path in sorted(every, key=lambda p: p.as_posix()):
            total.update(os.fsencode(path.as_posix()) + b"\0" + self.digest(path))
        return total.hexdigest()

    def broken_files(self) -> list[Path]:
        """The files whose bytes are not those of a checksum that the set states; reads them whole."""
        return []

    def digest(self, path: Path) -> bytes:
        """SHA-256 of a file of the set, relative to the root.

        Raises:
            DataError: it cannot be read.
        """
        try:
            with (self.root / path).open("rb") as handle:
                return hashlib.file_digest(handle, "sha256").digest()
        except OSError as error:
            raise DataError(self.root / path, "file", error.strerror or error, "a readable file") from error


def without_annotations(dataset: Dataset) -> Dataset:
    """Return the data set without label maps and ejection fractions, which are measured on them.

    No label file is opened through it, not for its fingerprint either.
    """
    files = {key: replace(one, label_map=None) for key, one in dataset.files.items()}
    frames = tuple(
        replace(info, attributes=replace(info.attributes, ejection_fraction=None, wall_thickness_mm=None))
        for info in dataset.frames
    )
    return replace(dataset, files=files, frames=frames)
