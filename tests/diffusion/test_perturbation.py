"""Perturbed masks: the deformation that was asked for, reproducible, and still a heart."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from synthboost.diffusion.perturbation import (
    PerturbationSettings,
    defects,
    perturb,
    perturbation_rng,
    topology_of,
)
from synthboost.errors import ConfigError, DataError

STILL = PerturbationSettings(
    rotation_deg=0, vertical_shift=0, scale=(1, 1), shear_deg=0, knot_shift_px=0, largest_cut=1, attempts=1
)


class Fixed:
    """A generator whose every draw lies at one place of its range."""

    def __init__(self, *places: float) -> None:
        self.places = list(places)

    def uniform(self, low: float, high: float, size: tuple[int, ...] | None = None) -> float | np.ndarray:
        value = low + (high - low) * (self.places.pop(0) if size is None else 1.0)
        return value if size is None else np.full(size, value)


def at(**settings):
    """STILL with some settings, and a generator that draws the largest rotation, shift, scale, shear and knots."""
    return replace(STILL, **settings), Fixed(1, 1, 1, 1)


def test_no_deformation_changes_nothing(heart, sector):
    found = perturb(heart, sector, STILL, perturbation_rng(0, "a", 0), "a")
    assert np.array_equal(found.label_map, heart)
    assert found.rejected == ()
    assert found.note == ""


def test_a_shift_of_a_sixteenth_moves_the_heart_eight_of_128_rows_down(heart, sector):
    settings, rng = at(vertical_shift=1 / 16)
    moved = perturb(heart, sector, settings, rng, "a").label_map
    assert np.array_equal(moved[8:], heart[:-8])
    assert not moved[:8].any()


def test_half_the_scale_quarters_the_area_around_the_frames_centre(heart, sector):
    settings, rng = at(scale=(0.5, 0.5))
    small = perturb(heart, sector, settings, rng, "a").label_map
    assert np.count_nonzero(small) == pytest.approx(np.count_nonzero(heart) / 4, rel=0.02)
    # Row 92, the atrium's middle, is 28 rows below the centre (64): now 14 below it.
    assert np.argwhere(small == 3).mean(axis=0)[0] == pytest.approx(
        64 + (np.argwhere(heart == 3).mean(0)[0] - 64) / 2, abs=0.5
    )


def test_a_quarter_turn_is_a_quarter_turn(heart, sector):
    settings, rng = at(rotation_deg=90)
    turned = perturb(heart, sector, settings, rng, "a").label_map
    ways = [np.rot90(heart, k) for k in (1, 3)]
    assert any(np.count_nonzero(turned != way) <= 0.01 * heart.size for way in ways)


def test_a_shear_of_45_degrees_moves_rows_sideways_and_no_row_up_or_down(heart, sector):
    settings, rng = at(shear_deg=45 * (1 - 1e-12))
    sheared = perturb(heart, sector, settings, rng, "a").label_map
    assert set(np.flatnonzero(sheared.any(1))) <= set(np.flatnonzero(heart.any(1)))
    middle = [np.argwhere(m[r] > 0).mean() for m in (heart, sheared) for r in (60, 70)]
    assert abs((middle[3] - middle[2]) - (middle[1] - middle[0])) == pytest.approx(10, abs=1.0)  # 10 rows: 10 columns


def test_knots_that_all_move_alike_move_the_inside_by_just_as_much(heart, sector):
    # B-splines sum to one, so away from the locked rows every pixel takes its label 16 of 256 = 8 of 128 px away.
    settings, rng = at(knot_shift_px=16.0, knots=(40, 4))
    moved = perturb(heart, sector, settings, rng, "a").label_map
    assert np.array_equal(moved[20:100, 10:110], heart[28:108, 18:118])


def test_the_first_and_last_row_of_knots_hold_still():
    everywhere = np.ones((128, 128), np.uint8)
    everywhere[64:] = 2
    settings, rng = at(knot_shift_px=30.0, knots=(4, 4))
    # Half-way down, the four knots weigh 1/48, 23/48, 23/48, 1/48 and the outer two hold still: 28.75 px at 256, or
    # 14.4 px at 128.
    moved = perturb(everywhere, np.ones((128, 128), bool), settings, rng, "a").label_map
    assert np.flatnonzero(moved[:, 0] == 2)[0] == pytest.approx(64 - 14.4, abs=1)


def copies(heart, sector, settings, count, seed, name):
    return [perturb(heart, sector, settings, perturbation_rng(seed, name, copy), name) for copy in range(count)]


def test_a_copy_depends_on_seed_name_and_number_and_on_nothing_else(heart, sector):
    settings = PerturbationSettings()
    first = [p.label_map for p in copies(heart, sector, settings, 5, 7, "patient0001_2CH_ED")]
    alone = perturb(heart, sector, settings, perturbation_rng(7, "patient0001_2CH_ED", 3), "x").label_map
    assert np.array_equal(first[3], alone)
    assert len({m.tobytes() for m in first}) == 5
    for seed, name in ((8, "patient0001_2CH_ED"), (7, "patient0001_2CH_ES")):
        assert (copies(heart, sector, settings, 1, seed, name)[0].label_map != first[0]).any()


def test_perturbed_hearts_are_hearts_of_the_same_labels(heart, sector):
    before = topology_of(heart)
    for found in copies(heart, sector, PerturbationSettings(), 20, 0, "a"):
        assert defects(before, topology_of(found.label_map)) == ()
        assert set(np.unique(found.label_map)) == {0, 1, 2, 3}


def test_a_draw_that_pushes_the_atrium_out_of_the_sector_is_drawn_again(heart, sector):
    settings = PerturbationSettings(vertical_shift=0.3, knot_shift_px=0, attempts=50)
    found = copies(heart, sector, settings, 30, 0, "a")
    reasons = {reason for p in found for draw in p.rejected for reason in draw}
    assert "LA cut" in reasons
    for p in found:
        assert np.count_nonzero((p.label_map == 3) & ~sector) <= 0.07 * np.count_nonzero(p.label_map == 3)


def test_when_no_draw_fits_the_mask_stays_with_a_note(heart, sector):
    settings, rng = at(vertical_shift=0.5, largest_cut=0.05)
    kept = perturb(heart, sector, settings, rng, "a")
    assert np.array_equal(kept.label_map, heart)
    assert kept.note == "unperturbed: 1 draws failed"
    assert len(kept.rejected) == 1


def test_what_experts_drew_outside_the_sector_is_not_held_against_a_draw(heart, sector):
    sector[95:] = False  # the atrium's lower half lies outside already
    settings = replace(STILL, largest_cut=0.01)
    assert perturb(heart, sector, settings, perturbation_rng(0, "a", 0), "a").note == ""


def test_oblong_frames_are_deformed_on_the_square(heart, sector):
    wide = heart.repeat(2, axis=1)
    settings, rng = at(rotation_deg=5, knot_shift_px=10.0)
    expected = perturb(heart, sector, *at(rotation_deg=5, knot_shift_px=10.0), "a").label_map.repeat(2, axis=1)
    found = perturb(wide, sector.repeat(2, axis=1), settings, rng, "a").label_map
    assert np.count_nonzero(found != expected) < 0.01 * wide.size


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("scale", (1.1, 0.9)), ("knots", (10, 3)), ("attempts", 0),
        ("vertical_shift", 1.0), ("knot_shift_px", -1.0),
    ],
)  # fmt: skip
def test_settings_that_cannot_work_are_refused_by_name(field, value):
    with pytest.raises(ConfigError, match=f"options: {field}"):
        PerturbationSettings(**{field: value})


def test_a_negative_seed_is_refused():
    with pytest.raises(ConfigError, match="perturbation: seed: -1"):
        perturbation_rng(-1, "a", 0)


def test_arrays_that_do_not_fit_are_refused(heart, sector):
    with pytest.raises(DataError, match="a sector of its size"):
        perturb(heart, sector[1:], STILL, perturbation_rng(0, "a", 0), "a")
    with pytest.raises(DataError, match="values 0 to 3"):
        perturb(heart + np.uint8(1), sector, STILL, perturbation_rng(0, "a", 0), "a")
