"""The data of a run: a data set, its split by patient, checked for leaks; frames, in memory if they fit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import NamedTuple, Self

from synthboost.data.dataset import Dataset, image_digest, require_own_names, without_annotations
from synthboost.data.picture_folder import PictureDefaults, open_pictures
from synthboost.data.registry import looks_like_dataset, open_dataset
from synthboost.data.splits import (
    Split,
    check_images,
    check_patients,
    fewer_training_patients,
    make_split,
    without_patients,
)
from synthboost.domain import Domain, Frame, FrameInfo, PatientId, SplitOptions, SplitPart
from synthboost.errors import ConfigError, DataError, SplitError
from synthboost.records.run_record import DataSet

_OFFICIAL = SplitOptions()
MEMORY_BYTES = 4 * 1024**3
"""Decoded frames are kept up to this much; 2,000 native CAMUS frames take about 1.5 GB."""


class Group(NamedTuple):
    """So many members that stand next to each other, and how many of an epoch's images are drawn from them."""

    frames: int
    drawn: int


@dataclass
class FrameSet:
    """A named list of frames. Reading is lazy; a frame is decoded once and kept while there is room."""

    name: str
    members: list[tuple[Dataset, FrameInfo]]
    memory_bytes: int = MEMORY_BYTES
    groups: tuple[Group, ...] = ()
    """All members, in order, when some are shown more often than others; none: an epoch shows each member once."""

    def __post_init__(self) -> None:
        self._kept: dict[int, Frame] = {}
        self._bytes = 0

    def __len__(self) -> int:
        return len(self.members)

    def __getitem__(self, index: int) -> Frame:
        if index in self._kept:
            return self._kept[index]
        dataset, info = self.members[index]
        frame = dataset.load(info)
        size = frame.image.nbytes + (0 if frame.label_map is None else frame.label_map.nbytes)
        if self._bytes + size <= self.memory_bytes:
            self._kept[index] = frame
            self._bytes += size
        return frame

    def __iter__(self) -> Iterator[Frame]:
        return (self[position] for position in range(len(self)))

    @cached_property
    def image_keys(self) -> list[str]:
        """The SHA-256 (hex) of each frame's pixels and shape, in order."""
        return [image_digest(frame.image).hex() for frame in self]

    @property
    def infos(self) -> list[FrameInfo]:
        """What is known of each frame, without reading it."""
        return [info for _, info in self.members]

    @property
    def patients(self) -> int:
        """How many different people the frames show."""
        return len({info.patient for info in self.infos})


def mixture(name: str, real: FrameSet, synthetic: FrameSet, real_share: float | None = None) -> FrameSet:
    """Put two sets into one, `real` first; an epoch has as many images as both together.

    Args:
        name, real, synthetic: of the whole; their frames.
        real_share: of an epoch's images, above 0, below 1; `None` shows every frame once.

    Raises:
        DataError: one of them is empty.
    """
    for frames in (real, synthetic):
        if not len(frames):
            raise DataError(name, f"{frames.name} frames", 0, "at least one of each to mix", "Check the split.")
    members, total = [*real.members, *synthetic.members], len(real) + len(synthetic)
    if real_share is None:
        return FrameSet(name, members)
    drawn = min(max(round(real_share * total), 1), total - 1)
    groups = (Group(len(real), drawn), Group(len(synthetic), total - drawn))
    return FrameSet(name, members, groups=groups)


