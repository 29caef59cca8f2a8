"""A heart passes; each way to break it fails the check that is meant for it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from synthboost.data import open_dataset
from synthboost.domain import LabelMap, Phase, Structure, View
from synthboost.errors import DataError
from synthboost.evaluation.clinical.plausibility import RULES, Check, check_frame, check_patient

CAVITY, WALL, ATRIUM = Structure
FOUR_ED = (View.FOUR_CHAMBER, Phase.END_DIASTOLE)
COARSE = (0.8, 0.8)


def failed(checks: list[Check]) -> dict[str, float | None]:
    return {check.name: check.value for check in checks if not check.passed}


def test_a_heart_of_half_ellipsoids_passes_everything(make_maps):
    checks = check_patient(make_maps(COARSE))
    assert failed(checks) == {}
    assert {check.name for check in checks} >= {"LV pieces", "LA gap to LV", "EF biplane", "LV area 4CH ES/ED"}


def speck(labels: LabelMap) -> None:
    labels[2, 2] = CAVITY


def hole(labels: LabelMap) -> None:
    labels[100, 75] = 0


def broken_wall(labels: LabelMap) -> None:
    band = labels[90:100, :75]
    band[band == WALL] = 0


def closed_base(labels: LabelMap) -> None:
    labels[140:150][labels[140:150] == ATRIUM] = WALL


def lost_atrium(labels: LabelMap) -> None:
    labels[labels == ATRIUM] = 0


def drifted_atrium(labels: LabelMap) -> None:
    labels[140:145][labels[140:145] == ATRIUM] = 0


@pytest.mark.parametrize(
    ("spoil", "name", "value"),
    [
        (speck, "LV pieces", 2),
        (hole, "LV holes", pytest.approx(1 / (np.pi / 2 * 90 * 26 / 0.64), rel=0.02)),
        (broken_wall, "LV openings", 2),
        (closed_base, "LV open contour", 0),
        (lost_atrium, "LA pixels", 0),
        (drifted_atrium, "LA gap to LV", pytest.approx(5 * 0.8)),
    ],
)
def test_what_is_broken_is_named_with_its_value(
    make_maps, spoil: Callable[[LabelMap], None], name: str, value: object
) -> None:
    labels, spacing = make_maps(COARSE)[FOUR_ED]
    spoil(labels)
    found = failed(check_frame(labels, spacing, where="4CH ED"))
    assert found[name] == value


def test_a_sector_that_cuts_the_atrium_is_a_caution(make_maps):
    labels, spacing = make_maps(COARSE)[FOUR_ED]
    sector = np.ones(labels.shape, dtype=np.bool_)
    sector[170:] = False  # from 136 mm on; the atrium reaches from 112 to 152 mm
    labels[~sector] = 0
    (check,) = [c for c in check_frame(labels, spacing, sector) if not c.passed]
    assert (check.name, check.rule.severity) == ("LA at the border", "caution")
    assert check.value is not None
    assert 0.2 < check.value < 0.5
    assert (check.rule.low, check.rule.high) == (None, 0.05)


def test_a_heart_that_does_not_pump_and_one_that_grows_are_out_of_range(make_maps):
    maps = make_maps(COARSE)
    still = {(view, phase): maps[view, Phase.END_DIASTOLE] for view, phase in maps}
    assert failed(check_patient(still)) == {
        "LV area 2CH ES/ED": 1.0, "LV area 4CH ES/ED": 1.0, "EF biplane": pytest.approx(0.0),
    }  # fmt: skip


def test_a_number_that_cannot_be_found_fails_with_its_reason(make_maps):
    maps = make_maps(COARSE)
    lost_cavity = maps[FOUR_ED][0]
    lost_cavity[lost_cavity == CAVITY] = 0
    (check,) = [check for check in check_patient(maps) if check.name == "EF biplane"]
    assert (check.passed, check.value) == (False, None)
    assert "left ventricular cavity: absent" in check.reason


def test_without_spacing_the_gap_is_in_pixels_and_walls_are_not_judged(make_maps):
    checks = check_patient(make_maps(COARSE, known=False))
    assert failed(checks) == {}
    assert not [check for check in checks if "thickness" in check.name]
    (gap, *_) = [check for check in checks if check.name == "LA gap to LV"]
    assert gap.rule.unit == "px"


def test_a_sector_of_another_size_is_refused(make_maps):
    labels, spacing = make_maps(COARSE)[FOUR_ED]
    with pytest.raises(DataError, match=r"sector: \(3, 3\)"):
        check_frame(labels, spacing, np.ones((3, 3), dtype=np.bool_))


def test_every_rule_says_its_range_and_its_source():
    for name, rule in RULES.items():
        assert rule.source
        assert name == "gap to LV" or (rule.low, rule.high) != (None, None)


@pytest.mark.real_data
def test_real_annotations_are_plausible_in_nearly_all_frames(real_camus):
    dataset = open_dataset(real_camus, allow_missing=True)
    infos = dataset.frames[::60]
    odd = 0
    for info in infos:
        frame = dataset.load(info)
        assert frame.label_map is not None
        checks = check_frame(frame.label_map, frame.spacing_mm)
        odd += any(not check.passed and check.rule.severity == "implausible" for check in checks)
    assert odd <= 0.1 * len(infos)
