from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from synthboost.domain import Phase, Quality, View
from synthboost.errors import ConfigError
from synthboost.simulator.appearance import (
    ALL,
    APPEARANCES,
    NONE,
    AppearanceName,
    draw_acquisition,
    draw_qualities,
    widened,
)
from synthboost.simulator.priors import PRIORS, PriorName, stream
from synthboost.simulator.render import simulate_patient
from synthboost.simulator.settings import SimulationSettings

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
        draw_acquisition(stream(0, 4, "acquisition"), CLINICAL, quality, 1.0)
        for quality in (Quality.GOOD, Quality.POOR)
    )
    assert (good.vendor, good.high, good.gamma) == (poor.vendor, poor.high, poor.gamma)
    assert (good.badness, poor.badness) == (0.0, 2.0)


def test_a_quality_strength_of_zero_makes_all_labels_look_alike() -> None:
    levels = {draw_acquisition(stream(0, 4, "a"), CLINICAL, quality, 0.0).badness for quality in Quality}
    assert levels == {1.0}


LITERATURE = PRIORS[PriorName.LITERATURE]
PLAIN = SimulationSettings(patients=1, size=64, prior=PriorName.LITERATURE)


def test_clean_and_clinical_turn_no_dial_and_wild_turns_all() -> None:
    found = {name: APPEARANCES[name].dials for name in AppearanceName}
    assert found == {AppearanceName.CLEAN: NONE, AppearanceName.CLINICAL: NONE, AppearanceName.WILD: ALL}


def test_a_dial_at_zero_leaves_the_prior_as_it_is_and_at_a_half_widens_it_by_two_fifths() -> None:
    assert widened(LITERATURE, 0.0) == LITERATURE
    wide = widened(LITERATURE, 0.5)
    assert wide.sd["tilt"] == pytest.approx(1.4 * LITERATURE.sd["tilt"])
    assert wide.sd["apex_depth"] == pytest.approx(1.4 * LITERATURE.sd["apex_depth"])
    assert wide.mean == LITERATURE.mean, "a dial widens; it moves no mean"


@pytest.mark.parametrize("value", [-0.1, 1.01])
def test_a_dial_outside_its_range_is_refused_by_name(value: float) -> None:
    with pytest.raises(ConfigError, match="gain"):
        replace(PLAIN, dials=(("gain", value),))


def test_the_settings_turn_single_dials_of_a_preset() -> None:
    assert replace(PLAIN, dials=(("acoustics", 0.3),)).preset.dials == {**NONE, "acoustics": 0.3}
    wild = replace(PLAIN, appearance=AppearanceName.WILD, dials=(("anatomy", 0.0),))
    assert wild.preset.dials == {**ALL, "anatomy": 0.0}


def test_only_the_dials_of_anatomy_and_fan_move_the_masks() -> None:
    key = (View.FOUR_CHAMBER, Phase.END_DIASTOLE)
    plain = simulate_patient(3, PLAIN).frames[key]
    for dial in ("acoustics", "artefacts", "gain"):
        turned = simulate_patient(3, replace(PLAIN, dials=((dial, 1.0),))).frames[key]
        np.testing.assert_array_equal(turned.label_map, plain.label_map)
        assert np.abs(turned.image.astype(int) - plain.image).mean() > 1.0, dial
    moved = simulate_patient(3, replace(PLAIN, dials=(("anatomy", 1.0),))).frames[key]
    assert moved.label_map.shape != plain.label_map.shape or (moved.label_map != plain.label_map).any()
