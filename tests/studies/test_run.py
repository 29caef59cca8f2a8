from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from synthboost.domain import Domain, PromptSet, SplitPart, Strategy
from synthboost.errors import ConfigError, DataError, OutputError, SplitError
from synthboost.io.lock import exclusive
from synthboost.io.tables import records_of
from synthboost.io.typed_json import read_record, to_json
from synthboost.models.catalogue import MODELS
from synthboost.models.freezing import Encoders
from synthboost.models.registry import load_segmenter
from synthboost.models.unet.settings import UNetSettings
from synthboost.models.weights_folder import file_sha256
from synthboost.records.rows import Row, read_rows
from synthboost.records.run_folder import RunPaths, read_run
from synthboost.records.run_record import Evaluation, Spec
from synthboost.studies import run
from synthboost.studies.run import FEATURES_FOLDER, execute, stage_frames
from synthboost.studies.spec import Role, RunSpec

MakeSpec = Callable[..., RunSpec]
Finish = Callable[..., RunPaths]


@pytest.fixture(scope="module")
def _finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("finished")


@pytest.fixture
def finish(make_spec: MakeSpec, evaluation: Evaluation, tmp_path: Path, _finished: Path) -> Finish:
    """A function (strategy, **changes) -> the run, finished, in `runs`: executed once, then copied."""

    def copied(strategy: Strategy, **changes: object) -> RunPaths:
        spec = make_spec(strategy, **changes)
        if not (_finished / spec.name).exists():
            execute(spec, _finished, evaluation)
        return RunPaths(Path(shutil.copytree(_finished / spec.name, tmp_path / "runs" / spec.name)))

    return copied


def test_a_finished_run_leaves_everything_that_a_report_needs(
    make_spec: MakeSpec, evaluation: Evaluation, tmp_path: Path
) -> None:
    spec = make_spec(Strategy.REAL)
    paths = execute(spec, tmp_path / "runs", evaluation)
    assert paths.root.name == spec.name
    record = read_run(paths.root)
    assert [(line.stage, line.epoch, line.images_seen) for line in record.log] == [("real", 1, 8), ("real", 2, 16)]
    assert len(record.rows) == 4 * 3 * 2  # frames x structures x (right and swapped sentence)
    assert {row.part for row in record.rows.itertuples()} == {"testing"}
    assert {row.patient for row in record.rows.itertuples()} == {"camus-nifti/database_nifti/patient0004"}
    assert {example.note for example in record.examples} == {"best", "median", "worst"}
    assert record.manifest.parent is None
    assert record.manifest.parameters.trained > 0
    assert record.manifest.mask_patients == 0
    assert record.spec.data["real"].patients == 2
    assert not paths.state.exists()
    assert not list(paths.root.glob(".*"))


def test_a_finished_run_is_not_repeated(
    make_spec: MakeSpec, finish: Finish, evaluation: Evaluation, tmp_path: Path
) -> None:
    spec, paths = make_spec(Strategy.REAL), finish(Strategy.REAL)
    before = {file: file.stat().st_mtime_ns for file in paths.root.rglob("*")}
    execute(spec, tmp_path / "runs", evaluation)
    assert {file: file.stat().st_mtime_ns for file in paths.root.rglob("*")} == before


def test_evaluating_otherwise_does_not_train_again(
    make_spec: MakeSpec, finish: Finish, evaluation: Evaluation, tmp_path: Path
) -> None:
    spec, paths = make_spec(Strategy.REAL), finish(Strategy.REAL)
    trained, parameters = paths.log.stat().st_mtime_ns, read_run(paths.root).manifest.parameters
    execute(spec, tmp_path / "runs", replace(evaluation, part=SplitPart.VALIDATION, probe_swapped=False))
    rows = read_rows(paths.rows)
    assert {row.part for row in rows.itertuples()} == {"validation"}
    assert {row.patient for row in rows.itertuples()} == {"camus-nifti/database_nifti/patient0003"}
    assert len(rows) == 4 * 3
    assert paths.log.stat().st_mtime_ns == trained
    assert read_run(paths.root).manifest.parameters == parameters
    assert 0 < parameters.trained <= parameters.total


