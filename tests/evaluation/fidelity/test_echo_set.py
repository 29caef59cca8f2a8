"""Sets of images: what does not belong together is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from synthboost.errors import DataError
from synthboost.evaluation.fidelity.echo_set import EchoRegion, EchoSet

LABELS = np.array([[[0, 1], [2, 3]]], np.uint8)
SMALL = EchoSet(LABELS * 50, LABELS, np.ones((1, 2, 2), bool), ("a",), ("a1",))


def test_regions_are_structures_and_the_rest_of_the_sector():
    sector = np.array([[[True, True], [False, True]]])
    cut = replace(SMALL, sectors=sector)
    assert {r: cut.mask(0, r).tolist() for r in EchoRegion} == {
        EchoRegion.LV: [[False, True], [False, False]],
        EchoRegion.MYO: [[False, False], [False, False]],  # it is there, but outside the sector
        EchoRegion.LA: [[False, False], [False, True]],
        EchoRegion.TISSUE: [[True, False], [False, False]],
    }


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"images": LABELS[0]}, r"images: uint8 \(2, 2\)"),
        ({"images": LABELS.astype(float)}, "images: float64"),
        ({"label_maps": LABELS[:, :1]}, r"label_maps: uint8 \(1, 1, 2\)"),
        ({"label_maps": LABELS + np.uint8(1)}, "up to 4"),
        ({"sectors": LABELS}, "sectors: uint8"),
        ({"patients": ()}, "patients: 0; expected 1"),
        ({"names": ("a", "b")}, "names: 2"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(change, part):
    with pytest.raises(DataError, match=part):
        replace(SMALL, **change)
