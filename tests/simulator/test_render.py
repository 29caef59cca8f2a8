from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from synthboost.domain import Phase, Quality, View
from synthboost.evaluation.clinical.apical_view import ApicalView
from synthboost.evaluation.clinical.patient_numbers import PatientViews
from synthboost.simulator.contours import BLOOMING_MM
from synthboost.simulator.fan import Fan, PixelGrid
from synthboost.simulator.render import SimulatedFrame, SimulatedPatient, simulate_patient
from synthboost.simulator.settings import NATIVE_SPACING_MM, SimulationSettings
from synthboost.simulator.visibility import QualityRule, quality_of

SMALL = SimulationSettings(patients=2, size=96)


def _frames(patients: list[SimulatedPatient]) -> list[SimulatedFrame]:
    return [frame for patient in patients for frame in patient.frames.values()]


def test_a_patient_has_four_frames_of_equal_geometry_per_view(clinical: list[SimulatedPatient]) -> None:
    for patient in clinical:
        assert set(patient.frames) == {(view, phase) for view in View for phase in Phase}
        for frame in patient.frames.values():
            assert frame.image.dtype == frame.label_map.dtype == np.uint8
            assert frame.image.shape == frame.label_map.shape
            assert max(frame.image.shape) == 192
        for view in View:
            one, other = (patient.frames[view, phase] for phase in Phase)
            assert (one.image.shape, one.spacing_mm) == (other.image.shape, other.spacing_mm)


def test_the_fan_is_at_least_1_and_everything_else_exactly_0(clinical: list[SimulatedPatient]) -> None:
    for patient in clinical:
        for (view, _), frame in patient.frames.items():
            shown = patient.record["views"][view.value]
            grid = PixelGrid(Fan(shown["half_angle_deg"], shown["depth_mm"]), frame.spacing_mm[0])
            assert np.array_equal(frame.image > 0, grid.inside())


def test_grey_levels_are_those_of_an_echocardiogram(clinical: list[SimulatedPatient]) -> None:
    # CAMUS: median 81 +- 28 in the fan, ventricle 62 +- 24, myocardium 106 +- 28.
    medians = [np.median(f.image[f.image > 0]) for f in _frames(clinical)]
    cavity = [np.median(f.image[f.label_map == 1]) for f in _frames(clinical)]
    wall = [np.median(f.image[f.label_map == 2]) for f in _frames(clinical)]
    assert 60 < np.median(medians) < 110
    assert 35 < np.median(cavity) < 85
    assert 80 < np.median(wall) < 150


def test_the_ejection_fraction_is_that_of_the_label_maps(clinical: list[SimulatedPatient]) -> None:
    for patient in clinical:
        masks = {key: (frame.label_map, frame.spacing_mm) for key, frame in patient.frames.items()}
        for view in View:
            assert patient.attributes[view].ejection_fraction == pytest.approx(
                PatientViews(masks).ejection_fraction(one_height=True)
            )
        # Residues, tilt and foreshortening: error of the true value -0.5 +- 2.1 points.
        known = patient.record["ejection_fraction_percent"]
        assert known["biplane"] == pytest.approx(known["drawn"], abs=9.0)


def test_the_wall_is_that_of_the_label_maps_at_end_diastole(clinical: list[SimulatedPatient]) -> None:
    for patient in clinical:
        frames = [patient.frames[view, Phase.END_DIASTOLE] for view in View]
        walls = [ApicalView.of(f.label_map, f.spacing_mm).wall_thickness for f in frames]
        for attributes in patient.attributes.values():
            assert attributes.wall_thickness_mm == round(sum(walls) / 2, 1)


def test_the_rule_for_the_quality_changes_the_word_and_no_pixel() -> None:
    drawn = simulate_patient(2, SMALL)
    ruled = simulate_patient(2, replace(SMALL, quality_rule=QualityRule.VISIBLE_WALL))
    for key, frame in drawn.frames.items():
        assert np.array_equal(ruled.frames[key].image, frame.image)
        assert np.array_equal(ruled.frames[key].label_map, frame.label_map)
    for view in View:
        shown = ruled.record["views"][view.value]
        assert shown["drawn_quality"] == drawn.attributes[view].quality
        assert ruled.attributes[view].quality is quality_of(shown["visible_wall"])
        assert "visible_wall" not in drawn.record["views"][view.value]


