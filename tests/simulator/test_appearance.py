from __future__ import annotations

import numpy as np

from synthboost.domain import Quality, View
from synthboost.simulator.appearance import APPEARANCES, AppearanceName, draw_acquisition, draw_qualities
from synthboost.simulator.streams import stream

CLINICAL, CLEAN = APPEARANCES[AppearanceName.CLINICAL], APPEARANCES[AppearanceName.CLEAN]


def test_clean_images_are_all_good() -> None:
    for number in range(50):
        assert set(draw_qualities(stream(0, number, "quality"), CLEAN).values()) == {Quality.GOOD}


def test_the_two_views_of_a_patient_have_related_qualities() -> None:
    drawn = [draw_qualities(stream(0, number, "quality"), CLINICAL) for number in range(400)]
    rank = {Quality.GOOD: 0, Quality.MEDIUM: 1, Quality.POOR: 2}
    two, four = (np.array([rank[d[view]] for d in drawn]) for view in (View.TWO_CHAMBER, View.FOUR_CHAMBER))
    # 40 % of CAMUS' patients have different labels.
    assert 0.25 < np.mean(two != four) < 0.55
    assert np.corrcoef(two, four)[0, 1] > 0.5


def test_the_quality_does_not_change_what_else_is_drawn() -> None:
    good, poor = (
        draw_acquisition(stream(0, 4, "acquisition"), CLINICAL, quality, 1.0, 1.0)
        for quality in (Quality.GOOD, Quality.POOR)
    )
    assert (good.vendor, good.high, good.gamma) == (poor.vendor, poor.high, poor.gamma)
    assert (good.badness, poor.badness) == (0.0, 2.0)


def test_a_quality_strength_of_zero_makes_all_labels_look_alike() -> None:
    levels = {draw_acquisition(stream(0, 4, "a"), CLINICAL, quality, 0.0, 1.0).badness for quality in Quality}
    assert levels == {1.0}
