"""A data set: which frames there are, known without reading a pixel, and how each is loaded."""

import hashlib
import os
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar

import numpy as np

from synthboost.data.image_file import check_grid, read_image, read_label_map
from synthboost.domain import STRUCTURES, Frame, FrameInfo, GreyImage, LabelMap, PatientId, SplitPart, Structure
from synthboost.errors import ConfigError, DataError, readable, shown
from synthboost.io.recording import Spacing

Item = TypeVar("Item")
Result = TypeVar("Result")
AHEAD_PER_WORKER = 2
"""Frames read ahead for each worker: one in work, one waiting."""


@dataclass(frozen=True)
class FrameFiles:
    """Where the pixels of a frame are, relative to the data set's root."""

    image: Path
    label_map: Path | None
    """`None`: the frame is not annotated."""
    number: int | None = None
    """Of the frame in these files, from 0, where they are clips."""

    @property
    def all(self) -> tuple[Path, ...]:
        """These files, and beside each header of an MHD its pixels."""
        paths = [path for path in (self.image, self.label_map) if path is not None]
        return (*paths, *(path.with_suffix(".raw") for path in paths if path.suffix.lower() == ".mhd"))


@dataclass(frozen=True, eq=False)
class Dataset:
    """Frames of one release in one folder. A plain value: it holds no open file and travels between processes.

    Each kind of data set on disk is a class: it says how a folder is recognised (`looks_for`, `find_root`) and opened
    (`open`), and, unless they are files of their own, how an image (`image_of`) and its label map (`label_map_of`) are
    read.
    """

    looks_for: ClassVar[str]
    """What `find_root` looks for, in words for the user."""
    has_images: ClassVar[bool] = True
    """Whether images are on disk; if not, they are drawn when they are read."""
    has_own_name: ClassVar[bool] = False
    """Whether it is opened only as `KIND:FOLDER`, because the folder is of another kind, too."""
    root: Path
    release: str
    frames: tuple[FrameInfo, ...]
    """All frames, sorted by patient, view, number in their film, and phase."""
    files: Mapping[tuple[PatientId, str], FrameFiles]
    """By patient and name of the frame."""
    side_files: tuple[Path, ...] = ()
    """Everything else that was read: `Info_*.cfg`, split lists, `frames.csv`; relative to the root."""
    official: Mapping[SplitPart, tuple[PatientId, ...]] = field(default_factory=dict)
    """The split that the release states, patients without a folder included; empty when it states none."""
    absent: tuple[str, ...] = ()
    """What is missing, one text per item: files of skipped patients, listed patients without a folder."""
    ignored: Mapping[str, int] = field(default_factory=dict)
    """What is there and not read, e.g. films of another view, and how many of it."""
    labels: Mapping[int, int] | None = None
    """Number in the label maps -> CAMUS' label (0-3); `None`: they are the same, and PNGs may mark the sector."""

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
    def of(
        cls, root: Path, release: str, files: Mapping[FrameInfo, FrameFiles], absent: Collection[str] = (),
        allow_missing: bool = True, **others: Any,
    ) -> Self:  # fmt: skip
        """Put a data set together from its frames, in any order, and the other fields.

        Raises:
            DataError: something is absent that is not allowed to be, or there is no frame.
        """
        if absent and not allow_missing:
            raise DataError(
                root, f"{len(absent)} missing files", shown([*absent], 20), f"a whole {cls.looks_for}",
                "Complete the data set; or --allow-missing skips such patients or frames, where a verb has it.",
            )  # fmt: skip
        if not files:
            left = [f"{count} {what}" for what, count in others.get("ignored", {}).items()]
            raise DataError(root, "frames", ", ".join(["none complete", *left]), cls.looks_for)
        by_key = {(info.patient, info.name): of_frame for info, of_frame in files.items()}
        frames = tuple(sorted(files, key=_place))
        return cls(root=root, release=release, frames=frames, files=by_key, absent=tuple(absent), **others)

    @property
    def patients(self) -> tuple[PatientId, ...]:
        """The patients that have frames, sorted."""
        return tuple(sorted({info.patient for info in self.frames}))

    @property
    def structures(self) -> tuple[Structure, ...]:
        """Those that its annotated frames annotate, in the order of their labels."""
        found = {one for info in self.frames if self.has_annotation(info) for one in info.structures}
        return tuple(structure for structure in STRUCTURES if structure in found)

    def has_annotation(self, info: FrameInfo) -> bool:
        """Whether the frame comes with a label map."""
        return self.files_of(info).label_map is not None

    def load(self, info: FrameInfo) -> Frame:
        """Read one frame: upright, uint8, with its true spacing, and its label map if it has one.

        Raises:
            DataError: the frame is not of this data set, or a file of it is broken; names the file.
        """
        return self.read(info, self.has_annotation(info))

    def read(self, info: FrameInfo, annotated: bool) -> Frame:
        """Read one frame, its label map only if `annotated`; see `load`."""
        image, spacing_mm = self.image_of(info)
        if not annotated or not self.has_annotation(info):
            return Frame(info, image, None, spacing_mm)
        label_map, its_spacing_mm = self.label_map_of(info, image.shape)
        files = self.files_of(info)
        check_grid(files.image, (image, spacing_mm), self.root / str(files.label_map), (label_map, its_spacing_mm))
        return Frame(info, image, label_map, spacing_mm)

    def image_of(self, info: FrameInfo) -> tuple[GreyImage, Spacing]:
        """Read the image (H, W) of a frame, and its spacing (rows, columns) in mm; see `load`."""
        files = self.files_of(info)
        return read_image(self.root / files.image, files.number)

    def label_map_of(self, info: FrameInfo, shape: tuple[int, ...]) -> tuple[LabelMap, Spacing | None]:
        """Read the label map of an annotated frame whose image has this shape, and its spacing if it has its own."""
        files = self.files_of(info)
        return read_label_map(self.root / str(files.label_map), self.labels, files.number)

    def files_of(self, info: FrameInfo) -> FrameFiles:
        """The files of a frame.

        Raises:
            DataError: the frame is not of this data set.
        """
        try:
            return self.files[info.patient, info.name]
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
        with readable(self.root / path), (self.root / path).open("rb") as handle:
            return hashlib.file_digest(handle, "sha256").digest()


