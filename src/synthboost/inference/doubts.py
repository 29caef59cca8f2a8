"""Does a frame look like an apical heart? What speaks against it, in the image and in what was predicted for it.

A model draws its structures in any picture. In one without an apical heart there is no sector with the probe on top, or
the masks are torn, touch as no heart's do, leave the model undecided, or show a cavity that is no darker than its wall.
Masks stay as they are; a person should look at the image.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from synthboost.data.sector import find_sector
from synthboost.domain import STRUCTURES, GreyImage, LabelMap, Mask, Structure, largest_piece, mirror_image
from synthboost.errors import DataError, shown
from synthboost.evaluation.clinical.plausibility import check_frame
from synthboost.inference.predictor import THRESHOLD, Prediction, Predictor, resolve, whole_heart

_T = TypeVar("_T")
UNDECIDED = (0.2, 0.8)
"""Probabilities between these decide nothing."""
MOST_UNCLEAR = -0.15
"""See `unclarity`; of simulated hearts 97 % lie below."""
STRAY = dict(zip(STRUCTURES, (0.02, 0.2, 0.2), strict=True))
"""Of a structure's largest piece: all others together. Chosen on the frames of CAMUS' validation patients, not on
others; there 2 % of the ventricles have more, and none of 200 simulated ones has a second piece at all."""
HOLE = 0.03
"""Of the wall; in 200 simulated hearts the largest hole is 0.012, in those of CAMUS' validation patients 0.034."""
MOST_VOTES = 16
"""See `some_of`."""
SURER, BRIGHTER = 19.4, 2.6
"""Of `mirror_odds`: a logistic fit to 200 simulated frames and their mirror images, with the weights that ship."""
SURE = 2.0
"""Of `mirror_odds`, for or against, summed over images; of CAMUS' 200 validation frames a third reach it, rightly."""
COLOUR_SHARES = (0.01, 0.02, 0.05, 0.1, 0.2)
"""Of the sector; the first is the least that is doubted, and they are steps, so that a clip has few different words."""
NO_SECTOR = "no sector with the probe on top: is the image cut or upside down?"
UNCLEAR = "the masks are unclear: compare them with the image"
HOLED = "a hole in the wall of the left ventricle"
NAMES = dict(zip(STRUCTURES, ("left ventricle", "myocardium", "left atrium"), strict=True))
IN_WORDS = {
    **{f"{one.short} pixels": f"no {name} was found" for one, name in NAMES.items()},
    **{f"{one.short} pieces": f"the {name} is in pieces" for one, name in NAMES.items()},
    **{f"{one.short} holes": f"the {name} has a hole" for one, name in NAMES.items()},
    "LV openings": "the wall has gaps besides the mitral valve: look at its whole length",
    "LV open contour": "the wall leaves too much or too little of the left ventricle open",
    "LA gap to LV": "the left atrium is apart from the left ventricle",
}
"""The checks of `check_frame` that no heart fails, by name."""
LONGEST_SIDE = 128
"""Of the grid on which all this is found: every pixel of a large image would only cost time."""


def doubts_about(
    image: GreyImage,
    prediction: Prediction,
    structures: Sequence[Structure | None],
    coloured: Mask | None = None,
) -> tuple[str, ...] | None:
    """Return `reasons_against_heart` of a prediction whose sentences name `structures`; `None` if not all three.

    `coloured` is what was black only because it had been in colour: much of it within the sector is a doubt, too.
    """
    if not {*STRUCTURES} <= {*structures}:
        return None
    heart = prediction.probability[[structures.index(structure) for structure in STRUCTURES]]
    return (*reasons_against_heart(image, heart), *_colour_removed(image, coloured))


def reasons_against_heart(image: GreyImage, probability: NDArray[np.floating[Any]]) -> tuple[str, ...]:
    """Return why a frame does not look like an apical heart; nothing if it does.

    `benchmarks/bench_flag.py` counts how often that is wrong, in simulated hearts and in pictures of other things.

    Args:
        image: (H, W) uint8.
        probability: (3, H, W), in the order of `STRUCTURES`. Where it is larger than `THRESHOLD` counts as inside.

    Returns:
        `NO_SECTOR`, the checks of `check_frame` that no heart fails in words, second pieces, `HOLED` and `UNCLEAR`, as
        far as they apply; in none is a comma or a semicolon.
    """
    reasons = [] if has_sector(image) else [NO_SECTOR]
    unclear, mended, found = _unclarity(image, probability)
    checks = check_frame(mended, None)
    reasons += [IN_WORDS[check.name] for check in checks if not check.passed and check.rule.severity == "implausible"]
    reasons += [
        f"a second piece of the {NAMES[one]} apart from the first"
        for one in STRUCTURES
        if _stray(found == one) > STRAY[one]
    ]
    reasons += [HOLED] if _largest_hole(found) > HOLE else []
    return (*reasons, *([UNCLEAR] if unclear > MOST_UNCLEAR else []))


def _colour_removed(image: GreyImage, coloured: Mask | None) -> list[str]:
    if coloured is None or not coloured.any():
        return []
    try:
        sector = find_sector(image).mask((image.shape[0], image.shape[1]))
    except DataError:
        sector = (image > 0) | coloured
    share = np.count_nonzero(coloured & sector) / max(1, int(np.count_nonzero(sector)))
    steps = [step for step in COLOUR_SHARES if share > step]
    return [f"colour was removed: more than {steps[-1]:.0%} of the sector".replace("%", " %")] if steps else []


def unclarity(image: GreyImage, probability: NDArray[np.floating[Any]]) -> float:
    """Return three shares in one: undecided and mended pixels, relative to the masks, less the contrast of the image.

    The contrast is the probability that a pixel of the wall is brighter than one of the ventricle: 0.5 if blood and
    muscle look alike.
    """
    return _unclarity(image, probability)[0]


