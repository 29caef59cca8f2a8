"""Each image is encoded once, what is kept is what the encoder says, and neither a kill nor a full disk spoils it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors import safe_open
from smallest_models import build_smallest

from synthboost.data import TripletRecipe
from synthboost.data.source import FrameSet
from synthboost.errors import ConfigError, OutputError, TrainingError
from synthboost.models.base import Segmenter
from synthboost.models.catalogue import MODELS
from synthboost.models.clipseg.model import ClipSeg
from synthboost.models.cris.model import Cris
from synthboost.models.freezing import Encoders
from synthboost.models.registry import build_segmenter
from synthboost.training import feature_cache
from synthboost.training.batches import EpochBatches, TrainingFrames, batches_of, make_loader
from synthboost.training.config import TrainingConfig
from synthboost.training.feature_cache import FeatureCache, encoder_key, make_feature_cache
from synthboost.training.loop import train_stage

MakeModel = Callable[..., ClipSeg]
BYTES_EACH = 3 * 17 * 32 * 4
"""Three read blocks x (16 patches + 1) x width 32, in single precision."""


@pytest.fixture
def plain(quick: TrainingConfig) -> TrainingConfig:
    return replace(quick, augmentation=0.0)


@pytest.fixture
def model(make_tiny_model: MakeModel) -> ClipSeg:
    model = make_tiny_model()
    model.set_encoders(Encoders.FROZEN)
    return model


@pytest.fixture
def encoded(model: ClipSeg, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by the number of images whenever the image encoder runs."""
    counts: list[int] = []
    original = model.encode_image
    monkeypatch.setattr(model, "encode_image", lambda images: counts.append(len(images)) or original(images))
    return counts


def build(model: ClipSeg, frames: FrameSet, config: TrainingConfig, root: Path | None) -> FeatureCache:
    cache = make_feature_cache(model, [frames], config, root)
    assert cache is not None
    return cache


@pytest.mark.parametrize("name", sorted(MODELS))
def test_the_features_of_every_model_come_back_from_the_folder(name: str, tmp_path: Path) -> None:
    model = build_segmenter(name, "tiny")
    with torch.no_grad():
        features = model.encode_image(torch.rand(2, 3, model.input_size, model.input_size))
    FeatureCache(tmp_path).add(["first", "second"], features)
    again = FeatureCache(tmp_path)
    again.find()
    assert all(torch.equal(a, b[1]) for a, b in zip(again["second"], features, strict=True))


@pytest.mark.parametrize("place", ["disk", "memory"])
def test_what_is_kept_is_what_the_encoder_says(
    model: ClipSeg, training_frames: FrameSet, plain: TrainingConfig, tmp_path: Path, place: Any
) -> None:
    cache = build(model, training_frames, replace(plain, feature_cache=place), tmp_path)
    assert (cache.folder is None) == (place == "memory")
    for frame, key in zip(training_frames, training_frames.image_keys, strict=True):
        with torch.no_grad():
            expected = model.encode_image(model.preprocess(frame.image)[None])
        for kept, feature in zip(cache[key], expected, strict=True):
            assert torch.equal(kept, feature[0])


def test_an_image_is_encoded_once_for_all_runs_and_again_for_other_weights(
    model: ClipSeg, encoded: list[int], make_tiny_model: MakeModel, training_frames: FrameSet, plain: TrainingConfig,
    tmp_path: Path,
) -> None:  # fmt: skip
    build(model, FrameSet("some", training_frames.members[:4]), plain, tmp_path)
    assert sum(encoded) == 4 + 1  # one image once more, to see how large features are
    build(model, training_frames, plain, tmp_path)
    assert sum(encoded) == 4 + 1 + 2 + 1
    build(model, FrameSet("another name", training_frames.members * 2), plain, tmp_path)
    assert sum(encoded) == 4 + 1 + 2 + 1 + 1
    other = make_tiny_model(seed=1)
    assert encoder_key(other) != encoder_key(model)
    other.set_encoders(Encoders.FROZEN)
    build(other, training_frames, plain, tmp_path)
    assert len({path.parent for path in tmp_path.glob("*/*.safetensors")}) == 2


