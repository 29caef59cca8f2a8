"""Frames without end: batches of simulated frames, rendered by other processes while they are trained on.

Batch k is a function of the stream's fields and of k alone, whatever the number of processes. Patients are simulated in
order and gathered in windows; all frames of a window are shown in random order, several times, then come the next
patients. A training that goes on at step k renders the window of batch k again, and nothing before it.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, replace
from itertools import count

import numpy as np
import torch
from numpy.typing import NDArray

from synthboost.data.lists import IMAGES
from synthboost.data.simulated_readers import patient_name
from synthboost.data.simulated_set import FRAMES_PER_PATIENT, release_name
from synthboost.domain import Domain, Frame, FrameInfo, PatientId
from synthboost.errors import require_fields
from synthboost.processes import process_pool
from synthboost.simulator.render import simulate_patient
from synthboost.simulator.settings import SimulationSettings
from synthboost.training.frame_stream import FrameBatch, chosen, joined, shrunk_frames

RENDERED_LARGER = 1.25
"""Frames are rendered larger than they are shown, so that speckle is low-pass filtered as in a real frame."""
AHEAD = 2
"""Windows that are rendered before they are needed."""
WINDOW_BATCHES = 8
"""Batches that the frames of a window fill when each is shown once."""
HELD_OUT_FROM = 10_000_000
"""Numbers of patients from here on are for validation; no training comes so far."""


@dataclass(frozen=True)
class SimulatedStream:
    """Batches of simulated frames without end; call it with the number of the first one."""

    settings: tuple[SimulationSettings, ...]
    """Taken in turn by patients; their `size` and `patients` are ignored."""
    size: int
    """S, pixels."""
    batch: int = 16
    seed: int = 0
    """Of the order; the settings have their own."""
    shown: int = 2
    """How often each frame is shown: rendering one costs as much as a step of training spends on one."""
    workers: int = 0
    """Processes that render; 0: this one does."""

    def __post_init__(self) -> None:
        """Refuse values that cannot work."""
        require_fields(
            self,
            ("settings", bool(self.settings), "one or more"),
            ("batch", self.batch >= 1, "1 or more"),
            ("shown", self.shown >= 1, "1 or more"),
            ("workers", self.workers >= 0, "zero or more"),
        )

    @property
    def window_patients(self) -> int:
        """Patients whose frames are shuffled together."""
        return WINDOW_BATCHES * self.batch // FRAMES_PER_PATIENT

    @property
    def window_batches(self) -> int:
        """Batches that are made of a window."""
        return WINDOW_BATCHES * self.shown

    def patients(self, steps: int) -> int:
        """How many patients so many batches are drawn from."""
        return -(-steps // self.window_batches) * self.window_patients

    def __call__(self, step: int) -> Generator[FrameBatch, None, None]:
        """Yield batches number `step`, `step` + 1 and so on.

        Raises:
            ConfigError: no heart fits the fan.
            SynthboostError: a process that renders died.
        """
        first, begun = divmod(step, self.window_batches)
        for number, frames in self._windows(first):
            for places in self._order(number)[begun if number == first else 0 :]:
                yield chosen(frames, places)

    def held_out(self, patients: int) -> FrameBatch:
        """Return the four frames of each of so many patients that no batch shows."""
        first = HELD_OUT_FROM
        return joined([self._drawn(number) for number in range(first, first + patients)])

    def _windows(self, first: int) -> Iterator[tuple[int, FrameBatch]]:
        """Each window from number `first` on, with its frames in the patients' order."""
        if not self.workers:
            for window in count(first):
                yield window, joined([self._drawn(number) for number in self._numbers(window)])
        with process_pool(self.workers, "spawn", _one_thread) as pool:
            coming: dict[int, list[Future[FrameBatch]]] = {}
            for window in count(first):
                for later in range(window, window + AHEAD + 1):
                    if later not in coming:
                        coming[later] = [pool.submit(self._drawn, number) for number in self._numbers(later)]
                yield window, joined([future.result() for future in coming.pop(window)])

    def _numbers(self, window: int) -> range:
        return range(window * self.window_patients, (window + 1) * self.window_patients)

    def _order(self, window: int) -> NDArray[np.intp]:
        """The frames of each batch: all of a window, in another random order each time they are shown."""
        rng = np.random.default_rng([self.seed, window])
        return np.stack([rng.permutation(WINDOW_BATCHES * self.batch) for _ in range(self.shown)]).reshape(
            self.window_batches, self.batch
        )

    def _drawn(self, number: int) -> FrameBatch:
        settings = self.settings[number % len(self.settings)]
        larger = replace(settings, size=max(32, round(RENDERED_LARGER * self.size)))
        return draw_frames(settings.first_patient_number + number, larger, self.size)


def draw_frames(number: int, settings: SimulationSettings, size: int) -> FrameBatch:
    """Simulate a patient, and return the four frames at `size` pixels."""
    patient = simulate_patient(number, settings)
    name = PatientId(release_name(settings), IMAGES, patient_name(number))
    return shrunk_frames(
        (
            Frame(FrameInfo(name, v, p, patient.attributes[v], Domain.SIMULATED), f.image, f.label_map, f.spacing_mm)
            for (v, p), f in patient.frames.items()
        ),
        size,
    )


def _one_thread() -> None:
    torch.set_num_threads(1)
