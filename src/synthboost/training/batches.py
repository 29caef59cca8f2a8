"""Batches grouped by image: each image once, with all its sentences and masks.

Nothing here touches a global random state: the order of an epoch is a function of (seed, epoch), and what is drawn
for a frame a function of (seed, turn, frame), so the number of worker processes changes nothing. A frame's turn counts
how often it was its group's to be shown: the epoch, unless an epoch shows the frame more than once.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler, get_worker_info

from synthboost.data import TripletRecipe, make_triplets
from synthboost.data.source import FrameSet, Group
from synthboost.errors import SynthboostError, TrainingError, first_words
from synthboost.models.base import Features, Segmenter
from synthboost.training.augment import draw_augmentation
from synthboost.training.feature_cache import FeatureCache

_DEATHS = ("exited unexpectedly", "is killed by signal", "DataLoader timed out")
"""In torch's messages, which alone tell them from other RuntimeErrors."""


class Batch(NamedTuple):
    """B images, M distinct sentences, and their N pairs."""

    images: Tensor | Features
    """(B, 3, S, S), or what the image encoder made of it."""
    tokens: Tensor
    """(M, L)."""
    image_index: Tensor
    """(N,) int64: the image of each pair."""
    text_index: Tensor
    """(N,) int64: the sentence of each pair."""
    targets: Tensor
    """(N, s, s), 0-1."""
    sentences: tuple[str, ...]
    """The M sentences."""
    frames: tuple[str, ...]
    """The B frames' names, for messages."""


class Sample(NamedTuple):
    """One frame, prepared."""

    image: Tensor | Features
    """(3, S, S), or its features."""
    sentences: list[str]
    targets: Tensor
    """(K, s, s)."""
    frame: str


class TrainingFrames(Dataset[Sample | SynthboostError]):
    """Frames as samples; the index is (turn, position), so that worker processes need no state of their own."""

    def __init__(
        self,
        frames: FrameSet,
        model: Segmenter,
        recipe: TripletRecipe,
        augmentation: float = 0.0,
        cache: FeatureCache | None = None,
    ) -> None:
        """Prepare `frames` for `model`; images are augmented or, which excludes that, come as features from `cache`."""
        assert cache is None or not augmentation
        self.frames, self.model, self.recipe, self.augmentation = frames, model, recipe, augmentation
        self.cache, self.keys = cache, [] if cache is None else frames.image_keys

    def __getitem__(self, index: tuple[int, int]) -> Sample | SynthboostError:
        try:
            return self._sample(*index)
        except SynthboostError as error:
            return error  # raised by `batches_of`, in the process that waits for the batch

    def _sample(self, turn: int, position: int) -> Sample:
        frame = self.frames[position]
        triplets = make_triplets(frame, self.recipe, turn)
        sentences = [triplet.prompt.text for triplet in triplets]
        targets = torch.stack([self.model.preprocess_mask(triplet.mask) for triplet in triplets])
        if self.cache is not None:
            return Sample(self.cache[self.keys[position]], sentences, targets, frame.info.name)
        grey = self.model.resize(frame.image)
        if self.augmentation:
            key = [self.recipe.seed, turn, zlib.crc32(frame.info.name.encode())]
            height, width = (n * mm for n, mm in zip(frame.image.shape, frame.spacing_mm, strict=True))
            change = draw_augmentation(np.random.default_rng(key), self.augmentation, height / width)
            grey, targets = change.image(grey), change.masks(targets)
        return Sample(self.model.normalise(grey), sentences, targets, frame.info.name)


