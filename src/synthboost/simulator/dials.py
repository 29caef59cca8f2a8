"""Domain randomisation as dials: how far beyond what clinics show a simulated set varies, one number per cause."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

from synthboost.errors import ConfigError
from synthboost.simulator.priors import Prior


def stretch(strength: float, most: float) -> float:
    """Return the factor between 1 and `most` that belongs to a strength from 0 to 1."""
    return 1.0 + strength * (most - 1.0)


@dataclass(frozen=True)
class Dials:
    """Each from 0 (as the appearance's own ranges) to 1 (the widest range); what a dial widens stands under it."""

    anatomy: float = 0.0
    """Standard deviations of pose, annulus, wall, length and outline: times 1 to 1.8."""
    acoustics: float = 0.0
    """Echogenicity, added with a standard deviation of 0 to 4 dB per tissue (wall, blood, background); pulse and beam
    width, times exp(N(0, s)) with s from 0 to 0.25."""
    artefacts: float = 0.0
    """Wall segments that are not seen: 0 to 2 more per view, up to 1.8 times wider; haze: a standard deviation of 0
    to 4 dB; shadows: times 1 to 1.5."""
    gain: float = 0.0
    """The operator's grey levels, gamma and speckle reduction: standard deviations times 1 to 2.5."""
    scan_conversion: float = 0.0
    """Opening angle: a share of 0 to 0.5 of the fans drawn evenly from 30 to 50 degrees; the scanner's smoothing
    times exp(N(0, s)) with s from 0 to 0.5."""

    def __post_init__(self) -> None:
        """Refuse what is not from 0 to 1."""
        for field in fields(self):
            if not 0.0 <= (value := getattr(self, field.name)) <= 1.0:
                raise ConfigError("dials", field.name, value, "0-1")

    def widen(self, prior: Prior) -> Prior:
        """Return the prior with the standard deviations that the dial of the anatomy asks for."""
        k = stretch(self.anatomy, 1.8)
        return replace(
            prior,
            length_factor_sd=k * prior.length_factor_sd,
            shortening_sd=k * prior.shortening_sd,
            annulus_sd=k * prior.annulus_sd,
            annulus_systolic=(prior.annulus_systolic[0], k * prior.annulus_systolic[1]),
            wall_sd=k * prior.wall_sd,
            wall_as_seen=(prior.wall_as_seen[0], k * prior.wall_as_seen[1]),
            tilt_sd=k * prior.tilt_sd,
            tilt_systolic=(prior.tilt_systolic[0], k * prior.tilt_systolic[1]),
            apex_depth=(prior.apex_depth[0], k * prior.apex_depth[1]),
            apex_lateral_sd=k * prior.apex_lateral_sd,
            plane_offset=(prior.plane_offset[0], k * prior.plane_offset[1]),
            base_drop=(prior.base_drop[0], k * prior.base_drop[1]),
            outline_mm=k * prior.outline_mm,
        )


NONE = Dials()
ALL = Dials(1.0, 1.0, 1.0, 1.0, 1.0)
