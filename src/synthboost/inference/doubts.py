"""Does a prediction look like an apical heart? What speaks against it, found in the probabilities alone.

A model draws its structures in any picture. In one without an apical heart they are torn, lie where those of no heart
lie, or leave the model undecided. Masks stay as they are; a person should look at the image.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synthboost.domain import STRUCTURES, Structure
from synthboost.evaluation.clinical.plausibility import check_frame
from synthboost.inference.predictor import THRESHOLD, Prediction, resolve, whole_heart

UNDECIDED = (0.2, 0.8)
"""Probabilities between these decide nothing."""
MOST_UNDECIDED, MOST_MENDED = 0.55, 0.06
"""See `undecided_share` and `mended_share`. Hearts stay below (`benchmarks/bench_flag.py`)."""
LONGEST_SIDE = 128
"""Of the grid on which all this is found: every pixel of a large image would only cost time."""


def doubts_about(prediction: Prediction, structures: Sequence[Structure | None]) -> tuple[str, ...] | None:
    """Return `reasons_against_heart` of a prediction whose sentences name `structures`; `None` if not all three."""
    if not {*STRUCTURES} <= {*structures}:
        return None
    heart = prediction.probability[[structures.index(structure) for structure in STRUCTURES]]
    return reasons_against_heart(heart, prediction.threshold)


def reasons_against_heart(probability: NDArray[np.floating[Any]], threshold: float = THRESHOLD) -> tuple[str, ...]:
    """Return why a prediction does not look like an apical heart; nothing if it does.

    `benchmarks/bench_flag.py` counts how often that is wrong, in simulated hearts and in pictures of other things.

    Args:
        probability: (3, H, W), in the order of `STRUCTURES`.
        threshold: a pixel is inside when its probability is larger.

    Returns:
        The checks of `check_frame` that no heart fails, `in pieces`, and `undecided`, as far as they apply.
    """
    few = on_coarse_grid(probability)
    checks = check_frame(whole_heart(few, threshold), None)
    reasons = [check.name for check in checks if not check.passed and check.rule.severity == "implausible"]
    reasons += ["in pieces"] if mended_share(few, threshold) > MOST_MENDED else []
    reasons += ["undecided"] if undecided_share(few, threshold) > MOST_UNDECIDED else []
    return tuple(reasons)


def on_coarse_grid(probability: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
    """Return every so manieth pixel of (3, H, W), so that the longer side has at most `LONGEST_SIDE`."""
    step = math.ceil(max(probability.shape[1:]) / LONGEST_SIDE)
    return probability[:, ::step, ::step]


def mended_share(probability: NDArray[np.floating[Any]], threshold: float) -> float:
    """Return how much `whole_heart` changes, relative to the masks that it leaves."""
    mended = whole_heart(probability, threshold)
    changed = resolve(probability, STRUCTURES, threshold) != mended
    return float(np.count_nonzero(changed) / max(1, int(np.count_nonzero(mended))))


def undecided_share(probability: NDArray[np.floating[Any]], threshold: float) -> float:
    """Return how large the part of the image is where some structure is undecided, relative to the masks."""
    low, high = UNDECIDED
    undecided, inside = ((probability > low) & (probability < high)).any(axis=0), probability.max(axis=0) > threshold
    return float(np.count_nonzero(undecided) / max(1, int(np.count_nonzero(inside))))
