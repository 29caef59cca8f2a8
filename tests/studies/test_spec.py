from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from synthboost.data.source import open_source
from synthboost.domain import Domain, PromptSet, Strategy
from synthboost.errors import ConfigError
from synthboost.io.typed_json import to_json
from synthboost.models.freezing import Encoders
from synthboost.studies.spec import STAGES, Role, RunSpec

MakeSpec = Callable[..., RunSpec]


def _train_with(spec: RunSpec, **changes: object) -> RunSpec:
    return replace(spec, training={role: replace(c, **changes) for role, c in spec.training.items()})  # type: ignore[arg-type]


def test_the_name_says_what_the_run_is(make_spec: MakeSpec) -> None:
    spec = make_spec(Strategy.SYNTHETIC_THEN_REAL)
    assert spec.name == f"clipseg-synth-PT-real-FT-P1-seed0-{spec.identity}"
    assert len(spec.identity) == 12


def test_what_changes_a_result_changes_the_identity(make_spec: MakeSpec) -> None:
    spec = make_spec(Strategy.REAL)
    others = [
        replace(spec, seed=1),
        replace(spec, prompt_set=PromptSet.P2),
        replace(spec, encoders=Encoders.FROZEN),
        replace(spec, preset="tiny"),
        replace(spec, weights="somewhere", weights_sha256="ab" * 32),
        _train_with(spec, learning_rate=3e-3),
        _train_with(spec, threads=2),
        make_spec(Strategy.SYNTHETIC),
    ]
    assert len({spec.identity, *(other.identity for other in others)}) == len(others) + 1


def test_what_changes_no_result_does_not(make_spec: MakeSpec) -> None:
    spec = make_spec(Strategy.REAL)
    for change in ({"workers": 3}, {"feature_cache": "off"}, {"seed": 5}):
        assert _train_with(spec, **change).identity == spec.identity
    without = replace(spec, sources={Role.REAL: spec.sources[Role.REAL]})
    assert without.identity == spec.identity


def test_the_place_of_the_data_does_not_matter_but_every_byte_does(make_spec: MakeSpec, tmp_path: Path) -> None:
    spec = make_spec(Strategy.REAL)
    root = spec.sources[Role.REAL].dataset.root
    moved = Path(shutil.copytree(root, tmp_path / "elsewhere"))
    assert replace(spec, sources={Role.REAL: open_source(moved)}).identity == spec.identity
    cfg = moved / "database_nifti" / "patient0001" / "Info_2CH.cfg"
    cfg.write_text(cfg.read_text().replace("EF: 51", "EF: 52"))
    assert replace(spec, sources={Role.REAL: open_source(moved)}).identity != spec.identity


def test_only_pretraining_then_training_has_a_parent(make_spec: MakeSpec) -> None:
    both = make_spec(Strategy.SYNTHETIC_THEN_REAL)
    assert both.parent is not None
    assert both.parent.identity == make_spec(Strategy.SYNTHETIC).identity
    assert both.own_stages == (Role.REAL,)
    assert make_spec(Strategy.REAL).parent is None


@pytest.mark.parametrize(("strategy", "missing"), [(Strategy.SYNTHETIC, Role.SYNTHETIC), (Strategy.REAL, Role.REAL)])
def test_a_strategy_without_its_data_or_settings_is_refused(
    make_spec: MakeSpec, strategy: Strategy, missing: Role
) -> None:
    spec = make_spec(strategy)
    with pytest.raises(ConfigError, match=f"no {missing} data"):
        replace(spec, sources={role: s for role, s in spec.sources.items() if role is not missing})
    with pytest.raises(ConfigError, match=f"no settings for {missing}"):
        replace(spec, training={role: c for role, c in spec.training.items() if role is not missing})


def test_every_strategy_has_stages() -> None:
    assert STAGES.keys() == set(Strategy)