def test_the_same_seed_gives_the_same_masks_and_image() -> None:
    one, two = simulate_patient(1, SMALL), simulate_patient(1, SMALL)
    for key, frame in one.frames.items():
        assert np.array_equal(frame.label_map, two.frames[key].label_map)
        assert np.abs(frame.image.astype(int) - two.frames[key].image.astype(int)).max() <= 1


def test_another_seed_and_another_number_give_another_patient() -> None:
    one = simulate_patient(1, SMALL)
    for other in (simulate_patient(2, SMALL), simulate_patient(1, replace(SMALL, seed=1))):
        assert one.record["ejection_fraction_percent"] != other.record["ejection_fraction_percent"]


def test_the_quality_changes_the_image_and_never_the_masks(
    by_quality: dict[Quality, list[SimulatedPatient]],
) -> None:
    for good, poor in zip(by_quality[Quality.GOOD], by_quality[Quality.POOR], strict=True):
        assert good.attributes[View.FOUR_CHAMBER].quality is Quality.GOOD
        assert poor.attributes[View.FOUR_CHAMBER].quality is Quality.POOR
        for key, frame in good.frames.items():
            assert frame.label_map.tobytes() == poor.frames[key].label_map.tobytes()
            assert not np.array_equal(frame.image, poor.frames[key].image)


def test_contrast_falls_from_good_over_medium_to_poor(by_quality: dict[Quality, list[SimulatedPatient]]) -> None:
    def contrast(frame: SimulatedFrame) -> float:
        wall, cavity = frame.image[frame.label_map == 2], frame.image[frame.label_map == 1]
        return float((wall.mean() - cavity.mean()) / np.hypot(wall.std(), cavity.std()))

    mean = {quality: np.mean([contrast(f) for f in _frames(p)]) for quality, p in by_quality.items()}
    assert mean[Quality.GOOD] > mean[Quality.MEDIUM] + 0.1 > mean[Quality.POOR] + 0.2


def test_the_border_is_steeper_where_the_wall_begins_than_5_mm_inside_or_outside_of_it(
    clean: list[SimulatedPatient],
) -> None:
    for patient in clean:
        for frame in patient.frames.values():
            spacing = frame.spacing_mm[0]
            cavity = frame.label_map == 1
            distance = spacing * np.where(
                cavity, -ndimage.distance_transform_edt(cavity), ndimage.distance_transform_edt(~cavity)
            )
            around = (frame.image > 0) & (frame.label_map != 3)

            def step(
                shift: float, d: np.ndarray = distance, ok: np.ndarray = around, image: np.ndarray = frame.image
            ) -> float:
                outer, inner = ok & (np.abs(d - shift - 2.0) < 1.5), ok & (np.abs(d - shift + 2.0) < 1.5)
                return float(image[outer].mean() - image[inner].mean())

            assert step(BLOOMING_MM) > 1.5 * max(step(BLOOMING_MM - 5.0), step(BLOOMING_MM + 5.0))


def test_both_phases_and_views_show_one_person(clinical: list[SimulatedPatient]) -> None:
    for patient in clinical:
        two, four = (patient.attributes[view] for view in View)
        assert (two.sex, two.age, two.ejection_fraction) == (four.sex, four.age, four.ejection_fraction)
        area = {key: (frame.label_map == 1).sum() * frame.spacing_mm[0] ** 2 for key, frame in patient.frames.items()}
        for view in View:
            assert area[view, Phase.END_SYSTOLE] < area[view, Phase.END_DIASTOLE]


def test_a_spacing_can_be_asked_for_instead_of_a_size() -> None:
    patient = simulate_patient(1, SimulationSettings(patients=1, spacing_mm=2 * NATIVE_SPACING_MM))
    frame = patient.frames[View.FOUR_CHAMBER, Phase.END_DIASTOLE]
    depth = patient.record["views"]["4CH"]["depth_mm"]
    assert frame.spacing_mm == (0.616, 0.616)
    assert frame.image.shape[0] == round(depth / 0.616)
