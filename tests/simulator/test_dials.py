from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

from synthboost.domain import Phase, View
from synthboost.errors import ConfigError
from synthboost.simulator.appearance import APPEARANCES, AppearanceName
from synthboost.simulator.dials import ALL, NONE, Dials
from synthboost.simulator.priors import PRIORS, PriorName
from synthboost.simulator.render import simulate_patient
from synthboost.simulator.settings import DIALS, SimulationSettings

LITERATURE = PRIORS[PriorName.LITERATURE]
PLAIN = SimulationSettings(patients=1, size=64, prior=PriorName.LITERATURE)


def test_clean_and_clinical_turn_no_dial_and_wild_turns_all() -> None:
    found = {name: APPEARANCES[name].dials for name in AppearanceName}
    assert found == {AppearanceName.CLEAN: NONE, AppearanceName.CLINICAL: NONE, AppearanceName.WILD: ALL}


def test_a_dial_at_zero_leaves_the_prior_as_it_is_and_at_a_half_widens_it_by_two_fifths() -> None:
    assert NONE.widen(LITERATURE) == LITERATURE
    widened = Dials(anatomy=0.5).widen(LITERATURE)
    assert widened.tilt_sd == pytest.approx(1.4 * LITERATURE.tilt_sd)
    assert widened.apex_depth == (LITERATURE.apex_depth[0], pytest.approx(1.4 * LITERATURE.apex_depth[1]))
    assert widened.tilt == LITERATURE.tilt, "a dial widens; it moves no mean"


@pytest.mark.parametrize("value", [-0.1, 1.01])
def test_a_dial_outside_its_range_is_refused_by_name(value: float) -> None:
    with pytest.raises(ConfigError, match="gain"):
        Dials(gain=value)
    with pytest.raises(ConfigError, match="gain"):
        replace(PLAIN, gain=value)


def test_the_settings_turn_single_dials_of_a_preset() -> None:
    assert tuple(field.name for field in fields(Dials)) == DIALS
    assert replace(PLAIN, acoustics=0.3).preset.dials == Dials(acoustics=0.3)
    wild = replace(PLAIN, appearance=AppearanceName.WILD, anatomy=0.0)
    assert wild.preset.dials == replace(ALL, anatomy=0.0)


def test_only_the_dials_of_anatomy_and_fan_move_the_masks() -> None:
    key = (View.FOUR_CHAMBER, Phase.END_DIASTOLE)
    plain = simulate_patient(3, PLAIN).frames[key]
    for dial in ("acoustics", "artefacts", "gain"):
        turned = simulate_patient(3, replace(PLAIN, **{dial: 1.0})).frames[key]
        np.testing.assert_array_equal(turned.label_map, plain.label_map)
        assert np.abs(turned.image.astype(int) - plain.image).mean() > 1.0, dial
    moved = simulate_patient(3, replace(PLAIN, anatomy=1.0)).frames[key]
    assert moved.label_map.shape != plain.label_map.shape or (moved.label_map != plain.label_map).any()
