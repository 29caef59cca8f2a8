"""How sectors are found and masks perturbed on a data set: failures, what lies outside, draws thrown away.

Run `OMP_NUM_THREADS=1 python benchmarks/bench_masks.py CAMUS [--every 3] [--knot-shift 30]`. Every frame's sector is
found; of every third frame, five perturbed masks are made.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from pathlib import Path

import numpy as np

from synthboost.data import Dataset, open_dataset
from synthboost.data.sector import find_sector
from synthboost.diffusion.perturbation import PerturbationSettings, perturb, perturbation_rng
from synthboost.domain import STRUCTURES
from synthboost.errors import DataError
from synthboost.evaluation.metrics.score import dice


def sectors(dataset: Dataset) -> None:
    outside, labels_outside, seconds, failures = [], [], 0.0, []
    for info in dataset.frames:
        frame = dataset.load(info)
        start = time.process_time()
        try:
            inside = find_sector(frame.image, info.name).mask(frame.image.shape)
        except DataError as error:
            failures.append(str(error))
            continue
        finally:
            seconds += time.process_time() - start
        outside.append(np.count_nonzero((frame.image > 0) & ~inside) / np.count_nonzero(frame.image))
        if frame.label_map is not None:
            labelled = frame.label_map > 0
            labels_outside.append(np.count_nonzero(labelled & ~inside) / max(1, np.count_nonzero(labelled)))
    print(
        f"{len(dataset.frames)} frames, {len(failures)} refused, {1000 * seconds / len(dataset.frames):.1f} ms a frame"
    )
    for failure in failures[:10]:
        print(f"  {failure}")
    for what, shares in (("pixels above 0 outside", outside), ("labelled pixels outside", labels_outside)):
        print(f"{what}: mean {np.mean(shares):.2%}, largest {np.max(shares):.2%}")


def perturbations(dataset: Dataset, every: int, settings: PerturbationSettings) -> None:
    masks, draws, redrawn, kept, seconds = 0, 0, 0, 0, 0.0
    reasons: Counter[str] = Counter()
    overlap: dict[int, list[float]] = {s: [] for s in STRUCTURES}
    area: dict[int, list[float]] = {s: [] for s in STRUCTURES}
    for info in dataset.frames[::every]:
        frame = dataset.load(info)
        if frame.label_map is None:
            continue
        inside = find_sector(frame.image, info.name).mask(frame.image.shape)
        start = time.process_time()
        rngs = [perturbation_rng(0, info.name, copy) for copy in range(5)]
        found = [perturb(frame.label_map, inside, settings, rng, info.name) for rng in rngs]
        seconds += time.process_time() - start
        for mask in found:
            masks, redrawn, kept = masks + 1, redrawn + bool(mask.rejected), kept + bool(mask.note)
            draws += len(mask.rejected) + (not mask.note)
            reasons.update(reason for draw in mask.rejected for reason in draw)
            for s in STRUCTURES:
                before, after = frame.label_map == s, mask.label_map == s
                if before.any():
                    overlap[s].append(dice(before, after))
                    area[s].append(np.count_nonzero(after) / np.count_nonzero(before))
    print(f"\n{masks} masks, knots up to {settings.knot_shift_px:g} px: {redrawn / masks:.1%} drawn again, {kept} kept")
    print(f"{1 - (masks - kept) / draws:.1%} of {draws} draws thrown away; {1000 * seconds / masks:.0f} ms a mask")
    print(", ".join(f"{reason} {count}" for reason, count in reasons.most_common()))
    print("\n| structure | Dice with the source mask | area, times the source's |\n|---|---|---|")
    for s in STRUCTURES:
        cells = [f"{np.mean(v):.2f} ± {np.std(v):.2f}" for v in (overlap[s], area[s])]
        print(f"| {s.short} | {' | '.join(cells)} |")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("--every", type=int, default=3)
    parser.add_argument("--knot-shift", type=float, default=30.0)
    options = parser.parse_args()
    dataset = open_dataset(options.data, allow_missing=True)
    sectors(dataset)
    perturbations(dataset, options.every, PerturbationSettings(knot_shift_px=options.knot_shift))


if __name__ == "__main__":
    main()
