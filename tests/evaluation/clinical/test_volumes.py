"""Volumes and ejection fraction of half ellipsoids, whose volumes are known."""

from __future__ import annotations

import math
import os
from pathlib import Path

import numpy as np
import pytest

from synthboost.domain import LabelMap, Phase, Structure, View
from synthboost.errors import DataError
from synthboost.evaluation.clinical.apical_view import ApicalView, Chamber
from synthboost.evaluation.clinical.geometry import Scale
from synthboost.evaluation.clinical.patient_numbers import (
    LabelMaps,
    PatientViews,
    area_length_volume,
    discs_volume,
)

CAVITY, WALL, ATRIUM = (int(s) for s in Structure)
# Length and the half widths of the base in the two views, in mm.
DIASTOLE = {"length": 90.0, View.TWO_CHAMBER: 24.0, View.FOUR_CHAMBER: 26.0}
SYSTOLE = {"length": 75.0, View.TWO_CHAMBER: 18.0, View.FOUR_CHAMBER: 20.0}


def half_ellipse(
    length: float, half_width: float, spacing: tuple[float, float] = (0.4, 0.4), tilt_degrees: float = 0.0
) -> LabelMap:
    """A ventricle with its apex on top, an 8 mm wall open at the base, and an atrium below; 150 mm x 110 mm."""
    rows, columns = np.mgrid[: int(150 / spacing[0]), : int(110 / spacing[1])]
    down, right = (rows + 0.5) * spacing[0] - 112, (columns + 0.5) * spacing[1] - 55
    c, s = np.cos(np.radians(tilt_degrees)), np.sin(np.radians(tilt_degrees))
    up, across = -(c * down + s * right), -s * down + c * right
    cavity = (up >= 0) & ((up / length) ** 2 + (across / half_width) ** 2 < 1)
    outer = (up >= 0) & ((up / (length + 8)) ** 2 + (across / (half_width + 8)) ** 2 < 1)
    atrium = (up < 0) & ((up / 25) ** 2 + (across / half_width) ** 2 < 1)
    labels = np.zeros(rows.shape, dtype=np.uint8)
    labels[atrium], labels[outer], labels[cavity] = ATRIUM, WALL, CAVITY
    return labels


def heart(spacing: tuple[float, float] = (0.4, 0.4), tilt_degrees: float = 0.0) -> LabelMaps:
    return {
        (view, phase): (half_ellipse(size["length"], size[view], spacing, tilt_degrees), spacing)
        for phase, size in zip(Phase, (DIASTOLE, SYSTOLE), strict=True)
        for view in View
    }


def true_volume_ml(size: dict[object, float]) -> float:
    return 2 / 3 * math.pi * size["length"] * size[View.TWO_CHAMBER] * size[View.FOUR_CHAMBER] / 1000


GRIDS = pytest.mark.parametrize(
    ("spacing", "tilt"), [((0.4, 0.4), 0.0), ((0.4, 0.4), 11.0), ((0.308, 0.154), -8.0), ((0.75, 0.9), 5.0)]
)


@GRIDS
def test_the_volume_of_a_half_ellipsoid_is_found_within_two_percent(spacing: tuple[float, float], tilt: float) -> None:
    views = PatientViews(heart(spacing, tilt))
    assert views.biplane(Phase.END_DIASTOLE) == pytest.approx(true_volume_ml(DIASTOLE), rel=0.02)
    assert views.biplane(Phase.END_SYSTOLE) == pytest.approx(true_volume_ml(SYSTOLE), rel=0.02)


@GRIDS
def test_both_ejection_fractions_are_found_within_a_point(spacing: tuple[float, float], tilt: float) -> None:
    # Clinical: 1 - (18 * 20 * 75) / (24 * 26 * 90) = 51.9 %. With one disc height the lengths cancel: 42.3 %.
    views = PatientViews(heart(spacing, tilt))
    assert views.ejection_fraction() == pytest.approx(100 * (1 - 27000 / 56160), abs=1)
    assert views.ejection_fraction(one_height=True) == pytest.approx(100 * (1 - 360 / 624), abs=1)


def test_the_two_conventions_differ_by_the_ratio_of_the_lengths() -> None:
    views = PatientViews(heart())
    diastolic, systolic = (views.view(View.TWO_CHAMBER, phase).ventricle.length for phase in Phase)
    remaining = 1 - views.ejection_fraction() / 100
    assert views.ejection_fraction(one_height=True) == pytest.approx(
        100 * (1 - remaining * diastolic / systolic), abs=0.2
    )


@GRIDS
def test_the_long_axis_runs_from_the_base_to_the_apex(spacing: tuple[float, float], tilt: float) -> None:
    assert ApicalView.of(half_ellipse(90, 24, spacing, tilt), spacing).ventricle.length == pytest.approx(
        90, abs=max(spacing)
    )


def test_the_longer_view_gives_the_disc_height() -> None:
    frames = dict(heart())
    frames[View.FOUR_CHAMBER, Phase.END_DIASTOLE] = (half_ellipse(80, 26), (0.4, 0.4))
    assert PatientViews(frames).biplane(Phase.END_DIASTOLE) == pytest.approx(true_volume_ml(DIASTOLE), rel=0.02)


def test_specks_and_a_gap_in_the_wall_do_not_move_the_axis() -> None:
    labels = half_ellipse(90, 24)
    labels[:3, :3] = CAVITY
    middle = labels.shape[1] // 2
    labels[150:156, :middle][labels[150:156, :middle] == WALL] = 0
    assert ApicalView.of(labels, (0.4, 0.4)).ventricle.length == pytest.approx(90, abs=0.4)


