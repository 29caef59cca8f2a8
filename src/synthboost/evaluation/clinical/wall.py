"""The myocardium in one view: its mean thickness, as its area over the length of its centre line.

The centre line is where the distance to the cavity equals the distance to the outside. For a band of even thickness
between parallel curves area over centre line is that thickness, and for any band it is the mean along the line. What
lies behind the mitral plane is no outside: else the line would bend inwards where the wall ends at the valve.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from synthboost.domain import LabelMap, Mask, Structure
from synthboost.errors import DataError
from synthboost.evaluation.checks import require_label_map
from synthboost.evaluation.clinical.chamber import Scale, largest_piece, mitral_plane, require_structure


def mean_wall_thickness(label_map: LabelMap, scale: Scale, name: str = "label map") -> float:
    """Mean thickness of the largest piece of myocardium, in the scale's `length_unit`.

    A wall that is closed all around, as in a short-axis view, has no valve and is measured all around.

    Raises:
        DataError: the label map is not valid, shows no cavity or no myocardium, or a wall without a middle.
    """
    require_label_map(label_map, name)
    padded = np.pad(label_map, 1)  # beyond the image is outside
    cavity = require_structure(padded, Structure.LEFT_VENTRICULAR_CAVITY, name)
    wall = largest_piece(require_structure(padded, Structure.MYOCARDIUM, name))
    outside = ~cavity & (padded != int(Structure.MYOCARDIUM)) & ~_behind_the_valve(padded, scale)
    length = _centre_line(wall, cavity, outside, scale)
    if length == 0:
        raise DataError(name, "myocardium", "has no centre line", "a band between the cavity and the outside")
    return scale.area(wall) / length


def _behind_the_valve(label_map: LabelMap, scale: Scale) -> Mask:
    """(H, W) pixels on the atrium's side of the mitral plane; none where there is no valve."""
    try:
        plane = mitral_plane(label_map, scale)
    except DataError:
        return np.zeros(label_map.shape, dtype=np.bool_)
    rows, columns = ((np.arange(size) + 0.5) * step for size, step in zip(label_map.shape, scale.spacing, strict=True))
    above = plane.up[0] * (rows[:, None] - plane.middle[0]) + plane.up[1] * (columns - plane.middle[1])
    return np.asarray(above < 0)


def _centre_line(wall: Mask, cavity: Mask, outside: Mask, scale: Scale) -> float:
    """Length of the line in the wall (H, W) that is as far from the cavity as from the outside."""
    from contourpy import LineType, contour_generator  # here, because it is not needed to import this package
    from scipy import ndimage

    if not outside.any():
        return 0.0
    inwards, outwards = (
        ndimage.distance_transform_edt(~region, sampling=scale.spacing) for region in (cavity, outside)
    )
    rows, columns = (np.arange(size) * step for size, step in zip(wall.shape, scale.spacing, strict=True))
    difference = np.ma.array(inwards - outwards, mask=~wall)
    lines: list[NDArray[np.float64]] = contour_generator(columns, rows, difference, line_type=LineType.Separate).lines(
        0.0
    )  # type: ignore[assignment]
    return float(sum(np.linalg.norm(np.diff(line, axis=0), axis=1).sum() for line in lines))
