"""A data set: which frames there are, known without reading a pixel, and how each is loaded."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from synthboost.data.image_file import read_annotated, read_image
from synthboost.domain import Frame, FrameInfo, GreyImage, PatientId, Phase, SplitPart, View
from synthboost.errors import DataError
from synthboost.io.pictures import read_grey_png
from synthboost.io.pixels import Spacing, to_label_map
from synthboost.io.shards import IMAGE, MASK, Place, read_member

if TYPE_CHECKING:
    from synthboost.data.on_the_fly import Drawing

FrameKey: TypeAlias = tuple[PatientId, View, Phase]


@dataclass(frozen=True)
class Members:
    """Where a frame lies within a shard."""

    key: str
    image: Place
    label_map: Place
    spacing_mm: Spacing
    """A PNG has none of its own."""


@dataclass(frozen=True)
class FrameFiles:
    """Where the pixels of a frame are, relative to the data set's root."""

    image: Path
    label_map: Path | None
    """`None`: the frame is not annotated."""
    raw: tuple[Path, ...] = ()
    """Neighbours that hold the pixels of `.mhd` headers; part of the fingerprint."""
    inside: Members | None = None
    """The paths above name a tar shard, and the pixels are in there."""
    drawing: Drawing | None = None
    """The paths above name the settings of a simulation, and the pixels are drawn when they are asked for."""


@dataclass(frozen=True, eq=False)
class Dataset:
    """Frames of one release in one folder. A plain value: it holds no open file and travels between processes."""

    root: Path
    release: str
    frames: tuple[FrameInfo, ...]
    """All frames, sorted by patient, view and phase."""
    files: Mapping[FrameKey, FrameFiles]
    side_files: tuple[Path, ...] = ()
    """Everything else that was read: `Info_*.cfg`, split lists, `frames.csv`; relative to the root."""
    official: Mapping[SplitPart, tuple[PatientId, ...]] = field(default_factory=dict)
    """The split that the release states, patients without a folder included; empty when it states none."""
    absent: tuple[str, ...] = ()
    """What is missing, one text per item: files of skipped patients, listed patients without a folder."""
    checksums: Mapping[Path, str] = field(default_factory=dict)
    """SHA-256 (hex) that the set states of its files, relative to the root."""

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
        files = self.files_of(info)
        if files.drawing is not None:
            drawn = files.drawing.draw(info.view, info.phase)
            return Frame(info, drawn.image, drawn.label_map, drawn.spacing_mm)
        if files.inside is not None:
            return _load_members(info, self.root / files.image, files.inside)
        if files.label_map is None:
            image, spacing_mm = read_image(self.root / files.image)
            return Frame(info, image, None, spacing_mm)
        image, label_map, spacing_mm = read_annotated(self.root / files.image, self.root / files.label_map)
        return Frame(info, image, label_map, spacing_mm)

    def load_image(self, info: FrameInfo) -> GreyImage:
        """Read the image of one frame alone, (H, W) uint8.

        Raises:
            DataError: as for `load`.
        """
        files = self.files_of(info)
        if files.drawing is not None:
            return files.drawing.draw(info.view, info.phase).image
        if files.inside is not None:
            return _read_member_image(self.root / files.image, files.inside)
        return read_image(self.root / files.image)[0]

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
        for path in sorted(self._all_files(), key=lambda p: p.as_posix()):
            total.update(os.fsencode(path.as_posix()) + b"\0" + self._digest(path))
        return total.hexdigest()

    def broken_files(self) -> list[Path]:
        """The files whose bytes are not those of the stated checksum; reads them whole."""
        return [path for path, stated in self.checksums.items() if self._digest(path).hex() != stated]

    def _all_files(self) -> set[Path]:
        of_frames = {p for f in self.files.values() for p in (f.image, f.label_map, *f.raw) if p is not None}
        return of_frames | set(self.side_files)

    def _digest(self, path: Path) -> bytes:
        try:
            with (self.root / path).open("rb") as handle:
                return hashlib.file_digest(handle, "sha256").digest()
        except OSError as error:
            raise DataError(self.root / path, "file", error.strerror or error, "a readable file") from error


def _load_members(info: FrameInfo, shard: Path, members: Members) -> Frame:
    image_path, mask_path = (shard / f"{members.key}.{kind}" for kind in (IMAGE, MASK))
    image = _read_member_image(shard, members)
    label_map = to_label_map(mask_path, read_grey_png(mask_path, read_member(shard, members.label_map)))
    if image.shape != label_map.shape:
        raise DataError(mask_path, "size", label_map.shape, f"{image.shape} as {image_path.name} has")
    return Frame(info, image, label_map, members.spacing_mm)


def _read_member_image(shard: Path, members: Members) -> GreyImage:
    return read_grey_png(shard / f"{members.key}.{IMAGE}", read_member(shard, members.image))
