"""Shifts of the prior over hearts, as `synthboost calibrate` finds them: factors on sizes, millimetres, degrees."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Self

from synthboost.domain import View
from synthboost.errors import ConfigError
from synthboost.simulator.priors import Prior

DECIMALS = 3
"""Of a found calibration: what is printed is what is meant."""


@dataclass(frozen=True)
class Calibration:
    """What is done to a prior. Factors are 1 and shifts 0 where nothing changes; lengths in mm, angles in degrees."""

    volume: float = 1.0
    """Factor on the end-diastolic volume; 0.4-2.5."""
    length: float = 1.0
    """Factor on the long axis at a given volume; 0.6-1.6."""
    annulus: float = 1.0
    """Factor on the mitral annulus at end diastole; 0.6-1.6."""
    wall_mm: float = 0.0
    """Added to the wall at end diastole; -5 to 8."""
    tilt_2ch_deg: float = 0.0
    """Added to the mean angle of the long axis; -30 to 30, as the next."""
    tilt_4ch_deg: float = 0.0
    apex_depth_mm: float = 0.0
    """Added to the mean depth of the outer apex; -15 to 15."""
    apex_2ch_mm: float = 0.0
    """Added to the outer apex' place to the right of the fan's axis; -30 to 30, as the next."""
    apex_4ch_mm: float = 0.0

    def __post_init__(self) -> None:
        """Refuse shifts beyond which no heart would be left."""
        for name, (low, high) in _RANGES.items():
            if not low <= (value := getattr(self, name)) <= high:
                raise ConfigError(
                    "calibration", name, f"{value:g}", f"{low:g} to {high:g}", "Check the masks that it was found on."
                )

    @classmethod
    def of_items(cls, items: Sequence[tuple[str, float]]) -> Self:
        """Return the calibration that (name, value) pairs describe; what is not named stays as it is.

        Raises:
            ConfigError: an unknown name, one twice, or a value out of its range.
        """
        for name, value in items:
            if name not in _RANGES:
                raise ConfigError("calibration", "name", name, f"one of {', '.join(_RANGES)}")
            if [n for n, _ in items].count(name) > 1:
                raise ConfigError("calibration", name, value, "each name once")
        return cls(**dict(items))

    @property
    def items(self) -> tuple[tuple[str, float], ...]:
        """What differs from no calibration, as (name, value) pairs."""
        return tuple((name, value) for name, value in asdict(self).items() if value != getattr(NONE, name))

    def shift(self, prior: Prior) -> Prior:
        """Return the calibrated prior; standard deviations stay."""

        def added(by_view: Mapping[View, float], two: float, four: float) -> dict[View, float]:
            shift = {View.TWO_CHAMBER: two, View.FOUR_CHAMBER: four}
            return {view: value + shift[view] for view, value in by_view.items()}

        return replace(
            prior,
            volume_scale=self.volume * prior.volume_scale,
            length_factor={key: self.length * value for key, value in prior.length_factor.items()},
            annulus={sex: self.annulus * value for sex, value in prior.annulus.items()},
            wall={sex: self.wall_mm + value for sex, value in prior.wall.items()},
            tilt=added(prior.tilt, self.tilt_2ch_deg, self.tilt_4ch_deg),
            apex_depth=self.apex_depth_mm + prior.apex_depth,
            apex_lateral=added(prior.apex_lateral, self.apex_2ch_mm, self.apex_4ch_mm),
        )

    def then(self, other: Calibration) -> Calibration:
        """Return both, one after the other: factors multiply, shifts add."""
        found = {}
        for name in _RANGES:
            one, two = getattr(self, name), getattr(other, name)
            found[name] = round(one * two if name in ("volume", "length", "annulus") else one + two, DECIMALS)
        return Calibration(**found)


_RANGES = {
    "volume": (0.4, 2.5), "length": (0.6, 1.6), "annulus": (0.6, 1.6), "wall_mm": (-5.0, 8.0),
    "tilt_2ch_deg": (-30.0, 30.0), "tilt_4ch_deg": (-30.0, 30.0), "apex_depth_mm": (-15.0, 15.0),
    "apex_2ch_mm": (-30.0, 30.0), "apex_4ch_mm": (-30.0, 30.0),
}  # fmt: skip
NONE = Calibration()