def require_own_names(root: Path, infos: Iterable[FrameInfo]) -> None:
    """Refuse frames (`DataError`) of which two have one name, by which their files are called."""
    counts = Counter(info.name for info in infos)
    if twice := [name for name, count in counts.items() if count > 1]:
        raise DataError(
            root, "frames", f"two are called {shown(twice, 3)}", "patients with names of their own",
            "Patients of two folders have one name: give each folder by itself, or rename them.",
        )  # fmt: skip


def without_annotations(dataset: Dataset, except_of: Collection[PatientId] = ()) -> Dataset:
    """Return the data set without label maps, and without ejection fractions and walls, which are measured on them.

    No label file is opened through it, not for its fingerprint either. The label maps of some patients may stay. In the
    other frames a model may annotate every structure.
    """
    files = {key: one if key[0] in except_of else replace(one, label_map=None) for key, one in dataset.files.items()}
    infos = map(unmeasured, dataset.frames)
    annotated = {key for key, one in files.items() if one.label_map is not None}
    frames = (i if (i.patient, i.name) in annotated else replace(i, structures=STRUCTURES) for i in infos)
    return replace(dataset, files=files, frames=tuple(frames))


def _place(info: FrameInfo) -> tuple[PatientId, str, int, str]:
    return info.patient, info.view or "", -1 if info.number is None else info.number, info.phase or ""


def unmeasured(info: FrameInfo) -> FrameInfo:
    """What is known of a frame but for what was measured on its masks."""
    return replace(info, attributes=replace(info.attributes, ejection_fraction=None, wall_thickness_mm=None))


def image_digest(image: GreyImage) -> bytes:
    """SHA-256 of size and pixels: independent of file format, compression and spacing."""
    return hashlib.sha256(repr(image.shape).encode() + np.ascontiguousarray(image).tobytes()).digest()


def ordered_map(function: Callable[[Item], Result], items: Iterable[Item], workers: int) -> Iterator[Result]:
    """Yield `function(item)` in order, computed by threads a few items ahead; lazily, so memory stays bounded.

    Threads, not processes: to read a frame takes about a millisecond, less than sending it between processes would.
    With 0 or 1 workers the caller computes.

    Raises:
        ConfigError: `workers` is negative.
    """
    if workers < 0:
        raise ConfigError("workers", "number", workers, "0 (no threads) or more")
    return map(function, items) if workers <= 1 else _threaded(function, items, workers)


def _threaded(function: Callable[[Item], Result], items: Iterable[Item], workers: int) -> Iterator[Result]:
    waiting: deque[Future[Result]] = deque()
    pool = ThreadPoolExecutor(workers, thread_name_prefix="load")
    try:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) >= workers * AHEAD_PER_WORKER:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