def test_the_key_changes_with_weights_and_preprocessing_but_not_with_text_or_decoder(
    make_tiny_model: MakeModel,
) -> None:
    model = make_tiny_model()
    before = encoder_key(model)
    with torch.no_grad():
        for group in ("text", "decoder", "unused"):
            for parameter in model.parameter_groups()[group]:
                parameter.add_(1)
    assert encoder_key(model) == before
    model.pixel_mean = (0.5, 0.5, 0.5)
    assert encoder_key(model) != before
    model = make_tiny_model()
    with torch.no_grad():
        model.parameter_groups()["vision"][-1][0] += 1e-6
    assert encoder_key(model) != before


@pytest.mark.parametrize("change", [{"extract_layers": (0, 2)}, {"head_width": 8}])
def test_the_key_changes_with_what_no_weight_shows(make_tiny_model: MakeModel, change: dict[str, Any]) -> None:
    model, other = make_tiny_model(extract_layers=(1, 2)), make_tiny_model(**{"extract_layers": (1, 2)} | change)
    images = torch.ones(1, 3, 32, 32)
    assert all(map(torch.equal, model.parameters(), other.parameters()))
    with torch.no_grad():
        assert not all(map(torch.equal, model.encode_image(images), other.encode_image(images)))
    assert encoder_key(model) != encoder_key(other)


@pytest.mark.parametrize("name", sorted(MODELS))
def test_the_first_loss_from_the_cache_is_the_one_without_it(
    name: str, make_tiny_model: MakeModel, make_tiny_cris: Callable[..., Cris], training_frames: FrameSet,
    validation_frames: FrameSet, recipe: TripletRecipe, plain: TrainingConfig, tmp_path: Path,
) -> None:  # fmt: skip
    # Of later ones CRIS' differ, whatever rounds: AdamW's first steps turn the smallest gradients into whole ones.
    losses = {}
    for place in ("off", "disk", "memory"):
        makers: dict[str, Callable[[], Segmenter]] = {"clipseg": make_tiny_model, "cris": make_tiny_cris}
        model = makers.get(name, lambda: build_smallest(f"{name} tiny"))()
        model.set_encoders(Encoders.FROZEN)
        config = replace(plain, epochs=1, batch_images=len(training_frames), feature_cache=place)
        [log] = train_stage(
            model, training_frames, validation_frames, recipe, config, tmp_path / place, tmp_path / "caches"
        )
        losses[place] = log.training_loss
    assert losses["disk"] == losses["memory"] == pytest.approx(losses["off"], abs=1e-5)


def test_training_from_the_cache_agrees_with_training_without_it(
    make_tiny_model: MakeModel, training_frames: FrameSet, validation_frames: FrameSet, recipe: TripletRecipe,
    plain: TrainingConfig, tmp_path: Path,
) -> None:  # fmt: skip
    logs = {}
    for place in ("off", "disk", "memory"):
        model = make_tiny_model()
        model.set_encoders(Encoders.FROZEN)
        config = replace(plain, epochs=3, feature_cache=place)
        logs[place] = train_stage(
            model, training_frames, validation_frames, recipe, config, tmp_path / place, tmp_path / "caches"
        )
    for one, disk, memory in zip(*logs.values(), strict=True):
        assert disk.training_loss == memory.training_loss
        assert disk.training_loss == pytest.approx(one.training_loss, abs=1e-6)
        assert disk.validation_loss == pytest.approx(one.validation_loss, abs=1e-6)
        assert disk.validation_dice == pytest.approx(one.validation_dice, abs=1e-5)


