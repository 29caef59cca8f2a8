"""Measure variants of one thing in turns, each in a process of its own, so that memory and noise are told apart."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing import get_context

import numpy as np
import torch
from numpy.typing import NDArray

SAME_MEMORY = 0.98
"""Naive peak over ours that still counts as no higher; a choice, so that the last pages decide nothing."""


UNEVEN = 1.25
"""Cores that one variant got over those of another, beyond which their times by the clock are not compared."""


@dataclass
class Clock:
    """Seconds by the clock on the wall, and seconds that all processor cores together spent on this process."""

    wall_s: float = 0.0
    cpu_s: float = 0.0

    @contextmanager
    def running(self, device: torch.device) -> Iterator[None]:
        """Add what the block takes; what a GPU was told before must be done before, and what the block tells it too."""
        finish(device)
        wall, cpu = time.perf_counter(), time.process_time()
        yield
        finish(device)
        self.wall_s += time.perf_counter() - wall
        self.cpu_s += time.process_time() - cpu


@dataclass(frozen=True, eq=False)
class Measured:
    """One variant in one process."""

    wall_s: float
    """Per image."""
    cpu_s: float
    """Per image; over `wall_s` it tells how many cores the variant got."""
    peak_gb: float
    """Of the process's resident memory; on a GPU, of the memory of its tensors there."""
    answer: NDArray[np.float32]
    """What the variant computes, to compare it with the others'."""
    loss: float = float("nan")
    """Of the last step, where something is trained."""
    preparation_s: float = 0.0
    """Per image, once and for all, by the wall clock."""
    flops: float = float("nan")
    """Per image, multiplications and additions counted apart; counted on a GPU only."""


def in_turns(measure: Callable[[str], Measured], variants: Sequence[str], repeats: int) -> dict[str, Measured]:
    """Measure every variant `repeats` times, in turns, each time in a new process.

    Returns:
        By variant: the least time and the most memory of all repeats.
    """
    found: dict[str, list[Measured]] = {variant: [] for variant in variants}
    for _ in range(repeats):
        for variant in variants:
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
                found[variant].append(process.submit(measure, variant).result())
    return {variant: _best(several) for variant, several in found.items()}


def _best(several: list[Measured]) -> Measured:
    return replace(
        several[0],
        wall_s=min(one.wall_s for one in several),
        cpu_s=min(one.cpu_s for one in several),
        preparation_s=min(one.preparation_s for one in several),
        peak_gb=max(one.peak_gb for one in several),
    )


def finish(device: torch.device) -> None:
    """Wait until a GPU has done what it was told; a CPU always has."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def peak_gb(device: torch.device) -> float:
    """Most memory that this process has taken so far, in GB (10^9 bytes)."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e9
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9  # Linux counts in KiB


def difference(one: Measured, other: Measured) -> float:
    """Largest absolute difference of what two variants compute."""
    return float(np.abs(one.answer - other.answer).max())


def load() -> str:
    """The load of the machine, for those who judge the times."""
    return f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"


def cores(one: Measured) -> float:
    """How many processor cores were at work for this variant while its clock ran."""
    return one.cpu_s / one.wall_s


def disturbance(naive: Measured, ours: Measured) -> str:
    """A warning where the machine served two variants so differently that the clock does not compare them."""
    one, other = cores(naive), cores(ours)
    if not np.isnan(naive.flops):  # counted on a GPU only, where the processor's share says nothing
        return ""
    if max(one, other) <= UNEVEN * min(one, other):
        return ""
    return f", but not comparable: naive got {one:.2f} cores, this one {other:.2f}; look at processor time"


def judged(ratio: float, target: float | None) -> str:
    """e.g. `PASS (6.8 of 6.0)`; nothing where no target was set."""
    if target is None:
        return "-"
    return f"{'PASS' if ratio >= target else 'FAIL'} ({ratio:.2f} of {target:g})"
