"""Losses against numbers worked by hand."""

from __future__ import annotations

import math

import pytest
import torch

from synthboost.training.optimizer import dice_loss, hard_dice, segmentation_loss

LOG3 = math.log(3)  # its sigmoid is 3/4
HALF = torch.tensor([[[1.0, 0.0]]])


def test_soft_dice_of_a_known_pair() -> None:
    # p = (3/4, 1/4), t = (1, 0): overlap 3/4, sizes 1 + 1; 1 - (2 * 3/4 + 1) / (2 + 1) = 1/6
    assert dice_loss(torch.tensor([[[LOG3, -LOG3]]]), HALF).item() == pytest.approx(1 / 6)


def test_soft_dice_is_averaged_over_pairs_not_over_pixels() -> None:
    logits = torch.tensor([[[LOG3, -LOG3]], [[-100.0, -100.0]]])
    target = torch.cat([HALF, torch.zeros(1, 1, 2)])
    assert dice_loss(logits, target).item() == pytest.approx((1 / 6 + 0) / 2)


def test_an_empty_mask_predicted_empty_costs_nothing_and_predicted_full_nearly_everything() -> None:
    empty = torch.zeros(1, 4, 4)
    assert dice_loss(torch.full((1, 4, 4), -100.0), empty).item() == pytest.approx(0)
    assert dice_loss(torch.full((1, 4, 4), 100.0), empty).item() == pytest.approx(1 - 1 / 17)


def test_the_gradient_of_soft_dice_is_the_one_worked_by_hand() -> None:
    # D = (2 p1 + 1) / (p1 + p2 + 2); at p = (1/2, 1/2), t = (1, 0): dD/dp1 = (2 * 3 - 2) / 9, dD/dp2 = -2 / 9
    logits = torch.zeros(1, 1, 2, requires_grad=True)
    dice_loss(logits, HALF).backward()
    slope = 0.25  # of the sigmoid at 0
    torch.testing.assert_close(logits.grad, torch.tensor([[[-4 / 9 * slope, 2 / 9 * slope]]]))


def test_the_loss_is_the_papers_weighted_sum() -> None:
    logits = torch.tensor([[[LOG3, -LOG3]]])
    cross_entropy = -math.log(3 / 4)
    assert segmentation_loss(logits, HALF).item() == pytest.approx(1 / 6 + 0.25 * cross_entropy)
    assert segmentation_loss(logits, HALF, 2.0).item() == pytest.approx(1 / 6 + 2 * cross_entropy)
    assert segmentation_loss(logits, HALF, 0.0).item() == pytest.approx(1 / 6)


def test_the_cross_entropy_has_a_gradient_which_it_had_not_in_the_papers_code() -> None:
    logits = torch.zeros(1, 1, 2, requires_grad=True)
    (segmentation_loss(logits, HALF, 1.0) - dice_loss(logits, HALF)).backward()
    torch.testing.assert_close(logits.grad, torch.tensor([[[-0.25, 0.25]]]))  # (p - t) / 2 pixels


def test_huge_logits_in_half_precision_stay_finite() -> None:
    logits = torch.tensor([[[60000.0, -60000.0]]], dtype=torch.float16)
    assert segmentation_loss(logits, HALF).item() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(
    ("logits", "target", "expected"),
    [
        ([1.0, 1.0, -1.0, -1.0], [1.0, 0.0, 1.0, 0.0], 0.5),
        ([1.0, -1.0, -1.0, -1.0], [1.0, 1.0, 1.0, 0.0], 0.5),
        ([-1.0] * 4, [0.0] * 4, 1.0),
        ([1.0] * 4, [0.0] * 4, 0.0),
        ([-1.0] * 4, [1.0] * 4, 0.0),
        ([0.0, 1.0, -1.0, -1.0], [0.5, 0.6, 0.4, 0.0], 1.0),
    ],
    ids=["half", "two thirds missed", "both empty", "empty truth", "empty prediction", "a half is outside"],
)
def test_hard_dice_by_hand(logits: list[float], target: list[float], expected: float) -> None:
    score = hard_dice(torch.tensor(logits).reshape(1, 2, 2), torch.tensor(target).reshape(1, 2, 2))
    assert score.tolist() == [expected]
