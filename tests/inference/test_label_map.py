from __future__ import annotations

import numpy as np

from synthboost.domain import STRUCTURES
from synthboost.inference.label_map import resolve


def test_every_pixel_gets_the_largest_probability_above_the_threshold_or_nothing() -> None:
    probability = np.array([[[0.9, 0.6, 0.4, 0.7]], [[0.8, 0.7, 0.3, 0.7]]], dtype=np.float32)
    assert resolve(probability, [3, 1], 0.5).tolist() == [[3, 1, 0, 3]]


def test_the_labels_together_cover_what_the_masks_together_cover() -> None:
    probability = np.random.default_rng(0).random((3, 20, 20), dtype=np.float32)
    labels = resolve(probability, [1, 2, 3], 0.8)
    np.testing.assert_array_equal(labels > 0, (probability > np.float32(0.8)).any(axis=0))


def test_the_most_probable_structure_above_the_threshold_wins() -> None:
    probability = np.array([[[0.9, 0.6, 0.4, 0.5]], [[0.8, 0.7, 0.3, 0.2]], [[0.1, 0.65, 0.45, 0.1]]], np.float32)
    assert resolve(probability, STRUCTURES, 0.5).tolist() == [[1, 2, 0, 0]]
    assert resolve(probability, STRUCTURES, 0.42).tolist() == [[1, 2, 3, 1]]


def test_each_pixel_belongs_to_its_likeliest_sentence_or_to_none() -> None:
    probability = np.array([[[0.9, 0.6, 0.1]], [[0.8, 0.7, 0.2]]], np.float32)
    assert resolve(probability, [1, 3], 0.5).tolist() == [[1, 3, 0]]