@dataclass(frozen=True)
class Source:
    """Frames of one data set, by part."""

    dataset: Dataset
    split: Split
    whole_split: Split | None = None
    """The split before only some training patients were chosen, if they were."""

    def with_patients(self, count: int) -> Self:
        """Return the source with the first so many training patients; the other parts stay.

        Raises:
            SplitError: there are fewer.
        """
        whole = self.whole_split or self.split
        return self._split_as(fewer_training_patients(whole, self.dataset, count), whole)

    @property
    def for_evaluation(self) -> Self:
        """The source of a run that only evaluates on it: how many patients others train on does not matter."""
        return self if self.whole_split is None else self._split_as(self.whole_split, None)

    def _split_as(self, split: Split, whole: Split | None) -> Self:
        other = replace(self, split=split, whole_split=whole)
        if "fingerprint" in vars(self):  # the same files: they need not be read again
            vars(other)["fingerprint"] = self.fingerprint
        return other

    def check_images(self) -> None:
        """Check (`SplitError`) that no image is in two parts; reads all of them."""
        check_images(self.split, self.dataset, workers=2)

    def without_annotations(self) -> Self:
        """Return the source without annotations: no label file is opened through it."""
        return replace(self, dataset=without_annotations(self.dataset))

    def frames(self, part: SplitPart, name: str, unannotated: bool = False) -> FrameSet:
        """Return the annotated frames of a part, called `name` in messages and logs; there may be none.

        With `unannotated`, the unannotated ones as well.
        """
        patients = set(self.split.parts[part])
        infos = (info for info in self.dataset.frames if info.patient in patients)
        wanted = (info for info in infos if unannotated or self.dataset.has_annotation(info))
        return FrameSet(name, [(self.dataset, info) for info in wanted])

    def evaluation_frames(self, part: SplitPart, or_unannotated: bool = False) -> FrameSet:
        """Return the annotated frames of a part to evaluate on; reads no pixel, so ask before you train.

        With `or_unannotated`, all its frames if none of them is annotated; of a data set without annotations the frames
        of every part, since nothing was held out.

        Raises:
            DataError: there are none, or two have one name.
        """
        name = f"{self.dataset.root.name} {part}"
        frames = self.frames(part, name)
        if or_unannotated and not len(frames):
            frames = self.frames(part, name, unannotated=True)
            if not any(map(self.dataset.has_annotation, self.dataset.frames)):
                frames = FrameSet(self.dataset.root.name, [(self.dataset, info) for info in self.dataset.frames])
        if not len(frames):
            raise DataError(
                self.dataset.root, "part", part, f"annotated frames in the {part} part of split {self.split.name}",
                "For a copy without the test patients give --split no-test; --allow-missing only skips what is absent.",
            )  # fmt: skip
        require_own_names(self.dataset.root, frames.infos)
        return frames

    @cached_property
    def fingerprint(self) -> str:
        """Of the data set's files."""
        return self.dataset.fingerprint()

    @cached_property
    def domains(self) -> list[str]:
        """The domains of the frames, e.g. `["simulated"]`."""
        return sorted({str(info.domain) for info in self.dataset.frames})

    @property
    def mask_patients(self) -> int:
        """Of how many patients the diffusion images among the training frames carry the annotated masks."""
        infos = self.frames(SplitPart.TRAINING, "training").infos
        return len({info.source for info in infos if info.domain is Domain.DIFFUSION} - {None})

    @cached_property
    def record(self) -> DataSet:
        """What a run's spec says of this source."""
        return self.describe(self.frames(SplitPart.TRAINING, "training"))

    def describe(self, frames: FrameSet) -> DataSet:
        """Return what a spec says of this source of which these frames are used."""
        return DataSet(
            name=self.dataset.root.name, release=self.dataset.release, domain=", ".join(self.domains),
            split=self.split.name, patients=frames.patients, frames=len(frames), fingerprint=self.fingerprint,
        )  # fmt: skip


def open_source(
    root: Path,
    options: SplitOptions = _OFFICIAL,
    patients: int | None = None,
    made_from: Split | None = None,
    defaults: PictureDefaults | None = None,
    allow_missing: bool = False,
    images: bool = True,
) -> Source:
    """Open a data set, split it, and check that no patient leaks between parts.

    Args:
        root: the data set's folder.
        options: the split, and who is left out.
        patients: train on the first so many patients only.
        made_from: for a diffusion set: the split of the data set whose masks it was made from, to rule leaks out.
        defaults: where no annotation is needed: accept a plain folder of pictures, too, of which this is true.
        allow_missing: continue when listed patients or files are absent.
        images: read them, to compare them; without, call `Source.check_images` when all that is cheaper is checked.

    Raises:
        DataError: the data set or its split is broken, or has fewer training patients.
        ConfigError: `defaults` are given for a data set, which states its own.
    """
    dataset = _open(root, allow_missing, defaults)
    split = make_split(options.split, dataset)
    if options.leave_out:
        split = without_patients(split, [_named(dataset, name) for name in options.leave_out])
    source = Source(dataset, split)
    if patients is not None:
        source = source.with_patients(patients)
    diffusion = any(info.source is not None for info in dataset.frames)
    check_patients(source.split, dataset, allow_missing, made_from if diffusion else None)
    if images:
        source.check_images()
    return source


def _open(root: Path, allow_missing: bool, defaults: PictureDefaults | None) -> Dataset:
    if defaults is not None and root.is_dir() and not looks_like_dataset(root):
        return open_pictures(root, defaults)
    if defaults not in (None, PictureDefaults()):
        raise ConfigError(
            root, "pictures", "given", "none of them for a data set, which states its own",
            "They are for plain folders of pictures.",
        )  # fmt: skip
    return open_dataset(root, allow_missing=allow_missing)


def _named(dataset: Dataset, name: str) -> PatientId:
    # The first release numbers its two folders independently: there a name alone can mean two people.
    found = [p for p in dataset.patients if name in (p.name, f"{p.folder}/{p.name}", str(p))]
    if len(found) != 1:
        meant = ", ".join(f"{p.folder}/{p.name}" for p in found) or "no patient"
        raise SplitError(
            dataset.root, "patient to leave out", f"{name} (means {meant})", "a name that means one patient",
            "Write folder/name where two folders number their patients independently.",
        )  # fmt: skip
    return found[0]
