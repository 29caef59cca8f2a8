"""Streams of annotated frames: batches of the network's size, from any step on, without end."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import ExitStack, closing
from functools import lru_cache
from itertools import count
from typing import NamedTuple, TypeAlias

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from synthboost.domain import STRUCTURES, Frame, FrameInfo, GreyImage, LabelMap
from synthboost.models.base import resized

CERTAIN = 255
"""The whole of a pixel, in shares."""


class FrameBatch(NamedTuple):
    """B frames of the network's size with their annotation."""

    images: NDArray[np.uint8]
    """(B, S, S)."""
    labels: NDArray[np.uint8]
    """(B, S, S), 0-3; or, where they are uncertain, (B, 4, S, S): the share of background and each structure, 0-255."""
    infos: tuple[FrameInfo, ...] = ()
    """What else is known of each frame, for its sentences; empty when nothing is."""

    @property
    def annotated(self) -> NDArray[np.bool_] | None:
        """(B, 3): the structures that each frame annotates; `None`: all of them."""
        if all(info.structures == STRUCTURES for info in self.infos):
            return None
        return np.array([[structure in info.structures for structure in STRUCTURES] for info in self.infos])


FrameStream: TypeAlias = Callable[[int], Generator[FrameBatch, None, None]]
"""Given a step, yields the batch of that step, of the next one and so on."""


def repeated(frames: FrameBatch, batch: int, seed: int) -> FrameStream:
    """Show frames again and again: all of them in random order, all in another one, and so on; a pass ends anywhere.

    Batch k is a function of the arguments and of k alone.
    """

    def stream(step: int) -> Generator[FrameBatch, None, None]:
        for number in count(step):
            yield chosen(frames, positions_of(len(frames.images), batch, seed, number))

    return stream


def positions_of(total: int, batch: int, seed: int, number: int) -> NDArray[np.intp]:
    """Which of `total` items are in a batch, when all are shown in random order, then all in another one, and so on."""
    first, last = number * batch, (number + 1) * batch
    passes = range(first // total, -(-last // total))
    orders = [_order(seed, each, total) for each in passes]
    return np.concatenate(orders)[first - passes[0] * total :][:batch]


@lru_cache(maxsize=8)  # one pass has many batches
def _order(seed: int, number: int, total: int) -> NDArray[np.intp]:
    return np.random.default_rng([seed, number]).permutation(total)


def shrunk_frames(frames: Iterable[Frame], size: int) -> FrameBatch:
    """Resize annotated frames to `size` pixels a side."""
    images, labels, infos = [], [], []
    for frame in frames:
        assert frame.label_map is not None, f"{frame.info.name} has no annotation"
        images.append(shrunk_image(frame.image, size))
        labels.append(shrunk_labels(frame.label_map, size))
        infos.append(frame.info)
    return FrameBatch(np.stack(images), np.stack(labels), tuple(infos))


def shrunk_image(image: GreyImage, size: int) -> GreyImage:
    """Resize an image (H, W) to (size, size), as `Segmenter.resize` but for the rounding."""
    grey = resized(torch.from_numpy(image.copy()).float()[None], size)[0]
    return np.asarray(grey.round().clamp(0, 255).byte().numpy())


def shrunk_labels(label_map: LabelMap, size: int) -> LabelMap:
    """Resize a label map (H, W) to (size, size): each pixel gets the label that most of it has."""
    inside = F.one_hot(torch.from_numpy(label_map.astype(np.int64)), 1 + len(STRUCTURES)).permute(2, 0, 1).float()
    return np.asarray(resized(inside, size).argmax(0).byte().numpy())


def mixed(streams: Sequence[FrameStream]) -> FrameStream:
    """Join the batches of several streams into one each."""

    def stream(step: int) -> Generator[FrameBatch, None, None]:
        with ExitStack() as stack:
            batches = [stack.enter_context(closing(one(step))) for one in streams]
            while True:
                yield joined([next(one) for one in batches])

    return stream


def joined(parts: Sequence[FrameBatch]) -> FrameBatch:
    """Join batches into one; label maps beside uncertain ones become shares."""
    images, labels, infos = zip(*parts, strict=True)
    if len({of_part.ndim for of_part in labels}) > 1:
        labels = tuple(of_part if of_part.ndim == 4 else as_shares(of_part) for of_part in labels)
    return FrameBatch(np.concatenate(images), np.concatenate(labels), tuple(info for part in infos for info in part))


def as_shares(labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return label maps (B, S, S) as shares (B, 4, S, S) of 0 and 255."""
    return np.stack([np.where(labels == value, CERTAIN, 0) for value in (0, *STRUCTURES)], 1).astype(np.uint8)


def chosen(frames: FrameBatch, places: NDArray[np.intp]) -> FrameBatch:
    """Return some of the frames, in this order."""
    infos = tuple(frames.infos[place] for place in places) if frames.infos else ()
    return FrameBatch(frames.images[places], frames.labels[places], infos)
