"""From weights to a user's own: what is trained on whom, what is kept, and that a kill changes nothing."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from synthboost.adaptation import adapt as adaptation
from synthboost.adaptation import soft_labels
from synthboost.adaptation.adapt import AdaptationRecord, AdaptSettings, Score, adapt
from synthboost.data.simulated_set import write_dataset
from synthboost.data.source import Source, open_source
from synthboost.domain import Structure
from synthboost.errors import CheckpointError, ConfigError, DataError, OutputError
from synthboost.io.typed_json import read_record
from synthboost.models.registry import build_segmenter, load_segmenter
from synthboost.models.textunet.settings import PRESETS, TextUNetSettings
from synthboost.models.weights_folder import file_sha256
from synthboost.simulator.settings import SimulationSettings
from synthboost.training import recipe, simulated_stream
from synthboost.training.frame_stream import as_shares, shrunk_frames
from synthboost.training.packaging import pack
from synthboost.training.recipe import _Fit

TINY = TextUNetSettings(input_size=32, widths=(4, 6, 8), text_width=8, text_layers=1, scales=2)
drawn_once = cache(simulated_stream.draw_frames)


@pytest.fixture(scope="module")
def hearts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seven simulated patients to train on, in the place of real ones; one validates, one tests."""
    root = tmp_path_factory.mktemp("hearts") / "set"
    write_dataset(root, SimulationSettings(patients=9, size=64, split_counts=(7, 1, 1)))
    return root


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PRESETS, "tiny", TINY)
    monkeypatch.setattr(adaptation, "ROUND_STEPS", 3)
    monkeypatch.setattr(adaptation, "LEAST_STEPS", 3)
    monkeypatch.setattr(adaptation, "STEPS_PER_FRAME", 0)
    monkeypatch.setattr(simulated_stream, "WINDOW_BATCHES", 4)
    monkeypatch.setattr(simulated_stream, "draw_frames", drawn_once)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> AdaptSettings:
    weights = tmp_path_factory.mktemp("weights")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(PRESETS, "tiny", TINY)
        build_segmenter("textunet", "tiny").save_pretrained(weights)
    return AdaptSettings(checkpoint=str(weights))


@pytest.fixture
def oracle(hearts: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., NDArray[np.float32]]:
    """Predicts the true masks: a network of three steps draws nothing that could be a heart."""
    source = open_source(hearts)
    frames = shrunk_frames((source.dataset.load(info) for info in source.dataset.frames), 32)
    truth = {one.tobytes(): shares for one, shares in zip(frames.images, as_shares(frames.labels), strict=True)}

    def predict(model: object, images: NDArray[np.uint8], variants: object = ()) -> NDArray[np.float32]:
        sure = np.stack([truth[one.tobytes()] for one in images]) / np.float32(255)
        return 0.9 * sure + np.float32(0.025)

    monkeypatch.setattr(soft_labels, "predict_shares", predict)
    monkeypatch.setattr(soft_labels, "reasons_against_heart", lambda image, probability: ())
    monkeypatch.setattr(soft_labels, "implausible_frames", lambda frames: [()] * len(frames))
    return predict


@pytest.fixture
def always_better(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adaptation._Adaptation, "is_better", lambda self, after, before: True)


def run(hearts: Path, settings: AdaptSettings, out: Path) -> AdaptationRecord:
    return adapt(open_source(hearts), settings, out, workers=0)


