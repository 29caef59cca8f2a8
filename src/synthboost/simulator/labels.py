"""The label map of a frame from its contours."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from synthboost.domain import LabelMap, Mask, Structure
from synthboost.simulator.contours import Contours
from synthboost.simulator.polygons import fill_polygon
from synthboost.simulator.sector import PixelGrid

_LV = int(Structure.LEFT_VENTRICULAR_CAVITY)
_MYO = int(Structure.MYOCARDIUM)
_LA = int(Structure.LEFT_ATRIUM_CAVITY)

MOST_GROWTH = 8
"""Pixels; gaps at the hinge points are one or two pixels wide."""


def draw_labels(contours: Contours, grid: PixelGrid) -> LabelMap:
    """Paint atrium, myocardium and ventricle, in this order, and cut them with the fan.

    Returns:
        (H, W) uint8, 0-3. Every structure is one connected piece, and the ventricle borders only on myocardium
        and atrium.
    """
    labels = paint(contours, grid)
    inside = grid.inside()
    labels[~inside] = 0
    _wall_the_edge(labels, inside)
    # Before stray pixels are dropped, so that a wall one pixel thick is not taken for two at a diagonal step,
    # and after, because a dropped pixel can leave a gap.
    _close_the_cavity(labels, inside)
    for value in (_LV, _MYO, _LA):
        keep_largest_piece(labels, value)
    _close_the_cavity(labels, inside)
    return labels


def paint(contours: Contours, grid: PixelGrid) -> LabelMap:
    """Label map (H, W) of the outlines, also where they leave the fan."""
    labels = np.zeros(grid.shape, dtype=np.uint8)
    for polygon, value in ((contours.atrium, _LA), (contours.myocardium, _MYO), (contours.endocardium, _LV)):
        labels[fill_polygon(grid.to_index(polygon), grid.shape)] = value
    return labels


def _wall_the_edge(labels: LabelMap, inside: Mask) -> None:
    """Make the wall between the cavity and the fan's edge at least one pixel thick.

    The strip that is visible there can be thinner than a coarse pixel; lost, it would cut the myocardium in two.
    """
    edge = inside & ndimage.binary_dilation(~inside, np.ones((3, 3)), border_value=1)
    labels[edge & (labels == _LV)] = _MYO


def keep_largest_piece(labels: LabelMap, value: int) -> None:
    """Remove all pieces of a label but the largest, in place; pixels that meet at a corner are two pieces."""
    pieces, count = ndimage.label(labels == value)
    if count > 1:
        sizes = np.bincount(pieces.ravel())[1:]
        labels[(pieces > 0) & (pieces != 1 + int(sizes.argmax()))] = 0


def _close_the_cavity(labels: LabelMap, inside: Mask) -> None:
    """Let myocardium, then atrium, grow into the few background pixels around the cavity, at the hinge points.

    Growing, rather than assigning, keeps every structure one piece.
    """
    cross = ndimage.generate_binary_structure(2, 1)
    for _ in range(MOST_GROWTH):
        gap = ndimage.binary_dilation(labels == _LV, np.ones((3, 3))) & (labels == 0) & inside
        if not gap.any():
            return
        for value in (_MYO, _LA):
            labels[gap & (labels == 0) & ndimage.binary_dilation(labels == value, cross)] = value
