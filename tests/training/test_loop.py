"""The loop learns, stops, refuses what is broken, and goes on after any interruption as if there had been none."""

from __future__ import annotations

import errno
import os
import pickle
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
import torch
from smallest_models import build_smallest

from synthboost.data import TripletRecipe
from synthboost.data.source import FrameSet
from synthboost.domain import PromptSet
from synthboost.errors import CheckpointError, DataError, OutputError, TrainingError
from synthboost.models.catalogue import MODELS
from synthboost.models.clipseg.model import ClipSeg
from synthboost.models.clipseg.settings import ClipSegSettings
from synthboost.models.cris.model import Cris
from synthboost.models.freezing import Encoders
from synthboost.models.registry import load_segmenter
from synthboost.models.textunet.model import NAMES, TextUNet
from synthboost.models.textunet.settings import TextUNetSettings
from synthboost.records.run_folder import EpochLog, RunPaths, read_log
from synthboost.training import engine, hardware, loop, optimizer
from synthboost.training.config import TrainingConfig
from synthboost.training.hardware import choose_precision
from synthboost.training.loop import train_stage

MakeModel = Callable[..., ClipSeg]
Train = Callable[..., tuple[ClipSeg, list[EpochLog]]]
Uninterrupted = Callable[[TrainingConfig], tuple[ClipSeg, list[EpochLog]]]


@pytest.fixture
def every_epoch_saves_its_state(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "LEAST_SECONDS", 0.0)


@pytest.fixture(scope="module")
def tiny_settings(tiny_settings: ClipSegSettings) -> ClipSegSettings:
    """With two layers: a third changes nothing here and takes a third of the time."""
    return replace(tiny_settings, vision_layers=2, extract_layers=(0, 1), conditional_layer=1)


@pytest.fixture
def train(
    make_tiny_model: MakeModel, training_frames: FrameSet, validation_frames: FrameSet, recipe: TripletRecipe
) -> Train:
    """A function (folder, config, **replacements) -> the trained model and its log."""

    def run(folder: Path, config: TrainingConfig, **other: Any) -> tuple[ClipSeg, list[EpochLog]]:
        model = other.pop("model", None) or make_tiny_model()
        model.set_encoders(other.pop("encoders", Encoders.TRAINED))
        values = {"training": training_frames, "validation": validation_frames, "recipe": recipe} | other
        return model, train_stage(model, config=config, folder=folder, **values)

    return run


@pytest.fixture(scope="module")
def _uninterrupted() -> dict[TrainingConfig, tuple[ClipSeg, list[EpochLog]]]:
    return {}


@pytest.fixture
def uninterrupted(
    train: Train, tmp_path: Path, _uninterrupted: dict[TrainingConfig, tuple[ClipSeg, list[EpochLog]]]
) -> Uninterrupted:
    """A function (config) -> the model and log of a training that nothing disturbed, done once for all tests."""

    def run(config: TrainingConfig) -> tuple[ClipSeg, list[EpochLog]]:
        if config not in _uninterrupted:
            _uninterrupted[config] = train(tmp_path / "whole", config)
        return _uninterrupted[config]

    return run


def timeless(log: list[EpochLog]) -> list[EpochLog]:
    return [replace(line, seconds=0.0) for line in log]


def assert_same_weights(one: torch.nn.Module, other: torch.nn.Module) -> None:
    for (name, a), b in zip(one.state_dict().items(), other.state_dict().values(), strict=True):
        assert torch.equal(a, b), name


class Interrupted(BaseException):
    """Stands for Ctrl-C."""