@pytest.mark.usefixtures("always_better")
def test_annotated_patients_are_trained_on_and_the_record_says_so(
    hearts: Path, settings: AdaptSettings, tmp_path: Path
) -> None:
    record = run(hearts, settings, tmp_path / "out")
    assert [(one.name, one.steps, one.annotated, one.simulated) for one in record.stages] == [("annotated", 3, 28, 4)]
    assert (record.annotated_patients, record.unannotated_patients, record.held_out_patients) == (7, 0, 1)
    assert record.kept == "annotated"
    assert record.before.dice is not None
    assert set(record.before.dice) == {"LV", "MYO", "LA"}
    assert record.trained_on.startswith("textunet ")
    assert record.trained_on.endswith(", then frames of set and simulated frames")
    checkpoint = tmp_path / "out" / "checkpoint"
    assert load_segmenter(tmp_path / "out").name == "textunet"
    assert record.weights_sha256 == file_sha256(checkpoint / "model.safetensors")
    assert record.weights_sha256 != file_sha256(Path(settings.checkpoint) / "model.safetensors")
    assert read_record(checkpoint / "training.json", AdaptationRecord) == record
    card = (checkpoint / "MODEL_CARD.md").read_text()
    assert "license_name: terms-of-the-training-data" in card
    dice = " | ".join(f"{100 * value:.1f}" for value in record.stages[0].score.dice.values())
    assert "\n| after | LV | MYO | LA |  |\n" in card
    assert f"\n| annotated | {dice} | kept |\n" in card
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "adapt.json", "adapting.json", "checkpoint", "stages",
    ]  # fmt: skip
    assert {path.name for path in (tmp_path / "out" / "stages" / "annotated").iterdir()} == {"log.csv", "stage.json"}


@pytest.mark.usefixtures("always_better")
def test_adapted_weights_are_never_packed_to_be_shipped(hearts: Path, settings: AdaptSettings, tmp_path: Path) -> None:
    run(hearts, settings, tmp_path / "out")
    with pytest.raises(CheckpointError, match="trained_on: .*expected simulated frames alone"):
        pack(tmp_path / "out", tmp_path / "packed")


@pytest.mark.usefixtures("always_better", "oracle")
def test_with_some_annotations_the_others_images_are_trained_on_in_rounds(
    hearts: Path, settings: AdaptSettings, tmp_path: Path
) -> None:
    record = run(hearts, replace(settings, patients=2), tmp_path / "out")
    found = [(one.name, one.annotated, one.soft_labelled, one.simulated) for one in record.stages]
    assert found == [("annotated", 8, 0, 4), ("round-1", 8, 17, 5), ("round-2", 8, 17, 5)], "85 % of 20 frames"
    assert (record.annotated_patients, record.unannotated_patients, record.held_out_patients) == (2, 5, 1)
    assert record.kept == "round-2"


@pytest.mark.usefixtures("always_better", "oracle")
def test_where_some_structures_are_annotated_the_score_and_the_choice_are_of_these(
    hearts: Path, settings: AdaptSettings, tmp_path: Path
) -> None:
    source, structures = open_source(hearts), (Structure.LEFT_VENTRICULAR_CAVITY, Structure.LEFT_ATRIUM_CAVITY)
    frames = tuple(replace(info, structures=structures) for info in source.dataset.frames)
    without_walls = replace(source, dataset=replace(source.dataset, frames=frames))
    record = adapt(without_walls, replace(settings, patients=2), tmp_path / "out", workers=0)
    assert [one.soft_labelled for one in record.stages] == [0, 17, 17]
    for score in record.scores.values():
        assert [*score.dice] == ["LV", "LA"]
        assert score.value == pytest.approx((score.dice["LV"] + score.dice["LA"]) / 2)
    assert "\n| after | LV | LA |  |\n" in (tmp_path / "out" / "checkpoint" / "MODEL_CARD.md").read_text()
    with pytest.raises(ConfigError, match="stages: .*expected scores of the same structures as `before`"):
        replace(record, before=Score({"LV": 0.5}))


@pytest.mark.usefixtures("oracle")
def test_without_annotations_the_last_round_is_kept_while_predictions_stay_plausible(
    hearts: Path, settings: AdaptSettings, tmp_path: Path
) -> None:
    record = run(hearts, replace(settings, patients=0), tmp_path / "out")
    assert [one.name for one in record.stages] == ["round-1", "round-2"]
    assert (record.annotated_patients, record.unannotated_patients, record.held_out_patients) == (0, 7, 1)
    assert [score.plausible for score in record.scores.values()] == [1.0, 1.0, 1.0]
    assert "\n| round-2 | 100.0 | kept |\n" in (tmp_path / "out" / "checkpoint" / "MODEL_CARD.md").read_text()
    assert record.kept == "round-2"


