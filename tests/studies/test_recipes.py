from __future__ import annotations

from dataclasses import replace

import pytest

from synthboost.domain import PromptSet, Strategy
from synthboost.errors import ConfigError
from synthboost.models.catalogue import settings_of
from synthboost.models.freezing import Encoders
from synthboost.studies.recipes import PRESETS, RECIPES, STUDIES, choose_preset, choose_study, small, smoke
from synthboost.studies.study import with_weights


def test_the_recipes_differ_as_the_paper_and_its_code_do() -> None:
    written, run, ours = (RECIPES[name]() for name in ("as-written", "as-run", "ours"))
    assert [r.cross_entropy_weight for r in (written, run, ours)] == [0.25, 0, 0.25]
    assert [r.threshold("cris") for r in (written, run, ours)] == [0.5, 0.35, 0.5]
    assert [r.threshold("clipseg") for r in (written, run, ours)] == [0.5, 0.5, 0.5]
    assert [r.encoders("clipseg", Encoders.TRAINED) for r in (written, run)] == [Encoders.TRAINED, Encoders.FROZEN]
    assert run.encoders("cris", Encoders.TRAINED) == Encoders.TRAINED
    assert [r.synthetic_sentences.get(PromptSet.P7) for r in (run, ours)] == [PromptSet.P6_SDM, None]
    assert [r.has(Strategy.SYNTHETIC, PromptSet.P7) for r in (run, ours)] == [False, True]
    assert run.has(Strategy.SYNTHETIC_THEN_REAL, PromptSet.P7)


@pytest.mark.parametrize("name", PRESETS)
def test_every_architecture_of_a_preset_exists(name: str) -> None:
    preset = choose_preset(name)
    for model in preset.grid.models:
        assert settings_of(model, preset.architecture(model))


def test_the_epochs_of_a_stage_follow_from_the_size_of_its_data() -> None:
    preset = replace(smoke(), images_per_stage=100, least_epochs=3)
    recipe = RECIPES["as-run"]()
    assert [preset.stage(recipe, "cris", frames).epochs for frames in (10, 60, 0)] == [10, 3, 100]
    stage = preset.stage(recipe, "cris", 10)
    assert (stage.learning_rate, stage.cross_entropy_weight) == (2e-3, 0)
    paper = choose_preset("paper").stage(recipe, "cris", 1600)
    assert (paper.learning_rate, paper.epochs) == (2e-5, 100)


def test_unknown_names_list_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="one of smoke, small, paper"):
        choose_preset("huge")


def test_a_grid_without_a_model_is_refused() -> None:
    with pytest.raises(ConfigError, match="models: nothing"):
        replace(smoke().grid, models=()).cells()


@pytest.mark.parametrize("name", STUDIES)
def test_every_study_is_a_grid_of_cells_that_exist(name: str) -> None:
    grid = choose_study(name, small()).grid
    assert list(grid.cells())
    for model in grid.models:
        assert settings_of(model, small().architecture(model))


def test_the_study_of_sentences_trains_on_any_of_their_clauses() -> None:
    grid = choose_study("prompts", small()).grid
    assert (grid.prompts, grid.strategies, grid.seeds) == ((PromptSet.P7_ANY,), (Strategy.REAL,), (0, 1, 2))
    assert (grid.models, choose_study("prompts", choose_preset("paper")).grid.models) == (
        ("textunet",),
        ("clipseg", "cris"),
    )


def test_the_study_of_freezing_changes_one_encoder_at_a_time_and_pretrains_what_it_can() -> None:
    preset = choose_study("freezing", small())
    policies = [Encoders.parse(policy) for policy in preset.grid.encoders]
    assert len(set(policies)) == 8
    assert policies[:2] == [Encoders.TRAINED, Encoders.FROZEN]
    assert all(Encoders.TRAINED.vision in (policy.vision, policy.text) for policy in policies[2:])
    assert preset.grid.models == ("textunet", "clipseg", "cris", "dual", "medclipseg", "sam3")
    assert with_weights(preset, {}).weights == {
        "textunet": "lite0-minilm",
        **dict.fromkeys(("clipseg", "cris", "dual", "medclipseg", "sam3"), "random"),
    }
    assert choose_study("freezing", choose_preset("paper")).weights["clipseg"] == "CIDAS/clipseg-rd64-refined"


def test_a_study_that_does_not_exist_is_told_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="name: nonsense; expected one of paper, label-free, prompts"):
        choose_study("nonsense", smoke())
