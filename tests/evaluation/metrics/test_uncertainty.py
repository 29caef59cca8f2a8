"""Agreement of masks with one another, counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from synthboost.errors import DataError
from synthboost.evaluation.metrics.uncertainty import self_agreement


def row(*inside: int) -> np.ndarray:
    mask = np.zeros((1, 6), dtype=np.bool_)
    mask[0, list(inside)] = True
    return mask


def test_three_masks_by_hand():
    found = self_agreement([row(0, 1), row(0, 1), row(1, 2)])
    # Pairs: 1, 1/2, 1/2. Pixel 0: 2 of 3, pixel 1: all, pixel 2: 1 of 3; 4 * 2/3 * 1/3 = 8/9.
    assert found.masks == 3
    assert found.mean_dice == pytest.approx(2 / 3)
    assert found.lowest_dice == 0.5
    assert found.disagreement.ravel() == pytest.approx([8 / 9, 0, 8 / 9, 0, 0, 0])
    assert found.disputed_share == pytest.approx(2 / 3)
    assert np.array_equal(found.consensus, row(0, 1))


def test_half_against_half_is_full_disagreement_and_no_consensus():
    found = self_agreement([row(0), row(3)])
    assert (found.mean_dice, found.disputed_share, found.disagreement.max()) == (0, 1, 1)
    assert not found.consensus.any()


def test_empty_masks_agree():
    found = self_agreement([row(), row()])
    assert (found.mean_dice, found.disputed_share) == (1, 0)


@pytest.mark.parametrize(
    ("masks", "named"),
    [([row(0)], "masks: 1"), ([row(0), row(0)[:, :3]], "one shape"), ([row(0), row(0).astype(int)], "int64")],
)
def test_what_cannot_be_compared_is_refused(masks, named):
    with pytest.raises(DataError, match=named):
        self_agreement(masks)
