"""Simulate one patient: two views at two instants, or from the one to the other, with label maps and attributes."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from itertools import product
from typing import Any, TypeAlias

import numpy as np
from numpy.random import Generator

from synthboost.domain import Attributes, GreyImage, LabelMap, Phase, Quality, View
from synthboost.errors import DataError
from synthboost.evaluation.clinical.patient_numbers import LabelMaps, PatientViews
from synthboost.simulator.acoustics import form_image
from synthboost.simulator.anatomy import Anatomy, ViewAnatomy, draw_anatomy
from synthboost.simulator.appearance import Acquisition, draw_acquisition, draw_qualities, widened
from synthboost.simulator.conditions import fluid_mm
from synthboost.simulator.contours import Contours, draw_labels
from synthboost.simulator.echogenicity import Surroundings, Tissue, draw_glints, mirror_lines, scatter_levels
from synthboost.simulator.fan import Floats, PixelGrid, PolarGrid, scan_converter
from synthboost.simulator.heart import Heart
from synthboost.simulator.motion import contours_at, ejected_shares, tissue_places
from synthboost.simulator.priors import stream
from synthboost.simulator.settings import SimulationSettings
from synthboost.simulator.texture import (
    REFERENCE_STEP_MM,
    REFERENCE_STEP_RAD,
    Canvas,
    OwnTexture,
    Texture,
    TextureBetween,
)
from synthboost.simulator.visibility import QualityRule, quality_of, segment_separations, visible_share

FINEST_PIXEL_MM = 0.4
"""Frames with finer pixels need the full polar grid; coarser ones a coarser grid in proportion."""
COARSEST_POLAR = 3.0
"""Beyond three times the full grid's step the pulse is no longer sampled at all."""


@dataclass(frozen=True, eq=False)
class SimulatedFrame:
    """One image and its truth."""

    image: GreyImage
    """(H, W) uint8: 1-255 in the fan, 0 around it."""
    label_map: LabelMap
    """(H, W) uint8, 0-3."""
    spacing_mm: tuple[float, float]
    """(rows, columns), equal."""


@dataclass(frozen=True, eq=False)
class SimulatedPatient:
    """Four frames of one heart, and perhaps those between."""

    frames: dict[tuple[View, Phase], SimulatedFrame]
    attributes: dict[View, Attributes]
    """The quality is each view's own, drawn or measured as the settings say. Measured on the label maps: the ejection
    fraction, by CAMUS' algorithm, and the mean wall thickness at end diastole."""
    record: dict[str, Any]
    """What else is known: the true biplane ejection fraction, the condition, scanner and fan (plain values)."""
    clips: dict[View, tuple[SimulatedFrame, ...]] = field(default_factory=dict)
    """With `phases_between`: from the end-diastolic frame to the end-systolic one, in even steps of time."""


def simulate_patient(
    number: int, settings: SimulationSettings, qualities: dict[View, Quality] | None = None
) -> SimulatedPatient:
    """Simulate one patient of a data set.

    Args:
        number: which patient; with the settings' seed it decides everything.
        settings: of the data set.
        qualities: force the quality of the views; the label maps do not change with it.

    Raises:
        ConfigError: no heart fits the fan.
    """
    anatomy, drawn = _draw_patient(number, settings)
    qualities = drawn if qualities is None else qualities
    frames: dict[tuple[View, Phase], SimulatedFrame] = {}
    clips: dict[View, tuple[SimulatedFrame, ...]] = {}
    scanners: dict[View, Acquisition] = {}
    for view, view_anatomy in anatomy.views.items():
        scanners[view] = _draw_scanner(number, settings, qualities[view])
        renderer = ViewRenderer(number, settings, view_anatomy, view, scanners[view])
        first, last = (renderer.own_frame(phase) for phase in (Phase.END_DIASTOLE, Phase.END_SYSTOLE))
        frames[view, Phase.END_DIASTOLE], frames[view, Phase.END_SYSTOLE] = first[0], last[0]
        if settings.phases_between:
            shares = ejected_shares(settings.phases_between)[1:-1]
            between = (renderer.frame_between(anatomy.heart, first, last, s, k) for k, s in enumerate(shares, start=1))
            clips[view] = (first[0], *between, last[0])
    masks = {key: (frame.label_map, frame.spacing_mm) for key, frame in frames.items()}
    attributes, biplane = _measured(anatomy.heart, masks)
    record = _record(number, anatomy, scanners, biplane, attributes)
    if settings.condition:
        record["condition"] = settings.condition.value
    if settings.quality_rule is QualityRule.VISIBLE_WALL:
        drawn, qualities = qualities, {}
        for view in View:  # both instants counted together: the quality is the view's
            both = [frames[view, phase] for phase in Phase]
            share = visible_share(s for f in both for s in segment_separations(f.image, f.label_map, f.spacing_mm))
            record["views"][view.value] |= {"drawn_quality": drawn[view].value, "visible_wall": share}
            qualities[view] = quality_of(share)
    of_view = {view: replace(attributes, quality=qualities[view]) for view in View}
    return SimulatedPatient(frames, of_view, record, clips)


