"""Radiomic features, worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from synthboost.errors import DataError
from synthboost.evaluation.fidelity.echo_set import EchoRegion, EchoSet
from synthboost.evaluation.fidelity.texture import (
    FEATURES,
    _first_order,
    _gradient,
    _half_length,
    _pairs,
    radiomic_features,
    speckle,
)


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
    assert table.shape == (2, 4 * len(FEATURES)) == (2, 68)
    columns = [region == "LA" for region in EchoRegion for _ in FEATURES]
    assert np.isfinite(table[0]).all()
    assert np.array_equal(np.isnan(table[1]), columns)
    mean = table[0, len(FEATURES) * list(EchoRegion).index(EchoRegion.MYO)]
    assert mean == found.images[0][found.label_maps[0] == 2].mean()


EVERYWHERE = np.ones((256, 256), bool)


def log_image(power: np.ndarray) -> np.ndarray:
    """Grey values of 60 dB around 170, so that practically nothing is clipped above."""
    return np.clip(np.rint(170 + 255 / 60 * 10 * np.log10(power)), 0, 255).astype(np.uint8)


def test_rayleigh_speckle_has_the_numbers_of_the_theory():
    found = speckle(log_image(np.random.default_rng(0).exponential(size=(256, 256))), EVERYWHERE)
    assert found is not None
    assert found["snr"] == pytest.approx(np.sqrt(np.pi / (4 - np.pi)), rel=0.02)  # 1.91
    assert found["nakagami_m"] == pytest.approx(1.0, abs=0.03)
    assert found["rayleigh_misfit"] < 0.02
    assert found["sd"] == pytest.approx(5.57 * 255 / 60, rel=0.02)  # 5.57 dB, whatever the power
    assert found["skewness"] == pytest.approx(-1.14, abs=0.1)


@pytest.mark.parametrize("m", [0.6, 2.0])
def test_the_nakagami_parameter_of_gamma_distributed_power_is_found(m):
    power = np.random.default_rng(1).gamma(m, 1 / m, (256, 256))
    found = speckle(log_image(power * 0.3), EVERYWHERE)
    assert found is not None
    assert found["nakagami_m"] == pytest.approx(m, rel=0.1)  # echoes too weak for 60 dB are black, and left out
    assert found["rayleigh_misfit"] > 0.05


def test_lengths_name_the_direction_in_which_grains_grow():
    rng = np.random.default_rng(2)
    white = np.clip(rng.normal(128, 30, (256, 256)), 1, 255).astype(np.uint8)
    wide = ndimage.gaussian_filter1d(rng.normal(size=(256, 256)), 1.5, axis=1)
    wide = np.clip(128 + 30 * wide / wide.std(), 1, 255).astype(np.uint8)
    fine, coarse = speckle(white, EVERYWHERE), speckle(wide, EVERYWHERE)
    assert fine is not None
    assert coarse is not None
    assert (fine["axial_length"], fine["lateral_length"]) == pytest.approx((0.5, 0.5), abs=0.02)
    assert coarse["axial_length"] == pytest.approx(0.5, abs=0.03)
    # White noise under a Gaussian of width s correlates as exp(-lag^2 / 4 s^2): one half at 2 s sqrt(ln 2) = 2.50.
    # The shading that is taken off costs a few per cent of it.
    assert coarse["lateral_length"] == pytest.approx(2.50, rel=0.06)


def test_a_mean_over_three_pixels_halves_its_correlation_at_one_and_a_half():
    white = np.random.default_rng(3).normal(size=(2000, 50))
    three = white[:-2] + white[1:-1] + white[2:]  # correlations 1, 2/3, 1/3, 0
    assert _half_length(three, np.ones(three.shape, bool)) == pytest.approx(1.5, abs=0.05)


def test_shading_is_no_speckle():
    white = np.random.default_rng(4).normal(0, 10, (256, 256))
    slope = np.linspace(60, 200, 256)[:, None]
    flat, shaded = (
        speckle(np.rint(np.clip(base + white, 1, 255)).astype(np.uint8), EVERYWHERE) for base in (130, slope)
    )
    assert flat is not None
    assert shaded is not None
    assert shaded["axial_length"] == pytest.approx(flat["axial_length"], abs=0.02)


def test_black_pixels_do_not_count_as_grey_values():
    image = np.full((20, 20), 100, np.uint8)
    image[:10] = 0
    found = speckle(image, np.ones((20, 20), bool))
    assert found is not None
    assert (found["mean"], found["sd"]) == (100, 0)


def test_a_constant_region_has_no_texture_and_no_division_by_zero():
    found = speckle(np.full((20, 20), 100, np.uint8), np.ones((20, 20), bool))
    assert found is not None
    assert (found["snr"], found["nakagami_m"], found["skewness"]) == (0, 100, 0)
    assert (found["axial_length"], found["lateral_length"]) == (0, 0)


def test_too_few_pixels_have_no_statistics():
    mask = np.zeros((20, 20), bool)
    mask[0, :] = True
    mask[1, :11] = True
    image = np.full((20, 20), 9, np.uint8)
    assert speckle(image, mask) is None  # 31
    mask[1, 11] = True
    assert speckle(image, mask) is not None


def test_a_mask_of_another_size_or_kind_is_refused():
    with pytest.raises(DataError, match="speckle: mask"):
        speckle(np.zeros((4, 4), np.uint8), np.ones((4, 5), bool))
