"""The frames that one stage learns from or is checked on, out of one or more data sets, kept in memory if they fit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from synthboost.data.dataset import Dataset, image_digest
from synthboost.domain import Frame, FrameInfo
from synthboost.errors import DataError

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
