"""What scatters: right heart, valves and pericardium around the structures that have labels; how strongly each point of
all that scatters, in dB (0 is well-seen myocardium); and mirror-like lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.random import Generator
from scipy.spatial import cKDTree

from synthboost.domain import View
from synthboost.simulator.appearance import NONE, Acquisition, Dials, stretch
from synthboost.simulator.contours import SAMPLES, Contours
from synthboost.simulator.fan import Field, Floats, Points, Values, along
from synthboost.simulator.texture import Canvas, paint

VALVE_SHUTS = 0.1
"""A mitral valve that stands open at end diastole is shut when this share of the stroke is ejected (a guess)."""
FAT_SHARE, TRABECULAE_SHARE = 0.35, 0.7
"""Of views in which fat around the heart, and trabeculae, are seen."""
MIRROR_SPREAD = (
    (0.0, 4.0), (-5.0, 6.0), (0.0, 5.0), (-2.0, 4.0), (-2.0, 4.0), (0.0, 4.0), (3.0, 4.0), (3.0, 4.0)
)  # fmt: skip
"""dB, mean and standard deviation of how much brighter than usual each line of `_mirrors` is."""
Outlines = Mapping[str, Sequence[Points]]
"""Of one frame, mm: blood outside the left heart (`cavities`: right ventricle and right atrium, 4CH), the same enlarged
by their walls (`cavity walls`), the bright band outside the right-hand wall (`pericardium`), an effusion within it
(`fluid`), fat and connective tissue beside the left atrium (`cuffs`), `papillary` muscles, the cavity within its
`trabeculae`, the heart with the fat around it (`fat`), and as open lines the mitral `leaflets`."""


class Surroundings:
    """Sizes that both instants of a view share, so that what has no label is the same heart's too. All in mm."""

    def __init__(self, rng: Generator, view: View) -> None:
        """Draw the sizes."""
        self.view = view
        count = int(rng.integers(1, 9))
        # Papillary muscles: position along the outline 0-1, depth into the cavity, radius.
        self.papillary = [
            (
                float(rng.choice([rng.uniform(0.08, 0.42), rng.uniform(0.58, 0.92)])),
                rng.uniform(-2.0, 7.0),
                rng.uniform(1.0, 4.5),
            )
            for _ in range(count)
        ]
        self.ventricle = 32.0 * rng.uniform(0.85, 1.25)  # the right one's free wall, at most, from the septum
        self.atrium = 44.0 * rng.uniform(0.8, 1.2), 40.0 * rng.uniform(0.8, 1.2)  # the right one, across and along
        self.septum = rng.uniform(3.5, 6.0)  # between the atria
        self.cuffs = rng.uniform(4.0, 13.0), rng.uniform(6.0, 15.0)  # left and right
        self.tenting = rng.uniform(2.0, 7.0)  # how far the closed leaflets bulge into the ventricle
        self.open_valve = bool(rng.random() < 0.35)  # in the frame at end diastole
        self.fat = rng.uniform(3.0, 18.0)  # around the wall
        self.trabeculae = rng.uniform(1.5, 6.0)  # their height, from the endocardium inwards
        self.fluid = 0.0  # around the ventricle, within the pericardium

    def around(self, contours: Contours, ejected: float) -> Outlines:
        """Place them around the labelled anatomy; `ejected` is 0 at end diastole and 1 at end systole."""
        cavities, walls = [], []
        if self.view is View.FOUR_CHAMBER:
            cavities = [_right_ventricle(contours, self.ventricle, 0.0), self._right_atrium(contours, 0.0)]
            walls = [_right_ventricle(contours, self.ventricle, 4.5), self._right_atrium(contours, 2.5)]
        return {
            "cavities": cavities,
            "cavity walls": walls,
            "pericardium": [_pericardium(contours, self.fluid)],
            "fluid": [self._fluid(contours)] if self.fluid else [],
            "cuffs": self._cuffs(contours),
            "leaflets": self._leaflets(contours, ejected),
            "trabeculae": [contours.endocardium - self.trabeculae * contours.normals],
            "fat": [np.concatenate([contours.epicardium + self.fat * contours.normals, contours.hinges[::-1]])],
            "papillary": [_papillary(contours, *blob) for blob in self.papillary],
        }

    def _fluid(self, contours: Contours) -> Points:
        """An effusion: beside the free walls, so not between septum and right ventricle."""
        s = np.linspace(0.0, 1.0, SAMPLES)
        share = np.clip((s - 0.4) / 0.15, 0.0, 1.0) if self.view is View.FOUR_CHAMBER else np.ones(SAMPLES)
        outer = contours.epicardium + (self.fluid * share)[:, None] * contours.normals
        return np.concatenate([outer, contours.hinges[::-1]])

    def _right_atrium(self, contours: Contours, wall_mm: float) -> Points:
        across_mm, along_mm = self.atrium[0] + 2.0 * wall_mm, self.atrium[1] + 2.0 * wall_mm
        left = np.array([-contours.axis[1], contours.axis[0]])
        # The septum between the atria stands where the left one bulges farthest.
        bulge = float(((contours.atrium - contours.hinges[0]) @ left).max())
        gap = bulge + self.septum + self.atrium[0] / 2.0
        centre = contours.hinges[0] + gap * left + (self.atrium[1] / 2.0 - 3.0) * contours.axis
        angle = np.linspace(0.0, 2.0 * np.pi, 80, endpoint=False)
        # Superellipse of exponent 2.6: rounder than a box, boxier than an ellipse (a guess).
        x = np.sign(np.cos(angle)) * np.abs(np.cos(angle)) ** (2.0 / 2.6)
        y = np.sign(np.sin(angle)) * np.abs(np.sin(angle)) ** (2.0 / 2.6)
        return np.asarray(centre + 0.5 * across_mm * x[:, None] * left + 0.5 * along_mm * y[:, None] * contours.axis)

    def _cuffs(self, contours: Contours) -> list[Points]:
        """Tissue beside the left atrium, from the hinge points half-way down."""
        half = len(contours.atrium) // 2
        sides = (contours.atrium[: int(0.8 * half)], contours.atrium[::-1][: int(0.8 * half)])
        cuffs = []
        for side, direction, thickness in zip(sides, (-1.0, 1.0), self.cuffs, strict=True):
            across = direction * np.array([contours.axis[1], -contours.axis[0]])
            taper = np.linspace(1.0, 0.35, len(side))[:, None]
            cuffs.append(np.concatenate([side, (side + thickness * taper * across)[::-1]]))
        return cuffs

    def _leaflets(self, contours: Contours, ejected: float) -> list[Points]:
        """Two quadratic curves from the hinge points: closed to a shallow tent, or hanging into the ventricle."""
        left, right = contours.hinges
        middle = left + 0.58 * (right - left)
        up = -contours.axis
        height = (1.0 - 0.6 * ejected) * self.tenting
        tip = middle + height * up
        ends = [tip, tip]
        knees = [0.5 * (left + tip) + 0.4 * height * up, 0.5 * (right + tip) + 0.4 * height * up]
        ajar = 1.0 - ejected / VALVE_SHUTS if self.open_valve else 0.0
        if ajar > 0.0:
            length = 0.55 * float(np.hypot(*(right - left)))
            open_ends = [left + 0.25 * (right - left) + length * up, right - 0.18 * (right - left) + 0.7 * length * up]
            open_knees = [left + 0.06 * (right - left) + 0.4 * length * up, right + 0.3 * length * up]
            ends, knees = (
                [shut + ajar * (wide - shut) if ajar < 1.0 else wide for shut, wide in zip(*pair, strict=True)]
                for pair in ((ends, open_ends), (knees, open_knees))
            )
        t = np.linspace(0.0, 1.0, 60)[:, None]
        return [
            (1 - t) ** 2 * hinge + 2 * t * (1 - t) * knee + t**2 * end
            for hinge, knee, end in zip((left, right), knees, ends, strict=True)
        ]