def simulate_frame(number: int, settings: SimulationSettings, view: View, phase: Phase) -> SimulatedFrame:
    """Simulate one frame alone; the same as `simulate_patient` has.

    Raises:
        ConfigError: no heart fits the fan.
    """
    anatomy, qualities = _draw_patient(number, settings)
    scanner = _draw_scanner(number, settings, qualities[view])
    return ViewRenderer(number, settings, anatomy.views[view], view, scanner).own_frame(phase)[0]


def describe_patient(number: int, settings: SimulationSettings) -> dict[View, Attributes]:
    """Return a patient's attributes alone, as `simulate_patient` has them: label maps are drawn, images only if the
    quality is measured on them.

    Raises:
        ConfigError: no heart fits the fan.
    """
    if settings.quality_rule is QualityRule.VISIBLE_WALL:
        return simulate_patient(number, settings).attributes
    anatomy, qualities = _draw_patient(number, settings)
    masks = {}
    for view, phase in product(anatomy.views, Phase):
        pixels = pixel_grid(anatomy.views[view], settings)
        masks[view, phase] = draw_labels(anatomy.views[view].contours[phase], pixels), (pixels.spacing_mm,) * 2
    attributes, _ = _measured(anatomy.heart, masks)
    return {view: replace(attributes, quality=qualities[view]) for view in View}


def _draw_patient(number: int, settings: SimulationSettings) -> tuple[Anatomy, dict[View, Quality]]:
    preset = settings.preset
    prior = widened(settings.prior_table, preset.dials["anatomy"])
    any_angle = preset.dials["scan_conversion"]
    anatomy = draw_anatomy(settings.seed, number, prior, preset.half_angles, any_angle, settings.condition)
    return anatomy, draw_qualities(stream(settings.seed, number, "quality"), preset)


def _draw_scanner(number: int, settings: SimulationSettings, quality: Quality) -> Acquisition:
    return draw_acquisition(
        stream(settings.seed, number, "acquisition"), settings.preset, quality, settings.quality_strength
    )


def pixel_grid(anatomy: ViewAnatomy, settings: SimulationSettings) -> PixelGrid:
    """Return the frame around a view's fan, at the size or spacing of the settings."""
    fan = anatomy.fan
    spacing = settings.spacing_mm
    return PixelGrid(fan, max(fan.depth_mm, fan.width_mm) / settings.size if spacing is None else spacing)


OwnFrame: TypeAlias = tuple[SimulatedFrame, Contours, OwnTexture, list[Floats]]
"""A frame with a texture of its own, its outlines, that texture, and its glints."""


