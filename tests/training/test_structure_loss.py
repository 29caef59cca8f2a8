"""The loss of all structures together, worked by hand."""

from __future__ import annotations

import math

import pytest
import torch

from synthboost.training.structure_loss import absence_loss, by_image, shares_of, structure_dice, structures_loss

LABELS = torch.tensor([[[0, 1], [2, 3]]], dtype=torch.uint8)
"""One image of four pixels: background and each structure once."""


def test_the_loss_of_logits_that_say_nothing() -> None:
    # Each share is 1/4: cross-entropy ln 4. Dice of each: (2 * 1/4 + 1) / (1 + 1 + 1) = 1/2. Each sentence: ln 2.
    fine = math.log(4) + 0.5 + 0.25 * math.log(2)
    assert structures_loss([torch.zeros(1, 3, 2, 2)], LABELS).item() == pytest.approx(fine)
    # One pixel, a quarter of which is each: ln 4 again; Dice: (2 * 1/16 + 1) / (1/4 + 1/4 + 1) = 3/4.
    coarse = math.log(4) + 0.25 + 0.25 * math.log(2)
    both = structures_loss([torch.zeros(1, 3, 2, 2), torch.zeros(1, 3, 1, 1)], LABELS)
    assert both.item() == pytest.approx((fine + coarse / 2) / 1.5)


def test_the_right_answer_costs_nothing_and_a_wrong_one_much() -> None:
    right = torch.stack([structure == LABELS for structure in (1, 2, 3)], 1).float() * 80 - 40
    assert structures_loss([right], LABELS).item() == pytest.approx(0.0, abs=1e-5)
    assert structures_loss([-right], LABELS).item() > 20


def test_two_structures_in_one_pixel_exclude_each_other() -> None:
    one = torch.full((1, 3, 2, 2), -9.0)
    one[:, 0] = 9.0
    two = one.clone()
    two[:, 1] = 9.0
    labels = torch.ones(1, 2, 2, dtype=torch.uint8)
    # ln 2 for the shared pixel; the second structure's own cross-entropy of 9 in a third of the binary terms.
    difference = structures_loss([two], labels) - structures_loss([one], labels)
    assert difference.item() > math.log(2) + 0.25 * 9 / 3 - 0.01


def test_sentences_that_name_nothing_shall_draw_nothing() -> None:
    assert absence_loss([torch.zeros(2, 4, 4), torch.zeros(2, 2, 2)]).item() == pytest.approx(math.log(2))
    assert absence_loss([torch.full((2, 4, 4), -30.0)]).item() == pytest.approx(0.0, abs=1e-9)


def test_dice_is_of_the_largest_logit_above_zero() -> None:
    logits = torch.full((1, 3, 2, 2), -1.0)
    logits[0, 0, 0] = torch.tensor([2.0, 1.0])  # LV in the upper row: one pixel too many
    logits[0, 1, 0, 1] = 0.5  # less than LV's
    dice = structure_dice(logits, torch.tensor([[[1, 0], [0, 3]]], dtype=torch.uint8))
    torch.testing.assert_close(dice, torch.tensor([[2 / 3, 1.0, 0.0]]))


def test_pairs_of_an_image_lie_together() -> None:
    pairs = torch.arange(6.0)[:, None, None].expand(6, 2, 2)
    assert by_image(pairs)[:, :, 0, 0].tolist() == [[0, 1, 2], [3, 4, 5]]


def test_certain_shares_cost_what_label_maps_do_and_half_shares_are_best_met_by_halves() -> None:
    logits = torch.randn(1, 3, 2, 2, generator=torch.Generator().manual_seed(0))
    certain = shares_of(LABELS).mul(255).byte()
    for scales in ([logits], [logits, logits[..., :1, :1]]):
        torch.testing.assert_close(structures_loss(scales, certain), structures_loss(scales, LABELS))
    half = torch.zeros(1, 4, 1, 1, dtype=torch.uint8)
    half[:, 1] = 51  # a fifth; what is nobody's is the background's
    torch.testing.assert_close(shares_of(half)[0, :, 0, 0], torch.tensor([0.8, 0.2, 0.0, 0.0]))
    met = torch.tensor([math.log(0.2 / 0.8), -40.0, -40.0]).view(1, 3, 1, 1)
    sure = torch.tensor([8.0, -40.0, -40.0]).view(1, 3, 1, 1)
    assert structures_loss([met], half).item() < structures_loss([sure], half).item()


def test_what_is_not_annotated_may_be_the_background_or_any_other() -> None:
    labels = torch.tensor([[[0, 1], [0, 0]]], dtype=torch.uint8)
    known = torch.tensor([[True, False, False]])
    # Each share is 1/4. The ventricle's pixel: ln 4; outside, the other three together: -ln 3/4. Its Dice:
    # (2 * 1/4 + 1) / (1 + 1 + 1) = 1/2. Its sentence: ln 2.
    expected = (math.log(4) + 3 * math.log(4 / 3)) / 4 + 0.5 + 0.25 * math.log(2)
    assert structures_loss([torch.zeros(1, 3, 2, 2)], labels, known).item() == pytest.approx(expected)
    right = torch.where(labels[:, None] == torch.tensor([1, 2, 3])[:, None, None], 40.0, -40.0)
    right[:, 1, labels[0] == 0] = 80.0  # a wall everywhere outside
    assert structures_loss([right], labels, known).item() == pytest.approx(0.0, abs=1e-5)
    assert structures_loss([right], labels).item() > 10


def test_of_images_all_annotated_the_two_losses_are_one() -> None:
    logits = torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    labels = torch.randint(0, 4, (2, 4, 4), generator=torch.Generator().manual_seed(1))
    known = torch.ones(2, 3, dtype=torch.bool)
    assert structures_loss([logits], labels, known).item() == pytest.approx(structures_loss([logits], labels).item())