class EpochBatches(Sampler[list[tuple[int, int]]]):
    """The batches of one epoch, as a function of (seed, epoch); `start` skips those that are done already.

    Several processes share each batch: process p of n takes the images p, p + n, p + 2n, ... of it.
    """

    def __init__(
        self,
        length: int,
        batch_size: int,
        seed: int,
        shuffle: bool,
        groups: tuple[Group, ...] = (),
        process: int = 0,
        processes: int = 1,
    ) -> None:
        assert not groups or (shuffle and sum(group.drawn for group in groups) == length)
        self.length, self.batch_size, self.seed, self.shuffle = length, batch_size, seed, shuffle
        self.groups, self.process, self.processes = groups, process, processes
        self.epoch = self.start = 0

    def __len__(self) -> int:
        return -(-self.length // self.batch_size)

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        rng = np.random.default_rng([self.seed, self.epoch])
        positions = rng.permutation(self.length) if self.shuffle and not self.groups else range(self.length)
        order = self._drawn(rng) if self.groups else [(self.epoch, int(position)) for position in positions]
        for number in range(self.start, len(self)):
            batch = order[number * self.batch_size :][: self.batch_size]
            yield batch[self.process :: self.processes] if self.has_share(number) else batch[:1]

    def images(self, number: int) -> int:
        """Return how many images a batch has, those of all processes together."""
        return min(self.batch_size, self.length - number * self.batch_size)

    def has_share(self, number: int) -> bool:
        """Whether a batch has an image for this process; if not, it takes part with the first, which must not count."""
        return self.process < self.images(number)

    def _drawn(self, rng: np.random.Generator) -> list[tuple[int, int]]:
        """The quota of each group: all its frames in random order, again and again, the last time only so many."""
        drawn: list[tuple[int, int]] = []
        first = 0
        for group in self.groups:
            rounds = -(-group.drawn // group.frames)
            for number in range(rounds):
                chosen = rng.permutation(group.frames)[: group.drawn - number * group.frames]
                drawn += [(self.epoch * rounds + number, first + int(position)) for position in chosen]
            first += group.frames
        return [drawn[place] for place in rng.permutation(len(drawn))]


def make_loader(samples: TrainingFrames, batches: EpochBatches, workers: int, pin_memory: bool) -> DataLoader[Any]:
    """Build the loader; it owns its generator, since merely iterating would otherwise draw from the global one."""
    return DataLoader(
        samples,
        batch_sampler=batches,
        collate_fn=partial(_collate, samples.model.tokenize),
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
        TrainingError: a worker process died.
    """
    with naming_dead_workers(getattr(loader, "num_workers", 0)):
        for batch in loader:
            if isinstance(batch, SynthboostError):
                raise batch
            yield batch


@contextmanager
def naming_dead_workers(workers: int = 0) -> Iterator[None]:
    """Turn what torch says of a worker process that died or hangs into an error with a remedy.

    PyTorch reports dead workers through SIGCHLD, so any line of the main process may raise it, not only those that wait
    for a batch. There, where `workers` are waited for, their death may also break a pipe.

    Raises:
        TrainingError: see above.
    """
    try:
        yield
    except (RuntimeError, OSError, EOFError) as error:
        said = str(error).strip().rstrip(".") or type(error).__name__
        # What a worker raises itself is "Caught ... in ...".
        broken_pipe = workers and not isinstance(error, RuntimeError) and not said.startswith("Caught")
        if not broken_pipe and not any(words in said for words in _DEATHS):
            raise
        with suppress(RuntimeError):
            time.sleep(1 if broken_pipe else 0)  # torch's report, by signal, arrives here and not in what handles ours
        raise TrainingError(
            "DataLoader", "worker process", said, "workers that live as long as the training",
            "Often the memory or /dev/shm is full: take fewer `workers` (0 needs none). The same command resumes.",
        ) from error  # fmt: skip


def _collate(
    tokenize: Callable[[Sequence[str]], Tensor], found: list[Sample | SynthboostError]
) -> Batch | SynthboostError:
    """Join samples into a batch in which each pair points at its image, or return the first error among them."""
    for one in found:
        if isinstance(one, SynthboostError):
            return one
    samples = cast("list[Sample]", found)
    sentences = [sentence for sample in samples for sentence in sample.sentences]
    number = {sentence: position for position, sentence in enumerate(dict.fromkeys(sentences))}
    try:
        tokens = tokenize(list(number))
    except SynthboostError as error:
        return error
    batch = Batch(
        images=_stack([sample.image for sample in samples]),
        tokens=tokens,
        image_index=torch.arange(len(samples)).repeat_interleave(torch.tensor([len(s.sentences) for s in samples])),
        text_index=torch.tensor([number[sentence] for sentence in sentences]),
        targets=torch.cat([sample.targets for sample in samples]),
        sentences=tuple(number),
        frames=tuple(sample.frame for sample in samples),
    )
    return batch if get_worker_info() is None else _shared(batch)


def _shared(batch: Batch) -> Batch | SynthboostError:
    """Move a batch into shared memory now: torch would do so where nobody hears of an error, and wait for ever."""
    try:
        images = batch.images if isinstance(batch.images, tuple) else (batch.images,)
        for tensor in (*images, batch.tokens, batch.image_index, batch.text_index, batch.targets):
            tensor.share_memory_()  # type: ignore[no-untyped-call]
    except (RuntimeError, OSError) as error:
        remedy = "Take fewer `workers` (0 needs none). The same command resumes."
        return TrainingError("DataLoader", "shared memory", first_words(error), "room for a batch in /dev/shm", remedy)
    return batch


def _stack(images: list[Tensor | Features]) -> Tensor | Features:
    if isinstance(images[0], tuple):
        return tuple(map(torch.stack, zip(*images, strict=True)))
    return torch.stack(cast("list[Tensor]", images))