def interrupt_at(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """Raise before the step with this number (1 is the first) changes anything."""
    original, steps = loop._Stage._step, iter(range(1, 1000))

    def counted(self: Any, batch: Any) -> float:
        if next(steps) == step:
            raise Interrupted
        return original(self, batch)

    monkeypatch.setattr(loop._Stage, "_step", counted)


def test_two_triplets_are_learnt_by_heart(
    train: Train, frames: Callable[..., FrameSet], tmp_path: Path, quick: TrainingConfig
) -> None:
    often = FrameSet("the same frame", frames("one", 0, 1).members * 30)
    recipe = TripletRecipe(PromptSet.P1, structures=(1, 3))  # type: ignore[arg-type]
    config = replace(quick, epochs=5, batch_images=1, learning_rate=4e-3, augmentation=0.0)
    _, log = train(tmp_path, config, training=often, validation=frames("one", 0, 1), recipe=recipe)
    assert max(line.validation_dice for line in log) > 0.95
    assert log[-1].training_loss < 0.3 * log[0].training_loss


def test_what_a_stage_leaves_behind(train: Train, tmp_path: Path, quick: TrainingConfig) -> None:
    model, log = train(tmp_path, quick)
    paths = RunPaths(tmp_path)
    assert read_log(paths.log) == log
    assert [(line.stage, line.epoch, line.images_seen) for line in log] == [("real", 1, 6), ("real", 2, 12)]
    assert [line.learning_rate for line in log] == [1e-3, 1e-3]
    assert 0 < log[0].seconds < log[1].seconds
    assert not model.training
    assert_same_weights(model, load_segmenter(paths.checkpoint))


def test_training_again_gives_the_same_bits_whatever_the_number_of_workers(
    train: Train, uninterrupted: Uninterrupted, tmp_path: Path, quick: TrainingConfig
) -> None:
    config = replace(quick, epochs=3)
    torch.manual_seed(1)
    one, log = uninterrupted(config)
    torch.manual_seed(2)
    other, log_of_other = train(tmp_path, replace(config, workers=2))
    assert timeless(log) == timeless(log_of_other)
    assert_same_weights(one, other)


@pytest.mark.parametrize("schedule", ["plateau", "one-cycle"])
@pytest.mark.parametrize(
    ("step", "save_seconds"), [(4, 3600.0), (5, 0.0)], ids=["at an epoch's end", "inside an epoch"]
)
@pytest.mark.usefixtures("every_epoch_saves_its_state")
def test_interrupted_and_resumed_equals_uninterrupted(
    train: Train, uninterrupted: Uninterrupted, tmp_path: Path, quick: TrainingConfig, monkeypatch: pytest.MonkeyPatch,
    schedule: Any, step: int, save_seconds: float,
) -> None:  # fmt: skip
    config = replace(quick, epochs=3, schedule=schedule)
    whole, log = uninterrupted(config)
    monkeypatch.setattr(engine.Engine, "save_seconds", save_seconds)
    with monkeypatch.context() as patched, pytest.raises(Interrupted):
        interrupt_at(patched, step)
        train(tmp_path / "halved", config)
    torch.manual_seed(99)
    resumed, log_of_resumed = train(tmp_path / "halved", config)
    assert timeless(log_of_resumed) == timeless(log)
    assert_same_weights(resumed, whole)


def test_dropout_and_running_statistics_come_back_after_an_interruption(
    train: Train, make_tiny_cris: Callable[..., Cris], tmp_path: Path, quick: TrainingConfig,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    torch.manual_seed(1)
    expected, log = train(tmp_path / "whole", quick, model=make_tiny_cris())
    torch.manual_seed(2)
    state = torch.get_rng_state()
    with monkeypatch.context() as patch, pytest.raises(Interrupted):
        patch.setattr(engine.Engine, "save_seconds", 0.0)
        interrupt_at(patch, 5)
        train(tmp_path / "broken", quick, model=make_tiny_cris())
    resumed, again = train(tmp_path / "broken", quick, model=make_tiny_cris())
    assert torch.equal(torch.get_rng_state(), state)
    assert timeless(again) == timeless(log)
    assert_same_weights(resumed, expected)
    other, _ = train(tmp_path / "other seed", replace(quick, seed=1), model=make_tiny_cris())
    assert not torch.equal(next(other.parameters()), next(expected.parameters()))


@pytest.mark.parametrize("name", sorted(MODELS))
def test_frozen_encoders_are_resumed_to_the_same_bits(
    train: Train, tmp_path: Path, quick: TrainingConfig, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    config = replace(quick, epochs=2)
    whole, log = train(tmp_path / "whole", config, model=build_smallest(f"{name} tiny"), encoders=Encoders.FROZEN)
    with monkeypatch.context() as patch, pytest.raises(Interrupted):
        patch.setattr(engine.Engine, "save_seconds", 0.0)
        interrupt_at(patch, 5)  # when most sentences have been encoded, each with those that were new beside it
        train(tmp_path / "broken", config, model=build_smallest(f"{name} tiny"), encoders=Encoders.FROZEN)
    resumed, again = train(tmp_path / "broken", config, model=build_smallest(f"{name} tiny"), encoders=Encoders.FROZEN)
    assert timeless(again) == timeless(log)
    assert_same_weights(resumed, whole)


def test_the_main_process_statistics_are_judged_and_saved(
    train: Train, make_tiny_cris: Callable[..., Cris], tmp_path: Path, quick: TrainingConfig,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(loop, "broadcast", lambda buffer: torch.full_like(buffer, 7))  # what the main one would send
    judged: list[float] = []
    original = loop._Stage._validation_scores

    def look(self: Any) -> tuple[float, float]:
        scores = original(self)
        judged.append(float(self.model.network.neck.aggr[1].running_mean[0]))
        return scores

    monkeypatch.setattr(loop._Stage, "_validation_scores", look)
    train(tmp_path, replace(quick, epochs=1), model=make_tiny_cris())
    assert judged == [7.0]
    assert all((buffer == 7).all() for buffer in load_segmenter(tmp_path).network.neck.buffers() if buffer.dim() == 1)


@pytest.mark.usefixtures("every_epoch_saves_its_state")
def test_what_was_done_is_not_done_again(
    train: Train, tmp_path: Path, quick: TrainingConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine.Engine, "save_seconds", 0.0)
    with monkeypatch.context() as patched, pytest.raises(Interrupted):
        interrupt_at(patched, 5)  # the second of three batches in the second epoch
        train(tmp_path, quick)
    steps: list[tuple[str, ...]] = []
    original = loop._Stage._step
    monkeypatch.setattr(loop._Stage, "_step", lambda self, b: steps.append(b.frames) or original(self, b))  # type: ignore[func-returns-value]
    train(tmp_path, quick)
    assert len(steps) == 2
    steps.clear()
    train(tmp_path, quick)  # finished: the state says so
    assert steps == []


@pytest.mark.skipif(torch.cuda.is_available(), reason="a process that used CUDA cannot be forked")
def test_a_killed_process_is_resumed_to_the_same_bits(
    train: Train, uninterrupted: Uninterrupted, tmp_path: Path, quick: TrainingConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = replace(quick, epochs=3)
    whole, log = uninterrupted(config)
    monkeypatch.setattr(engine.Engine, "save_seconds", 0.0)
    process = get_context("fork").Process(target=train, args=(tmp_path / "killed", config))
    process.start()
    deadline = time.monotonic() + 300
    while not (tmp_path / "killed" / "state").is_dir() and time.monotonic() < deadline:
        time.sleep(0.002)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert process.exitcode == -signal.SIGKILL
    resumed, log_of_resumed = train(tmp_path / "killed", config)
    assert timeless(log_of_resumed) == timeless(log)
    assert_same_weights(resumed, whole)


def test_another_stage_takes_the_weights_and_nothing_else(
    train: Train, tmp_path: Path, quick: TrainingConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    parent, _ = train(tmp_path / "parent", quick)
    begun: list[Any] = []
    original = loop._Stage.train

    def look(self: Any) -> None:
        state = {name: tensor.clone() for name, tensor in self.model.state_dict().items()}
        begun.append((state, self.progress.epoch, len(self.optimizer.state), self.optimizer.param_groups[0]["lr"]))
        original(self)

    monkeypatch.setattr(loop._Stage, "train", look)
    child, log = train(
        tmp_path / "child", replace(quick, learning_rate=5e-4), model=load_segmenter(tmp_path / "parent")
    )
    ((state, epoch, moments, rate),) = begun
    assert all(torch.equal(state[name], tensor) for name, tensor in parent.state_dict().items())
    assert (epoch, moments, rate) == (0, 0, 5e-4)
    assert [line.epoch for line in log] == [1, 2]
    assert any(not torch.equal(a, b) for a, b in zip(parent.parameters(), child.parameters(), strict=True))


@pytest.mark.parametrize("wish", ["no", "bf16"])
def test_stages_of_different_precision_follow_each_other_in_one_process(
    train: Train, tmp_path: Path, quick: TrainingConfig, wish: Any
) -> None:
    for precision in ("no", "bf16", wish):
        model, log = train(
            tmp_path / f"{precision}{wish}{time.monotonic_ns()}", replace(quick, epochs=1, precision=precision)
        )
        assert 0 <= log[0].validation_dice <= 1
        assert "forward" not in vars(model)  # accelerate's half-precision wrapper is off again


def test_a_model_that_was_trained_in_half_precision_draws_in_full_precision_again(
    train: Train, tmp_path: Path, quick: TrainingConfig
) -> None:
    model, _ = train(tmp_path / "half", replace(quick, epochs=1, precision="bf16"))
    images, tokens, index = torch.ones(1, 3, 32, 32), model.tokenize(["Myocardium of the heart."]), torch.tensor([0])
    with torch.no_grad():
        assert torch.equal(model(images, tokens, index), load_segmenter(tmp_path / "half")(images, tokens, index))
    again, _ = train(tmp_path / "full", replace(quick, epochs=1), model=model)
    fresh, _ = train(tmp_path / "fresh", replace(quick, epochs=1), model=load_segmenter(tmp_path / "half"))
    assert_same_weights(again, fresh)


@pytest.mark.parametrize("encoders", [Encoders.TRAINED, Encoders.FROZEN])
def test_frozen_encoders_keep_every_bit_and_trained_ones_do_not(
    train: Train, make_tiny_model: MakeModel, tmp_path: Path, quick: TrainingConfig, encoders: Encoders,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(optimizer, "WEIGHT_DECAY", 0.5)
    model, _ = train(tmp_path, quick, encoders=encoders)
    before, after = make_tiny_model().parameter_groups(), model.parameter_groups()
    same = {group: all(torch.equal(a, b) for a, b in zip(before[group], after[group], strict=True)) for group in before}
    frozen = encoders == Encoders.FROZEN
    assert same == {"vision": frozen, "text": frozen, "decoder": False, "unused": True}


def test_a_loss_that_is_not_finite_names_the_frames_and_keeps_the_last_good_checkpoint(
    train: Train, tmp_path: Path, quick: TrainingConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    original, calls = loop.segmentation_loss, iter(range(1, 1000))

    def sometimes_nan(*args: Any) -> torch.Tensor:
        return original(*args) * (float("nan") if next(calls) == 6 else 1.0)  # 3 batches, 1 of validation, 2nd batch

    monkeypatch.setattr(loop, "segmentation_loss", sometimes_nan)
    with pytest.raises(TrainingError, match=r"loss: nan; .*Frames of the batch: patient000\d_\dCH_E[DS], patient000"):
        train(tmp_path, quick)
    assert len(read_log(RunPaths(tmp_path).log)) == 1
    assert all(p.isfinite().all() for p in load_segmenter(tmp_path / "checkpoint").parameters())


def test_a_gradient_that_is_not_finite_is_refused_before_the_weights_change(
    train: Train, make_tiny_model: MakeModel, tmp_path: Path, quick: TrainingConfig
) -> None:
    model = make_tiny_model()
    weight = model.network.decoder.film_add.weight
    weight.register_hook(lambda gradient: gradient * float("inf"))
    with pytest.raises(TrainingError, match="gradient norm: (nan|inf)"):
        train(tmp_path, quick, model=model)
    assert all(p.isfinite().all() for p in model.parameters())


def scripted_validation(monkeypatch: pytest.MonkeyPatch, losses: list[float], dice: list[float]) -> None:
    scores = iter(zip(losses, dice, strict=True))
    monkeypatch.setattr(loop._Stage, "_validation_scores", lambda _: next(scores))


def test_training_stops_early_and_keeps_the_best_epoch(
    train: Train, tmp_path: Path, quick: TrainingConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved: list[int] = []
    original = ClipSeg.save_pretrained
    monkeypatch.setattr(ClipSeg, "save_pretrained", lambda self, f: (saved.append(1), original(self, f))[1])  # type: ignore[func-returns-value]
    scripted_validation(monkeypatch, [1.0] * 9, [0.1, 0.5, 0.4, 0.5, 0.3, 0.9, 0.9, 0.9, 0.9])
    monkeypatch.setattr(loop, "STOPPING_PATIENCE", 3)
    _, log = train(tmp_path, replace(quick, epochs=9))
    assert [line.validation_dice for line in log] == [0.1, 0.5, 0.4, 0.5, 0.3]  # an equal Dice is no gain
    assert len(saved) == 2


def test_a_plateau_of_the_validation_loss_lowers_the_rate(
    train: Train, tmp_path: Path, quick: TrainingConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(optimizer, "PLATEAU_PATIENCE", 1)
    scripted_validation(monkeypatch, [1.0, 0.9, 0.9, 0.9, 0.9, 0.9], [0.1] * 6)
    _, log = train(tmp_path, replace(quick, epochs=6))
    # epoch 3 is the first without a gain, epoch 4 the second, which is more than the patience of 1
    assert [line.learning_rate for line in log] == pytest.approx([1e-3, 1e-3, 1e-3, 1e-3, 1e-4, 1e-4])


def test_one_cycle_warms_up_and_anneals_over_exactly_the_epochs(
    train: Train, tmp_path: Path, quick: TrainingConfig
) -> None:
    _, log = train(tmp_path, replace(quick, epochs=5, schedule="one-cycle"))
    rates = [line.learning_rate for line in log]
    assert rates[0] == pytest.approx(1e-3, rel=0.02)  # 3 of 16 steps: the top of a warm-up of 20 %
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] < 1e-7


def test_an_empty_set_is_refused_before_anything_is_written(
    train: Train, tmp_path: Path, quick: TrainingConfig
) -> None:
    for role in ("training", "validation"):
        with pytest.raises(DataError, match="nobody: frames: 0"):
            train(tmp_path / "run", quick, **{role: FrameSet("nobody", [])})
    assert not (tmp_path / "run").exists()


def test_a_frame_without_annotation_is_named(
    train: Train, tmp_path: Path, quick: TrainingConfig, training_frames: FrameSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    third = training_frames.infos[2]
    monkeypatch.setattr(type(training_frames.members[0][0]), "has_annotation", lambda _, info: info is not third)
    with pytest.raises(DataError, match=f"real: annotation: {third.name} has none"):
        train(tmp_path, quick)


@pytest.mark.usefixtures("every_epoch_saves_its_state")
@pytest.mark.parametrize("damage", ["truncated", "absent", "other model"])
def test_a_damaged_state_is_refused_with_its_remedy(
    train: Train, make_tiny_model: MakeModel, tmp_path: Path, quick: TrainingConfig, damage: str
) -> None:
    train(tmp_path, replace(quick, epochs=1))
    weights = tmp_path / "state" / "tensors.pt"
    if damage == "truncated":
        weights.write_bytes(weights.read_bytes()[:1000])
    elif damage == "absent":
        weights.unlink()
    model = make_tiny_model(reduce_width=16) if damage == "other model" else None
    with pytest.raises(CheckpointError, match="state: .*Remove this folder to begin its stage anew"):
        train(tmp_path, quick, model=model)


class Payload:
    """When unpickled carelessly, it leaves a file behind."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Callable[[str], object], tuple[str]]:
        return eval, (f"open({str(self.trace)!r}, 'w').close()",)


@pytest.mark.usefixtures("every_epoch_saves_its_state")
@pytest.mark.parametrize("state", ["state", "best_state"])
def test_code_in_a_state_is_not_run_and_no_message_advises_to_run_it(
    train: Train, tmp_path: Path, quick: TrainingConfig, state: str
) -> None:
    train(tmp_path, quick, keep_best_state=True)
    tensors = torch.load(tmp_path / state / "tensors.pt", weights_only=True)
    torch.save({**tensors, "optimizer": Payload(tmp_path / "trace")}, tmp_path / state / "tensors.pt")
    (tmp_path / state / "custom_checkpoint_0.pkl").write_bytes(pickle.dumps(Payload(tmp_path / "trace")))
    with pytest.raises(CheckpointError, match=r"state: UnpicklingError: Weights only load failed; expected") as caught:
        train(tmp_path / "other", quick, take_over=tmp_path / state)
    assert "weights_only" not in str(caught.value)
    assert not (tmp_path / "trace").exists()


@pytest.mark.usefixtures("every_epoch_saves_its_state")
def test_a_state_that_cannot_be_written_is_an_output_error_and_the_old_one_stays(
    train: Train, tmp_path: Path, quick: TrainingConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(tmp_path, replace(quick, epochs=1))
    before = {p.name: p.read_bytes() for p in (tmp_path / "state").iterdir()}

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(OutputError, match="state: disk: no space left; expected room"):
        train(tmp_path, quick)
    assert {p.name: p.read_bytes() for p in (tmp_path / "state").iterdir()} == before


@pytest.mark.parametrize("numbers", [1, 100_000])
def test_of_a_full_disk_torch_says_what_the_system_says(numbers: int) -> None:
    with pytest.raises(OSError, match="No space left on device"):
        engine.save_tensors(Path("/dev/full"), {"x": torch.zeros(numbers)})


def test_the_precision_that_was_asked_for_is_kept(tiny_model: ClipSeg) -> None:
    assert [choose_precision(wish, tiny_model) for wish in ("no", "bf16", "fp16")] == ["no", "bf16", "fp16"]


@pytest.mark.parametrize(("computes", "expected"), [(True, "bf16"), (False, "no")])
def test_half_precision_that_a_gpu_only_imitates_is_not_taken_by_itself(
    monkeypatch: pytest.MonkeyPatch, tiny_model: ClipSeg, computes: bool, expected: str
) -> None:
    def supported(including_emulation: bool = True) -> bool:
        return computes or including_emulation

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", supported)
    assert choose_precision("auto", tiny_model) == expected


@pytest.mark.parametrize(
    ("has", "most", "expected"),
    [("amx_bf16", 10, "bf16"), ("avx512_bf16", 10, "bf16"), ("avx512_f", 10, "no"), ("amx_bf16", 10**9, "no")],
)
def test_a_processor_that_computes_in_bf16_takes_it_for_models_that_are_not_small_and_says_so(
    train: Train, tmp_path: Path, quick: TrainingConfig, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str], has: str, most: int, expected: str,
) -> None:  # fmt: skip
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {has: True})
    monkeypatch.setattr(hardware, "SMALL", most)
    model, _ = train(tmp_path, replace(quick, epochs=1, precision="auto"))
    assert choose_precision("auto", model) == expected
    assert ("precision: bf16, in which this processor is faster" in capsys.readouterr().err) == (expected == "bf16")


def test_taking_over_goes_on_where_the_stage_before_was_best(
    train: Train, tmp_path: Path, quick: TrainingConfig
) -> None:
    config = replace(quick, epochs=4, augmentation=0.0)
    _, whole = train(tmp_path / "whole", config)
    _, first = train(tmp_path / "first", replace(config, epochs=2), keep_best_state=True)
    state = RunPaths(tmp_path / "first").best_state
    best = max(first, key=lambda line: line.validation_dice).epoch
    torch.manual_seed(99)
    _, second = train(tmp_path / "second", config, take_over=state)
    expected = [replace(line, images_seen=line.images_seen - 6 * best) for line in whole[best:]]
    assert timeless(second) == timeless(expected)
    assert not RunPaths(tmp_path / "second").best_state.exists()


def test_patience_runs_until_the_best_of_the_stage_before_is_exceeded(
    train: Train, tmp_path: Path, quick: TrainingConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    dice = iter([0.9, 0.8, 0.3, 0.5, 0.7])
    monkeypatch.setattr(loop._Stage, "_validation_scores", lambda self: (1.0, next(dice)))
    train(tmp_path / "first", replace(quick, epochs=2), keep_best_state=True)
    monkeypatch.setattr(loop, "STOPPING_PATIENCE", 2)
    config = replace(quick, epochs=9)
    model, log = train(tmp_path / "second", config, take_over=RunPaths(tmp_path / "first").best_state)
    assert [(line.epoch, line.validation_dice) for line in log] == [(2, 0.3), (3, 0.5)], "both below 0.9"
    assert_same_weights(model, load_segmenter(RunPaths(tmp_path / "second").checkpoint))


def test_where_no_epoch_is_left_the_weights_taken_over_are_kept(
    train: Train, tmp_path: Path, quick: TrainingConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    dice = iter([0.8, 0.9])
    monkeypatch.setattr(loop._Stage, "_validation_scores", lambda self: (1.0, next(dice)))
    before, _ = train(tmp_path / "first", quick, keep_best_state=True)
    after, log = train(tmp_path / "second", quick, take_over=RunPaths(tmp_path / "first").best_state)
    assert log == read_log(RunPaths(tmp_path / "second").log) == []
    assert_same_weights(before, after)


def test_a_one_cycle_schedule_begins_anew(train: Train, tmp_path: Path, quick: TrainingConfig) -> None:
    config = replace(quick, epochs=3, schedule="one-cycle")
    train(tmp_path / "first", replace(config, epochs=1), keep_best_state=True)
    _, log = train(tmp_path / "second", config, take_over=RunPaths(tmp_path / "first").best_state)
    assert [line.epoch for line in log] == [2, 3]
    _, alone = train(tmp_path / "alone", config)
    assert [line.learning_rate for line in log] == [line.learning_rate for line in alone[:2]]


@pytest.mark.usefixtures("every_epoch_saves_its_state")
def test_an_interrupted_stage_that_took_over_resumes_from_its_own_state(
    train: Train, tmp_path: Path, quick: TrainingConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = replace(quick, epochs=4)
    train(tmp_path / "first", replace(config, epochs=1), keep_best_state=True)
    state = RunPaths(tmp_path / "first").best_state
    whole, log = train(tmp_path / "whole", config, take_over=state)
    with monkeypatch.context() as patched, pytest.raises(Interrupted):
        interrupt_at(patched, 6)
        train(tmp_path / "halved", config, take_over=state)
    resumed, log_of_resumed = train(tmp_path / "halved", config, take_over=state)
    assert timeless(log_of_resumed) == timeless(log)
    assert_same_weights(whole, resumed)


def test_a_state_that_is_absent_is_not_taken_over(train: Train, tmp_path: Path, quick: TrainingConfig) -> None:
    with pytest.raises(CheckpointError, match="best epoch of the stage before"):
        train(tmp_path / "second", quick, take_over=tmp_path / "nowhere")


def test_epochs_that_end_soon_after_one_another_save_no_state_and_are_trained_again(
    train: Train, uninterrupted: Uninterrupted, tmp_path: Path, quick: TrainingConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "LEAST_SECONDS", 600.0)
    config = replace(quick, epochs=3)
    whole, log = uninterrupted(config)
    with monkeypatch.context() as patched, pytest.raises(Interrupted):
        interrupt_at(patched, 8)
        train(tmp_path / "halved", config)
    paths = RunPaths(tmp_path / "halved")
    assert not paths.state.exists()
    assert len(read_log(paths.log)) == 2, "two epochs had ended"
    resumed, log_of_resumed = train(tmp_path / "halved", config)
    assert timeless(log_of_resumed) == timeless(log)
    assert_same_weights(whole, resumed)


@pytest.mark.usefixtures("every_epoch_saves_its_state")
def test_the_state_of_the_best_epoch_is_never_older_than_the_own_state_says(
    train: Train, tmp_path: Path, quick: TrainingConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    dice = iter([0.1, 0.2, 0.1])
    monkeypatch.setattr(loop._Stage, "_validation_scores", lambda self: (1.0, next(dice)))
    original, saved = engine.Engine.save, []

    def interrupted(self: Any, progress: Any, folder: Path | None = None) -> None:
        original(self, progress, folder)
        if folder is None:
            saved.append(len(progress["log"]))
        if saved == [1, 2]:
            raise Interrupted

    config = replace(quick, epochs=3)
    with monkeypatch.context() as patched, pytest.raises(Interrupted):
        patched.setattr(engine.Engine, "save", interrupted)
        train(tmp_path / "first", config, keep_best_state=True)
    train(tmp_path / "first", config, keep_best_state=True)
    best = RunPaths(tmp_path / "first").best_state
    _, log = train(tmp_path / "second", replace(quick, epochs=2), take_over=best)
    assert log == [], "the second epoch was the best: none is left"


def test_keeping_the_best_state_does_not_put_off_the_own_one(
    train: Train, tmp_path: Path, quick: TrainingConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(range(100_000))
    monkeypatch.setattr(engine.time, "monotonic", lambda: float(next(clock)))
    dice = iter([0.1, 0.2, 0.3, 0.4])
    monkeypatch.setattr(loop._Stage, "_validation_scores", lambda self: (1.0, next(dice)))
    gaps: list[float] = []
    original = engine.Engine.is_overdue

    def noted(self: Any, seconds: float) -> bool:
        gaps.append(self._saved)
        return original(self, seconds)

    monkeypatch.setattr(engine.Engine, "is_overdue", noted)
    monkeypatch.setattr(loop, "LEAST_SECONDS", 1e6)
    train(tmp_path / "first", replace(quick, epochs=4), keep_best_state=True)
    assert len(set(gaps)) == 1, "no own state was saved, so the time since the last one runs on"


def test_a_textunet_that_learnt_from_sentences_without_a_structure_refuses_none(
    training_frames: FrameSet, validation_frames: FrameSet, tmp_path: Path, quick: TrainingConfig
) -> None:
    torch.manual_seed(0)
    model = TextUNet.from_settings(TextUNetSettings(32, widths=(4, 8), scales=1, text_width=16, text_layers=1))
    train_stage(
        model, training_frames, validation_frames, TripletRecipe(PromptSet.P7_ANY, paraphrase="seeded"),
        replace(quick, epochs=10, learning_rate=2e-2, augmentation=0.0), tmp_path,
    )  # fmt: skip
    asked = [*NAMES, "Myocardium of the heart of a male.", "Of the heart."]
    none = model.structure_logits(model.encode_text(model.tokenize(asked))).softmax(1)[:, 0]
    assert (none < 0.05).all(), "every sentence that it was trained on has a mask"
