"""Batches grouped by image: each image once, with all its sentences and masks.

Nothing here touches a global random state: the order of an epoch is a function of (seed, epoch), and what is drawn
for a frame a function of (seed, epoch, frame), so the number of worker processes changes nothing.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from synthboost.data import TripletRecipe, make_triplets
from synthboost.errors import SynthboostError
from synthboost.models.base import Segmenter
from synthboost.training.augment import draw_augmentation
from synthboost.training.frame_set import FrameSet


class Batch(NamedTuple):
    """B images and their N pairs."""

    images: Tensor
    """(B, 3, S, S)."""
    tokens: Tensor
    """(N, L)."""
    image_index: Tensor
    """(N,) int64: the image of each pair."""
    targets: Tensor
    """(N, s, s), 0-1."""
    frames: tuple[str, ...]
    """The B frames' names, for messages."""

    def to(self, device: torch.device) -> Batch:
        """Return the batch with its tensors on `device`."""
        return Batch(
            images=self.images.to(device, non_blocking=True),
            tokens=self.tokens.to(device, non_blocking=True),
            image_index=self.image_index.to(device, non_blocking=True),
            targets=self.targets.to(device, non_blocking=True),
            frames=self.frames,
        )


@dataclass(frozen=True)
class Sample:
    """One frame, prepared."""

    image: Tensor
    sentences: list[str]
    targets: Tensor
    """(K, s, s)."""
    frame: str


class TrainingFrames(Dataset[Sample | SynthboostError]):
    """Frames as samples; the index is (epoch, position), so that worker processes need no state of their own."""

    def __init__(self, frames: FrameSet, model: Segmenter, recipe: TripletRecipe, augmentation: float = 0.0) -> None:
        """Prepare `frames` for `model` with the sentences of `recipe`, changed randomly by `augmentation` (0-1)."""
        self.frames, self.model, self.recipe, self.augmentation = frames, model, recipe, augmentation

    def __getitem__(self, index: tuple[int, int]) -> Sample | SynthboostError:
        try:
            return self._sample(*index)
        except SynthboostError as error:
            return error  # raised by `batches_of`, in the process that waits for the batch

    def _sample(self, epoch: int, position: int) -> Sample:
        frame = self.frames[position]
        triplets = make_triplets(frame, self.recipe, epoch)
        grey = self.model.resize(frame.image)
        targets = torch.stack([self.model.preprocess_mask(triplet.mask) for triplet in triplets])
        if self.augmentation:
            key = [self.recipe.seed, epoch, zlib.crc32(frame.info.name.encode())]
            height, width = (n * mm for n, mm in zip(frame.image.shape, frame.spacing_mm, strict=True))
            change = draw_augmentation(np.random.default_rng(key), self.augmentation, height / width)
            grey, targets = change.image(grey), change.masks(targets)
        sentences = [triplet.prompt.text for triplet in triplets]
        return Sample(self.model.normalise(grey), sentences, targets, frame.info.name)


class EpochBatches(Sampler[list[tuple[int, int]]]):
    """The batches of one epoch, as a function of (seed, epoch); `start` skips those that are done already."""

    def __init__(self, length: int, batch_size: int, seed: int, shuffle: bool) -> None:
        self.length, self.batch_size, self.seed, self.shuffle = length, batch_size, seed, shuffle
        self.drop_last = False
        self.epoch = 0
        self.start = 0

    def __len__(self) -> int:
        return -(-self.length // self.batch_size)

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        order = np.arange(self.length)
        if self.shuffle:
            order = np.random.default_rng([self.seed, self.epoch]).permutation(self.length)
        for first in range(self.start * self.batch_size, self.length, self.batch_size):
            yield [(self.epoch, int(position)) for position in order[first : first + self.batch_size]]


def make_loader(samples: TrainingFrames, batches: EpochBatches, workers: int, pin_memory: bool) -> DataLoader[Any]:
    """Build the loader; it owns its generator, since merely iterating would otherwise draw from the global one."""
    return DataLoader(
        samples,
        batch_sampler=batches,
        collate_fn=Collate(samples.model.tokenize),
        num_workers=workers,
        persistent_workers=workers > 0,
        pin_memory=pin_memory,
        generator=torch.Generator().manual_seed(batches.seed),
        timeout=300 if workers else 0,
    )


def batches_of(loader: Iterable[Batch | SynthboostError]) -> Iterator[Batch]:
    """Yield the batches of a loader, and raise the error that stands in place of one.

    Raises:
        SynthboostError: of the type it had in the worker process; torch itself would make a RuntimeError of it.
    """
    for batch in loader:
        if isinstance(batch, SynthboostError):
            raise batch
        yield batch


@dataclass(frozen=True)
class Collate:
    """Join samples into a batch; each pair points at its image."""

    tokenize: Callable[[Sequence[str]], Tensor]

    def __call__(self, found: list[Sample | SynthboostError]) -> Batch | SynthboostError:
        """Return a `Batch` of B = len(found) images, or the first error among them."""
        try:
            return self._join([_require_sample(one) for one in found])
        except SynthboostError as error:
            return error

    def _join(self, samples: list[Sample]) -> Batch:
        counts = torch.tensor([len(sample.sentences) for sample in samples])
        return Batch(
            images=torch.stack([sample.image for sample in samples]),
            tokens=self.tokenize([sentence for sample in samples for sentence in sample.sentences]),
            image_index=torch.arange(len(samples)).repeat_interleave(counts),
            targets=torch.cat([sample.targets for sample in samples]),
            frames=tuple(sample.frame for sample in samples),
        )


def _require_sample(found: Sample | SynthboostError) -> Sample:
    if isinstance(found, SynthboostError):
        raise found
    return found