@pytest.mark.usefixtures("oracle")
def test_a_round_after_which_fewer_predictions_are_plausible_is_the_last_and_is_not_kept(
    hearts: Path, settings: AdaptSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shares = iter([0.8, 0.7])
    monkeypatch.setattr(adaptation, "plausible_share", lambda model, frames: next(shares))
    record = run(hearts, replace(settings, patients=0), tmp_path / "out")
    assert ([one.name for one in record.stages], record.kept) == (["round-1"], "before")
    assert record.trained_on.startswith("what textunet ")
    assert record.weights_sha256 == file_sha256(Path(settings.checkpoint) / "model.safetensors")


@pytest.mark.parametrize(
    "score",
    [{}, {"dice": {}}, {"dice": {"RV": 0.5}}, {"dice": {"MYO": 0, "LV": 0}}, {"dice": {"LV": 0}, "plausible": 0}],
)
def test_a_score_without_its_numbers_is_refused_with_its_file(tmp_path: Path, score: dict[str, object]) -> None:
    (tmp_path / "stage.json").write_text(json.dumps(score))
    with pytest.raises(DataError, match=r"stage\.json: dice: .*; expected structures in their order, or `plausible`"):
        read_record(tmp_path / "stage.json", Score)


def test_where_nothing_is_plausible_before_and_after_nothing_is_known(
    hearts: Path, settings: AdaptSettings, tmp_path: Path, oracle: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adaptation, "plausible_share", lambda model, frames: 0.0)
    record = run(hearts, replace(settings, patients=0), tmp_path / "out")
    assert ([one.name for one in record.stages], record.kept) == (["round-1"], "before")


def test_where_nothing_is_plausible_the_weights_stay(hearts: Path, settings: AdaptSettings, tmp_path: Path) -> None:
    record = run(hearts, replace(settings, patients=0), tmp_path / "out")
    assert (record.before, record.stages, record.kept) == (Score(plausible=0.0), (), "before")


@pytest.mark.usefixtures("oracle")
@pytest.mark.parametrize("patients", [0, 2])
def test_no_label_file_of_an_unannotated_or_test_patient_is_opened(
    hearts: Path, settings: AdaptSettings, tmp_path: Path, patients: int
) -> None:
    bare = tmp_path / "set"
    shutil.copytree(hearts, bare)
    source = open_source(bare)
    used = [*source.split.parts["training"][:2], *source.split.parts["validation"]] if patients else []
    for info, files in zip(source.dataset.frames, map(source.dataset.files_of, source.dataset.frames), strict=True):
        if info.patient not in used:
            (bare / files.label_map).write_bytes(b"no label map")
    wanted = replace(settings, patients=patients)
    spoilt, whole = run(bare, wanted, tmp_path / "spoilt"), run(hearts, wanted, tmp_path / "whole")
    assert spoilt.weights_sha256 == whole.weights_sha256
    assert spoilt.scores == whole.scores
    assert spoilt.fingerprint == whole.fingerprint


@pytest.fixture(scope="module")
def undisturbed() -> list[AdaptationRecord]:
    """The record of the adaptation that the next test's are compared with, once there is one."""
    return []


@pytest.mark.usefixtures("always_better", "oracle")
@pytest.mark.parametrize("taken", [0, 2, 3, 5, 8])
def test_killed_within_a_stage_or_between_two_it_goes_on_to_the_same_weights(
    hearts: Path, settings: AdaptSettings, undisturbed: list[AdaptationRecord], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, taken: int,
) -> None:  # fmt: skip
    wanted = replace(settings, patients=2)
    if not undisturbed:
        undisturbed.append(run(hearts, wanted, tmp_path / "calm"))
    [calm] = undisturbed
    monkeypatch.setattr(recipe, "SAVE_SECONDS", 0.0)
    step, left = _Fit.take_step, iter(range(taken))
    with monkeypatch.context() as patch:
        patch.setattr(_Fit, "take_step", lambda self, batch: [next(left), step(self, batch)][1])
        with pytest.raises(StopIteration):
            run(hearts, wanted, tmp_path / "killed")
    assert not (tmp_path / "killed" / "adapt.json").exists()
    taken_again = []
    monkeypatch.setattr(_Fit, "take_step", lambda self, batch: [taken_again.append(1), step(self, batch)][1])
    killed = run(hearts, wanted, tmp_path / "killed")
    assert killed.weights_sha256 == calm.weights_sha256
    assert killed.scores == calm.scores
    assert len(taken_again) == 9 - taken


@pytest.mark.usefixtures("always_better")
def test_killed_before_the_record_it_trains_nothing_again(
    hearts: Path, settings: AdaptSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(adaptation, "_record", None)
        with pytest.raises(TypeError):
            run(hearts, settings, tmp_path / "out")
    monkeypatch.setattr(adaptation, "fit", None)
    record = run(hearts, settings, tmp_path / "out")
    monkeypatch.setattr(adaptation, "_Adaptation", None)
    assert run(hearts, settings, tmp_path / "out") == record, "a finished one is returned at once"


def test_seeds_give_other_weights(hearts: Path, settings: AdaptSettings, tmp_path: Path) -> None:
    found = [run(hearts, replace(settings, seed=seed), tmp_path / str(seed)) for seed in (0, 1)]
    assert found[0].stages[0].score != found[1].stages[0].score


def test_a_folder_of_another_adaptation_is_refused_and_left_alone(
    hearts: Path, settings: AdaptSettings, tmp_path: Path
) -> None:
    record = run(hearts, settings, tmp_path / "out")
    with pytest.raises(OutputError, match="seed is 0 there and 1 now"):
        run(hearts, replace(settings, seed=1), tmp_path / "out")
    assert run(hearts, settings, tmp_path / "out") == record
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    with pytest.raises(OutputError, match="holds 'notes.txt'"):
        run(hearts, settings, tmp_path / "mine")


@pytest.mark.parametrize("patients", [-1, 8])
def test_a_number_of_patients_that_cannot_be_is_refused_before_anything(
    hearts: Path, settings: AdaptSettings, tmp_path: Path, patients: int
) -> None:
    with pytest.raises(ConfigError, match=f"options: patients: {patients}"):
        run(hearts, replace(settings, patients=patients), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_another_architecture_is_refused(hearts: Path, settings: AdaptSettings, tmp_path: Path) -> None:
    build_segmenter("unet", "tiny").save_pretrained(tmp_path / "unet")
    with pytest.raises(CheckpointError, match="model: unet; expected textunet"):
        run(hearts, replace(settings, checkpoint=str(tmp_path / "unet")), tmp_path / "out")


def test_the_most_patients_have_the_fewest_simulated_frames_beside_them() -> None:
    plans = adaptation.PLANS
    assert [plan.patients for plan in plans] == sorted((plan.patients for plan in plans), reverse=True)
    assert [plan.simulated for plan in plans] == sorted(plan.simulated for plan in plans)
    assert plans[-1].patients == 1


def test_a_seed_that_cannot_be_is_refused() -> None:
    with pytest.raises(ConfigError, match="options: seed: -1"):
        AdaptSettings(seed=-1)


def test_source_is_only_read(hearts: Path, settings: AdaptSettings, tmp_path: Path) -> None:
    def state(source: Source) -> list[tuple[str, bytes]]:
        return [(str(path), path.read_bytes()) for path in sorted(source.dataset.root.rglob("*")) if path.is_file()]

    before = state(open_source(hearts))
    run(hearts, settings, tmp_path / "out")
    assert state(open_source(hearts)) == before
