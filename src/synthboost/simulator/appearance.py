"""How images look: presets (`clean`, `clinical`, `wild`), dials that widen them, and the acquisition of one view."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TypeAlias

import numpy as np
from numpy.random import Generator

from synthboost.domain import Quality, View
from synthboost.simulator.priors import Prior, named_values


class AppearanceName(StrEnum):
    """Which preset of images is made."""

    CLEAN = "clean"
    CLINICAL = "clinical"
    WILD = "wild"


@dataclass(frozen=True)
class Vendor:
    """A make of scanner."""

    name: str
    frequency_mhz: float
    axial_fwhm_mm: float
    lateral_factor: float
    """On the diffraction-limited beam width; below 1, since scanners sharpen (fitted to CAMUS' speckle)."""
    curve: str
    """Grey curve: `linear`, `s` (steeper in the middle) or `dark`."""
    smoothing: float
    """Of the compressed image, in samples of the full polar grid."""


VENDORS = (
    Vendor("A", 2.5, 0.75, 0.64, "linear", 0.6),
    Vendor("B", 2.2, 0.92, 0.72, "s", 0.8),
    Vendor("C", 2.9, 0.60, 0.56, "dark", 0.4),
)


def stretch(strength: float, most: float) -> float:
    """Return the factor between 1 and `most` that belongs to a strength from 0 to 1."""
    return 1.0 + strength * (most - 1.0)


Dials: TypeAlias = Mapping[str, float]
"""How far beyond a preset's ranges everything varies: each of `DIALS` from 0 (not at all) to 1 (the widest range)."""
DIALS = ("anatomy", "acoustics", "artefacts", "gain", "scan_conversion")
"""anatomy: standard deviations of pose, annulus, wall, length and outline, times 1 to 1.8.

acoustics: echogenicity, added with a standard deviation of 0 to 4 dB per tissue (wall, blood, background); pulse and
beam width, times exp(N(0, s)) with s from 0 to 0.25.

artefacts: wall segments that are not seen, 0 to 2 more per view, up to 1.8 times wider; haze, a standard deviation of 0
to 4 dB; shadows, times 1 to 1.5.

gain: the operator's grey levels, gamma and speckle reduction: standard deviations times 1 to 2.5.

scan_conversion: opening angle, a share of 0 to 0.5 of the fans drawn evenly from 30 to 50 degrees; the scanner's
smoothing, times exp(N(0, s)) with s from 0 to 0.5."""
NONE, ALL = dict.fromkeys(DIALS, 0.0), dict.fromkeys(DIALS, 1.0)


def widened(prior: Prior, anatomy: float) -> Prior:
    """Return the prior with its standard deviations widened by the dial of the anatomy."""
    return replace(prior, sd={name: stretch(anatomy, 1.8) * sd for name, sd in prior.sd.items()})


@dataclass(frozen=True)
class Appearance:
    """A preset."""

    vendors: tuple[Vendor, ...]
    quality_shares: tuple[float, float, float]
    """Of patients whose images are basically good, medium, poor."""
    half_angles: dict[float, float]
    """Half opening angle of the fan in degrees -> share."""
    artefacts: float
    """0: no shadow, dropout, haze or operator's gain; 1: as in a clinic."""
    dials: Dials = field(default_factory=lambda: NONE)

    def turned(self, dials: Iterable[tuple[str, float]]) -> Appearance:
        """Return the preset with some dials, (name, value) each, turned; the others stay.

        Raises:
            ConfigError: an unknown dial, one twice, or a value that is not from 0 to 1.
        """
        turned = named_values("dials", dials, dict.fromkeys(DIALS, (0.0, 1.0)))
        return replace(self, dials={**self.dials, **turned})


_CLINICAL = Appearance(
    vendors=VENDORS,
    # CAMUS, 2CH and 4CH pooled: 45 / 39 / 16 %.
    quality_shares=(0.46, 0.38, 0.16),
    # 400 four-chamber training frames of CAMUS.
    half_angles={37.4: 0.85, 45.0: 0.05, 40.0: 0.04, 35.0: 0.03, 32.0: 0.02, 30.0: 0.01},
    artefacts=1.0,
)
APPEARANCES = {
    AppearanceName.CLEAN: Appearance(
        vendors=VENDORS[:1], quality_shares=(1.0, 0.0, 0.0), half_angles={37.5: 1.0}, artefacts=0.0
    ),
    AppearanceName.CLINICAL: _CLINICAL,
    AppearanceName.WILD: replace(_CLINICAL, dials=ALL),
}
QUALITY_STEP_SHARE = 0.17
"""A view is one step better, or one step worse, than the patient's other image with this probability each
(40 % of CAMUS' patients have different labels in their two views)."""
QUALITIES = (Quality.GOOD, Quality.MEDIUM, Quality.POOR)


def draw_qualities(rng: Generator, appearance: Appearance) -> dict[View, Quality]:
    """Draw the quality of both views: correlated, because the same chest is in the way."""
    base = int(rng.choice(3, p=appearance.quality_shares))
    qualities = {}
    for view in View:
        step = int(rng.choice([-1, 0, 1], p=[QUALITY_STEP_SHARE, 1.0 - 2.0 * QUALITY_STEP_SHARE, QUALITY_STEP_SHARE]))
        level = int(np.clip(base + step, 0, 2))
        # A preset without poor images has none.
        qualities[view] = QUALITIES[level if appearance.quality_shares[level] > 0 else base]
    return qualities


@dataclass(frozen=True)
class Acquisition:
    """The scanner and its settings for one view; both instants share them."""

    vendor: Vendor
    """Its pulse, beam and smoothing as wide as on this day."""
    badness: float
    """0 good, 1 medium, 2 poor: what everything below is interpolated with."""
    artefacts: float
    high: float
    """Grey (0-1) of the 95th percentile, chosen by the operator's gain."""
    low: float
    """Grey of the 5th percentile."""
    gamma: float
    detail: float
    """Share of the speckle's contrast that the scanner's speckle reduction leaves."""
    haze_db: float
    """Added to all clutter."""
    shadows: float
    """How deep the shadows of ribs and lung are, as a factor."""

    def level(self, good: float, medium: float, poor: float) -> float:
        """Interpolate a quantity given for the three qualities."""
        return float(np.interp(self.badness, (0.0, 1.0, 2.0), (good, medium, poor)))


def draw_acquisition(rng: Generator, appearance: Appearance, quality: Quality, quality_strength: float) -> Acquisition:
    """Draw the scanner of one view.

    Args:
        rng: the stream of this view's acquisition; the number of draws does not depend on the quality.
        appearance: the preset.
        quality: of this view.
        quality_strength: 0: the label changes nothing; 1: as strong as an expert could see.
    """
    vendor = appearance.vendors[int(rng.integers(len(appearance.vendors)))]
    artefacts, dials = appearance.artefacts, appearance.dials
    spread = rng.standard_normal(4) * min(artefacts, 1.0) * stretch(dials["gain"], 2.5)
    beyond = rng.standard_normal(4)
    axial, lateral = (float(np.exp(0.25 * dials["acoustics"] * number)) for number in beyond[:2])
    smoothing = float(np.exp(0.5 * dials["scan_conversion"] * beyond[2]))
    badness = 1.0 + (QUALITIES.index(quality) - 1.0) * quality_strength
    return Acquisition(
        vendor=replace(
            vendor,
            axial_fwhm_mm=axial * vendor.axial_fwhm_mm,
            lateral_factor=lateral * vendor.lateral_factor,
            smoothing=smoothing * vendor.smoothing,
        ),
        badness=float(np.clip(badness, 0.0, 2.0)),
        artefacts=artefacts,
        # Fitted to the grey levels of 300 real four-chamber frames of CAMUS.
        high=float(np.clip(0.80 + 0.08 * spread[0], 0.55, 0.97)),
        low=float(np.clip(0.20 + 0.06 * spread[1], 0.02, 0.42)),
        gamma=float(np.clip(1.45 + 0.16 * spread[2], 0.8, 2.2)),
        detail=float(np.clip(0.25 + 0.10 * spread[3], 0.0, 0.7)),
        haze_db=4.0 * dials["artefacts"] * float(beyond[3]),
        shadows=artefacts * stretch(dials["artefacts"], 1.5),
    )
