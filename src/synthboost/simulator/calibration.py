"""Shift the prior over hearts towards those of unannotated images.

A model predicts masks in real images and in simulated ones; `measure_heart` measures both. What differs
between the medians is added to the prior that drew the simulated ones. The model's own errors stand on both sides, so
those that it makes everywhere cancel; nothing guarantees that all do. Indirect inference (Gourieroux, Monfort and
Renault, J Appl Econom 8:S85-S118, 1993), with a model's masks as the auxiliary statistic and one step for each call.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Self, TypeAlias

import numpy as np

from synthboost.domain import LabelMap, Phase, Structure, View
from synthboost.errors import ConfigError, DataError
from synthboost.evaluation.clinical.apical_view import ApicalView
from synthboost.evaluation.clinical.geometry import farthest_from, largest_piece
from synthboost.simulator.priors import Prior

LEAST_FRAMES = 10
"""Of each view at end diastole, on either side: a median of fewer says little."""
DECIMALS = 3
"""Of what `calibrate` finds: what is printed is what is meant."""
_ED = Phase.END_DIASTOLE


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
        names = [field.name for field in fields(cls)]
        for name, value in items:
            if name not in names:
                raise ConfigError("calibration", "name", name, f"one of {', '.join(names)}")
            if [n for n, _ in items].count(name) > 1:
                raise ConfigError("calibration", name, value, "each name once")
        return cls(**dict(items))

    @property
    def items(self) -> tuple[tuple[str, float], ...]:
        """What differs from no calibration, as (name, value) pairs."""
        return tuple((name, value) for name, value in asdict(self).items() if value != getattr(NONE, name))

    def shift(self, prior: Prior) -> Prior:
        """Return the calibrated prior; standard deviations stay."""
        return replace(
            prior,
            volume_scale=self.volume * prior.volume_scale,
            length_factor={key: self.length * value for key, value in prior.length_factor.items()},
            annulus={sex: self.annulus * value for sex, value in prior.annulus.items()},
            wall={sex: self.wall_mm + value for sex, value in prior.wall.items()},
            tilt=_added(prior.tilt, self.tilt_2ch_deg, self.tilt_4ch_deg),
            apex_depth=(self.apex_depth_mm + prior.apex_depth[0], prior.apex_depth[1]),
            apex_lateral=_added(prior.apex_lateral, self.apex_2ch_mm, self.apex_4ch_mm),
        )

    def then(self, other: Calibration) -> Calibration:
        """Return both, one after the other: factors multiply, shifts add."""
        return Calibration(**{
            name: round(one * two if name in _FACTORS else one + two, DECIMALS)
            for name in _RANGES
            for one, two in [(getattr(self, name), getattr(other, name))]
        })  # fmt: skip


_FACTORS = ("volume", "length", "annulus")
_RANGES = {
    "volume": (0.4, 2.5), "length": (0.6, 1.6), "annulus": (0.6, 1.6), "wall_mm": (-5.0, 8.0),
    "tilt_2ch_deg": (-30.0, 30.0), "tilt_4ch_deg": (-30.0, 30.0), "apex_depth_mm": (-15.0, 15.0),
    "apex_2ch_mm": (-30.0, 30.0), "apex_4ch_mm": (-30.0, 30.0),
}  # fmt: skip
NONE = Calibration()


@dataclass(frozen=True)
class HeartInView:
    """One frame. Lengths in mm, areas in mm2, angles in degrees."""

    length: float
    """Of the left ventricular cavity: middle of the mitral plane to the farthest point of its contour."""
    area: float
    """Of the cavity."""
    annulus: float
    """Between the hinges of the mitral valve."""
    wall: float
    """Mean thickness of the myocardium."""
    tilt: float
    """Of the axis from the outer apex to the middle of the mitral plane, against the vertical; positive: the base lies
    to the right of the apex."""
    apex_depth: float
    """Of the outer apex below the upper edge of the image, where the fan's tip is."""
    apex_lateral: float
    """Of the outer apex to the right of the image's vertical midline."""


