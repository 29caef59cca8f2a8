"""Augmentation moves image and masks alike, by a change that its generator alone decides."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from synthboost.training.augment import NOISE, SHADING_LOG, Augmentation, draw_augmentation

IDENTITY = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])


def change(theta: torch.Tensor = IDENTITY, gamma: float = 1.0, gain: float = 1.0, blur: float = 0.0) -> Augmentation:
    return Augmentation(theta, gamma, gain, blur)


def draw(seed: int, strength: float = 1.0, aspect: float = 1.0) -> Augmentation:
    return draw_augmentation(np.random.default_rng(seed), strength, aspect)


def square() -> torch.Tensor:
    plane = torch.zeros(1, 64, 64)
    plane[:, 20:36, 28:44] = 1.0
    return plane


def test_strength_zero_changes_nothing() -> None:
    pixels = torch.rand(1, 8, 6, generator=torch.Generator().manual_seed(0))
    still = draw(0, strength=0.0)
    torch.testing.assert_close(still.image(pixels), pixels)
    torch.testing.assert_close(still.masks(pixels), pixels)


@pytest.mark.parametrize("seed", range(5))
def test_a_square_stays_aligned_with_its_mask(seed: int) -> None:
    drawn = draw(seed)
    image, mask = drawn.image(square())[0] > 0.4, drawn.masks(square())[0] > 0.5
    assert 100 < mask.sum() < 500
    overlap = 2 * (image & mask).sum() / (image.sum() + mask.sum())
    assert overlap > 0.85  # gain and blur move the edge by less than a pixel
    assert (square()[0].bool() ^ mask).any()


def test_masks_of_half_the_resolution_move_by_the_same_part_of_the_image() -> None:
    drawn = draw(3)
    large = drawn.masks(square())[0]
    small = drawn.masks(torch.nn.functional.avg_pool2d(square(), 2))[0]
    torch.testing.assert_close(torch.nn.functional.avg_pool2d(large[None], 2)[0], small, atol=0.3, rtol=0)


def test_a_shift_by_a_quarter_moves_by_a_quarter_and_leaves_black_behind() -> None:
    moved = change(torch.tensor([[1.0, 0.0, 0.5], [0.0, 1.0, 0.0]])).masks(torch.ones(1, 8, 8))
    torch.testing.assert_close(moved[0], torch.cat([torch.ones(8, 6), torch.zeros(8, 2)], 1))


def test_gamma_and_gain_by_hand() -> None:
    pixels = torch.tensor([[[0.0, 0.5, 1.0]]])
    torch.testing.assert_close(change(gamma=2.0, gain=0.5).image(pixels), torch.tensor([[[0.0, 0.125, 0.5]]]))
    torch.testing.assert_close(change(gain=1.5).image(pixels), torch.tensor([[[0.0, 0.75, 1.0]]]))


def test_blur_by_hand() -> None:
    pixels = torch.zeros(1, 5, 5)
    pixels[0, 2, 2] = 0.9
    blurred = change(blur=1.0).image(pixels)
    torch.testing.assert_close(blurred[0, 1:4, 1:4], torch.full((3, 3), 0.1))
    assert blurred.sum().item() == pytest.approx(0.9)


@pytest.mark.parametrize("seed", range(5))
def test_a_change_is_a_similarity_in_millimetres_even_when_the_frame_is_not_square(seed: int) -> None:
    aspect = 2.0  # physical height over width
    to_mm = torch.diag(torch.tensor([1.0, aspect]))
    turn = to_mm @ draw(seed, aspect=aspect).theta[:, :2] @ to_mm.inverse()
    scale = turn.det().sqrt()
    torch.testing.assert_close(turn @ turn.T, scale**2 * torch.eye(2))
    assert 0.86 < scale < 1.17  # exp(+-0.15)
    assert turn[1, 0].abs() / scale <= 0.2589  # sin 15 degrees


def test_the_generator_alone_decides() -> None:
    torch.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002 - to see that the global state has no part
    one, same, other = draw(7), draw(7), draw(8)
    assert torch.equal(one.theta, same.theta)
    assert (one.gamma, one.gain, one.blur) == (same.gamma, same.gain, same.blur)
    assert not torch.equal(one.theta, other.theta)


def test_up_to_strength_one_nothing_is_shaded_and_no_noise_added() -> None:
    drawn = draw(0, strength=1.0)
    assert drawn.shading is None
    assert drawn.noise == 0.0


def test_beyond_strength_one_the_first_draws_stay_the_same_kind_and_shading_and_noise_come_in() -> None:
    drawn = [draw(seed, strength=2.0) for seed in range(40)]
    assert all(0.0 < one.noise <= NOISE for one in drawn)
    logs = torch.stack([one.shading for one in drawn])
    assert logs.std().item() == pytest.approx(SHADING_LOG, rel=0.1)
    assert max(one.gamma for one in drawn) > np.exp(0.4), "ranges widen with the strength"


def test_shading_by_hand_and_black_stays_black() -> None:
    pixels = torch.tensor([[[0.0, 0.2], [0.2, 0.2]]])
    even = Augmentation(IDENTITY, 1.0, 1.0, 0.0, shading=torch.full((4, 4), float(np.log(2.0))), noise=0.5)
    changed = even.image(pixels)
    assert changed[0, 0, 0] == 0.0
    quiet = replace(even, noise=0.0).image(pixels)
    torch.testing.assert_close(quiet, torch.tensor([[[0.0, 0.4], [0.4, 0.4]]]))


def test_noise_is_the_same_whenever_the_change_is_applied() -> None:
    drawn = draw(1, strength=2.0)
    pixels = torch.rand(1, 16, 16, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(drawn.image(pixels), drawn.image(pixels))
