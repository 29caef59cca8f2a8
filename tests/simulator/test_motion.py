"""Between end diastole and end systole: continuous, monotone, and exact at both ends."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from synthboost.domain import Phase, Structure, View
from synthboost.evaluation.clinical.phases import find_phases
from synthboost.simulator.anatomy import Anatomy, draw_anatomy
from synthboost.simulator.appearance import draw_acquisition
from synthboost.simulator.contours import Contours
from synthboost.simulator.fan import PolarGrid
from synthboost.simulator.motion import contours_at, ejected_shares, heart_at, tissue_places
from synthboost.simulator.priors import PRIORS, PriorName, stream
from synthboost.simulator.render import SimulatedPatient, ViewRenderer, describe_patient, simulate_patient
from synthboost.simulator.settings import SimulationSettings

ED, ES = Phase.END_DIASTOLE, Phase.END_SYSTOLE
SETTINGS = SimulationSettings(patients=2, size=96, prior=PriorName.LITERATURE, phases_between=5)


@pytest.fixture(scope="module")
def anatomies() -> list[Anatomy]:
    """Twelve hearts of the literature; some have a part of the wall that does not move."""
    return [draw_anatomy(0, number, PRIORS[PriorName.LITERATURE], {37.4: 1.0}) for number in range(1, 13)]


@pytest.fixture(scope="module")
def patients() -> list[SimulatedPatient]:
    return [simulate_patient(number, SETTINGS) for number in SETTINGS.patient_numbers]


def same(one: Contours, other: Contours) -> bool:
    return all(np.array_equal(getattr(one, f.name), getattr(other, f.name)) for f in fields(Contours))


def test_shares_rise_slowly_at_both_ends() -> None:
    assert ejected_shares(0) == (0.0, 1.0)
    assert ejected_shares(2) == pytest.approx((0.0, 0.25, 0.75, 1.0))  # sin^2 of 30 and 60 degrees


def test_both_ends_are_the_contours_of_the_frames(anatomies: list[Anatomy]) -> None:
    for anatomy in anatomies:
        for view, seen in anatomy.views.items():
            assert same(contours_at(anatomy.heart, seen.pose, view, 0.0), seen.contours[ED])
            assert same(contours_at(anatomy.heart, seen.pose, view, 1.0), seen.contours[ES])


def test_contours_move_continuously(anatomies: list[Anatomy]) -> None:
    for anatomy in anatomies[:4]:
        for view, seen in anatomy.views.items():
            for end, share in ((ED, 1e-6), (ES, 1.0 - 1e-6)):
                found = contours_at(anatomy.heart, seen.pose, view, share)
                assert np.abs(found.endocardium - seen.contours[end].endocardium).max() < 0.01
                assert np.abs(found.epicardium - seen.contours[end].epicardium).max() < 0.01


def test_the_cavity_follows_the_volume_and_the_muscle_keeps_its_own(anatomies: list[Anatomy]) -> None:
    for heart in (anatomy.heart for anatomy in anatomies):
        for share in (0.1, 0.5, 0.9):
            beat = heart_at(heart, share)
            wanted = (1 - share) * heart.volume_ml[ED] + share * heart.volume_ml[ES]
            assert beat.volume_ml[ES] == pytest.approx(wanted)
            assert beat.ejection_fraction == pytest.approx(share * heart.ejection_fraction)
            assert beat.wall_volume_ml(ES) == pytest.approx(heart.wall_volume_ml(ED), rel=1e-6)
            assert heart.states[ED].wall < beat.states[ES].wall < heart.states[ES].wall


def test_tissue_is_found_where_it_was(anatomies: list[Anatomy]) -> None:
    seen = anatomies[0].views[View.FOUR_CHAMBER]
    here, there = seen.contours[ES], seen.contours[ED]
    grid = PolarGrid(seen.fan, 0.2, np.deg2rad(0.29))
    places = tissue_places(grid, here, there)
    for point, origin in zip(here.endocardium[::20], there.endocardium[::20], strict=True):
        row, beam = np.rint(grid.to_index(point[None])[0]).astype(int)
        found = np.array(np.unravel_index(places[row, beam], grid.shape))
        x, z = (axis[tuple(found)] for axis in grid.points_mm())
        assert np.hypot(x - origin[0], z - origin[1]) < 1.5
    unmoved = np.arange(places.size).reshape(grid.shape)
    assert np.array_equal(tissue_places(grid, here, here), unmoved)
    assert np.array_equal(places[-3:, :3], unmoved[-3:, :3])  # the corner of the fan


@pytest.mark.parametrize(("share", "end"), [(0.0, ED), (1.0, ES)])
def test_a_frame_between_becomes_the_frame_at_either_end(share: float, end: Phase) -> None:
    settings, number, view = SETTINGS, 1, View.FOUR_CHAMBER
    preset = settings.preset
    anatomy = draw_anatomy(settings.seed, number, settings.prior_table, preset.half_angles)
    quality = describe_patient(number, settings)[view].quality
    assert quality is not None
    scanner = draw_acquisition(stream(settings.seed, number, "acquisition"), preset, quality, 1.0)
    renderer = ViewRenderer(number, settings, anatomy.views[view], view, scanner)
    made = {phase: renderer.own_frame(phase) for phase in Phase}
    between = renderer.frame_between(anatomy.heart, made[ED], made[ES], share, 3)
    assert np.array_equal(between.image, made[end][0].image)
    assert np.array_equal(between.label_map, made[end][0].label_map)


def test_a_clip_begins_and_ends_with_the_frames_to_the_byte(patients: list[SimulatedPatient]) -> None:
    for patient in patients:
        assert set(patient.clips) == set(View)
        for view, clip in patient.clips.items():
            assert len(clip) == 7
            for frame, phase in ((clip[0], ED), (clip[-1], ES)):
                assert np.array_equal(frame.image, patient.frames[view, phase].image)
                assert np.array_equal(frame.label_map, patient.frames[view, phase].label_map)


def test_a_clip_changes_no_frame(patients: list[SimulatedPatient]) -> None:
    without = simulate_patient(1, SimulationSettings(patients=2, size=96, prior=PriorName.LITERATURE))
    assert without.clips == {}
    for key, frame in without.frames.items():
        assert np.array_equal(frame.image, patients[0].frames[key].image)
        assert np.array_equal(frame.label_map, patients[0].frames[key].label_map)


def test_the_ventricle_shrinks_from_frame_to_frame_and_its_ends_are_found(patients: list[SimulatedPatient]) -> None:
    for patient in patients:
        for clip in patient.clips.values():
            areas = [int((frame.label_map == Structure.LEFT_VENTRICULAR_CAVITY).sum()) for frame in clip]
            assert (np.diff(areas) < 0.01 * areas[0]).all()  # pixels at the border may come and go
            found = find_phases(areas)
            assert found is not None
            assert found[:2] == (0, len(clip) - 1)


def test_neighbouring_frames_share_their_speckle(patients: list[SimulatedPatient]) -> None:
    for patient in patients:
        for clip in patient.clips.values():
            tissue = clip[0].image > 0
            near, far = (
                np.corrcoef(clip[0].image[tissue], clip[n].image[tissue])[0, 1] for n in (1, len(clip) - 1)
            )  # fmt: skip
            assert near > 0.8
            assert near > far + 0.1


def test_grey_levels_do_not_jump_within_a_clip(patients: list[SimulatedPatient]) -> None:
    for patient in patients:
        for clip in patient.clips.values():
            spread = [frame.image[frame.image > 0].std() for frame in clip]
            assert max(spread) / min(spread) < 1.15
