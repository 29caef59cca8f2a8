"""Beats of a clip, on curves and half ellipses whose numbers are worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from synthboost.domain import Phase, Structure, View
from synthboost.errors import DataError
from synthboost.evaluation.clinical.apical_view import ApicalView
from synthboost.evaluation.clinical.beats import Beat, find_beats, measure_beats, measure_frame

FOUR = [(View.FOUR_CHAMBER, phase) for phase in Phase]


def test_each_beat_runs_from_one_largest_area_to_the_next() -> None:
    areas = (100 + 30 * np.cos(2 * np.pi * np.arange(61) / 20)).tolist()
    assert find_beats(areas, 0.04) == [Beat(0, 10, 20), Beat(20, 30, 40), Beat(40, 50, 60)]


def test_a_beat_that_the_clip_cuts_before_systole_is_left_out() -> None:
    areas = (100 + 30 * np.cos(2 * np.pi * (np.arange(31) + 6) / 20)).tolist()  # begins late, ends in diastole
    assert find_beats(areas) == [Beat(14, 24, None)]


def test_a_half_sequence_is_one_beat_without_an_end() -> None:
    assert find_beats([100, 95, 85, 75, 68, 66]) == [Beat(0, 5, None)]


def test_a_beat_that_the_clip_leaves_on_its_way_to_systole_is_left_out() -> None:
    area = [100 - 17 * (1 - np.cos(np.pi * step / 9)) for step in range(10)]  # 100 at ED, 66 at ES
    steps = [9, 6, 4, 2, 0, 2, 4, 6, 9, 6, 4, 2, 0, 2, 4, 6]
    assert find_beats([area[step] for step in steps], 0.1) == [Beat(4, 8, 12)]
    seen_to_turn = [*steps, 6, 6, 4, 2]  # a weaker beat: its area grows again
    assert find_beats([area[step] for step in seen_to_turn], 0.1) == [Beat(4, 8, 12), Beat(12, 16, None)]
    assert find_beats([area[step] for step in [*steps, 9]], 0.1) == [Beat(4, 8, 12), Beat(12, 16, None)]


@pytest.mark.parametrize("areas", [[100, 99, 98, 99, 100, 99, 98], [0, 0, 50, 0], [0, 0]])
def test_an_area_that_hardly_changes_or_is_hardly_seen_has_no_beat(areas) -> None:
    assert find_beats(areas) == []


@pytest.mark.parametrize(("spacing", "tilt"), [((0.4, 0.4), 0.0), ((0.4, 0.4), 11.0), ((0.75, 0.9), 5.0)])
def test_the_endocardial_contour_of_a_half_ellipse_has_its_length(make_maps, spacing, tilt) -> None:
    maps = make_maps(spacing, tilt)
    # Half the circumference of ellipses of 90 x 26 and 75 x 20 mm by Ramanujan:
    # pi (a + b)(1 + 3 h / (10 + sqrt(4 - 3 h))) / 2 with h = ((a - b) / (a + b))^2: 196.3 and 162.0 mm.
    lengths = [ApicalView.of(*maps[key]).endocardium for key in FOUR]
    assert lengths == pytest.approx([196.3, 162.0], rel=0.02)


def test_a_cavity_one_pixel_wide_has_a_length_and_no_contour() -> None:
    label_map = np.zeros((16, 16), np.uint8)
    label_map[3:11, 6:9] = Structure.MYOCARDIUM
    label_map[4:11, 7] = Structure.LEFT_VENTRICULAR_CAVITY
    label_map[11:14, 6:9] = Structure.LEFT_ATRIUM_CAVITY
    with pytest.raises(DataError, match="a line of single pixels"):
        _ = ApicalView.of(label_map, (1.0, 1.0)).endocardium
    assert measure_frame(label_map, (1.0, 1.0))["contour"] == 0.0


def test_every_beat_of_a_drawn_clip_has_its_numbers(make_maps) -> None:
    maps = make_maps((0.75, 0.75))
    diastole, systole = (measure_frame(*maps[key]) for key in FOUR)
    shown = [120.0] * 2 + [80.0] * 4 + [120.0] * 4 + [80.0] * 4  # long enough that the moving average reaches both
    frames, areas = [diastole if area == 120 else systole for area in shown], shown
    beats = find_beats(areas, 0.1)
    assert beats == [Beat(0, 3, 7), Beat(7, 11, None)]
    first, second = measure_beats(frames, beats, 0.1, [0.1 * number for number in range(14)])
    # Half ellipsoids: 2 pi / 3 r^2 L. LV 26, 90 and 20, 75 mm: 127.4 and 62.8 ml; LA 24, 40 and 18, 48: 48.3 and 32.6.
    expected = {
        "heart_rate": 60 / 0.7, "lv_volume_ED": 127.4, "lv_volume_ES": 62.8, "ef_single_plane": 50.7,
        "la_volume_max": 48.3, "la_volume_min": 32.6, "la_emptying": 32.5,
    }  # fmt: skip
    assert {name: first[name] for name in expected} == pytest.approx(expected, rel=0.04)
    assert first["axis_shortening"] == pytest.approx(100 * (90 - 75) / 90, abs=1)
    assert first["contour_shortening"] == pytest.approx(100 * (196.3 - 162.0) / 196.3, abs=1.5)
    assert second["heart_rate"] is None


def test_without_an_atrium_the_other_numbers_stand(make_maps) -> None:
    label_map, spacing_mm = make_maps((0.75, 0.75))[FOUR[0]]
    found = measure_frame(np.where(label_map == Structure.LEFT_ATRIUM_CAVITY, 0, label_map), spacing_mm)
    assert found["atrium"] == 0
    (beat,) = measure_beats([found] * 6, [Beat(0, 3, None)])
    assert (beat["la_volume_max"], beat["axis_shortening"]) == (None, 0)
    assert measure_frame(np.zeros((20, 20), np.uint8), None) == dict.fromkeys(found, 0)