def _unclarity(image: GreyImage, probability: NDArray[np.floating[Any]]) -> tuple[float, LabelMap, LabelMap]:
    """The unclarity, and the label map, mended and as predicted, on the coarse grid where it was found."""
    from scipy import ndimage

    step = math.ceil(max(image.shape) / LONGEST_SIDE)
    few = probability[:, ::step, ::step]
    grey = ndimage.uniform_filter(image.astype(np.float32), 3 * step)[::step, ::step]  # wider than speckle
    mended, (low, high) = whole_heart(few, THRESHOLD), UNDECIDED
    undecided = ((few > low) & (few < high)).any(axis=0)
    found = resolve(few, STRUCTURES, THRESHOLD)
    inside = max(1, int(np.count_nonzero(mended)))
    odd = np.count_nonzero(undecided) + np.count_nonzero(found != mended)
    return float(odd / inside - _contrast(grey, mended)), mended, found


def _stray(mask: Mask) -> float:
    """All pieces of a mask (H, W) but the largest, relative to it."""
    largest = np.count_nonzero(largest_piece(mask, corners_join=False))
    return np.count_nonzero(mask) / largest - 1 if largest else 0.0


def _largest_hole(labels: LabelMap) -> float:
    """The largest hole in ventricle and wall, relative to the wall; stray pieces of the ventricle are part of it."""
    from scipy import ndimage

    wall = labels == Structure.MYOCARDIUM
    heart = wall | largest_piece(labels == Structure.LEFT_VENTRICULAR_CAVITY, corners_join=False)
    holes, _ = ndimage.label(ndimage.binary_fill_holes(heart) & ~heart)
    return float(np.bincount(holes.ravel())[1:].max(initial=0) / max(1, np.count_nonzero(wall)))


def some_of(images: Sequence[_T]) -> Sequence[_T]:
    """At most `MOST_VOTES` of the images, from the first on at equal distances: they tell for all how they lie."""
    return images[:: math.ceil(len(images) / MOST_VOTES) or 1]


def orientation_note(predictor: Predictor, images: Mapping[str, GreyImage], sentences: Sequence[str]) -> str:
    """Say whether left and right are exchanged in images, in how many if not in all, or that it is not sure.

    Of CAMUS' validation frames and their mirror images `mirror_odds` has the right sign in 84 % (4CH 92 %, 2CH 76 %);
    the sum over frames of 2, 4, 8 patients in 91, 98, 99.9 % (`docs/recordings.md`).

    Args:
        predictor: a model that did not learn from mirrored images.
        images: by name, of different recordings; see `some_of`. One that does not look like a heart has no vote.
        sentences: that name `STRUCTURES`.

    Returns:
        Nothing if all look as expected. Images that surely differ are counted, as no machine shows both ways.
    """
    asked = ((name, mirror_odds(predictor, image, sentences)) for name, image in images.items())
    each = {name: odds for name, odds in asked if odds is not None}
    exchanged, expected = ([name for name, own in each.items() if sign * own > SURE] for sign in (1, -1))
    if exchanged and expected:
        unsure = len(each) - len(exchanged + expected)
        return (
            f"of {len(each)} images that were tried, left and right look exchanged in {len(exchanged)} "
            f"({shown(exchanged, 4)}), as expected in {len(expected)}, and {unsure} {'is' if unsure == 1 else 'are'} "
            "not sure: put those with the right ventricle on the right-hand side into a folder of their own, and give "
            "--mirrored for it."
        )
    odds = math.fsum(each.values())
    if odds < -SURE or not each:
        return ""
    said = (
        "look exchanged"
        if odds > SURE
        else "may be exchanged"
        if odds > 0
        else "look as expected, but that is not sure"
    )
    where = "these images" if len(each) > 1 else "this image"
    apart = [name for name, own in each.items() if own > 0] if odds <= 0 else []
    alone = f" (not in {shown(apart, 4)}: look at {'it' if len(apart) == 1 else 'them'})" if apart else ""
    return (
        f"in {where} left and right {said}{alone}: the right ventricle is expected on the left-hand side. If it is "
        "on the other, give --mirrored."
    )


def mirror_odds(predictor: Predictor, image: GreyImage, sentences: Sequence[str]) -> float | None:
    """Logarithm of the odds that left and right are exchanged in an image (H, W), if either is as likely beforehand.

    `None` if it looks like an apical heart neither as it is nor mirrored.

    For it speak a model that is surer in the mirror image, and a wall that is brighter on the right-hand side: that of
    the lateral wall lies along the beams.
    """
    images = image, mirror_image(image)
    found = [predictor.predict(one, sentences).probability for one in images]
    if all(map(reasons_against_heart, images, found)):
        return None
    plain, mirror = map(_strangeness, images, found)
    return plain - mirror


def _strangeness(image: GreyImage, probability: NDArray[np.floating[Any]]) -> float:
    certain = probability.astype(np.float64).clip(1e-6, 1 - 1e-6)
    entropy = -(certain * np.log(certain) + (1 - certain) * np.log(1 - certain)).sum()
    ventricle, wall = (whole_heart(probability, THRESHOLD) == structure for structure in STRUCTURES[:2])
    difference = 0.0
    if ventricle.any():
        right = np.arange(image.shape[1]) > np.nonzero(ventricle)[1].mean()
        sides = [image[wall & side] for side in (right, ~right)]
        difference = float(sides[0].mean() - sides[1].mean()) if all(len(side) for side in sides) else 0.0
    return float(SURER * entropy / max(1, np.count_nonzero(probability > THRESHOLD)) + BRIGHTER * difference / 255)


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