def measure_heart(label_map: LabelMap, spacing_mm: tuple[float, float], name: str = "label map") -> HeartInView:
    """Measure a label map (H, W) of an apical view, the probe on top.

    Raises:
        DataError: it is not valid, shows no cavity or no myocardium, or no mitral plane (see `ApicalView.plane`).
    """
    view = ApicalView.of(label_map, spacing_mm, name)
    cavity = label_map == int(Structure.LEFT_VENTRICULAR_CAVITY)
    middle, apex = view.plane.middle, view.apex
    heart = largest_piece(np.asarray(cavity | (label_map == int(Structure.MYOCARDIUM))))
    outer = farthest_from(middle, heart, np.asarray(spacing_mm))
    down, right = middle - outer
    if down <= 0:
        raise DataError(
            name, "left ventricle", "upside down", "an apex above the base", "Turn the image: probe on top."
        )
    return HeartInView(
        length=float(np.linalg.norm(apex - middle)),
        area=view.area(Structure.LEFT_VENTRICULAR_CAVITY),
        annulus=view.plane.width,
        wall=view.wall_thickness,
        tilt=float(np.degrees(np.arctan2(right, down))),
        apex_depth=float(outer[0]),
        apex_lateral=float(outer[1] - label_map.shape[1] * spacing_mm[1] / 2),
    )


Hearts: TypeAlias = Mapping[tuple[View, Phase], Sequence[HeartInView]]
"""Measured frames by view and phase."""


def calibrate(real: Hearts, simulated: Hearts) -> Calibration:
    """Find what must be done to the prior of `simulated` for its medians at end diastole to be those of `real`.

    The volume goes as area squared over length. Sizes are means over the two views, poses are each view's own.

    Raises:
        DataError: either side has fewer than ten frames of a view at end diastole.
        ConfigError: the shift is larger than any that makes sense.
    """
    ours, theirs = _medians("simulated", simulated), _medians("real", real)

    def ratio(name: str) -> float:
        wanted, found = (np.mean([getattr(side[view], name) for view in View]) for side in (theirs, ours))
        return float(wanted / found)

    def difference(name: str, *views: View) -> float:
        return float(np.mean([getattr(theirs[view], name) - getattr(ours[view], name) for view in views]))

    volume = ratio("area") ** 2 / ratio("length")
    found = {
        "volume": volume,
        "length": ratio("length") / volume ** (1 / 3),
        "annulus": ratio("annulus"),
        "wall_mm": difference("wall", *View),
        "tilt_2ch_deg": difference("tilt", View.TWO_CHAMBER),
        "tilt_4ch_deg": difference("tilt", View.FOUR_CHAMBER),
        "apex_depth_mm": difference("apex_depth", *View),
        "apex_2ch_mm": difference("apex_lateral", View.TWO_CHAMBER),
        "apex_4ch_mm": difference("apex_lateral", View.FOUR_CHAMBER),
    }
    return Calibration(**{name: round(value, DECIMALS) for name, value in found.items()})


def _medians(side: str, hearts: Hearts) -> dict[View, HeartInView]:
    medians = {}
    for view in View:
        found = hearts.get((view, _ED), ())
        if len(found) < LEAST_FRAMES:
            raise DataError(
                side, f"plausible {view} frames at end diastole", len(found), f"at least {LEAST_FRAMES}",
                "Give more images, or a model that was trained longer.",
            )  # fmt: skip
        names = [field.name for field in fields(HeartInView)]
        medians[view] = HeartInView(**{n: float(np.median([getattr(one, n) for one in found])) for n in names})
    return medians


def _added(by_view: Mapping[View, float], two: float, four: float) -> dict[View, float]:
    shift = {View.TWO_CHAMBER: two, View.FOUR_CHAMBER: four}
    return {view: value + shift[view] for view, value in by_view.items()}
