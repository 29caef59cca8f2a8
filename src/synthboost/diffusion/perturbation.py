"""New masks from old: the random affine and elastic deformation of Echo from Noise, kept only if it is still a heart.

Stojanovski et al., "Echo from noise", arXiv 2305.05424, and its code: random affine, then elastic deformation, five
times per mask. There the frame is squeezed to 256 x 256 first; here the deformation is computed on that square but
applied at the label map's own size. The sector is never deformed.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator, SeedSequence
from numpy.typing import NDArray
from scipy import ndimage

from synthboost.domain import STRUCTURES, LabelMap, Mask, Structure
from synthboost.errors import ConfigError, DataError, require_fields

Numbers = NDArray[np.float64]

SIDE = 256.0
"""Of the square in which displacements are given."""
_COARSE = 4
"""Pixels between the samples by which a structure's part outside frame and sector is measured."""
_MARGIN = 0.25
"""Of the frame, added around it for that measurement: farther out no structure goes with the default settings."""
_EIGHT = np.ones((3, 3), dtype=bool)
_LV, _MYO, _LA = STRUCTURES
REACH = 1 / 128
"""Of the longer side: openings and structures closer than this count as one, or as touching; a guess (2 px at 256)."""


@dataclass(frozen=True)
class PerturbationSettings:
    """Ranges of the deformation (each drawn evenly), and what is asked of the result. Defaults are the original's."""

    rotation_deg: float = 5.0
    """Either way, around the frame's centre."""
    vertical_shift: float = 0.05
    """Part of the frame's height, up or down."""
    scale: tuple[float, float] = (0.8, 1.05)
    """Smallest and largest; the original's range shrinks on average."""
    shear_deg: float = 5.0
    """Either way, along the rows."""
    knots: tuple[int, int] = (10, 4)
    """Control points of a cubic B-spline over (rows, columns), one of each side's outside the frame; at least 4.

    The first and last along the rows hold still (the original's `locked_borders=1`), all along the columns move."""
    knot_shift_px: float = 30.0
    """At most, in either direction of each axis, at 256 x 256.

    The original draws in 3-D for a slab of one voxel, which averages over planes of knots: its shifts vary only 0.68
    times as much. 20 comes near to it."""
    largest_cut: float = 0.05
    """Part of a structure's area that may fall outside frame and sector, beyond what did before; ours, a guess."""
    attempts: int = 20
    """Draws before the mask is left as it is, with a note; ours."""

    def __post_init__(self) -> None:
        """Refuse what cannot work.

        Raises:
            ConfigError: names the field.
        """
        require_fields(
            self,
            ("rotation_deg", 0 <= self.rotation_deg <= 180, "0 to 180"),
            ("vertical_shift", 0 <= self.vertical_shift < 1, "0 to less than 1"),
            ("scale", 0 < self.scale[0] <= self.scale[1], "two positive numbers, the smaller first"),
            ("shear_deg", 0 <= self.shear_deg < 90, "0 to less than 90"),
            ("knots", min(self.knots) >= 4, "at least 4 along each axis"),
            ("knot_shift_px", 0 <= self.knot_shift_px <= SIDE, f"0 to {SIDE:g}"),
            ("largest_cut", 0 <= self.largest_cut <= 1, "0 to 1"),
            ("attempts", self.attempts >= 1, "at least 1"),
        )


@dataclass(frozen=True, eq=False)
class PerturbedMask:
    """A deformed label map and how it came about."""

    label_map: LabelMap
    """(H, W) uint8, 0-3. May reach out of the sector a little, as experts' label maps do."""
    rejected: tuple[tuple[str, ...], ...] = ()
    """What was wrong with each draw that was thrown away."""
    note: str = ""
    """Not empty when no draw fitted and the mask is the unperturbed one."""


def perturbation_rng(seed: int, name: str, copy: int) -> Generator:
    """The generator of one copy of one frame: independent of all others, and the same whatever else is computed.

    Raises:
        ConfigError: the seed is negative.
    """
    if seed < 0:
        raise ConfigError("perturbation", "seed", seed, "0 or more")
    digest = hashlib.sha256(f"{name}/{copy}".encode()).digest()
    return np.random.default_rng(SeedSequence([seed, int.from_bytes(digest[:16], "big")]))