def test_a_kill_between_training_and_scoring_changes_no_count_and_leaves_no_state(
    make_spec: MakeSpec, finish: Finish, evaluation: Evaluation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec, whole = make_spec(Strategy.REAL, encoders=Encoders.FROZEN), finish(Strategy.REAL, encoders=Encoders.FROZEN)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(run, "_evaluate", killed)
        execute(spec, tmp_path / "halved", evaluation)
    (tmp_path / "halved" / spec.name / "state").mkdir(exist_ok=True)
    halved = execute(spec, tmp_path / "halved", evaluation)
    assert not halved.state.exists()
    found, expected = (read_run(paths.root).manifest.parameters for paths in (halved, whole))
    assert found == expected
    model = load_segmenter(whole.checkpoint)
    model.set_encoders(Encoders.FROZEN)
    assert found.trained == sum(p.numel() for p in model.parameters() if p.requires_grad) < found.total
    assert f"{found.trained:,}" in (halved.checkpoint / "README.md").read_text()


def test_the_synthetic_stage_is_trained_once_and_its_weights_are_taken_over(
    make_spec: MakeSpec, evaluation: Evaluation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from synthboost.studies import run

    stages, train_stage = [], run.train_stage

    def counted(model, **settings):  # type: ignore[no-untyped-def]
        stages.append(settings["training"].name)
        return train_stage(model, **settings)

    monkeypatch.setattr(run, "train_stage", counted)
    synthetic, both = make_spec(Strategy.SYNTHETIC), make_spec(Strategy.SYNTHETIC_THEN_REAL)
    first = execute(synthetic, tmp_path / "runs", evaluation)
    weights = file_sha256(first.checkpoint / "model.safetensors")
    second = execute(both, tmp_path / "runs", evaluation)
    assert stages == ["synthetic", "real"]
    record = read_run(second.root)
    assert record.manifest.parent == synthetic.name
    assert [line.epoch for line in record.log] == [1, 2]  # its own stage, from the first epoch on
    assert file_sha256(first.checkpoint / "model.safetensors") == weights


def test_everything_is_handed_over_where_the_recipe_says_so(
    make_spec: MakeSpec, evaluation: Evaluation, tmp_path: Path
) -> None:
    both = make_spec(Strategy.SYNTHETIC_THEN_REAL)
    usual = replace(both, training={**both.training, Role.REAL: replace(both.training[Role.REAL], epochs=4)})
    spec = replace(usual, hand_over="everything")
    assert usual.parent is not None
    assert spec.parent is not None
    assert len({usual.name, spec.name, usual.parent.name, spec.parent.name}) == 4
    assert make_spec(Strategy.REAL, hand_over="everything").name == make_spec(Strategy.REAL).name
    second = read_run(execute(spec, tmp_path / "runs", evaluation).root)
    first = read_run(tmp_path / "runs" / spec.parent.name)
    best = max(first.log, key=lambda line: line.validation_dice).epoch
    assert [line.epoch for line in second.log] == list(range(best + 1, 5)), "epochs count on, up to the fourth"


def test_a_trained_run_needs_its_parent_no_more(
    make_spec: MakeSpec, finish: Finish, evaluation: Evaluation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from synthboost.studies import run

    spec, paths = make_spec(Strategy.SYNTHETIC_THEN_REAL), finish(Strategy.SYNTHETIC_THEN_REAL)
    assert spec.parent is not None
    assert not (tmp_path / "runs" / spec.parent.name).exists()
    monkeypatch.setattr(run, "train_stage", _interrupt)  # would be noticed
    assert execute(spec, tmp_path / "runs", evaluation) == paths
    execute(spec, tmp_path / "runs", replace(evaluation, part=SplitPart.VALIDATION))
    assert {row.part for row in read_rows(paths.rows).itertuples()} == {"validation"}
    assert [folder.name for folder in (tmp_path / "runs").iterdir()] == [spec.name]
    paths.trained.unlink()  # the training did not end after all, and cannot go on without its parent
    with pytest.raises(KeyboardInterrupt):
        execute(spec, tmp_path / "runs", replace(evaluation, part=SplitPart.TRAINING))
    assert (tmp_path / "runs" / spec.parent.name).is_dir()


def test_zero_shot_trains_nothing_and_says_that_its_weights_are_random(finish: Finish) -> None:
    record = read_run(finish(Strategy.ZERO_SHOT).root)
    assert record.log == []
    assert record.manifest.parameters.trained == 0
    assert {row.encoders for row in record.rows.itertuples()} == {"random weights"}


def test_a_run_that_broke_off_while_it_was_evaluated_is_only_evaluated(
    make_spec: MakeSpec, evaluation: Evaluation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from synthboost.studies import results, run

    spec = make_spec(Strategy.REAL)
    with monkeypatch.context() as patch:
        patch.setattr(results, "write_rows", _interrupt)
        with pytest.raises(KeyboardInterrupt):
            execute(spec, tmp_path / "runs", evaluation)
    folder = tmp_path / "runs" / spec.name
    assert not (folder / "DONE").exists()
    with pytest.raises(DataError, match="DONE"):
        read_run(folder)
    monkeypatch.setattr(run, "train_stage", _interrupt)  # would be noticed
    assert len(read_run(execute(spec, tmp_path / "runs", evaluation).root).rows) == 24


def test_a_run_that_another_process_holds_is_refused(
    make_spec: MakeSpec, evaluation: Evaluation, tmp_path: Path
) -> None:
    spec = make_spec(Strategy.REAL)
    folder = tmp_path / "runs" / spec.name
    with exclusive(folder):
        with pytest.raises(OutputError, match=f"held by process {os.getpid()}"):
            execute(spec, tmp_path / "runs", evaluation)
        assert [file.name for file in folder.iterdir()] == [".lock"]


def test_a_part_without_frames_is_refused(make_spec: MakeSpec, evaluation: Evaluation, tmp_path: Path) -> None:
    spec = make_spec(Strategy.ZERO_SHOT)
    source = spec.sources[Role.REAL]
    empty = replace(source, split=replace(source.split, parts={**source.split.parts, SplitPart.TESTING: ()}))
    with pytest.raises(DataError, match="testing part"):
        execute(replace(spec, sources={**spec.sources, Role.REAL: empty}), tmp_path / "runs", evaluation)


def test_frozen_encoders_are_frozen_in_the_run(finish: Finish) -> None:
    trained, frozen = (
        read_run(finish(Strategy.REAL, encoders=encoders).root) for encoders in (Encoders.TRAINED, Encoders.FROZEN)
    )
    assert frozen.manifest.parameters.trained < trained.manifest.parameters.trained
    assert {row.encoders for row in frozen.rows.itertuples()} == {"frozen"}


def test_rows_say_what_took_part_in_training(make_spec: MakeSpec, finish: Finish) -> None:
    told = {}
    for strategy in (Strategy.ZERO_SHOT, Strategy.REAL, Strategy.SYNTHETIC_THEN_REAL, Strategy.MIXED):
        spec = make_spec(strategy)
        (told[strategy],) = {
            (row["synthetic"], row["real_patients"]) for row in records_of(Row, read_run(finish(strategy).root).rows)
        }
    domain, patients = spec.sources[Role.SYNTHETIC].domains[0], len(spec.sources[Role.REAL].split.parts["training"])
    assert told == {
        Strategy.ZERO_SHOT: ("", None),
        Strategy.REAL: ("", patients),
        Strategy.SYNTHETIC_THEN_REAL: (domain, patients),
        Strategy.MIXED: (domain, patients),
    }


def _interrupt(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def test_the_seed_of_the_run_is_that_of_its_training(
    make_spec: MakeSpec, evaluation: Evaluation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from synthboost.studies import run

    seeds, train_stage = [], run.train_stage

    def noted(model, **settings):  # type: ignore[no-untyped-def]
        seeds.append(settings["config"].seed)
        return train_stage(model, **settings)

    monkeypatch.setattr(run, "train_stage", noted)
    spec = make_spec(Strategy.REAL, seed=3)
    assert {config.seed for config in spec.training.values()} == {0}
    paths = execute(spec, tmp_path / "runs", evaluation)
    assert seeds == [3]
    assert "seed" not in read_run(paths.root).spec.stages[0].training


def test_the_spec_on_disk_is_what_was_asked_for(make_spec: MakeSpec, finish: Finish) -> None:
    spec, paths = make_spec(Strategy.ZERO_SHOT), finish(Strategy.ZERO_SHOT)
    assert to_json(read_record(paths.spec, Spec)) == to_json(spec.record)


def test_frozen_runs_share_features_that_are_no_run(
    make_spec: MakeSpec, evaluation: Evaluation, tmp_path: Path
) -> None:
    for prompt_set in (PromptSet.P1, PromptSet.P2):
        spec = make_spec(Strategy.REAL, encoders=Encoders.FROZEN, prompt_set=prompt_set)
        execute(spec, tmp_path / "runs", evaluation)
    assert len([path for path in (tmp_path / "runs").iterdir() if not path.name.startswith(".")]) == 2
    [features] = (tmp_path / "runs" / FEATURES_FOLDER).iterdir()
    assert len(list(features.glob("*.safetensors"))) == 1


def _as_simulated(spec: RunSpec) -> RunSpec:
    """The spec with the frames of its synthetic set labelled as simulated."""
    made = spec.sources[Role.SYNTHETIC]
    frames = tuple(replace(info, domain=Domain.SIMULATED) for info in made.dataset.frames)
    labelled = replace(made, dataset=replace(made.dataset, frames=frames))
    return replace(spec, sources={**spec.sources, Role.SYNTHETIC: labelled})


def test_a_mixed_run_is_trained_on_both_names_each_domain_and_is_evaluated_on_real(
    make_spec: MakeSpec, evaluation: Evaluation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from synthboost.training import batches

    asked, make_triplets = set(), batches.make_triplets

    def noted(frame, *arguments):  # type: ignore[no-untyped-def]
        triplets = make_triplets(frame, *arguments)
        asked.update((frame.info.patient.name, triplet.prompt.text.partition(", ")[2]) for triplet in triplets)
        return triplets

    monkeypatch.setattr(batches, "make_triplets", noted)
    spec = _as_simulated(make_spec(Strategy.MIXED))
    record = read_run(execute(spec, tmp_path / "runs", evaluation).root)
    assert asked == {
        ("patient0001", "in a real image."), ("patient0002", "in a real image."),
        ("patient0011", "in a simulated image."), ("patient0012", "in a simulated image."),
        ("patient0003", "in a real image."),  # validates; no synthetic patient does
    }  # fmt: skip
    assert [(line.stage, line.images_seen) for line in record.log] == [("mixed", 16), ("mixed", 32)]
    assert {row.domain for row in record.rows.itertuples()} == {"real"}
    assert all(row.sentence.endswith(", in a real image.") for row in record.rows.itertuples())
    assert record.spec.domain_named is True


def test_a_share_draws_real_images_again_within_an_epoch(make_spec: MakeSpec) -> None:
    training, _ = stage_frames(make_spec(Strategy.MIXED, real_share=0.75), Role.MIXED)
    assert training.groups == ((8, 12), (8, 4))


@pytest.mark.parametrize("strategy", [Strategy.MIXED, Strategy.SYNTHETIC])
def test_a_synthetic_image_of_somebody_who_is_evaluated_on_is_refused_before_training(
    make_spec: MakeSpec, evaluation: Evaluation, tmp_path: Path, strategy: Strategy
) -> None:
    spec = make_spec(strategy)
    made, tested = spec.sources[Role.SYNTHETIC], spec.sources[Role.REAL].dataset.patients[3]
    first, *others = made.dataset.frames
    leaky = replace(made.dataset, frames=(replace(first, domain=Domain.DIFFUSION, source=tested), *others))
    sources = {**spec.sources, Role.SYNTHETIC: replace(made, dataset=leaky)}
    with pytest.raises(SplitError, match="patient0011_2CH_ED .training. shows .*patient0004 .testing"):
        execute(replace(spec, sources=sources), tmp_path / "runs", evaluation)


@pytest.mark.parametrize("patient", [3, 4])
@pytest.mark.parametrize("strategy", [Strategy.REAL, Strategy.SYNTHETIC_THEN_REAL])
def test_a_part_without_frames_is_told_before_any_stage_is_trained(
    make_spec: MakeSpec, evaluation: Evaluation, tmp_path: Path, strategy: Strategy, patient: int
) -> None:
    spec = make_spec(strategy)
    real = spec.sources[Role.REAL]
    frames = tuple(info for info in real.dataset.frames if info.patient.name != f"patient000{patient}")
    lacking = replace(real, dataset=replace(real.dataset, frames=frames))
    said = "real validation: frames: 0" if patient == 3 else "testing part.*--split no-test; --allow-missing only skips"
    with pytest.raises(DataError, match=said):
        execute(replace(spec, sources={**spec.sources, Role.REAL: lacking}), tmp_path / "runs", evaluation)
    assert not (tmp_path / "runs").exists()


def test_the_u_net_runs_under_every_strategy_and_its_rows_are_called_unet(
    make_spec: MakeSpec, evaluation: Evaluation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = UNetSettings(input_size=32, widths=(4, 4, 4, 4, 4), last_width=4)
    monkeypatch.setitem(MODELS["unet"].presets, "small", small)
    for strategy in Strategy:
        spec = make_spec(strategy, model="unet", preset="small", prompt_set=PromptSet.P6)
        record = read_run(execute(spec, tmp_path / "runs", evaluation).root)
        assert {(row.model, row.strategy) for row in record.rows.itertuples()} == {("unet", strategy)}
        assert len(record.rows) == 24
        by_mask = {(row.frame, row.structure, row.probe): row.area_predicted_mm2 for row in record.rows.itertuples()}
        following = {"LV": "MYO", "MYO": "LA", "LA": "LV"}
        for (frame, structure, probe), area in by_mask.items():
            if probe == "swapped":  # another structure's sentence draws exactly that structure
                assert area == by_mask[frame, following[structure], ""]


def test_words_of_our_own_prompt_set_are_refused_by_weights_that_come_without_them(
    make_spec: MakeSpec, evaluation: Evaluation, tmp_path: Path
) -> None:
    spec = make_spec(Strategy.SYNTHETIC_THEN_REAL, prompt_set=PromptSet.P6_FUNCTION, synthetic_prompt_set=PromptSet.P6)
    with pytest.raises(ConfigError, match="P6-FUNCTION and P6; expected sentences without the words .*mildly"):
        execute(spec, tmp_path / "runs", evaluation)
    both = make_spec(Strategy.SYNTHETIC_THEN_REAL, prompt_set=PromptSet.P6_FUNCTION)
    assert len(read_run(execute(both, tmp_path / "runs", evaluation).root).rows)


@pytest.mark.parametrize("part", [SplitPart.TRAINING, SplitPart.VALIDATION, SplitPart.TESTING])
def test_what_the_real_data_lack_is_said_before_the_synthetic_stage_is_trained(
    make_spec: MakeSpec, evaluation: Evaluation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: SplitPart
) -> None:
    monkeypatch.setattr(run, "train_stage", _interrupt)  # would be noticed
    spec = make_spec(Strategy.SYNTHETIC_THEN_REAL)
    real = spec.sources[Role.REAL]
    empty = replace(real, split=replace(real.split, parts={**real.split.parts, part: ()}))
    with pytest.raises(DataError, match="frames"):
        execute(replace(spec, sources={**spec.sources, Role.REAL: empty}), tmp_path / "runs", evaluation)
    assert not (tmp_path / "runs").exists()
