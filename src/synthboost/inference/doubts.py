"""Does a frame look like an apical heart? What speaks against it, in the image and in what was predicted for it.

A model draws its structures in any picture. In one without an apical heart there is no sector with the probe on top, or
the masks are torn, touch as no heart's do, leave the model undecided, or show a cavity that is no darker than its wall.
Masks stay as they are; a person should look at the image.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synthboost.data.sector import find_sector
from synthboost.domain import STRUCTURES, GreyImage, LabelMap, Structure
from synthboost.errors import DataError
from synthboost.evaluation.clinical.plausibility import check_frame
from synthboost.inference.predictor import THRESHOLD, Prediction, Predictor, resolve, whole_heart

UNDECIDED = (0.2, 0.8)
"""Probabilities between these decide nothing."""
MOST_UNCLEAR = -0.15
"""See `unclarity`; of simulated hearts 97 % lie below."""
FEWEST_VOTES, MOST_VOTES = 8, 16
"""Images that are asked for their orientation. Draws from 40 validation frames of CAMUS err in 4 % with 8 and in 0.5 %
with 16: an optimistic guess, since frames of a patient are alike."""
LONGEST_SIDE = 128
"""Of the grid on which all this is found: every pixel of a large image would only cost time."""


def doubts_about(
    image: GreyImage, prediction: Prediction, structures: Sequence[Structure | None]
) -> tuple[str, ...] | None:
    """Return `reasons_against_heart` of a prediction whose sentences name `structures`; `None` if not all three."""
    if not {*STRUCTURES} <= {*structures}:
        return None
    heart = prediction.probability[[structures.index(structure) for structure in STRUCTURES]]
    return reasons_against_heart(image, heart)


def reasons_against_heart(image: GreyImage, probability: NDArray[np.floating[Any]]) -> tuple[str, ...]:
    """Return why a frame does not look like an apical heart; nothing if it does.

    `benchmarks/bench_flag.py` counts how often that is wrong, in simulated hearts and in pictures of other things.

    Args:
        image: (H, W) uint8.
        probability: (3, H, W), in the order of `STRUCTURES`. Where it is larger than `THRESHOLD` counts as inside.

    Returns:
        `no sector`, the checks of `check_frame` that no heart fails, and `unclear`, as far as they apply.
    """
    reasons = [] if has_sector(image) else ["no sector"]
    unclear, mended = _unclarity(image, probability)
    checks = check_frame(mended, None)
    reasons += [check.name for check in checks if not check.passed and check.rule.severity == "implausible"]
    return (*reasons, *(["unclear"] if unclear > MOST_UNCLEAR else []))


def unclarity(image: GreyImage, probability: NDArray[np.floating[Any]]) -> float:
    """Return three shares in one: undecided and mended pixels, relative to the masks, less the contrast of the image.

    The contrast is the probability that a pixel of the wall is brighter than one of the ventricle: 0.5 if blood and
    muscle look alike.
    """
    return _unclarity(image, probability)[0]


def _unclarity(image: GreyImage, probability: NDArray[np.floating[Any]]) -> tuple[float, LabelMap]:
    """The unclarity, and the mended label map on the coarse grid where it was found."""
    from scipy import ndimage

    step = math.ceil(max(image.shape) / LONGEST_SIDE)
    few = probability[:, ::step, ::step]
    grey = ndimage.uniform_filter(image.astype(np.float32), 3 * step)[::step, ::step]  # wider than speckle
    mended, (low, high) = whole_heart(few, THRESHOLD), UNDECIDED
    undecided = ((few > low) & (few < high)).any(axis=0)
    changed = resolve(few, STRUCTURES, THRESHOLD) != mended
    inside = max(1, int(np.count_nonzero(mended)))
    odd = np.count_nonzero(undecided) + np.count_nonzero(changed)
    return float(odd / inside - _contrast(grey, mended)), mended


def looks_mirrored(predictor: Predictor, images: Sequence[GreyImage], sentences: Sequence[str]) -> bool:
    """Return whether images of one machine, taken together, are clearer to the model in their mirror images.

    Machines show the left ventricle on the right or on the left side. One image does not tell: of CAMUS' validation
    frames three quarters are clearer as they are (40 frames, which share patients; sets were not tested).

    Args:
        predictor: a model that did not learn from mirrored images.
        images: at least `FEWEST_VOTES`, of different recordings; of more than `MOST_VOTES` some.
        sentences: that name `STRUCTURES`.
    """
    clearer = 0.0
    for image in images[:: math.ceil(len(images) / MOST_VOTES)]:
        both = image, np.ascontiguousarray(image[:, ::-1])
        plain, mirror = (unclarity(seen, predictor.predict(seen, sentences).probability) for seen in both)
        clearer += mirror - plain
    return clearer < 0


def _contrast(grey: NDArray[np.float32], label_map: LabelMap) -> float:
    ventricle, wall = (grey[label_map == structure] for structure in STRUCTURES[:2])
    if not (ventricle.size and wall.size):
        return 0.0
    ventricle.sort()
    darker = [np.searchsorted(ventricle, wall, side) for side in ("left", "right")]  # ties count half
    return float(np.mean(darker) / ventricle.size)


def has_sector(image: GreyImage) -> bool:
    """Return whether an image (H, W) shows the fan of an ultrasound probe, the probe on top."""
    try:
        find_sector(image)
    except DataError:
        return False
    return True
