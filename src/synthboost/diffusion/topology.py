"""Is a label map still a heart? What a deformation must not change, compared with the label map it started from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from synthboost.domain import STRUCTURES, LabelMap, Mask, Structure

_EIGHT = np.ones((3, 3), dtype=bool)
_LV, _MYO, _LA = STRUCTURES
REACH = 1 / 128
"""Of the longer side: openings and structures closer than this count as one, or as touching; a guess (2 px at 256)."""


@dataclass(frozen=True)
class Topology:
    """What the pieces of a label map are and which touch."""

    pieces: dict[Structure, int]
    """8-connected components per structure; 0 for an absent one."""
    wall_touches_cavity: bool
    """Myocardium and left ventricular cavity."""
    atrium_touches: bool
    """Left atrium, and ventricle or myocardium."""
    openings: int
    """Separate runs of the cavity's border without myocardium; 1 is the mitral valve."""


def topology_of(label_map: LabelMap) -> Topology:
    """Describe a label map (H, W), values 0-3. A cavity that the frame cuts is not open there."""
    from scipy import ndimage

    reach = max(1, round(REACH * max(label_map.shape)))
    masks = {s: label_map == int(s) for s in STRUCTURES}
    pieces = {s: int(ndimage.label(mask, structure=_EIGHT)[1]) for s, mask in masks.items()}
    return Topology(
        pieces=pieces,
        wall_touches_cavity=_touch(masks[_LV], masks[_MYO], 1),
        atrium_touches=_touch(masks[_LA], masks[_LV] | masks[_MYO], reach),
        openings=_openings(masks[_LV], masks[_MYO], reach),
    )


def defects(before: Topology, after: Topology) -> tuple[str, ...]:
    """What the second label map has lost or broken that the first had whole; empty when nothing.

    A structure may have as many pieces as before (one, if it was one) and no fewer than one; the cavity's border may
    have no more openings than before (one is always allowed: the valve); what touched must still touch.
    """
    found = []
    for structure in STRUCTURES:
        if before.pieces[structure] and not after.pieces[structure]:
            found.append(f"{structure.short} lost")
        elif after.pieces[structure] > before.pieces[structure]:
            found.append(f"{structure.short} in pieces")
    if before.wall_touches_cavity and not after.wall_touches_cavity:
        found.append("MYO away from LV")
    if before.atrium_touches and not after.atrium_touches:
        found.append("LA away from LV and MYO")
    if after.openings > max(1, before.openings):
        found.append("MYO broken")
    return tuple(found)


def _touch(first: Mask, second: Mask, reach: int) -> bool:
    from scipy import ndimage

    return bool((ndimage.binary_dilation(first, _EIGHT, iterations=reach) & second).any())


def _openings(cavity: Mask, wall: Mask, reach: int) -> int:
    from scipy import ndimage

    rim = cavity & ndimage.binary_dilation(~(cavity | wall), _EIGHT)  # nothing is dilated into the frame from outside
    return int(ndimage.label(ndimage.binary_dilation(rim, _EIGHT, iterations=reach), structure=_EIGHT)[1])
