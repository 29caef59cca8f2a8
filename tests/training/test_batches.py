"""Batches depend on (seed, epoch, frame) and on nothing else, whoever prepares them."""

from __future__ import annotations

import itertools
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from synthboost.data import TripletRecipe
from synthboost.data.source import FrameSet, Group, mixture
from synthboost.domain import Structure
from synthboost.errors import DataError, TrainingError
from synthboost.models.clipseg.model import ClipSeg
from synthboost.training.batches import (
    Batch,
    EpochBatches,
    TrainingFrames,
    batches_of,
    make_loader,
    naming_dead_workers,
)

Pick = Callable[..., FrameSet]


def order(batches: EpochBatches, epoch: int, start: int = 0) -> list[int]:
    batches.epoch, batches.start = epoch, start
    found = list(itertools.chain.from_iterable(batches))
    assert {e for e, _ in found} <= {epoch}
    return [position for _, position in found]


def test_an_epoch_is_a_permutation_that_seed_and_epoch_decide() -> None:
    batches = EpochBatches(10, 4, seed=1, shuffle=True)
    first = order(batches, 0)
    assert sorted(first) == list(range(10))
    assert first == order(EpochBatches(10, 3, seed=1, shuffle=True), 0)
    assert first != order(batches, 1)
    assert first != order(EpochBatches(10, 4, seed=2, shuffle=True), 0)
    assert [len(batch) for batch in batches] == [4, 4, 2]
    assert len(batches) == 3


def test_a_start_skips_the_batches_that_are_done() -> None:
    batches = EpochBatches(10, 4, seed=1, shuffle=True)
    assert order(batches, 3, start=1) == order(batches, 3)[4:]
    assert order(batches, 3, start=3) == []


def test_without_shuffling_the_order_is_that_of_the_frames() -> None:
    assert order(EpochBatches(5, 2, seed=9, shuffle=False), 7) == [0, 1, 2, 3, 4]


def test_processes_share_each_batch_and_one_without_an_image_stands_in_with_the_first() -> None:
    whole = [[p for _, p in batch] for batch in EpochBatches(7, 3, seed=1, shuffle=True)]
    first, second = (EpochBatches(7, 3, seed=1, shuffle=True, process=p, processes=2) for p in (0, 1))
    shares = [[[p for _, p in batch] for batch in batches] for batches in (first, second)]
    assert [len(batch) for batch in whole] == [3, 3, 1]
    assert shares[0] == [[whole[0][0], whole[0][2]], [whole[1][0], whole[1][2]], whole[2]]
    assert shares[1] == [[whole[0][1]], [whole[1][1]], whole[2]]
    assert [second.has_share(number) for number in range(3)] == [True, True, False]
    assert [second.images(number) for number in range(3)] == [3, 3, 1]


def read(model: ClipSeg, frames: FrameSet, recipe: TripletRecipe, workers: int, epochs: int = 2) -> list[Batch]:
    batches = EpochBatches(len(frames), 2, seed=0, shuffle=True)
    loader = make_loader(TrainingFrames(frames, model, recipe, augmentation=0.5), batches, workers, pin_memory=False)
    found = []
    for epoch in range(epochs):
        batches.epoch = epoch
        found += list(batches_of(loader))
    return found


def test_the_number_of_workers_changes_no_bit(
    tiny_model: ClipSeg, training_frames: FrameSet, recipe: TripletRecipe
) -> None:
    torch.manual_seed(3)
    state = torch.get_rng_state()
    expected = read(tiny_model, training_frames, recipe, workers=0)
    assert len(expected) == 6
    for workers in (1, 2):
        for one, other in zip(expected, read(tiny_model, training_frames, recipe, workers), strict=True):
            assert one.frames == other.frames
            assert all(torch.equal(a, b) for a, b in zip(one[:4], other[:4], strict=True))
    assert torch.equal(torch.get_rng_state(), state)


