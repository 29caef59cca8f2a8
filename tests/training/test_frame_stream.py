"""Batches of a fixed set of frames, and what becomes of a frame at the network's size."""

from __future__ import annotations

from collections.abc import Generator
from itertools import islice

import numpy as np
import pytest

from synthboost.domain import Frame
from synthboost.training.frame_stream import (
    FrameBatch,
    joined,
    mixed,
    repeated,
    shrunk_frames,
    shrunk_image,
    shrunk_labels,
)
from synthboost.training.sentences_of_batch import UNKNOWN


def numbered(count: int) -> FrameBatch:
    images = np.arange(count, dtype=np.uint8)[:, None, None].repeat(4, 1).repeat(4, 2)
    return FrameBatch(images, images % 4)


def shown(frames: FrameBatch, batch: int, seed: int, step: int, batches: int) -> list[list[int]]:
    return [one.images[:, 0, 0].tolist() for one in islice(repeated(frames, batch, seed)(step), batches)]


def test_each_pass_shows_every_frame_once_in_another_order() -> None:
    flat = [number for batch in shown(numbered(5), 2, 0, 0, 10) for number in batch]
    passes = [flat[k : k + 5] for k in range(0, 20, 5)]
    assert all(sorted(one) == [0, 1, 2, 3, 4] for one in passes)
    assert len({tuple(one) for one in passes}) > 1


def test_it_goes_on_at_any_step_and_the_seed_decides() -> None:
    whole = shown(numbered(5), 3, 1, 0, 9)
    assert shown(numbered(5), 3, 1, 4, 5) == whole[4:]
    assert shown(numbered(5), 3, 2, 0, 9) != whole


def test_a_batch_may_be_larger_than_the_set() -> None:
    first, *_ = shown(numbered(3), 7, 0, 0, 1)
    assert len(first) == 7
    assert sorted(first[:3]) == sorted(first[3:6]) == [0, 1, 2]


def test_frames_keep_their_order_their_labels_and_what_is_known_of_them() -> None:
    frames = [Frame(UNKNOWN, np.full((6, 8), k, np.uint8), np.full((6, 8), k % 4, np.uint8), (1, 1)) for k in range(3)]
    small = shrunk_frames(frames, 2)
    assert small.images.tolist() == [[[k, k], [k, k]] for k in range(3)]
    assert small.labels.tolist() == [[[k, k], [k, k]] for k in range(3)]
    assert joined([small, small]).infos == (UNKNOWN,) * 6
    with pytest.raises(AssertionError, match="no annotation"):
        shrunk_frames([Frame(UNKNOWN, np.zeros((2, 2), np.uint8), None, (1, 1))], 2)


def test_a_pixel_gets_the_label_that_most_of_it_has() -> None:
    labels = np.zeros((4, 4), np.uint8)
    labels[:2, :2] = [[3, 3], [3, 1]]
    labels[2:, 2:] = 2
    assert shrunk_labels(labels, 2).tolist() == [[3, 0], [0, 2]]
    assert shrunk_image(np.array([[10, 20], [30, 41]], np.uint8), 1).tolist() == [[25]]


def test_streams_are_mixed_batch_by_batch_and_label_maps_beside_shares_become_shares() -> None:
    maps = FrameBatch(np.zeros((2, 4, 4), np.uint8), np.full((2, 4, 4), 3, np.uint8), (UNKNOWN, UNKNOWN))
    shares = FrameBatch(np.ones((1, 4, 4), np.uint8), np.full((1, 4, 4, 4), 64, np.uint8), (UNKNOWN,))
    both = mixed([repeated(maps, 2, 0), repeated(shares, 1, 0)])
    batch = next(both(5))
    assert batch.images[:, 0, 0].tolist() == [0, 0, 1]
    assert batch.labels[:, :, 0, 0].tolist() == [[0, 0, 0, 255], [0, 0, 0, 255], [64, 64, 64, 64]]
    assert len(batch.infos) == 3
    plain = next(mixed([repeated(maps, 2, 0), repeated(maps, 1, 0)])(0))
    assert plain.labels.shape == (3, 4, 4)


def test_a_mixture_goes_on_at_any_step_and_closes_what_it_mixes() -> None:
    closed = []

    def counting(step: int) -> Generator[FrameBatch, None, None]:
        try:
            while True:
                yield FrameBatch(np.full((1, 2, 2), step, np.uint8), np.zeros((1, 2, 2), np.uint8), (UNKNOWN,))
                step += 1
        finally:
            closed.append(step)

    batches = mixed([counting, counting])(7)
    assert [next(batches).images[:, 0, 0].tolist() for _ in range(2)] == [[7, 7], [8, 8]]
    batches.close()
    assert closed == [8, 8]