class Tissue:
    """What a patient's tissues look like in one view; both instants share it. All in dB."""

    def __init__(self, rng: Generator, view: View, dials: Dials = NONE) -> None:
        """Draw it. Dropped segments are drawn for the worst image; better ones use fewer."""
        side = rng.random(6) < 0.72  # mostly the right-hand (lateral, anterior) wall, along the lung
        # Invisible segments: place 0-1 along the outline, width, depth.
        self.dropped = [
            (
                float(rng.uniform(0.55, 0.97) if right else rng.uniform(0.03, 0.45)),
                rng.uniform(0.05, 0.11) * stretch(dials["artefacts"], 1.8),
                rng.uniform(10.0, 18.0),
            )
            for right in side
        ]
        self.blood = rng.normal(0.0, np.hypot(1.5, 4.0 * dials["acoustics"]))
        self.atrial_blood = rng.uniform(-4.0, 10.0)  # beyond `blood`: the left atrium lies deeper in the haze
        self.right_blood = rng.uniform(0.0, 6.0)
        self.roughness = rng.uniform(2.2, 4.2)
        self.wall_waves = rng.normal(0.0, 1.4, 5)  # cosine amplitudes of the wall's brightness along the outline
        self.posterior, self.posterior_mm = rng.uniform(-5.0, 10.0), rng.uniform(14.0, 40.0)  # band behind the atrium
        self.cuffs = rng.uniform(-5.0, 6.0), rng.uniform(-5.0, 7.0)
        self.hinges = rng.uniform(-2.0, 8.0), rng.uniform(-2.0, 9.0)
        self.pericardium = rng.normal(1.0, 3.5)
        self.lung = rng.uniform(0.0, 8.0)  # how much darker the fan's right side is towards its depth
        self.inferior = 3.2 if view is View.FOUR_CHAMBER else 3.5  # of the left-hand wall: septum, or inferior wall
        # How much darker the wall at the apex is, in the near field, and over which share of the outline.
        self.apex = rng.uniform(0.0, 14.0), rng.uniform(0.06, 0.14)
        self.wall = rng.normal(2.0, 4.0 * dials["acoustics"])
        # All that has no outline: its level, and how uneven it is.
        self.background = rng.uniform(-15.0, -5.0) + rng.normal(0.0, 4.0 * dials["acoustics"])
        self.patches = rng.uniform(0.2, 1.0)
        # Fat around the heart scatters like its wall, so that the outer border is seen in most hearts in part only.
        self.fat = rng.normal(-1.0, 4.0) if rng.random() < FAT_SHARE else None
        self.papillary = rng.uniform(-12.0, 4.0)
        # Trabeculae: share of the band that they fill, and their level.
        self.trabeculae = rng.uniform(0.0, 0.9) if rng.random() < TRABECULAE_SHARE else 0.0, rng.uniform(-14.0, -3.0)
        self.mirrors = rng.normal(*zip(*MIRROR_SPREAD, strict=True))  # of each line in `_mirrors`
        self.more_dropped = 2.0 * dials["artefacts"] * rng.random()  # segments beyond those of the quality


