"""Volumes of a chamber from its outline in one or two views: stacked discs, and area-length."""

from __future__ import annotations

import math

from synthboost.evaluation.clinical.chamber import DISCS, Chamber, Scale


def discs_volume(first: Chamber, second: Chamber, length: float, scale: Scale) -> float:
    """Simpson's rule: pi/4 * sum(a_i * b_i) * length / 20, in the scale's `volume_unit`.

    Args:
        first, second: the chamber in two views; the same one twice takes every disc for a circle (single plane).
        length: of the axis, which 20 discs share.
        scale: what the lengths are in.
    """
    products = float((first.diameters * second.diameters).sum())
    return scale.volume(math.pi / 4 * products * length / DISCS)


def area_length_volume(first_area: float, second_area: float, length: float, scale: Scale) -> float:
    """8 / (3 pi) * A1 * A2 / L, which is exact for an ellipsoid; the factor is the 0.85 of Lang et al. 2015."""
    return scale.volume(8 / (3 * math.pi) * first_area * second_area / length)
