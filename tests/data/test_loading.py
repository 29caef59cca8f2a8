"""Parallel loading gives what serial loading gives, in order, a few at a time."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from synthboost.data import open_dataset
from synthboost.data.dataset import AHEAD_PER_WORKER, ordered_map
from synthboost.errors import ConfigError, DataError


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_frames_come_in_order_and_alike_whatever_the_workers(tiny_camus, workers):
    dataset = open_dataset(tiny_camus)
    infos = dataset.frames[::-1]
    serial, parallel = list(ordered_map(dataset.load, infos, 0)), list(ordered_map(dataset.load, infos, workers))
    assert [f.info for f in parallel] == list(infos)
    assert all(np.array_equal(a.image, b.image) for a, b in zip(serial, parallel, strict=True))


@pytest.mark.parametrize("workers", [0, 2])
def test_a_broken_frame_is_raised_in_its_turn_and_names_the_file(tiny_camus, workers):
    (tiny_camus / "database_nifti" / "patient0002" / "patient0002_2CH_ED.nii.gz").write_bytes(b"<html>")
    dataset = open_dataset(tiny_camus)
    frames = ordered_map(dataset.load, dataset.frames, workers)
    assert [next(frames).info.patient.name for _ in range(4)] == ["patient0001"] * 4
    with pytest.raises(DataError, match=r"patient0002_2CH_ED\.nii\.gz.*<html>"):
        next(frames)


@pytest.mark.parametrize("workers", [0, 3])
def test_only_a_few_items_are_taken_ahead(workers):
    taken = []

    def items():
        for item in range(1000):
            taken.append(item)
            yield item

    results = ordered_map(lambda x: x * x, items(), workers)
    assert [next(results) for _ in range(3)] == [0, 1, 4]
    assert len(taken) <= 3 + workers * AHEAD_PER_WORKER


def test_stopping_early_ends_the_threads():
    results = ordered_map(lambda x: x, range(100), 3)
    next(results)
    results.close()
    assert not [t for t in threading.enumerate() if t.name.startswith("load")]


def test_a_negative_number_of_workers_is_refused():
    with pytest.raises(ConfigError, match="workers"):
        ordered_map(abs, [1], -1)