def scatter_levels(
    canvas: Canvas, contours: Contours, around: Outlines, tissue: Tissue, acquisition: Acquisition
) -> tuple[Field, Field]:
    """Paint the tissues, deepest layer first.

    Returns:
        level: (depths, beams) dB.
        blood: (depths, beams) in [0, 1]; where it is 1 the speckle is fully developed.
    """
    fine = canvas.field(5.5, 2.8)
    grain = canvas.field(2.5, 1.6)
    level = _background(canvas, contours, tissue, fine)
    rough = tissue.roughness * (0.8 * fine + 0.8 * grain)
    paint(level, canvas.soft(around["pericardium"][0]), tissue.pericardium + rough)
    # Patchy, because an even bright ring around the atrium is a sign of a simulation.
    patches = np.clip(0.6 + 0.5 * canvas.field(30.0, 15.0), 0.0, 1.0)
    for cuff, value in zip(around["cuffs"], tissue.cuffs, strict=True):
        paint(level, canvas.soft(cuff) * patches, value + 1.3 * rough)
    blood_level = acquisition.level(-26.0, -24.0, -21.5) + tissue.blood
    blood = np.zeros_like(level)
    for wall in around["cavity walls"]:
        paint(level, canvas.soft(wall), -4.0 + 1.2 * rough)
    for cavity in around["cavities"]:
        mask = canvas.soft(cavity)
        paint(level, mask, blood_level + tissue.right_blood + 1.5 * fine)
        np.maximum(blood, mask, out=blood)
    _posterior_band(level, canvas, contours, tissue, rough)
    if tissue.fat is not None:
        paint(level, 0.85 * canvas.soft(around["fat"][0]), -3.0 + tissue.wall + tissue.fat + rough)
    for fluid in around["fluid"]:
        mask = canvas.soft(fluid)
        paint(level, mask, blood_level - 4.0 + fine)  # no cell scatters in it
        np.maximum(blood, mask, out=blood)
    myocardium = canvas.soft(contours.myocardium)
    paint(level, myocardium, _wall_level(canvas, contours, tissue, acquisition, myocardium) + rough)
    blood *= 1.0 - myocardium
    for polygon, extra in ((contours.atrium, tissue.atrial_blood), (contours.endocardium, 0.0)):
        mask = canvas.soft(polygon)
        paint(level, mask, blood_level + extra + 0.8 * fine)
        np.maximum(blood, mask, out=blood)
    blood *= 1.0 - _trabeculae(level, canvas, contours, around, tissue, rough)
    for blob in around["papillary"]:
        mask = 0.6 * canvas.soft(blob, sharpness=0.8)
        paint(level, mask, tissue.papillary + 1.5 * rough)
        blood *= 1.0 - mask
    for (x, z), value in zip(contours.hinges, tissue.hinges, strict=True):
        distance = (canvas.x - x) ** 2 + (canvas.z - z) ** 2
        paint(level, np.exp(-0.5 * distance / 3.0**2).astype(np.float32), value)
    return level, blood