def test_a_gap_of_two_pixels_between_cavity_and_wall_does_not_move_the_axis() -> None:
    labels = half_ellipse(90, 24)
    cavity = labels == CAVITY
    grown = cavity.copy()
    for _ in range(2):
        grown[1:] |= grown[:-1]
        grown[:-1] |= grown[1:]
        grown[:, 1:] |= grown[:, :-1].copy()
        grown[:, :-1] |= grown[:, 1:].copy()
    labels[grown & (labels == WALL)] = 0
    assert ApicalView.of(labels, (0.4, 0.4)).ventricle.length == pytest.approx(90, abs=0.4)


def test_a_ventricle_cut_by_the_edge_of_the_image_is_measured_to_the_edge() -> None:
    labels = half_ellipse(90, 24)[:280]  # the base lies at row 280 of 0.4 mm
    assert ApicalView.of(labels, (0.4, 0.4)).ventricle.length == pytest.approx(90, abs=0.4)


def test_a_heart_that_grows_in_systole_has_a_negative_fraction() -> None:
    frames, (first, second) = heart(), Phase
    swapped = {(v, p): frames[v, other] for v in View for p, other in ((first, second), (second, first))}
    assert PatientViews(swapped).ejection_fraction() < 0


def without(label: int) -> LabelMap:
    labels = half_ellipse(90, 24)
    labels[labels == label] = 0
    return labels


def misplaced() -> LabelMap:
    labels = half_ellipse(90, 24)
    labels[labels == WALL] = 0
    labels[-5:, :5] = WALL
    return labels


def closed() -> LabelMap:
    labels = half_ellipse(90, 24)
    labels[labels != CAVITY] = WALL
    return labels


@pytest.mark.parametrize(
    ("labels", "spacing", "named"),
    [
        (without(CAVITY), (0.4, 0.4), "left ventricular cavity: absent"),
        (without(WALL), (0.4, 0.4), "myocardium: absent"),
        (closed(), (0.4, 0.4), "closed by myocardium"),
        (misplaced(), (0.4, 0.4), "away from 100%"),
        (half_ellipse(90, 24).astype(np.int64), (0.4, 0.4), "int64"),
        (half_ellipse(90, 24) * np.uint8(2), (0.4, 0.4), r"labels: \[4, 6\]"),
        (half_ellipse(90, 24), (0.4, 0.0), "pixel size"),
        (half_ellipse(90, 24)[None], (0.4, 0.4), "shape"),
    ],
)
def test_a_label_map_that_cannot_be_measured_is_refused_by_name(
    labels: LabelMap, spacing: tuple[float, float], named: str
) -> None:
    frames = {**heart(), (View.FOUR_CHAMBER, Phase.END_SYSTOLE): (labels, spacing)}
    with pytest.raises(DataError, match=f"4CH ES: .*{named}"):
        PatientViews(frames).ejection_fraction()


def test_a_missing_view_is_named() -> None:
    frames = dict(heart())
    del frames[View.TWO_CHAMBER, Phase.END_SYSTOLE]
    with pytest.raises(DataError, match="2CH ES: label map: absent"):
        PatientViews(frames).ejection_fraction()


@pytest.mark.real_data
def test_the_fractions_of_ten_real_patients_are_those_of_their_files() -> None:
    root = Path(os.environ.get("SYNTHBOOST_CAMUS") or Path(__file__).parents[3] / "shared/data/camus")
    folders = sorted((root / "database_nifti").glob("patient*"))[:10]
    if not folders:
        pytest.skip(f"no CAMUS at {root}; set SYNTHBOOST_CAMUS to its folder")
    sitk = pytest.importorskip("SimpleITK")
    errors = []
    for folder in folders:
        frames = {}
        for view, phase in ((v, p) for v in View for p in Phase):
            image = sitk.ReadImage(str(folder / f"{folder.name}_{view}_{phase}_gt.nii.gz"))
            columns, rows = image.GetSpacing()[:2]
            frames[view, phase] = (sitk.GetArrayFromImage(image).squeeze().astype(np.uint8), (rows, columns))
        lines = (folder / "Info_2CH.cfg").read_text().splitlines()
        stated = float(next(line.split(":")[1] for line in lines if line.startswith("EF")))
        errors.append(PatientViews(frames).ejection_fraction(one_height=True) - stated)
    # Over 150 patients the error has mean -0.2 and standard deviation 1.2 points (the other convention: +7.9).
    assert np.abs(np.mean(errors)) < 1.2
    assert np.abs(errors).max() < 5


MM = Scale((1.0, 1.0), "mm", 2.0)


def test_twenty_equal_discs_are_an_elliptical_cylinder():
    two, four = Chamber(50.0, np.full(20, 20.0)), Chamber(50.0, np.full(20, 30.0))
    # pi/4 * 20 * 30 * 50 mm3 = 23.56 ml
    assert discs_volume(two, four, 50.0, MM) == pytest.approx(math.pi / 4 * 30)
    assert discs_volume(two, two, 50.0, MM) == pytest.approx(math.pi / 4 * 20)


def test_area_and_length_are_exact_for_an_ellipsoid():
    # Axes 40, 50 and 60 mm: areas pi/4 * 40 * 60 and pi/4 * 50 * 60, volume pi/6 * 40 * 50 * 60 mm3.
    areas = math.pi / 4 * 40 * 60, math.pi / 4 * 50 * 60
    assert area_length_volume(*areas, length=60.0, scale=MM) == pytest.approx(math.pi / 6 * 120)
