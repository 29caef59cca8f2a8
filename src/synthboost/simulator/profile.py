"""The half-width of a chamber along its axis, in closed form, and the volumes and areas that follow from it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

CORNER = 0.07
"""Share of the length, next to the base, in which a wide cavity turns in to the hinge points (measured on CAMUS)."""
WIDEST_RATIO = 0.95
"""A base as wide as the chamber has no closed form; wider bases widen the chamber instead (a guess)."""
_AXIS = np.linspace(0.0, 1.0, 201)


def half_width(t: Floats, base_ratio: float, exponent: float, least_ratio: float = 0.0) -> Floats:
    """Half-width at `t` (0 at the apex, 1 at the base), relative to the largest half-width.

    A superellipse `(1 - |(t - c) / c|**n)**(1 / n)` whose widest place `c` is where it must be for the base to have
    the width `base_ratio`: with `q = (1 - m**n)**(1 / n)`, `c = 1 / (1 + q)`.

    Args:
        t: positions along the axis, any shape, in [0, 1].
        base_ratio: width at the base over the largest width, in (0, `WIDEST_RATIO`].
        exponent: 2 is an ellipse; more is boxier.
        least_ratio: the ellipse ends at least so wide, and the last `CORNER` of the length turns in to `base_ratio`.
    """
    ratio = max(base_ratio, least_ratio)
    q = (1.0 - ratio**exponent) ** (1.0 / exponent)
    widest = 1.0 / (1.0 + q)
    inner = np.clip(1.0 - np.abs((t - widest) / widest) ** exponent, 0.0, None)
    corner = np.clip((t - (1.0 - CORNER)) / CORNER, 0.0, 1.0) ** 2
    return np.asarray(inner ** (1.0 / exponent) - (ratio - base_ratio) * corner)


def biplane_volume_ml(length_mm: float, widths_mm: tuple[float, float], profiles: tuple[Floats, Floats]) -> float:
    """Volume of a chamber with elliptic cross sections, `pi / 4 L D1 D2 * integral(g1 g2)`, in ml.

    The profiles are half-widths on 201 even positions from apex to base, as `sampled` gives them.
    """
    mean_product = float(np.trapezoid(profiles[0] * profiles[1], _AXIS))
    return float(np.pi / 4.0 * length_mm * widths_mm[0] * widths_mm[1] * mean_product / 1000.0)


def area_mm2(length_mm: float, width_mm: float, profile: Floats) -> float:
    """Area of a long-axis section, mm2."""
    return float(length_mm * width_mm * np.trapezoid(profile, _AXIS))


def sampled(base_mm: float, width_mm: float, exponent: float, least_ratio: float = 0.0) -> Floats:
    """Return the profile on 201 even positions, from the widths of base and chamber in mm."""
    return half_width(_AXIS, min(base_mm / width_mm, WIDEST_RATIO), exponent, least_ratio)
