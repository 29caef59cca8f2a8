"""Frames without end: the same batches whoever renders them, from any step on, and no patient of them held out."""

from __future__ import annotations

import multiprocessing
import os
import signal
from contextlib import closing
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest

from synthboost.domain import Domain, FrameInfo
from synthboost.errors import ConfigError, SynthboostError
from synthboost.processes import process_pool
from synthboost.simulator.priors import PriorName
from synthboost.simulator.settings import SimulationSettings
from synthboost.training import simulated_stream
from synthboost.training.frame_stream import FrameBatch
from synthboost.training.simulated_stream import HELD_OUT_FROM, SimulatedStream, draw_frames

STREAM = SimulatedStream((SimulationSettings(seed=3, prior=PriorName.LITERATURE),), size=32, batch=1, seed=5)
"""A window is two patients, whose eight frames are shown twice: sixteen batches."""


def take(stream: SimulatedStream, count: int, step: int = 0) -> list[FrameBatch]:
    with closing(stream(step)) as batches:
        return list(islice(batches, count))


def same(first: list[FrameBatch], second: list[FrameBatch]) -> bool:
    return all(
        np.array_equal(a.images, b.images) and np.array_equal(a.labels, b.labels) and a.infos == b.infos
        for a, b in zip(first, second, strict=True)
    )


@pytest.fixture(scope="module")
def alone() -> list[FrameBatch]:
    """Eighteen batches, rendered in this process: a window and a part of the next."""
    return take(STREAM, 18)


@pytest.fixture(scope="module")
def infos() -> tuple[FrameInfo, ...]:
    """Of the four frames of a patient."""
    return draw_frames(1, SimulationSettings(size=32), 32).infos


@pytest.fixture
def counted(infos: tuple[FrameInfo, ...], monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, SimulationSettings]]:
    """Which patients are drawn, instead of drawing them: each image holds its patient's number."""
    drawn: list[tuple[int, SimulationSettings]] = []

    def draw(number: int, settings: SimulationSettings, size: int) -> FrameBatch:
        drawn.append((number, settings))
        return FrameBatch(np.full((4, size, size), number % 256, np.uint8), np.zeros((4, size, size), np.uint8), infos)

    monkeypatch.setattr(simulated_stream, "draw_frames", draw)
    return drawn


def test_processes_that_render_change_nothing(alone: list[FrameBatch], monkeypatch: pytest.MonkeyPatch) -> None:
    # Forks start at once; below, a process starts as it does everywhere else.
    monkeypatch.setattr(
        simulated_stream, "process_pool", lambda workers, _, *more: process_pool(workers, "fork", *more)
    )
    assert same(alone, take(replace(STREAM, workers=2), 18))
    assert not np.array_equal(alone[0].images, alone[16].images)


def test_a_stream_begins_at_any_step_and_renders_nothing_before(counted: list[tuple[int, SimulationSettings]]) -> None:
    whole = take(STREAM, 40)
    counted.clear()
    assert same(whole[35:], take(STREAM, 5, step=35))
    assert [number for number, _ in counted] == [5, 6]


def test_each_frame_of_a_window_is_shown_equally_often(counted: list[tuple[int, SimulationSettings]]) -> None:
    stream = replace(STREAM, batch=2, shown=3)
    shown = [int(image[0, 0]) for batch in take(stream, 24) for image in batch.images]
    assert {number: shown.count(number) for number in set(shown)} == {1: 12, 2: 12, 3: 12, 4: 12}
    assert shown[:16] != sorted(shown[:16])
    assert shown[:16] != shown[16:32]
    assert stream.patients(24) == len(counted) == 4
    assert stream.patients(25) == 8


def test_patients_take_the_settings_in_turn(counted: list[tuple[int, SimulationSettings]]) -> None:
    other = SimulationSettings(seed=3, prior=PriorName.CAMUS)
    take(replace(STREAM, settings=(*STREAM.settings, other), batch=2), 1)
    assert [(number, settings.prior) for number, settings in counted] == [
        (1, "literature"), (2, "camus"), (3, "literature"), (4, "camus"),
    ]  # fmt: skip
    assert {settings.size for _, settings in counted} == {40}


def test_patients_held_out_are_others(counted: list[tuple[int, SimulationSettings]]) -> None:
    assert STREAM.held_out(2).images.shape == (8, 32, 32)
    assert [number for number, _ in counted] == [HELD_OUT_FROM + 1, HELD_OUT_FROM + 2]


def test_frames_of_a_patient_know_what_they_show() -> None:
    frames = draw_frames(7, SimulationSettings(size=40, prior=PriorName.LITERATURE), 32)
    assert frames.images.dtype == frames.labels.dtype == np.uint8
    assert [info.name for info in frames.infos] == [
        f"patient0007_{k}" for k in ("2CH_ED", "2CH_ES", "4CH_ED", "4CH_ES")
    ]
    assert all(info.domain is Domain.SIMULATED and info.attributes.age for info in frames.infos)
    assert set(np.unique(frames.labels)) == {0, 1, 2, 3}


def test_a_process_that_dies_is_named_and_nothing_hangs(alone: list[FrameBatch]) -> None:
    with closing(replace(STREAM, workers=1)(0)) as batches, pytest.raises(SynthboostError, match="process: one died"):
        assert same(alone, list(islice(batches, 18))), "one process changes nothing either"
        for child in multiprocessing.active_children():
            if child.name.startswith("Spawn"):
                assert child.pid is not None
                os.kill(child.pid, signal.SIGKILL)
        for _ in range(200):
            next(batches)


@pytest.mark.parametrize(("field", "value"), [("settings", ()), ("batch", 0), ("shown", 0), ("workers", -1)])
def test_values_that_cannot_work_are_refused(field: str, value: object) -> None:
    with pytest.raises(ConfigError, match=f"options: {field}: "):
        replace(STREAM, **{field: value})
