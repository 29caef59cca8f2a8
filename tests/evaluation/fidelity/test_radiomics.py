"""Radiomic features, worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from synthboost.evaluation.fidelity import FEATURES, EchoSet, feature_names, radiomic_features
from synthboost.evaluation.fidelity.radiomics import _first_order, _gradient, _pairs


def test_a_chessboard_of_two_levels_has_the_pairs_that_one_counts():
    # Levels 0 and 1 on 4 x 4. The 12 + 12 pairs beside and below each other all differ; of the 9 + 9 diagonal ones none
    # does, and as many join zeros as ones. So p(0, 1) + p(1, 0) = 24 / 42 and p(0, 0) = p(1, 1) = 9 / 42.
    board = (np.indices((4, 4)).sum(axis=0) % 2 * 16).astype(np.uint8)
    contrast, dissimilarity, homogeneity, energy, entropy, correlation = _pairs(board, np.ones((4, 4), bool))
    unlike, like = 24 / 42, 18 / 42
    assert contrast == pytest.approx(unlike)
    assert dissimilarity == pytest.approx(unlike)
    assert homogeneity == pytest.approx(like + unlike / 2)
    assert energy == pytest.approx(2 * (12 / 42) ** 2 + 2 * (9 / 42) ** 2)
    assert entropy == pytest.approx(-unlike * np.log2(12 / 42) - like * np.log2(9 / 42))
    assert correlation == pytest.approx(like - unlike)


def test_pairs_that_leave_the_mask_do_not_count():
    image = np.zeros((3, 3), np.uint8)
    image[:, 2] = 255
    mask = np.ones((3, 3), bool)
    mask[:, 2] = False
    assert _pairs(image, mask).tolist() == [0, 0, 1, 1, 0, 1]


def test_first_order_features_of_four_values():
    mean, sd, skewness, kurtosis, entropy, p10, p50, p90 = _first_order(np.array([0, 0, 100, 100], np.uint8))
    assert (mean, sd, skewness, kurtosis, entropy) == (50, 50, 0, 1, 1)
    assert (p10, p50, p90) == (0, 50, 100)


def test_the_gradient_of_a_ramp_is_its_slope():
    ramp = np.add.outer(3 * np.arange(10), 4 * np.arange(10)).astype(np.uint8)
    assert _gradient(ramp, np.ones((10, 10), bool)).tolist() == [5, 0, 5]


def test_every_region_has_its_columns_and_an_absent_one_no_number(echo):
    found = echo(patients=1, each=2)
    labels = found.label_maps.copy()
    labels[1][labels[1] == 3] = 0
    table = radiomic_features(EchoSet(found.images, labels, found.sectors, found.patients, found.names))
    assert table.shape == (2, 4 * len(FEATURES)) == (2, len(feature_names()))
    columns = [name.startswith("LA ") for name in feature_names()]
    assert np.isfinite(table[0]).all()
    assert np.array_equal(np.isnan(table[1]), columns)
    mean = table[0, feature_names().index("MYO mean")]
    assert mean == found.images[0][found.label_maps[0] == 2].mean()
