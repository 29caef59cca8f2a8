"""Copies of training images are flagged, and fresh images are not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from synthboost.errors import ConfigError, DataError
from synthboost.evaluation.fidelity.distances import low_resolution, nearest_neighbour_test
from synthboost.evaluation.fidelity.echo_set import EchoSet


def test_points_on_a_line_have_the_distances_that_one_sees():
    line = {"training": [0, 10, 20], "held_out": [2, 13, 24], "synthetic": [0, 11, 16]}
    found = _compare(**{k: np.array(v, float)[:, None] for k, v in line.items()})
    # To the nearest of 0, 10, 20: held-out 2, 3, 4 (median 3); synthetic 0, 1, 4 (median 1).
    assert found["ratio"] == pytest.approx(1 / 3)
    assert found["near_share"] == pytest.approx(2 / 3)  # below 2.1, the 5 % quantile of 2, 3, 4
    assert [(s["synthetic"], s["training"], s["distance"]) for s in found["suspects"]] == [
        ("s0", "t0", 0.0),
        ("s1", "t1", 1.0),
    ]


def test_copies_are_flagged_and_independent_samples_are_not():
    rng = np.random.default_rng(0)
    training, held_out, fresh = (rng.normal(size=(100, 6)) for _ in range(3))
    copies = training[:60] + 0.01 * rng.normal(size=(60, 6))
    caught = _compare(training, held_out, copies)
    assert caught["ratio"] < 0.05
    assert caught["near_share"] == 1.0
    assert caught["p_value"] < 1e-10
    assert len(caught["suspects"]) == 60
    assert all(s["synthetic"][1:] == s["training"][1:] for s in caught["suspects"])
    clean = _compare(training, held_out, fresh)
    assert clean["ratio"] == pytest.approx(1, abs=0.15)
    assert clean["near_share"] < 0.15
    assert clean["p_value"] > 0.01


def test_a_few_copies_among_many_are_named_even_if_the_median_does_not_move():
    rng = np.random.default_rng(1)
    training, held_out, fresh = (rng.normal(size=(100, 6)) for _ in range(3))
    fresh[7] = training[42] + 0.001
    found = _compare(training, held_out, fresh)
    assert found["ratio"] > 0.85
    assert (found["suspects"][0]["synthetic"], found["suspects"][0]["training"]) == ("s7", "t42")


def test_a_held_out_image_that_was_trained_on_is_no_yardstick():
    training = np.random.default_rng(0).normal(size=(10, 3))
    with pytest.raises(DataError, match="1 equal a training image"):
        _compare(training, np.vstack([training[:1], training[1:5] + 1]), training + 2)


def test_names_must_be_one_per_image():
    x = np.random.default_rng(0).normal(size=(5, 3))
    with pytest.raises(DataError, match="training_names: 1; expected 5"):
        nearest_neighbour_test(
            x, x, x + 1, synthetic_patients=list("abcde"), held_out_patients=list("abcde"),
            synthetic_names=list("abcde"), training_names=["a"],
        )  # fmt: skip


def test_low_resolution_forgets_gain_contrast_and_speckle_but_not_the_picture(echo):
    images = echo(patients=2, each=2)
    rows = low_resolution(images, 8)
    assert rows.shape == (4, 64)
    assert np.linalg.norm(rows, axis=1) == pytest.approx(1)
    assert rows.sum(axis=1) == pytest.approx(0, abs=1e-9)
    louder = replace(images, images=(images.images // 2 + 40).astype(np.uint8))
    assert np.abs(low_resolution(louder, 8) - rows).max() < 0.02
    mirrored = replace(images, images=images.images[:, ::-1].copy())
    assert np.linalg.norm(low_resolution(mirrored, 8) - rows, axis=1).min() > 0.5


def test_low_resolution_is_the_mean_over_the_sectors_part_of_each_block():
    image = np.array([[[10, 30, 0, 99], [20, 40, 50, 99]]], np.uint8)
    sector = np.array([[[1, 1, 0, 0], [1, 1, 1, 0]]], bool)
    one = EchoSet(np.tile(image, (1, 2, 1)), np.zeros((1, 4, 4), np.uint8), np.tile(sector, (1, 2, 1)), ("a",), ("a",))
    # Blocks 25 and 50 (one pixel of the sector), twice: less their mean 37.5, divided by the length 25.
    assert low_resolution(one, 2)[0].tolist() == [-0.5, 0.5, -0.5, 0.5]


def test_images_smaller_than_the_low_resolution_are_refused(echo):
    with pytest.raises(ConfigError, match="side: 64; expected 1 to 48"):
        low_resolution(echo(patients=1, each=1), 64)


def _compare(training: np.ndarray, held_out: np.ndarray, synthetic: np.ndarray):
    return nearest_neighbour_test(
        synthetic, training, held_out,
        synthetic_patients=[f"a{i}" for i in range(len(synthetic))],
        held_out_patients=[f"b{i}" for i in range(len(held_out))],
        synthetic_names=[f"s{i}" for i in range(len(synthetic))],
        training_names=[f"t{i}" for i in range(len(training))],
    )  # fmt: skip
