"""What the benchmarks share: a clock, interleaved repeats in one process or in processes of their own, and verdicts.

Repeats of all variants are interleaved, so that what else the machine does, which changes slowly, meets all alike. A
process of its own tells the memory of each variant.
"""

from __future__ import annotations

import argparse
import os
import resource
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.flop_counter import FlopCounterMode

NO_DATA = "nothing measured: give --data, or set SYNTHBOOST_CAMUS"
SAME_MEMORY = 0.98
"""Naive peak over ours that still counts as no higher; a choice, so that the last pages decide nothing."""


UNEVEN = 1.25
"""Cores that one variant got over those of another, beyond which their times by the clock are not compared."""


def annotated_parser(description: str | None) -> argparse.ArgumentParser:
    """Options of what trains on a few annotated patients; `data` is `None` where there are none, see `NO_DATA`."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    camus = os.environ.get("SYNTHBOOST_CAMUS")
    parser.add_argument("--data", type=Path, default=camus, help="default: SYNTHBOOST_CAMUS")
    parser.add_argument("--split", default="no-test")
    parser.add_argument("--leave-out", nargs="*", default=[])
    parser.add_argument("--patients", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    return parser


class Stopwatch:
    """CPU seconds of this process, those in which it is stopped excluded."""

    def __init__(self) -> None:
        """Begin."""
        self.total, self.began = 0.0, time.process_time()

    def stop(self) -> float:
        """Return what was counted so far."""
        self.total += time.process_time() - self.began
        return self.total

    def go(self) -> None:
        """Count on."""
        self.began = time.process_time()


@dataclass
class Clock:
    """Seconds by the clock on the wall, and seconds that all processor cores together spent on this process."""

    wall_s: float = 0.0
    cpu_s: float = 0.0

    @contextmanager
    def running(self, device: torch.device) -> Iterator[None]:
        """Add what the block takes; a GPU's queue is emptied before and after."""
        finish(device)
        wall, cpu = time.perf_counter(), time.process_time()
        yield
        finish(device)
        self.wall_s += time.perf_counter() - wall
        self.cpu_s += time.process_time() - cpu


@dataclass(frozen=True, eq=False)
class Timing:
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


def in_processes(measure: Callable[[str], Timing], variants: Sequence[str], repeats: int) -> dict[str, Timing]:
    """Measure every variant `repeats` times, interleaved, each time in a new process.

    Returns:
        By variant: the least time and the most memory of all repeats.
    """
    found: dict[str, list[Timing]] = {variant: [] for variant in variants}
    for _ in range(repeats):
        for variant in variants:
            found[variant].append(in_new_process(measure, variant))
    return {variant: _best(several) for variant, several in found.items()}


def in_new_process(measure: Callable[[str], Timing], variant: str) -> Timing:
    """Measure one variant in a process that imports everything anew."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(measure, variant).result()


@dataclass
class Rounds:
    """Ways to do something, run one after the other in every round of one process, and what each took."""

    ways: Mapping[str, Callable[[], Any]]
    clocks: dict[str, list[Clock]] = field(default_factory=dict)

    def run(self, rounds: int) -> None:
        """Run every way once without the clock, then `rounds` times with it."""
        for way in self.ways.values():
            way()
        self.clocks = {name: [] for name in self.ways}
        for _ in range(rounds):
            for name, way in self.ways.items():
                clock = Clock()
                with clock.running(torch.device("cpu")):
                    way()
                self.clocks[name].append(clock)

    def report(self, per: int = 1) -> None:
        """Print a table in Markdown; times are divided by `per`."""
        print("| what | s by the clock | CPU s | cores got |\n|---|---|---|---|")
        for name, clocks in self.clocks.items():
            wall, cpu = median(one.wall_s for one in clocks), median(one.cpu_s for one in clocks)
            print(f"| {name} | {wall / per:.4f} | {cpu / per:.4f} | {cpu / wall:.2f} |")

    def ratio(self, over: str, under: str, clock: str) -> float:
        """The median, over the rounds, of one way's time over another's; `clock` is a field of `Clock`."""
        pairs = zip(self.clocks[over], self.clocks[under], strict=True)
        return median(getattr(a, clock) / getattr(b, clock) for a, b in pairs)

    def uneven(self, one: str, other: str) -> str:
        """How differently the machine served two ways, or nothing."""
        got = [median(clock.cpu_s / clock.wall_s for clock in self.clocks[name]) for name in (one, other)]
        return f"they got {got[0]:.2f} and {got[1]:.2f} cores" if max(got) > UNEVEN * min(got) else ""

    def compare(self, over: str, under: str, target: float | None = None) -> None:
        """Print a ratio by both clocks where they compare something, and what became of the target."""
        for name, clock in (("by the clock", "wall_s"), ("by processor time", "cpu_s")):
            if clock == "wall_s" and (odd := self.uneven(over, under)):
                print(f"{over} / {under}, {name}: not comparable, {odd}")
                continue
            ratio = self.ratio(over, under, clock)
            verdict = "" if target is None else f": {against(ratio, target)}"
            print(f"{over} / {under}, {name}: {ratio:.2f}{verdict}")


def best_cpu_seconds(*ways: Callable[[], Any], rounds: int = 3) -> list[float]:
    """The least processor time of each way over interleaved rounds, seconds."""
    best = [float("inf")] * len(ways)
    for _ in range(rounds):
        for number, way in enumerate(ways):
            start = time.process_time()
            way()
            best[number] = min(best[number], time.process_time() - start)
    return best


def _best(several: list[Timing]) -> Timing:
    return replace(
        several[0],
        wall_s=min(one.wall_s for one in several),
        cpu_s=min(one.cpu_s for one in several),
        preparation_s=min(one.preparation_s for one in several),
        peak_gb=max(one.peak_gb for one in several),
    )


def finish(device: torch.device) -> None:
    """Wait until the queue of a GPU is empty; a CPU has none."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def peak_gb(device: torch.device) -> float:
    """Most memory that this process has taken so far, in GB (10^9 bytes)."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e9
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9  # Linux counts in KiB


def flops_of(run: Callable[[], object]) -> float:
    """Floating-point operations of the second of two calls: multiplications and additions of products alone."""
    run()  # the first call of all chooses kernels
    with FlopCounterMode(display=False) as counter:
        run()
    return float(counter.get_total_flops())


def difference(one: Timing, other: Timing) -> float:
    """Largest absolute difference of what two variants compute."""
    return float(np.abs(one.answer - other.answer).max())


def load() -> str:
    """The load of the machine, to be printed beside the times."""
    return f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"


def cores(one: Timing) -> float:
    """How many processor cores were at work for this variant while its clock ran."""
    return one.cpu_s / one.wall_s


def disturbance(naive: Timing, ours: Timing) -> str:
    """A warning where the machine served two variants so differently that the clock does not compare them."""
    one, other = cores(naive), cores(ours)
    if not np.isnan(naive.flops):  # counted on a GPU only, where the processor's share says nothing
        return ""
    if max(one, other) <= UNEVEN * min(one, other):
        return ""
    return f", but not comparable: naive got {one:.2f} cores, this one {other:.2f}; look at processor time"


def against(ratio: float, target: float) -> str:
    """e.g. `PASS (6.8 of 6.0)`."""
    return f"{'PASS' if ratio >= target else 'FAIL'} ({ratio:.2f} of {target:g})"