def _trabeculae(
    level: Field, canvas: Canvas, contours: Contours, around: Outlines, tissue: Tissue, rough: Values
) -> Values:
    """Fill a part of the cavity's rim with muscle, unevenly; return how much of each sample, 0-1."""
    share, decibel = tissue.trabeculae
    patches = np.clip(0.5 + 0.9 * canvas.field(10.0, 6.0), 0.0, 1.0)
    rim = np.clip(canvas.soft(contours.endocardium) - canvas.soft(around["trabeculae"][0]), 0.0, 1.0)
    paint(level, (share * rim * patches).astype(np.float32), decibel + 1.2 * rough)
    return np.asarray(share * rim * patches)


def draw_glints(contours: Contours, around: Outlines, rng: Generator) -> list[Floats]:
    """Draw for each line how bright its pieces of about 7 mm are: values on even places, natural logarithms."""
    return [
        rng.normal(0.0, 1.0, max(2, int(0.3 * len(_dense(points)) / 7.0) + 2))
        for points, _ in _mirrors(contours, around)
    ]


def mirror_lines(
    canvas: Canvas, contours: Contours, around: Outlines, glints: Sequence[tuple[float, Sequence[Floats]]],
    tissue: Tissue,
) -> Field:  # fmt: skip
    """Amplitude of surfaces that mirror the beam where they face it: linings, pericardium, leaflets.

    Args:
        canvas: to paint on.
        contours, around: where the surfaces are.
        glints: weights, whose squares sum to 1, and what `draw_glints` gave: one of a still, two of a frame between.
        tissue: says how much brighter each line is than usual.
    """
    amplitude = np.zeros(canvas.grid.shape, dtype=np.float32)
    for number, (points, decibel) in enumerate(_mirrors(contours, around)):
        even = _dense(points)
        place = np.linspace(0.0, 1.0, len(even))
        glint = sum(
            weight * np.interp(place, np.linspace(0.0, 1.0, len(drawn[number])), drawn[number])
            for weight, drawn in glints
        )
        decibel = decibel + tissue.mirrors[number]
        amplitude += canvas.line(even, 10.0 ** (decibel / 20.0) * (_facing(even) * np.exp(glint)))
    return amplitude