def test_mixed_is_one_stage_of_both_data_and_says_so(make_spec: MakeSpec) -> None:
    alike = make_spec(Strategy.MIXED)
    assert alike.record.domain_named is False  # both would be called "a real image"
    made = alike.sources[Role.SYNTHETIC]
    frames = tuple(replace(info, domain=Domain.SIMULATED) for info in made.dataset.frames)
    sources = {**alike.sources, Role.SYNTHETIC: replace(made, dataset=replace(made.dataset, frames=frames))}
    spec = replace(alike, sources=sources)
    assert (spec.own_stages, spec.parent) == ((Role.MIXED,), None)
    said = to_json(spec.record)
    assert said["domain_named"] is True
    assert sorted(said["data"]) == ["real", "synthetic"]
    assert [stage["role"] for stage in said["stages"]] == ["mixed"]
    assert make_spec(Strategy.SYNTHETIC_THEN_REAL).record.domain_named is False
    for role in (Role.REAL, Role.SYNTHETIC):
        with pytest.raises(ConfigError, match=f"no {role} data"):
            replace(spec, sources={other: s for other, s in spec.sources.items() if other is not role})


def test_the_share_of_real_images_is_part_of_the_identity_and_of_mixed_alone(make_spec: MakeSpec) -> None:
    shares = [make_spec(Strategy.MIXED, real_share=share) for share in (None, 0.25, 0.5)]
    assert len({spec.identity for spec in shares}) == 3
    for share in (0.0, 1.0, -0.1):
        with pytest.raises(ConfigError, match="above 0, below 1"):
            make_spec(Strategy.MIXED, real_share=share)
    with pytest.raises(ConfigError, match="only the mixed strategy"):
        make_spec(Strategy.REAL, real_share=0.5)


def test_a_run_that_real_patients_only_judge_does_not_depend_on_how_many_train(make_spec: MakeSpec) -> None:
    for strategy in (Strategy.ZERO_SHOT, Strategy.SYNTHETIC):
        assert _with_patients(make_spec(strategy), 1).identity == make_spec(strategy).identity
    both = _with_patients(make_spec(Strategy.SYNTHETIC_THEN_REAL), 1)
    assert both.identity != make_spec(Strategy.SYNTHETIC_THEN_REAL).identity
    assert both.parent is not None
    assert both.parent.identity == make_spec(Strategy.SYNTHETIC).identity
    assert both.parent.sources[Role.REAL].split.name == "official"  # which rows state


def test_synthetic_images_can_have_sentences_of_their_own(make_spec: MakeSpec) -> None:
    sdm = {"prompt_set": PromptSet.P7, "synthetic_prompt_set": PromptSet.P6_SDM}
    both = make_spec(Strategy.SYNTHETIC_THEN_REAL, **sdm)
    assert [stage.prompt_set for stage in both.record.stages or ()] == ["P6-SDM", None]
    parent = make_spec(Strategy.SYNTHETIC, prompt_set=PromptSet.P6, synthetic_prompt_set=PromptSet.P6_SDM)
    assert both.parent is not None
    assert both.parent.identity == parent.identity  # as published: P7 starts from the run of the synthetic P6
    assert parent.identity != make_spec(Strategy.SYNTHETIC, prompt_set=PromptSet.P6).identity
    assert make_spec(Strategy.REAL, **sdm).identity == make_spec(Strategy.REAL, prompt_set=PromptSet.P7).identity


def test_a_parent_learns_from_the_sentences_that_were_asked_for(make_spec: MakeSpec) -> None:
    both = make_spec(Strategy.SYNTHETIC_THEN_REAL, prompt_set=PromptSet.P6_SDM)
    assert both.parent is not None
    assert both.parent.prompt_set_of(Role.SYNTHETIC) is PromptSet.P6_SDM


def _with_patients(spec: RunSpec, count: int) -> RunSpec:
    return replace(spec, sources={**spec.sources, Role.REAL: spec.sources[Role.REAL].with_patients(count)})
