"""The whole comparison: equal sets look equal, blurred ones are found out, copies are flagged, and all is recorded."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from synthboost.domain import Structure
from synthboost.errors import ConfigError, DataError
from synthboost.evaluation.fidelity.echo_set import EchoRegion
from synthboost.evaluation.fidelity.measure import measure_fidelity
from synthboost.reports.fidelity import fidelity_tables
from synthboost.reports.table import to_html, to_markdown

QUICK = {"repeats": 8, "draws": 100}


@pytest.fixture(scope="module")
def sets(echo):
    """Training, held-out, fresh and blurred images of one distribution (the last not)."""
    return {
        "training": echo(12, 4, seed=1, prefix="t"),
        "held_out": echo(12, 4, seed=2, prefix="h"),
        "fresh": echo(12, 4, seed=3, prefix="t"),
        "blurred": echo(12, 4, seed=3, prefix="t", blur=0.8),
    }


@pytest.fixture(scope="module")
def fresh(sets):
    labels = sets["fresh"].label_maps
    return measure_fidelity(sets["training"], sets["fresh"], sets["held_out"], predictions=labels, **QUICK)


@pytest.fixture(scope="module")
def blurred(sets):
    return measure_fidelity(sets["training"], sets["blurred"], sets["held_out"], **QUICK)


def _gap(report, region, statistic):
    return next(c["gap"] for c in report["speckle"] if (c["region"], c["statistic"]) == (region, statistic))


def test_images_of_the_same_kind_come_close_to_the_floor(fresh):
    assert fresh["frechet"]["low"] < fresh["frechet"]["floor_high"]
    assert fresh["kernel"]["low"] < 0.5
    assert fresh["coverage"]["value"] > 0.7
    assert fresh["reference"] == "held-out"
    assert (fresh["n_real"], fresh["n_synthetic"], fresh["real_patients"], fresh["left_out"]) == (48, 48, 12, [0, 0])
    assert fresh["frechet"]["images"] == 24
    assert max(abs(c["gap"]) for c in fresh["speckle"] if c["statistic"] == "nakagami_m") < 0.6


def test_blur_is_found_out_and_named(fresh, blurred):
    assert blurred["frechet"]["low"] > blurred["frechet"]["floor_high"]
    assert blurred["kernel"]["low"] > max(0, fresh["kernel"]["high"])
    assert blurred["coverage"]["value"] < fresh["coverage"]["value"]
    assert _gap(blurred, EchoRegion.TISSUE, "axial_length") > 3
    assert _gap(blurred, EchoRegion.TISSUE, "lateral_length") > 3


def test_what_was_learned_from_is_measured_too_because_scanners_differ(sets, fresh, echo):
    assert fresh["learned_frechet"]["low"] < fresh["frechet"]["floor_high"]
    brighter = echo(12, 4, seed=1, prefix="t", gain=25.0)
    copied = measure_fidelity(brighter, replace(brighter, names=brighter.names), sets["held_out"], **QUICK)
    assert copied["learned_frechet"] == copied["frechet"]  # it gave back what it had learned ...
    assert copied["frechet"]["low"] > copied["frechet"]["floor_high"]  # ... and that is far from the held-out patients
    assert copied["learned_kernel"] == copied["kernel"]


def test_predictions_that_equal_the_masks_are_wholly_consistent(fresh, blurred):
    assert {s: i["mean"] for s, i in fresh["consistency"].items()} == {s.short: 1.0 for s in Structure}
    assert blurred["consistency"] is None


def test_copies_of_training_images_are_flagged_in_both_spaces(sets, fresh):
    noise = np.random.default_rng(0).integers(-2, 3, sets["training"].images.shape)
    noisy = np.clip(sets["training"].images + noise, 0, 255).astype(np.uint8)
    copies = replace(sets["training"], images=noisy, names=tuple(f"s-{n}" for n in sets["training"].names))
    found = measure_fidelity(sets["training"], copies, sets["held_out"], **QUICK)
    for space in ("pixels 16 x 16", "radiomic features"):
        assert found["memorisation"][space]["ratio"] < 0.5
        assert found["memorisation"][space]["p_value"] < 0.001
        assert fresh["memorisation"][space]["ratio"] > 0.8
    suspects = found["memorisation"]["pixels 16 x 16"]["suspects"]
    assert len(suspects) == 48
    assert all(s["synthetic"] == f"s-{s['training']}" for s in suspects)


def test_without_held_out_images_nothing_is_said_about_copies(sets):
    found = measure_fidelity(sets["training"], sets["fresh"], **QUICK)
    assert found["reference"] == "training"
    assert found["memorisation"] == {}
    assert found["learned_frechet"] is None
    assert found["learned_kernel"] is None


def test_an_image_without_an_atrium_is_left_out_of_the_distances_and_counted(sets):
    labels = sets["fresh"].label_maps.copy()
    labels[0][labels[0] == 3] = 0
    found = measure_fidelity(sets["training"], replace(sets["fresh"], label_maps=labels), **QUICK)
    assert found["left_out"] == [0, 1]
    counts = {c["region"]: c["images"] for c in found["speckle"]}
    assert counts[EchoRegion.LA] == [48, 47]
    assert counts[EchoRegion.MYO] == [48, 48]


def test_the_same_seed_gives_the_same_report(sets, blurred):
    assert measure_fidelity(sets["training"], sets["blurred"], sets["held_out"], **QUICK) == blurred


def test_all_numbers_are_recorded_and_a_report_shows_the_main_ones(fresh, blurred):
    values = json.loads(json.dumps(fresh))
    assert values["frechet"]["value"] == fresh["frechet"]["value"]
    assert values["consistency"]["LV"]["mean"] == 1.0
    assert values["frechet_by_region"].keys() == {"LV", "MYO", "LA", "tissue"}
    assert values["settings"]["dynamic_range_db"] == 60.0
    table, *details = fidelity_tables("fresh", values)
    names = [each.name.removeprefix("fidelity_1_") for each in details]
    assert names[:3] == ["regions", "speckle", "memorisation"]
    main = {line[0].text: line[1].text for line in table.lines}
    assert main["mask consistency, LV: Dice of a segmenter trained on real"] == "1.00 [1.00, 1.00]"
    assert "mask consistency" in to_markdown(table)
    assert "mask consistency" not in to_markdown(fidelity_tables("blurred", blurred)[0])


def test_names_cannot_break_out_of_tables(fresh):
    values = {**fresh, "memorisation": {"<b>|x": next(iter(fresh["memorisation"].values()))}}
    tables = fidelity_tables("odd", values)
    assert not any("<b>" in to_html(table) for table in tables)
    assert not any("<b>" in to_markdown(table) for table in tables)
    assert any(r"&lt;b>\|x" in to_markdown(table) for table in tables)


def test_sets_that_cannot_be_compared_are_refused(sets, echo):
    small = echo(2, 2)
    with pytest.raises(DataError, match="real images: with all four regions: 4"):
        measure_fidelity(small, sets["fresh"], **QUICK)
    with pytest.raises(DataError, match="held-out images: patients: t0"):
        measure_fidelity(sets["training"], sets["fresh"], sets["training"], **QUICK)
    cut = sets["fresh"]
    cut = replace(cut, images=cut.images[:, 1:], label_maps=cut.label_maps[:, 1:], sectors=cut.sectors[:, 1:])
    with pytest.raises(DataError, match=r"synthetic images: size: \(47, 48\)"):
        measure_fidelity(sets["training"], cut, **QUICK)
    with pytest.raises(DataError, match="predictions"):
        measure_fidelity(sets["training"], sets["fresh"], predictions=sets["fresh"].label_maps[:3], **QUICK)
    with pytest.raises(ConfigError, match="repeats >= 1"):
        measure_fidelity(sets["training"], sets["fresh"], repeats=0)