def _mirrors(contours: Contours, around: Outlines) -> list[tuple[Points, float]]:
    """Lines and their level in dB."""
    start = int(0.5 * SAMPLES)
    outside = around["fluid"][0][:SAMPLES] if around["fluid"] else contours.epicardium
    pericardium = outside[start:] + 3.0 * contours.normals[start:]
    half = len(contours.atrium)
    return [
        (contours.endocardium, -10.0),
        (contours.epicardium, -10.0),
        (pericardium, -6.0),
        (contours.atrium[: half // 3], -11.0),
        (contours.atrium[-half // 3 :], -11.0),
        (contours.atrium[half // 3 : -half // 3], -9.0),
        *((leaflet, -8.0) for leaflet in around["leaflets"]),
    ]


def _background(canvas: Canvas, contours: Contours, tissue: Tissue, fine: Field) -> Field:
    level = 4.2 * canvas.field(64.0, 32.0) + 4.0 * canvas.field(16.0, 8.0) + 2.4 * fine
    deep = canvas.grid.depths_mm[:, None] / canvas.grid.fan.depth_mm
    right = np.clip(canvas.grid.angles[None, :] / canvas.grid.fan.half_angle + 0.1, 0.0, 1.0)
    # Fat and valve plane scatter more than the lung above them.
    base = float(np.hypot(*contours.hinges.mean(axis=0)))
    around_base = np.exp(-0.5 * ((canvas.grid.depths_mm[:, None] - base) / 25.0) ** 2)
    level = tissue.background + tissue.patches * level
    return np.asarray(level - tissue.lung * right * deep + 6.0 * around_base, dtype=np.float32)


def _posterior_band(level: Field, canvas: Canvas, contours: Contours, tissue: Tissue, rough: Values) -> None:
    """Brighten what lies behind the atrium's roof: the blood above it absorbs little."""
    index = canvas.grid.to_index(contours.atrium)
    roof = np.full(canvas.grid.shape[1], -1.0)
    beams = np.clip(np.round(index[:, 1]), 0, canvas.grid.shape[1] - 1).astype(np.intp)
    np.maximum.at(roof, beams, index[:, 0] * canvas.grid.step_mm)
    behind = np.where(roof > 0.0, canvas.grid.depths_mm[:, None] - roof[None, :] - 2.0, -1.0)
    centre = 0.5 * (beams.min() + beams.max())
    spread = max(1.0, 0.55 * float(beams.max() - beams.min()))
    across = np.exp(-0.5 * ((np.arange(canvas.grid.shape[1]) - centre) / spread) ** 4)
    weight = np.clip(behind / 2.0, 0.0, 1.0) * np.exp(-np.clip(behind, 0.0, None) / tissue.posterior_mm) * across
    paint(level, weight.astype(np.float32), tissue.posterior + rough)


def _wall_level(
    canvas: Canvas, contours: Contours, tissue: Tissue, acquisition: Acquisition, myocardium: Field
) -> Field:
    """Brightness of the wall: fibres along the beam scatter less, and some segments are not seen at all."""
    s = np.linspace(0.0, 1.0, SAMPLES)
    middle = 0.5 * (contours.endocardium + contours.epicardium)
    facing = np.abs(np.sum(contours.normals * middle, axis=1)) / np.hypot(*middle.T)
    left = 1.0 / (1.0 + np.exp((s - 0.42) / 0.05))
    waves = np.cos(np.pi * np.outer(s, np.arange(1, 6))) @ tissue.wall_waves
    loss = acquisition.level(3.0, 5.0, 7.5) * (1.0 - 0.5 * left) * (1.0 - facing)
    level = -3.0 + tissue.wall + tissue.inferior * left + waves - loss * (0.4 + 0.6 * acquisition.artefacts)
    loss, width = tissue.apex
    level = level - min(acquisition.artefacts, 1.0) * loss * np.exp(-0.5 * ((s - 0.5) / width) ** 2)
    seen = acquisition.level(0.5, 1.5, 3.5) * acquisition.artefacts + tissue.more_dropped
    for rank, (place, width, depth) in enumerate(tissue.dropped):
        share = float(np.clip(seen - rank, 0.0, 1.0))
        level = level - share * depth * np.exp(-0.5 * ((s - place) / width) ** 2)
    # Every sample of the wall takes the value of the nearest point of its middle line.
    spread = np.zeros(canvas.grid.shape, dtype=np.float32)
    region = myocardium > 0.0
    nearest = cKDTree(middle).query(np.stack([canvas.x[region], canvas.z[region]], axis=1))[1]
    spread[region] = level[nearest]
    return spread


def _dense(points: Points) -> Points:
    """Points every 0.3 mm, closer than any sample of a grid."""
    return along(points, lambda length: np.arange(0.0, length, 0.3))


def _facing(points: Points) -> Floats:
    """Strong where the line faces the beam."""
    tangent = np.gradient(points, axis=0)
    tangent /= np.maximum(np.hypot(*tangent.T), 1e-9)[:, None]
    beam = points / np.maximum(np.hypot(*points.T), 1e-9)[:, None]
    facing = np.abs(tangent[:, 0] * beam[:, 1] - tangent[:, 1] * beam[:, 0])
    return np.asarray(0.12 + facing**2.2)


def _right_ventricle(contours: Contours, reach_mm: float, wall_mm: float) -> Points:
    """Crescent on the left of the septum; widest near the base, gone towards the apex."""
    count = int(0.40 * SAMPLES)
    septum, normal = contours.epicardium[:count], contours.normals[:count]
    f = np.linspace(0.0, 1.0, count)[:, None]
    reach = reach_mm * (1.0 - f**1.5) ** 0.8 + wall_mm
    # The crescent leans down at its base, to the tricuspid annulus.
    sideways = normal + 0.25 * (1.0 - f) * contours.axis
    return np.concatenate([septum, (septum + reach * sideways)[::-1]])


def _pericardium(contours: Contours, beyond_mm: float) -> Points:
    start = int(0.58 * SAMPLES)
    normal = contours.normals[start:]
    inner = contours.epicardium[start:] + beyond_mm * normal
    thickness = np.linspace(2.0, 8.0, len(inner))[:, None]
    return np.concatenate([inner, (inner + thickness * normal)[::-1]])


def _papillary(contours: Contours, place: float, depth_mm: float, radius_mm: float) -> Points:
    index = round(place * (SAMPLES - 1))
    centre = contours.endocardium[index] - (depth_mm + 0.5 * radius_mm) * contours.normals[index]
    angle = np.linspace(0.0, 2.0 * np.pi, 24, endpoint=False)
    along = np.array([contours.normals[index][1], -contours.normals[index][0]])
    return np.asarray(
        centre
        + 1.8 * radius_mm * np.cos(angle)[:, None] * along
        + radius_mm * np.sin(angle)[:, None] * contours.normals[index]
    )
