"""The plan of a study that varies one thing at a time. Nothing is trained or simulated here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from synthboost.data.source import Source
from synthboost.domain import PromptSet, Strategy
from synthboost.studies.levels import Level, set_key, synthetic_data_levels
from synthboost.studies.recipes import RANDOM, choose_study, ours, small, smoke
from synthboost.studies.spec import Role, RunSpec
from synthboost.studies.study import Study


def test_levels_change_one_thing_and_reach_as_many_images_as_a_stage_sees() -> None:
    base, levels = synthetic_data_levels(3600)
    assert [one.value for one in levels if one.factor == "images"] == ["16", "64", "256", "1024"]
    assert (base.patients, base.counts) == (256 + 4, (256, 4, 0))
    looks = [one for one in levels if one.factor == "appearance"]
    assert [one.simulation(base).appearance for one in looks] == ["clean", "clinical", "wild"]
    assert {replace(one.simulation(base), appearance=base.appearance) for one in looks} == {base}
    [strong] = [one for one in levels if one.label == "augmentation: 1.6"]
    config = small().training
    assert strong.training(config) == replace(config, augmentation=1.6)
    assert strong.simulation(base) == base


@pytest.fixture
def study(sources: tuple[Source, Source], make_simulated: Callable[..., Source]) -> Study:
    """An ablation of four levels, of which one is the base under another name."""
    real, _ = sources
    preset = choose_study("ablation", smoke())
    assert preset.simulation is not None
    own = {"patients": 2}
    levels = (
        Level("base", "base", own), Level("images", "8", own), Level("images", "4", {"patients": 1}),
        Level("augmentation", "1", own | {"augmentation": 1.0}),
        Level("real share in mixed", "0.5", own | {"real_share": 0.5}, (Strategy.MIXED,)),
    )  # fmt: skip
    made = {set_key(preset.simulation): make_simulated()}
    grid = replace(preset.grid, models=("cris",))
    preset = replace(preset, levels=levels, grid=grid, weights={"cris": RANDOM})
    return Study("ablation", ours(), preset, real, (), made)


def test_a_level_that_is_the_base_is_its_run_under_another_name(study: Study) -> None:
    specs = {run.name: run.work for run in study.runs if isinstance(run.work, RunSpec)}
    assert sorted(study.levels.values()) == [
        ("augmentation: 1",), ("base", "images: 8"), ("images: 4",), ("real share in mixed: 0.5",),
    ]  # fmt: skip
    of = {labels[-1]: specs[name] for name, labels in study.levels.items()}
    assert of["images: 4"].sources[Role.SYNTHETIC].record.patients == 1
    assert of["images: 8"].sources[Role.SYNTHETIC].record.patients == 2
    assert of["augmentation: 1"].training[Role.SYNTHETIC].augmentation == 1.0
    assert (of["real share in mixed: 0.5"].strategy, of["real share in mixed: 0.5"].real_share) == ("mixed", 0.5)
    # As many images for every training: of one patient's four frames twice as many epochs as of two patients' eight.
    epochs = [of[label].training[Role.SYNTHETIC].epochs for label in ("images: 4", "images: 8")]
    assert epochs == [60, 30]


def test_pretraining_compares_starts_and_has_the_control_at_equal_steps() -> None:
    preset = choose_study("pretraining", small())
    assert preset.grid.strategies == (Strategy.REAL, Strategy.SYNTHETIC_THEN_REAL)
    assert (preset.grid.encoders, preset.grid.prompts) == (("trained", "frozen"), (PromptSet.P1,))
    assert [(one.label, one.strategies) for one in preset.levels] == [
        ("base", ()), ("encoders: random", ()), ("real at equal steps: pretrained", (Strategy.REAL,)),
        ("real at equal steps: random", (Strategy.REAL,)),
    ]  # fmt: skip
    assert preset.levels[2].change == {"images_per_stage": 7200}
    recipe, longer = ours(), replace(preset, **preset.levels[2].change)
    stages = [size.stage(recipe, "textunet", frames=3600) for size in (preset, longer)]
    assert [stage.epochs for stage in stages] == [1, 2]  # 3,600 synthetic images and then 3,600 real ones, or 7,200
