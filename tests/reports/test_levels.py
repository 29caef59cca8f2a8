"""What mattered most, where the answer is known: numbers and appearance move Dice, the prior does nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from synthboost.records.run_folder import RunRecord
from synthboost.reports import content_from_runs, write_report
from synthboost.reports.levels import factor_table, level_arms, level_blocks, level_plot, level_table, scaling_law
from synthboost.reports.table import Table

DICE = {"images: 16": 0.2, "images: 64": 0.6, "images: 256": 0.8, "appearance: clean": 0.7, "prior: camus": 0.8}
"""Of the first patient and seed; a second seed has as much, the second patient 0.1 less error."""


@pytest.fixture
def study(make_study_run: Any) -> tuple[list[RunRecord], dict[str, tuple[str, ...]]]:
    runs, levels = [], {}
    for number, (label, dice) in enumerate(DICE.items()):
        for seed in (0, 1):
            run = make_study_run([dice, dice + 0.1], "synthetic", seed=seed, patients=number)
            runs.append(run)
            others = ("base", "appearance: clinical", "prior: literature") if label == "images: 256" else ()
            levels[run.spec.name] = (label, *others)
    return runs, levels


def test_every_level_is_compared_with_the_base(study: Any) -> None:
    arms = level_arms(*study)
    assert [(arm.factor, arm.value) for arm in arms] == [
        ("appearance", "clean"), ("appearance", "clinical"), ("images", "16"), ("images", "64"), ("images", "256"),
        ("prior", "camus"), ("prior", "literature"),
    ]  # fmt: skip
    gains = {(arm.factor, arm.value): arm.gain and arm.gain.mean for arm in arms}
    assert gains["appearance", "clean"] == pytest.approx(-0.1)
    assert gains["images", "16"] == pytest.approx(-0.6)
    assert gains["prior", "camus"] == 0.0
    assert gains["images", "256"] is None, "the base itself"


def test_what_mattered_most_stands_first_and_what_did_not_is_zero(study: Any) -> None:
    lines = [[cell.text for cell in line] for line in factor_table("x", level_arms(*study)).lines]
    assert [line[:4] for line in lines] == [
        ["images", "256", "16", "+60.00"], ["appearance", "clinical", "clean", "+10.00"],
        ["prior", "literature", "camus", "0.00"],
    ]  # fmt: skip
    assert [line[6] for line in lines] == ["3", "2", "2"]


def test_the_scaling_curve_is_fitted_to_the_mean_error(study: Any) -> None:
    law = scaling_law(level_arms(*study))
    # Mean errors 0.75, 0.35, 0.15 at 16, 64, 256: the slope between the outer two, as the numbers are evenly spaced.
    assert law is not None
    assert law.mean == pytest.approx(0.5805, abs=1e-4)
    assert "to the power of −0.580" in " ".join(level_table("x", level_arms(*study)).notes)


@pytest.fixture
def controlled(make_study_run: Any) -> tuple[list[RunRecord], dict[str, tuple[str, ...]]]:
    """Weights that were given gain 0.15 from synthetic images and random ones lose 0.1, against equal steps."""
    runs, levels = [], {}
    for weights, both, longer in (("abc", 0.85, 0.7), (None, 0.4, 0.5)):
        for seed in (0, 1):
            start: dict[str, Any] = {"patients": 10, "seed": seed, "spec": {"weights": weights}}
            value, label = ("pretrained", "base") if weights else ("random", "encoders: random")
            for strategy, dice, own in (
                ("synth-PT:real-FT", both, label), ("real", longer, f"real at equal steps: {value}")
            ):  # fmt: skip
                run = make_study_run([dice, dice], strategy, **start)
                name = f"{run.spec.name}-{value}"
                runs.append(replace(run, spec=replace(run.spec, name=name), rows=run.rows.assign(run=name)))
                levels[name] = (own,)
    return runs, levels


def test_a_control_belongs_to_synthetic_then_real_images_from_the_same_weights(controlled: Any) -> None:
    arms = level_arms(*controlled)
    gains = {(arm.factor, arm.value): round(arm.gain.mean, 6) for arm in arms}  # type: ignore[union-attr]
    assert gains == {
        ("real at equal steps", "pretrained"): -0.15, ("real at equal steps", "random"): 0.1,
        ("encoders", "random"): -0.45,
    }  # fmt: skip
    assert factor_table("x", arms).lines == ()  # controls are no levels of a factor


def test_each_synthetic_set_of_the_base_has_blocks_of_its_own(controlled: Any) -> None:
    runs, levels = controlled
    others, labels = [], {}
    for run in runs:
        if run.spec.strategy == "real":
            continue
        name = f"{run.spec.name}-more"
        rows = run.rows.assign(run=name, synthetic="simulated", dice=run.rows.dice + 0.05)
        others.append(replace(run, spec=replace(run.spec, name=name), rows=rows))
        labels[name] = levels[run.spec.name]
    blocks = level_blocks([*runs, *others], {**levels, **labels})
    tables = [block for block in blocks if isinstance(block, Table) and block.name.startswith("levels")]
    assert [table.caption.rpartition(", ")[2] for table in tables] == ["diffusion images.", "simulated images."]
    gains = [[line[7].text for line in table.lines] for table in tables]
    assert gains == [["−45.00", "−15.00", "+10.00"], ["−45.00", "−20.00", "+5.00"]]


def test_the_figure_has_a_panel_per_factor_and_says_its_numbers(study: Any) -> None:
    plot = level_plot("x", level_arms(*study))
    assert [axes.get_title(loc="left") for axes in plot.figure.axes if axes.axison] == ["appearance", "images", "prior"]
    assert "images 16 25.0 %; images 64 65.0 %" in plot.alternative


def test_the_page_shows_the_levels_in_one_section_and_the_base_in_the_others(study: Any, tmp_path: Any) -> None:
    runs, levels = study
    write_report(tmp_path / "page.html", runs, content_from_runs(runs, levels=levels), files=tmp_path / "files")
    text = (tmp_path / "page.html").read_text()
    assert text.count("What mattered most to CRIS, trained encoders, P1.") == 1
    assert [path.name for path in (tmp_path / "files" / "figures").iterdir() if path.is_dir()] == []
