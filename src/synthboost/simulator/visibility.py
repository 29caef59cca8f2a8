"""Image quality by a rule: how much of the wall stands out from the blood beside it.

The wall of a view has six segments: left and right of the axis, basal, middle and apical thirds of the cavity's height.
A segment is visible if one grey level separates it from the adjacent blood: some threshold has `SEPARATION` more of the
wall's pixels above it than of the blood's. That is the generalised contrast-to-noise ratio of two grey level histograms
that cross once, without bins, and with the sign that the wall is brighter. It does not depend on gain or gamma.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from synthboost.domain import GreyImage, LabelMap, Quality, Structure
from synthboost.evaluation.clinical.apical_view import ApicalView


class QualityRule(StrEnum):
    """Where the word for an image's quality comes from."""

    DRAWN = "drawn"
    VISIBLE_WALL = "visible-wall"


SEPARATION = 0.4
"""The least difference of the two shares with which a segment counts as visible. Of 0.4-0.75, the one with which the
rule agreed best with the drawn quality of patients 1001-1014 of seed 0 (28 views at 128 pixels)."""
GOOD_FROM, MEDIUM_FROM = 5 / 6, 3 / 6
"""Shares of visible segments: all but one of six, and half; of two pairs the one that agreed better, as above."""
NEAR_MM = (1.0, 8.0)
"""Wall so far from the cavity, and blood so far from the wall, are compared; nearer ones blend into each other."""
FEWEST_PIXELS = 8
"""A segment with fewer pixels of wall or of blood, cut off by the fan, does not count."""


def segment_separations(image: GreyImage, label_map: LabelMap, spacing_mm: tuple[float, float]) -> list[float | None]:
    """Return for each of the six segments by how much a threshold separates it from blood; `None` if it is cut off.

    Args:
        image: (H, W) uint8.
        label_map: (H, W), with cavity and wall.
        spacing_mm: (rows, columns).

    Returns:
        Left basal, middle, apical, right basal, middle, apical, each in [0, 1]: 1 if all of the wall is brighter.

    Raises:
        DataError: there is no cavity, or it has no valve.
    """
    from scipy import ndimage  # here, because looking at names must be quick

    cavity = label_map == int(Structure.LEFT_VENTRICULAR_CAVITY)
    wall = (label_map == int(Structure.MYOCARDIUM)) & (image > 0)  # labels go on behind the fan, where all is black
    to_cavity = ndimage.distance_transform_edt(~cavity, sampling=spacing_mm)
    segments = _segments(label_map, spacing_mm)
    near, far = NEAR_MM
    separations: list[float | None] = []
    for number in range(6):
        segment = wall & (segments == number)
        if not segment.any():
            separations.append(None)
            continue
        to_segment = ndimage.distance_transform_edt(~segment, sampling=spacing_mm)
        inner = image[segment & (to_cavity >= near) & (to_cavity <= far)]
        blood = image[cavity & (image > 0) & (to_segment >= near) & (to_segment <= far)]
        separations.append(None if min(inner.size, blood.size) < FEWEST_PIXELS else separation(inner, blood))
    return separations


def separation(wall: NDArray[np.uint8], blood: NDArray[np.uint8]) -> float:
    """Largest difference, over all thresholds, of the shares of the wall's and of the blood's pixels above it."""
    above = [1.0 - np.cumsum(np.bincount(pixels, minlength=256)) / pixels.size for pixels in (wall, blood)]
    return max(0.0, float((above[0] - above[1]).max()))


def visible_share(separations: Iterable[float | None]) -> float:
    """Share of the visible segments among those that are not cut off; 0 if all are."""
    shown = [value for value in separations if value is not None]
    return sum(value >= SEPARATION for value in shown) / len(shown) if shown else 0.0


def quality_of(share: float) -> Quality:
    """Return the word for a share of visible segments."""
    if share >= GOOD_FROM - 1e-9:
        return Quality.GOOD
    return Quality.MEDIUM if share >= MEDIUM_FROM - 1e-9 else Quality.POOR


def _segments(label_map: LabelMap, spacing_mm: tuple[float, float]) -> NDArray[np.intp]:
    """(H, W) 0-2 left basal to apical, 3-5 right."""
    height, across = ApicalView.of(label_map, spacing_mm).plane.coordinates(label_map.shape, spacing_mm)
    cavity = label_map == int(Structure.LEFT_VENTRICULAR_CAVITY)
    third = np.clip(np.floor(3.0 * height / height[cavity].max()), 0, 2)
    return np.asarray(third + 3 * (across > 0)).astype(np.intp)