def test_the_encoder_does_not_run_in_training_and_a_frozen_sentence_is_encoded_once(
    model: ClipSeg, encoded: list[int], training_frames: FrameSet, validation_frames: FrameSet, recipe: TripletRecipe,
    plain: TrainingConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    sentences: list[tuple[int, ...]] = []
    original = model.encode_text
    monkeypatch.setattr(
        model, "encode_text", lambda tokens: sentences.extend(map(tuple, tokens.tolist())) or original(tokens)
    )
    train_stage(model, training_frames, validation_frames, recipe, replace(plain, epochs=4), tmp_path / "run", tmp_path)
    assert sum(encoded) == len(training_frames) + len(validation_frames) + 1
    trimmed = [tuple(token for token in one if token) for one in sentences]
    assert len(trimmed) == len(set(trimmed)) > 6


def test_a_build_that_was_killed_goes_on_with_the_next_file(
    model: ClipSeg, encoded: list[int], training_frames: FrameSet, plain: TrainingConfig, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(feature_cache, "FILE_BYTES", 2 * BYTES_EACH)
    original, files = feature_cache.write_tensors, iter(range(10))

    def killed(path: Path, tensors: Any, metadata: Any) -> None:
        if next(files) == 1:
            path.write_bytes(b"half a file")
            raise KeyboardInterrupt
        original(path, tensors, metadata)

    monkeypatch.setattr(feature_cache, "write_tensors", killed)
    with pytest.raises(KeyboardInterrupt):
        build(model, training_frames, plain, tmp_path)
    folder = tmp_path / encoder_key(model)
    assert len(list(folder.glob("*.safetensors"))) == 1
    encoded.clear()
    cache = build(model, training_frames, plain, tmp_path)
    assert sum(encoded) == 4 + 1
    assert all(key in cache for key in training_frames.image_keys)
    assert len(list(folder.glob("*.safetensors"))) == 3


def test_processes_share_what_the_main_one_found_missing(
    model: ClipSeg, encoded: list[int], frames: Callable[..., FrameSet], training_frames: FrameSet,
    plain: TrainingConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(feature_cache, "FILE_BYTES", BYTES_EACH)
    keys = training_frames.image_keys
    build(model, frames("written by the main process meanwhile", 0, 1), plain, tmp_path)
    encoded.clear()
    second = SimpleNamespace(process_index=1, num_processes=2, is_main_process=False, wait_for_everyone=lambda: None)
    monkeypatch.setattr(feature_cache, "this_process", lambda: second)
    monkeypatch.setattr(feature_cache, "broadcast_object_list", lambda own: ["disk", keys])
    cache = build(model, training_frames, plain, tmp_path)
    assert sum(encoded) == 1 + 3
    assert [key in cache for key in keys] == [True, True, False, True, False, True]


def test_a_build_reads_none_of_the_files_it_writes(
    model: ClipSeg, training_frames: FrameSet, plain: TrainingConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feature_cache, "FILE_BYTES", BYTES_EACH)
    opened: list[Path] = []

    def opening(path: Path, kind: str) -> Any:
        opened.append(path)
        return safe_open(path, kind)

    monkeypatch.setattr(feature_cache, "safe_open", opening)
    cache = build(model, training_frames, plain, tmp_path)
    assert opened == []
    build(model, training_frames, plain, tmp_path)
    assert len(opened) == len(training_frames)
    assert all(key in cache for key in training_frames.image_keys)


def test_a_damaged_file_is_encoded_again_and_said_so(
    model: ClipSeg, training_frames: FrameSet, plain: TrainingConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = build(model, training_frames, plain, tmp_path).folder
    assert folder is not None
    [path] = folder.glob("*.safetensors")
    whole = path.read_bytes()
    path.write_bytes(whole[:-7])
    build(model, training_frames, plain, tmp_path)
    assert "damaged" in capsys.readouterr().err
    with safe_open(path, "pt") as one:
        assert one.get_slice("0").get_shape() == [6, 17, 32]


def test_a_file_that_vanishes_during_training_is_a_typed_error(
    model: ClipSeg, training_frames: FrameSet, recipe: TripletRecipe, plain: TrainingConfig, tmp_path: Path
) -> None:
    cache = build(model, training_frames, plain, tmp_path)
    assert cache.folder is not None
    [path] = cache.folder.glob("*.safetensors")
    path.unlink()
    samples = TrainingFrames(training_frames, model, recipe, cache=cache)
    loader = make_loader(samples, EpochBatches(6, 2, 0, shuffle=False), workers=0, pin_memory=False)
    with pytest.raises(TrainingError, match=r"Start again: what is missing is encoded anew"):
        next(batches_of(loader))


@pytest.mark.parametrize("workers", [0, 2])
def test_batches_hold_features_in_place_of_images(
    model: ClipSeg,
    training_frames: FrameSet,
    recipe: TripletRecipe,
    plain: TrainingConfig,
    tmp_path: Path,
    workers: int,
) -> None:
    cache = build(model, training_frames, plain, tmp_path)
    samples = TrainingFrames(training_frames, model, recipe, cache=cache)
    loader = make_loader(samples, EpochBatches(6, 4, 0, shuffle=False), workers, pin_memory=False)
    first, second = batches_of(loader)
    assert [tuple(feature.shape) for feature in first.images] == [(4, 17, 32)] * 3
    assert torch.equal(second.images[2][1], cache[training_frames.image_keys[5]][2])


def test_it_is_off_where_it_cannot_be_and_asking_for_it_says_why(
    model: ClipSeg, training_frames: FrameSet, plain: TrainingConfig, quick: TrainingConfig, tmp_path: Path
) -> None:
    assert make_feature_cache(model, [training_frames], quick, tmp_path) is None  # it augments
    with pytest.raises(ConfigError, match=r"feature_cache: disk; .*set augmentation to 0"):
        make_feature_cache(model, [training_frames], replace(quick, feature_cache="disk"), tmp_path)
    model.set_encoders(Encoders.parse("vision=last-1,text=frozen"))
    assert make_feature_cache(model, [training_frames], plain, tmp_path) is None
    with pytest.raises(ConfigError, match=r"The image encoder learns"):
        make_feature_cache(model, [training_frames], replace(plain, feature_cache="memory"), tmp_path)
    assert not list(tmp_path.glob("*/*.safetensors"))


def test_too_little_room_moves_it_into_memory_or_nowhere_and_asking_for_it_says_how_much_is_needed(
    model: ClipSeg, training_frames: FrameSet, plain: TrainingConfig, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    needed = 6 * BYTES_EACH
    usage = SimpleNamespace(free=2 * needed - 2)
    monkeypatch.setattr(feature_cache, "shutil", SimpleNamespace(disk_usage=lambda folder: usage))
    cache = build(model, training_frames, plain, tmp_path)
    assert cache.folder is None
    assert "are kept in memory (disk: 0.00 GB more" in capsys.readouterr().err
    with pytest.raises(ConfigError, match=r"disk \(disk: 0.00 GB more, 0 GB free; .*Make room, or choose off"):
        build(model, training_frames, replace(plain, feature_cache="disk"), tmp_path)
    memory = SimpleNamespace(available=2 * needed - 2)
    monkeypatch.setattr(feature_cache, "psutil", SimpleNamespace(virtual_memory=lambda: memory))
    assert make_feature_cache(model, [training_frames], plain, tmp_path) is None
    assert "nowhere, there is no room" in capsys.readouterr().err
    memory.available += 2
    assert build(model, training_frames, plain, None).folder is None


def test_a_cache_that_cannot_be_written_is_an_output_error(
    model: ClipSeg, training_frames: FrameSet, plain: TrainingConfig, tmp_path: Path
) -> None:
    (tmp_path / "caches").write_text("in the way")
    with pytest.raises(OutputError, match=r"\.safetensors: output: a file is in the way; expected a folder"):
        build(model, training_frames, plain, tmp_path / "caches")


def test_features_that_are_not_finite_are_refused(
    model: ClipSeg, training_frames: FrameSet, plain: TrainingConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    later, original = iter([0, 0, 0, float("inf"), 0, 0, 0, 0]), model.encode_image
    monkeypatch.setattr(model, "encode_image", lambda images: tuple(f + next(later) for f in original(images)[:1]))
    with pytest.raises(TrainingError, match="NaN or infinity; expected finite numbers"):
        build(model, training_frames, plain, None)
