"""How large a heart looks in one view, and where it lies in the fan: what a label map says of the simulator's prior."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from synthboost.domain import LabelMap, Structure
from synthboost.errors import DataError
from synthboost.evaluation.clinical.chamber import Scale, cavity_contour, mitral_plane
from synthboost.evaluation.clinical.wall import mean_wall_thickness


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
        DataError: it is not valid, shows no cavity or no myocardium, or no mitral plane (see `mitral_plane`).
    """
    scale = Scale.of(spacing_mm, label_map.shape, name)
    plane = mitral_plane(label_map, scale, name)
    cavity = label_map == int(Structure.LEFT_VENTRICULAR_CAVITY)
    heart = cavity | (label_map == int(Structure.MYOCARDIUM))
    inner, outer = (_farthest_from(plane.middle, np.asarray(mask), scale) for mask in (cavity, heart))
    down, right = plane.middle - outer
    if down <= 0:
        raise DataError(
            name, "left ventricle", "upside down", "an apex above the base", "Turn the image: probe on top."
        )
    return HeartInView(
        length=float(np.linalg.norm(inner - plane.middle)),
        area=scale.area(np.asarray(cavity)),
        annulus=plane.width,
        wall=mean_wall_thickness(label_map, scale, name),
        tilt=float(np.degrees(np.arctan2(right, down))),
        apex_depth=float(outer[0]),
        apex_lateral=float(outer[1] - label_map.shape[1] * scale.spacing[1] / 2),
    )


def _farthest_from(middle: np.ndarray, mask: np.ndarray, scale: Scale) -> np.ndarray:
    """The point (down, right) of a mask's outline (its largest piece) that is farthest from another point."""
    points = np.argwhere(cavity_contour(mask)) * np.asarray(scale.spacing)
    return np.asarray(points[np.linalg.norm(points - middle, axis=1).argmax()])
