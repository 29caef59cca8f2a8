"""Quality by the visible wall, on images made by hand."""

from __future__ import annotations

import numpy as np
import pytest

from synthboost.domain import GreyImage, LabelMap, Quality
from synthboost.simulator.visibility import quality_of, segment_separations, separation, visible_share

SPACING = (1.0, 1.0)


def upright_heart() -> LabelMap:
    """A cavity of 60 x 30 mm open to the atrium below, with a wall of 10 mm around it."""
    labels = np.zeros((110, 70), dtype=np.uint8)
    labels[10:80, 10:60] = 2
    labels[20:80, 20:50] = 1
    labels[80:105, 20:50] = 3
    return labels


def seen(labels: LabelMap) -> GreyImage:
    return np.where(labels == 2, 200, 50).astype(np.uint8)


def test_thresholds_separate_by_the_difference_of_shares() -> None:
    wall, blood = (np.array(pixels, dtype=np.uint8) for pixels in ([10, 20, 30, 40], [10, 10, 20, 20]))
    assert separation(wall, blood) == 0.5  # above 20: two of four against none
    assert separation(wall, wall) == 0.0
    assert separation(blood, wall) == 0.0  # a wall that is darker is not seen as wall
    assert separation(np.full(5, 9, np.uint8), np.full(3, 8, np.uint8)) == 1.0


def test_a_bright_wall_is_seen_in_all_six_segments() -> None:
    labels = upright_heart()
    found = segment_separations(seen(labels), labels, SPACING)
    assert found == [1.0] * 6
    assert quality_of(visible_share(found)) is Quality.GOOD


@pytest.mark.parametrize(
    ("rows", "columns", "segment"),
    [
        (slice(60, 80), slice(0, 35), 0),
        (slice(40, 60), slice(0, 35), 1),
        (slice(0, 40), slice(0, 35), 2),
        (slice(60, 80), slice(35, 70), 3),
        (slice(40, 60), slice(35, 70), 4),
        (slice(0, 40), slice(35, 70), 5),
    ],
)
def test_a_segment_as_dark_as_blood_is_missed_alone(rows: slice, columns: slice, segment: int) -> None:
    labels = upright_heart()
    image = seen(labels)
    image[rows, columns] = 50
    found = segment_separations(image, labels, SPACING)
    assert found[segment] is not None
    assert found[segment] < 0.2
    assert visible_share(found) == 5 / 6


def test_what_the_fan_cuts_off_does_not_count() -> None:
    labels = upright_heart()
    labels[60:80, 51:60] = 0  # what is left is nearer to the blood than is compared
    found = segment_separations(seen(labels), labels, (0.9, 0.9))
    assert found[3] is None
    assert visible_share(found) == 1.0
    assert visible_share([None] * 6) == 0.0


def test_a_wall_behind_the_fan_does_not_count() -> None:
    labels = upright_heart()
    image = seen(labels)
    image[60:80, 51:60] = 0  # black, as around a fan; labels go on there
    found = segment_separations(image, labels, (0.9, 0.9))
    assert found[3] is None
    assert visible_share(found) == 1.0


@pytest.mark.parametrize(
    ("visible", "quality"),
    [(6, Quality.GOOD), (5, Quality.GOOD), (4, Quality.MEDIUM), (3, Quality.MEDIUM), (2, Quality.POOR)],
)
def test_the_word_follows_the_number_of_visible_segments(visible: int, quality: Quality) -> None:
    assert quality_of(visible_share([0.4] * visible + [0.39] * (6 - visible))) is quality


def test_the_gain_changes_nothing() -> None:
    labels = upright_heart()
    noise = np.random.default_rng(0).normal(0.0, 40.0, labels.shape)
    image = np.clip(np.where(labels == 2, 120, 90) + noise, 1, 255).astype(np.uint8)
    darker = (255.0 * (image / 255.0) ** 1.5).astype(np.uint8)
    assert segment_separations(darker, labels, SPACING) == pytest.approx(
        segment_separations(image, labels, SPACING), abs=0.02
    )