def test_each_image_comes_once_with_all_its_sentences_and_masks(
    tiny_model: ClipSeg, training_frames: FrameSet, recipe: TripletRecipe
) -> None:
    (batch,) = read(tiny_model, FrameSet("two", training_frames.members[:2]), recipe, 0, epochs=1)
    assert batch.images.shape == (2, 3, 32, 32)
    assert batch.tokens.shape[0] == 6
    assert batch.targets.shape == (6, 16, 16)
    assert batch.image_index.tolist() == [0, 0, 0, 1, 1, 1]
    assert 0 <= batch.targets.min() < batch.targets.max() <= 1
    lv, myocardium, _ = batch.targets[:3]
    assert (lv * myocardium > 0.6).sum() == 0  # different structures, hardly a shared pixel


def test_one_frame_may_have_fewer_sentences(tiny_model: ClipSeg, training_frames: FrameSet) -> None:
    recipe = TripletRecipe("P1", structures=(Structure.MYOCARDIUM,))  # type: ignore[arg-type]
    batch = read(tiny_model, training_frames, recipe, 0, epochs=1)[0]
    assert batch.image_index.tolist() == [0, 1]
    words = tiny_model.tokenizer.convert_ids_to_tokens(batch.tokens[0])
    assert words == ["<start>", "myocardium", "of", "the", "heart", ".", "<end>"]


def test_what_is_drawn_for_a_frame_changes_with_the_epoch_only(
    tiny_model: ClipSeg, training_frames: FrameSet, recipe: TripletRecipe
) -> None:
    samples = TrainingFrames(training_frames, tiny_model, recipe, augmentation=1.0)
    again, later = samples[0, 0], samples[1, 0]
    assert torch.equal(samples[0, 0].image, again.image)  # type: ignore[union-attr]
    assert not torch.equal(later.image, again.image)  # type: ignore[union-attr]
    plain = TrainingFrames(training_frames, tiny_model, recipe)
    assert torch.equal(plain[0, 0].image, plain[1, 0].image)  # type: ignore[union-attr]
    seeded = TrainingFrames(training_frames, tiny_model, replace(recipe, seed=1), augmentation=1.0)
    assert not torch.equal(seeded[0, 0].image, again.image)  # type: ignore[union-attr]


@pytest.mark.parametrize("workers", [0, 1])
def test_a_broken_file_is_a_data_error_whoever_meets_it(
    tiny_model: ClipSeg, training_frames: FrameSet, recipe: TripletRecipe, tiny_camus: Path, workers: int
) -> None:
    broken = next((tiny_camus / "database_nifti" / "patient0001").glob("*_2CH_ED.nii.gz"))
    broken.write_bytes(b"no image")
    with pytest.raises(DataError, match=broken.name):
        read(tiny_model, training_frames, recipe, workers)