class ViewRenderer:
    """What all frames of one view share, and how one is made."""

    def __init__(
        self, number: int, settings: SimulationSettings, anatomy: ViewAnatomy, view: View, scanner: Acquisition
    ) -> None:
        self.number, self.settings, self.anatomy, self.view, self.scanner = number, settings, anatomy, view, scanner
        self.pixels = pixel_grid(anatomy, settings)
        coarser = float(np.clip(self.pixels.spacing_mm / FINEST_PIXEL_MM, 1.0, COARSEST_POLAR))
        self.polar = PolarGrid(anatomy.fan, coarser * REFERENCE_STEP_MM, coarser * REFERENCE_STEP_RAD)
        # Streams without the phase give all instants the same neighbours, tissue and shadows.
        self.surroundings = Surroundings(self.stream("surroundings"), view)
        self.surroundings.fluid = fluid_mm(settings.condition, stream(settings.seed, number, "fluid"))
        self.tissue = Tissue(self.stream("appearance"), view, settings.preset.dials)

    def stream(self, component: str, *rest: str | int) -> Generator:
        """The view's stream of one component."""
        return stream(self.settings.seed, self.number, component, self.view, *rest)

    def own_frame(self, phase: Phase) -> OwnFrame:
        """A frame at end diastole or end systole, whose texture is its own, and what frames beside it need."""
        contours = self.anatomy.contours[phase]
        ejected = float(phase is Phase.END_SYSTOLE)
        glints = draw_glints(contours, self.surroundings.around(contours, ejected), self.stream("mirrors", phase))
        texture = OwnTexture(self.stream("speckle", phase), self.polar.shape)
        return self.frame(contours, ejected, texture, [(1.0, glints)]), contours, texture, glints

    def frame_between(
        self, heart: Heart, first: OwnFrame, last: OwnFrame, ejected: float, instant: int
    ) -> SimulatedFrame:
        """A frame at the instant when a share of the stroke is ejected; texture and glints are its neighbours'."""
        contours = contours_at(heart, self.anatomy.pose, self.view, ejected)
        (_, before, old, old_glints), (_, after, new, new_glints) = first, last
        back, forth = (tissue_places(self.polar, contours, end) for end in (before, after))
        order = self.stream("replacement").random(self.polar.shape, dtype=np.float32)
        texture = TextureBetween(old, new, ejected, back, forth, order, self.stream("flow", instant))
        glints = [(float(np.sqrt(1.0 - ejected)), old_glints), (float(np.sqrt(ejected)), new_glints)]
        return self.frame(contours, ejected, texture, glints)

    def frame(
        self, contours: Contours, ejected: float, texture: Texture, glints: list[tuple[float, list[Floats]]]
    ) -> SimulatedFrame:
        """Form the image and paint the label map."""
        canvas = Canvas(self.polar, texture)
        around = self.surroundings.around(contours, ejected)
        level, blood = scatter_levels(canvas, contours, around, self.tissue, self.scanner)
        mirrors = mirror_lines(canvas, contours, around, glints, self.tissue)
        beams = form_image(canvas, level, blood, mirrors, self.scanner, self.stream("shadows and gain"))
        image = scan_converter(self.polar, self.pixels)(beams)
        spacing = self.pixels.spacing_mm
        return SimulatedFrame(image, draw_labels(contours, self.pixels), (spacing, spacing))


def _measured(heart: Heart, masks: LabelMaps) -> tuple[Attributes, float]:
    """Attributes measured on label maps, without the quality; and the biplane ejection fraction."""
    views = PatientViews(masks)
    wall: float | None = None
    with suppress(DataError):  # in too coarse frames: a wall of a single pixel has no middle
        wall = round(sum(views.view(view, Phase.END_DIASTOLE).wall_thickness for view in View) / len(View), 1)
    as_camus, biplane = views.ejection_fraction(one_height=True), views.ejection_fraction()
    return Attributes(heart.sex, heart.age, None, as_camus, wall), biplane


def _record(
    number: int, anatomy: Anatomy, scanners: dict[View, Acquisition], biplane: float, attributes: Attributes
) -> dict[str, Any]:
    heart = anatomy.heart
    fractions = {"camus": attributes.ejection_fraction, "biplane": biplane, "drawn": heart.ejection_fraction}
    return {
        "patient": number,
        "sex": heart.sex.value,
        "age": heart.age,
        "condition": heart.condition.value,
        "ejection_fraction_percent": fractions,
        "views": {
            view.value: {"vendor": scanners[view].vendor.name, **asdict(seen.fan)}
            for view, seen in anatomy.views.items()
        },
    }
