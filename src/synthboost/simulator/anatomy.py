"""One patient's anatomy: a heart, posed in both views so that it fits the fan of a scanner."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.random import Generator

from synthboost.domain import Phase, Structure, View
from synthboost.errors import ConfigError
from synthboost.simulator.conditions import DIAGNOSES, Condition, posed, with_condition
from synthboost.simulator.contours import Contours, draw_contours, paint
from synthboost.simulator.fan import Fan, PixelGrid
from synthboost.simulator.heart import Heart, draw_heart
from synthboost.simulator.pose import Pose, draw_pose
from synthboost.simulator.priors import Prior, stream

DEPTH_MM = (95.0, 190.0)
"""Of the shallowest and of the deepest fan: those of CAMUS' 400 training patients begin at 110, but hearts that fill
the fan, or leave it, are common elsewhere."""
ANY_HALF_ANGLE = (30.0, 50.0)
"""Degrees; the range of the dial."""
MOST_OUTSIDE = {
    Structure.LEFT_VENTRICULAR_CAVITY: 0.07,
    Structure.MYOCARDIUM: 0.45,
    Structure.LEFT_ATRIUM_CAVITY: 0.75,
}
"""Shares of a structure that may lie outside the fan; in CAMUS on average 0, 6 and 1 %."""
MOST_ATTEMPTS = 400


@dataclass(frozen=True, eq=False)
class ViewAnatomy:
    """What one view shows, at both instants."""

    pose: Pose
    fan: Fan
    contours: dict[Phase, Contours]


@dataclass(frozen=True, eq=False)
class Anatomy:
    """One patient: the heart and its two views."""

    heart: Heart
    views: dict[View, ViewAnatomy]


def draw_anatomy(
    seed: int, patient_number: int, prior: Prior, half_angles: dict[float, float], any_angle: float = 0.0,
    condition: Condition | None = None,
) -> Anatomy:  # fmt: skip
    """Draw a patient from a prior.

    Args:
        seed: of the data set.
        patient_number: which patient of it; each has streams of its own, whoever draws it and when.
        prior: the table of parameters.
        half_angles: half opening angle of the fan in degrees -> its share.
        any_angle: 0-1; half of it is the share of fans with any angle from 30 to 50 degrees instead.
        condition: of every patient, instead of one that is drawn.

    Raises:
        ConfigError: no pose fits a fan so narrow.
    """
    heart = draw_heart(stream(seed, patient_number, "shape"), prior, DIAGNOSES[condition] if condition else None)
    if condition:
        heart = with_condition(heart, condition, stream(seed, patient_number, "condition"))
    views: dict[View, ViewAnatomy] = {}
    for view, attempt in product(View, range(MOST_ATTEMPTS)):
        if view in views:
            continue
        pose = draw_pose(stream(seed, patient_number, "pose", view, attempt), heart, prior, view)
        if condition:
            pose = posed(pose, condition, view, stream(seed, patient_number, "condition", view, attempt))
        contours = {phase: draw_contours(heart, pose, view, phase) for phase in Phase}
        rng = stream(seed, patient_number, "sector", view, attempt)
        fan = _draw_fan(rng, contours, prior, half_angles, any_angle)
        if all(_fits(c, fan) for c in contours.values()):
            views[view] = ViewAnatomy(pose, fan, contours)
    if len(views) < len(View):
        raise ConfigError(
            f"patient {patient_number}", "half_angles", half_angles, "a fan wide enough for a heart",
            "Allow wider fans, or choose another seed.",
        )  # fmt: skip
    return Anatomy(heart, views)


def _draw_fan(
    rng: Generator, contours: dict[Phase, Contours], prior: Prior, half_angles: dict[float, float], any_angle: float
) -> Fan:
    angles, shares = np.array(list(half_angles)), np.array(list(half_angles.values()))
    half_angle = float(rng.choice(angles, p=shares / shares.sum()))
    if rng.random() < 0.5 * any_angle:
        half_angle = float(rng.uniform(*ANY_HALF_ANGLE))
    roof = max(float(np.hypot(*c.atrium.T).max()) for c in contours.values())
    base = max(float(np.hypot(*c.hinges.T).max()) for c in contours.values())
    if prior.depth_in_steps:
        depth = 10.0 * round((roof + rng.normal(5.0, 13.0)) / 10.0)
        depth = max(depth, 10.0 * np.ceil((base + 8.0) / 10.0))
    else:
        low, high = ((-30.0, -8.0), (-8.0, 8.0), (8.0, 25.0))[rng.choice(3, p=[0.35, 0.4, 0.25])]
        depth = roof + rng.uniform(low, high)
    # A fan of the scanner's own range; hearts that it cannot hold are drawn again.
    return Fan(half_angle, float(np.clip(depth, *DEPTH_MM)))


def _fits(contours: Contours, fan: Fan) -> bool:
    # A grid that is wider and deeper than the fan, so that what leaves the fan is counted too.
    wide = PixelGrid(Fan(60.0, 1.4 * fan.depth_mm), spacing_mm=1.0)
    labels = paint(contours, wide)
    outside = ~fan.contains(*wide.centres_mm())
    return all(outside[labels == int(structure)].mean() <= most for structure, most in MOST_OUTSIDE.items())
