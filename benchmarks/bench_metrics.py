"""Score masks with synthboost and with MONAI, same masks, same process: time per mask, ratio, largest difference.

    python benchmarks/bench_metrics.py --masks 40 --side 512

The masks are ellipses with wavy borders, as large in the image as a left ventricle is. Either library computes Dice,
IoU, HD95, ASSD and NSD of the same pair; the two are interleaved, and the median over the masks is reported.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable

import numpy as np
import torch
from monai.metrics import (
    compute_average_surface_distance,
    compute_dice,
    compute_hausdorff_distance,
    compute_iou,
    compute_surface_dice,
)

from synthboost.domain import Mask
from synthboost.evaluation.metrics.score import score_masks
from synthboost.progress import track

SPACING_MM = (0.308, 0.308)
TOLERANCE_MM = 2.0


def wavy_ellipse(generator: np.random.Generator, side: int) -> Mask:
    """A mask (side, side) whose radius wobbles by some percent around an ellipse."""
    rows, columns = np.mgrid[:side, :side] / side
    centre = generator.normal(0.5, 0.02, size=2)
    across, down = columns - centre[1], rows - centre[0]
    angle = np.arctan2(down, across)
    waves = sum(generator.normal(0, 0.04) * np.cos(k * angle + generator.uniform(0, 6.28)) for k in range(2, 7))
    return np.asarray(np.hypot(across / 0.13, down / 0.22) < 1 + waves)


def by_synthboost(true: Mask, predicted: Mask) -> tuple[float, ...]:
    scores = score_masks(true, predicted, SPACING_MM, TOLERANCE_MM)
    return scores.dice, scores.iou, scores.hd95_mm, scores.assd_mm, scores.nsd


def by_monai(true: Mask, predicted: Mask) -> tuple[float, ...]:
    y, y_pred = (torch.from_numpy(m)[None, None].float() for m in (true, predicted))
    distance = {"include_background": True, "spacing": SPACING_MM}
    return (
        float(compute_dice(y_pred, y)),
        float(compute_iou(y_pred, y)),
        float(compute_hausdorff_distance(y_pred, y, percentile=95, **distance)),
        float(compute_average_surface_distance(y_pred, y, symmetric=True, **distance)),
        float(compute_surface_dice(y_pred, y, [TOLERANCE_MM], **distance)),
    )


def timed(score: Callable[[Mask, Mask], tuple[float, ...]], true: Mask, predicted: Mask) -> tuple[float, np.ndarray]:
    start = time.perf_counter()
    scores = score(true, predicted)
    return time.perf_counter() - start, np.array(scores)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--masks", type=int, default=40, help="number of mask pairs")
    parser.add_argument("--side", type=int, default=512, help="height and width of the masks in pixels")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    warnings.filterwarnings("ignore", module="monai")
    torch.set_num_threads(1)
    generator = np.random.default_rng(options.seed)
    pairs = [tuple(wavy_ellipse(generator, options.side) for _ in range(2)) for _ in range(options.masks)]
    for score in (by_synthboost, by_monai):
        score(*pairs[0])  # the first call imports what is imported late

    ours_s, theirs_s, worst = [], [], 0.0
    for true, predicted in track(pairs, "pairs"):
        our_time, ours = timed(by_synthboost, true, predicted)
        their_time, theirs = timed(by_monai, true, predicted)
        ours_s.append(our_time)
        theirs_s.append(their_time)
        worst = max(worst, float(np.abs(ours - theirs).max()))
    ours_ms, theirs_ms = 1000 * np.median(ours_s), 1000 * np.median(theirs_s)
    size = f"{options.side} x {options.side}"
    print(f"{options.masks} pairs of {size}: synthboost {ours_ms:.2f} ms, MONAI {theirs_ms:.2f} ms")
    print(f"ratio {theirs_ms / ours_ms:.1f}, largest difference of any score {worst:.1e}")


if __name__ == "__main__":
    main()