def test_a_full_shared_memory_is_told_at_once(
    tiny_model: ClipSeg, training_frames: FrameSet, recipe: TripletRecipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(tensor: torch.Tensor) -> None:
        raise RuntimeError("unable to allocate shared memory(shm) for file </torch_1>: No space left on device (28)")

    monkeypatch.setattr(torch.Tensor, "share_memory_", full)
    assert read(tiny_model, training_frames, recipe, workers=0)
    with pytest.raises(TrainingError, match=r"shared memory: .*No space left.*; expected room for a batch in /dev/shm"):
        read(tiny_model, training_frames, recipe, workers=1)


class Killing(TrainingFrames):
    """Frames of which the third ends the process that prepares it, as the system does when memory is full."""

    def __getitem__(self, index: tuple[int, int]) -> object:
        if index[1] == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__getitem__(index)


@pytest.mark.parametrize("workers", [1, 2])
def test_the_death_of_a_worker_is_a_training_error_with_a_remedy(
    tiny_model: ClipSeg, training_frames: FrameSet, recipe: TripletRecipe, workers: int
) -> None:
    batches = EpochBatches(len(training_frames), 1, seed=0, shuffle=False)
    loader = make_loader(Killing(training_frames, tiny_model, recipe), batches, workers, pin_memory=False)
    with (
        pytest.raises(TrainingError, match="DataLoader: worker process: .*take fewer `workers`"),
        naming_dead_workers(),
    ):
        for _ in batches_of(loader):
            pass


@dataclass
class Broken:
    """A loader of which only the error is left."""

    num_workers: int
    error: Exception

    def __iter__(self) -> Iterator[Batch]:
        raise self.error
        yield


BROKEN_PIPES = (ConnectionResetError(104, "Connection reset by peer"), EOFError(), FileNotFoundError(2, "gone"))


@pytest.mark.parametrize("error", BROKEN_PIPES)
def test_a_pipe_that_breaks_under_a_batch_is_the_death_of_a_worker(error: Exception) -> None:
    with pytest.raises(TrainingError, match="worker process: .*(reset by peer|EOFError|gone)"):
        list(batches_of(Broken(1, error)))
    with pytest.raises(type(error)):
        list(batches_of(Broken(0, error)))
    with pytest.raises(type(error), match="Caught"):
        list(batches_of(Broken(1, type(error)("Caught it in DataLoader worker process 0."))))


@pytest.mark.parametrize(
    "error", [RuntimeError("Caught RuntimeError in DataLoader worker process 0."), MemoryError("exited unexpectedly")]
)
def test_other_errors_stay_what_they_are(error: Exception) -> None:
    with pytest.raises(type(error)) as caught, naming_dead_workers():
        raise error
    assert caught.value is error


def test_frames_are_kept_only_while_there_is_room(frames: Pick) -> None:
    size = 2 * 64 * 48  # image and label map
    roomy, tight = frames("roomy", 0, 3), frames("tight", 0, 3)
    tight.memory_bytes = size + 1
    for kept in (roomy, tight):
        list(kept)
    assert [roomy[i] is roomy[i] for i in range(3)] == [True, True, True]
    assert [tight[i] is tight[i] for i in range(3)] == [True, False, False]
    np.testing.assert_array_equal(tight[2].image, roomy[2].image)


def test_patients_are_counted_as_people(frames: Pick) -> None:
    assert frames("six", 0, 6).patients == 2


def test_a_quota_shows_every_frame_of_a_group_equally_often_give_or_take_one() -> None:
    batches = EpochBatches(12, 4, seed=1, shuffle=True, groups=(Group(2, 7), Group(10, 5)))
    shown = [list(itertools.chain.from_iterable(batches)) for batches.epoch in range(2)]
    for epoch, drawn in enumerate(shown):
        few, many = ([pair for pair in drawn if (pair[1] < 2) == is_few] for is_few in (True, False))
        assert sorted(position for _, position in few) in ([0] * 3 + [1] * 4, [0] * 4 + [1] * 3)
        assert len({position for _, position in many}) == len(many) == 5
        assert {turn for turn, _ in few} == {4 * epoch + number for number in range(4)}  # 7 of 2 are 4 rounds
        assert {turn for turn, _ in many} == {epoch}
        assert len(set(drawn)) == 12  # no frame is shown twice in one turn
    assert [pair[1] for pair in shown[0]] != [pair[1] for pair in shown[1]]
    batches.epoch, batches.start = 1, 2
    assert list(itertools.chain.from_iterable(batches)) == shown[1][8:]


def test_a_mixture_has_the_real_frames_first_and_as_many_draws_as_frames(frames: Pick) -> None:
    few, many = frames("real", 0, 2), frames("synthetic", 2, 10)
    assert mixture("mixed", few, many).members == [*few.members, *many.members]
    assert mixture("mixed", few, many).groups == ()
    assert mixture("mixed", few, many, 0.5).groups == ((2, 5), (8, 5))
    assert mixture("mixed", few, many, 0.01).groups == ((2, 1), (8, 9))
    for one, other in ((few, frames("synthetic", 0, 0)), (frames("real", 0, 0), many)):
        with pytest.raises(DataError, match="frames: 0; expected at least one of each"):
            mixture("mixed", one, other)
