"""The frames that one stage learns from or is checked on, out of one or more data sets, kept in memory if they fit."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from synthboost.data import Dataset
from synthboost.domain import Frame, FrameInfo, GreyImage

MEMORY_BYTES = 4 * 1024**3
"""Decoded frames are kept up to this much; 2,000 native CAMUS frames take about 1.5 GB."""


@dataclass
class FrameSet:
    """A named list of frames. Reading is lazy; a frame is decoded once and kept while there is room."""

    name: str
    members: list[tuple[Dataset, FrameInfo]]
    memory_bytes: int = MEMORY_BYTES
    _kept: dict[int, Frame] = field(default_factory=dict, repr=False)
    _bytes: int = field(default=0, repr=False)
    _keys: list[str] | None = field(default=None, repr=False)

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

    def image_keys(self) -> list[str]:
        """Return the SHA-256 (hex) of each frame's pixels and shape, in order; computed once."""
        if self._keys is None:
            self._keys = [_image_key(frame.image) for frame in self]
        return self._keys

    @property
    def infos(self) -> list[FrameInfo]:
        """What is known of each frame, without reading it."""
        return [info for _, info in self.members]

    @property
    def patients(self) -> int:
        """How many different people the frames show."""
        return len({info.patient for info in self.infos})


def _image_key(image: GreyImage) -> str:
    digest = hashlib.sha256(repr(image.shape).encode())
    digest.update(image.tobytes())
    return digest.hexdigest()