def perturb(
    label_map: LabelMap, sector: Mask, settings: PerturbationSettings, rng: Generator, name: str
) -> PerturbedMask:
    """Deform a label map, drawing again while the result is no heart (see `defects`) or is cut off.

    Args:
        label_map: (H, W) uint8, 0-3.
        sector: (H, W) bool.
        settings: how to deform.
        rng: of this copy, see `perturbation_rng`.
        name: of the frame, for errors.

    Raises:
        DataError: the arrays are not as above.
    """
    if label_map.dtype != np.uint8 or label_map.ndim != 2 or sector.shape != label_map.shape or label_map.max() > 3:
        raise DataError(
            name, "label map and sector", f"{label_map.dtype} {label_map.shape} and {sector.shape}",
            "a uint8 label map, values 0 to 3, and a sector of its size",
        )  # fmt: skip
    before = topology_of(label_map)
    cut_before = _cut_shares(label_map, sector, None)
    rejected: list[tuple[str, ...]] = []
    for _ in range(settings.attempts):
        draw = _Deformation.drawn(settings, rng)
        cuts = _cut_shares(label_map, sector, draw)
        wrong = tuple(
            f"{s.short} cut" for s in STRUCTURES if cuts[int(s)] > cut_before[int(s)] + settings.largest_cut
        )  # the cheaper check first
        if not wrong:
            height, width = label_map.shape
            warped = draw.sample(label_map, np.arange(height, dtype=float), np.arange(width, dtype=float))
            wrong = defects(before, topology_of(warped))
            if not wrong:
                return PerturbedMask(warped, tuple(rejected))
        rejected.append(wrong)
    return PerturbedMask(label_map.copy(), tuple(rejected), f"unperturbed: {settings.attempts} draws failed")


@dataclass(frozen=True, eq=False)
class _Deformation:
    """From a point of the result to the point of the source whose label it takes, on the square of `SIDE`."""

    inverse: Numbers
    """(2, 2) of the affine part, on (row, column) from the centre."""
    shift: Numbers
    """(2,) of the affine part, rows and columns."""
    knots: Numbers
    """(2, rows, columns): shifts along the rows, then along the columns, of the B-spline's control points."""

    @classmethod
    def drawn(cls, settings: PerturbationSettings, rng: Generator) -> _Deformation:
        angle = np.deg2rad(rng.uniform(-1, 1) * settings.rotation_deg)
        down = rng.uniform(-1, 1) * settings.vertical_shift * SIDE
        scale = rng.uniform(*settings.scale)
        shear = np.tan(np.deg2rad(rng.uniform(-1, 1) * settings.shear_deg))
        rotation = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        forward = scale * rotation @ np.array([[1.0, 0.0], [shear, 1.0]])
        knots = rng.uniform(-1, 1, (2, *settings.knots)) * settings.knot_shift_px
        knots[:, [0, -1], :] = 0.0
        return cls(np.linalg.inv(forward), np.array([down, 0.0]), knots)

    def sample(self, label_map: LabelMap, rows: Numbers, columns: Numbers) -> LabelMap:
        """Labels at the pixel positions rows x columns of the result, (R, C); 0 where the source has none."""
        size = np.array(label_map.shape, dtype=float)[:, None, None]
        points = np.stack(np.meshgrid(rows, columns, indexing="ij"))
        points = (points + 0.5) / size * SIDE
        points = self._undo_affine(self._undo_elastic(points))  # what was applied last is undone first
        return _pick(label_map, np.floor(points / SIDE * size).astype(np.intp))

    def _undo_affine(self, points: Numbers) -> Numbers:
        centred = points - (SIDE / 2 + self.shift)[:, None, None]
        return np.asarray(np.tensordot(self.inverse, centred, axes=1) + SIDE / 2)

    def _undo_elastic(self, points: Numbers) -> Numbers:
        if not self.knots.any():
            return points
        cells = np.array(self.knots.shape[1:], dtype=float)[:, None, None] - 3
        at = np.clip(points / SIDE, 0, 1) * cells + 1
        # With order 3 and no prefilter the knots are the coefficients of the B-spline itself.
        moves = [ndimage.map_coordinates(k, at, order=3, prefilter=False, mode="constant") for k in self.knots]
        return np.asarray(points + np.stack(moves))


def _pick(label_map: LabelMap, index: NDArray[np.intp]) -> LabelMap:
    """Labels at (2, R, C) indices; 0 outside."""
    row, column = index
    height, width = label_map.shape
    inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
    return np.where(inside, label_map[np.where(inside, row, 0), np.where(inside, column, 0)], 0).astype(np.uint8)


def _cut_shares(label_map: LabelMap, sector: Mask, draw: _Deformation | None) -> Numbers:
    """(4,) part of the area of each label that lies outside frame or sector; 0 for an absent one."""
    axes = [np.arange(-_MARGIN * n, (1 + _MARGIN) * n, _COARSE) for n in label_map.shape]
    index = np.stack(np.meshgrid(*axes, indexing="ij")).round().astype(np.intp)
    labels = _pick(label_map, index) if draw is None else draw.sample(label_map, *(a.round() for a in axes))
    seen = _pick(sector.astype(np.uint8), index) > 0
    total = np.bincount(labels.ravel(), minlength=4)
    hidden = np.bincount(labels[~seen], minlength=4)
    return np.asarray(hidden / np.maximum(total, 1))


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
    return bool((ndimage.binary_dilation(first, _EIGHT, iterations=reach) & second).any())


def _openings(cavity: Mask, wall: Mask, reach: int) -> int:
    rim = cavity & ndimage.binary_dilation(~(cavity | wall), _EIGHT)  # nothing is dilated into the frame from outside
    return int(ndimage.label(ndimage.binary_dilation(rim, _EIGHT, iterations=reach), structure=_EIGHT)[1])
