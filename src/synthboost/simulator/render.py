"""Simulate one patient: two views at two instants, with label maps and attributes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np

from synthboost.domain import Attributes, GreyImage, LabelMap, Phase, Quality, View
from synthboost.errors import DataError
from synthboost.evaluation.chamber import Scale
from synthboost.evaluation.clinical import ejection_fractions
from synthboost.evaluation.wall import mean_wall_thickness
from synthboost.simulator.acoustics import form_image
from synthboost.simulator.anatomy import Anatomy, ViewAnatomy, draw_anatomy
from synthboost.simulator.appearance import Acquisition, draw_acquisition, draw_qualities
from synthboost.simulator.canvas import REFERENCE_STEP_MM, REFERENCE_STEP_RAD, Canvas
from synthboost.simulator.echogenicity import draw_tissue, mirror_lines, scatter_levels
from synthboost.simulator.labels import draw_labels
from synthboost.simulator.scan_conversion import scan_converter
from synthboost.simulator.sector import PixelGrid, PolarGrid
from synthboost.simulator.settings import SimulationSettings
from synthboost.simulator.streams import stream
from synthboost.simulator.surroundings import draw_sizes, draw_surroundings
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
    """Four frames of one heart."""

    number: int
    frames: dict[tuple[View, Phase], SimulatedFrame]
    attributes: dict[View, Attributes]
    """The quality is each view's own, drawn or measured as the settings say. Measured on the label maps: the ejection
    fraction, by CAMUS' algorithm, and the mean wall thickness at end diastole."""
    record: dict[str, Any]
    """What else is known: the true biplane ejection fraction, the condition, scanner and fan (plain values)."""


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
    scanners: dict[View, Acquisition] = {}
    for view, view_anatomy in anatomy.views.items():
        scanners[view] = _draw_scanner(number, settings, qualities[view])
        for phase in Phase:
            frames[view, phase] = _simulate_frame(number, settings, view_anatomy, view, phase, scanners[view])
    masks = {key: (frame.label_map, frame.spacing_mm) for key, frame in frames.items()}
    as_camus, biplane = ejection_fractions(masks)
    attributes = Attributes(anatomy.heart.sex, anatomy.heart.age, None, as_camus, _diastolic_wall(frames))
    record = _record(number, anatomy, scanners, biplane, attributes)
    if settings.quality_rule is QualityRule.VISIBLE_WALL:
        shares = {view: _visible_share([frames[view, phase] for phase in Phase]) for view in View}
        for view, share in shares.items():
            record["views"][view.value] |= {"drawn_quality": qualities[view].value, "visible_wall": round(share, 4)}
        qualities = {view: quality_of(share) for view, share in shares.items()}
    return SimulatedPatient(number, frames, {v: replace(attributes, quality=qualities[v]) for v in View}, record)


def simulate_frame(number: int, settings: SimulationSettings, view: View, phase: Phase) -> SimulatedFrame:
    """Simulate one frame alone; the same as `simulate_patient` has.

    Raises:
        ConfigError: no heart fits the fan.
    """
    anatomy, qualities = _draw_patient(number, settings)
    scanner = _draw_scanner(number, settings, qualities[view])
    return _simulate_frame(number, settings, anatomy.views[view], view, phase, scanner)


def describe_patient(number: int, settings: SimulationSettings) -> dict[View, Attributes]:
    """Return a patient's attributes alone, as `simulate_patient` has them: label maps are drawn, images are not.

    Raises:
        ConfigError: no heart fits the fan.
    """
    anatomy, qualities = _draw_patient(number, settings)
    masks = {}
    for view, phase in product(anatomy.views, Phase):
        pixels = pixel_grid(anatomy.views[view], settings)
        masks[view, phase] = draw_labels(anatomy.views[view].contours[phase], pixels), (pixels.spacing_mm,) * 2
    as_camus, _ = ejection_fractions(masks)
    return {v: Attributes(anatomy.heart.sex, anatomy.heart.age, qualities[v], as_camus) for v in View}


def _draw_patient(number: int, settings: SimulationSettings) -> tuple[Anatomy, dict[View, Quality]]:
    preset = settings.preset
    prior = preset.dials.widen(settings.prior_table)
    anatomy = draw_anatomy(settings.seed, number, prior, preset.half_angles, preset.dials.scan_conversion)
    return anatomy, draw_qualities(stream(settings.seed, number, "quality"), preset)


def _draw_scanner(number: int, settings: SimulationSettings, quality: Quality) -> Acquisition:
    return draw_acquisition(
        stream(settings.seed, number, "acquisition"), settings.preset, quality, settings.quality_strength,
        settings.artefact_strength,
    )  # fmt: skip


def pixel_grid(anatomy: ViewAnatomy, settings: SimulationSettings) -> PixelGrid:
    """Return the frame that the settings ask for around a view's fan."""
    sector = anatomy.sector
    spacing = settings.spacing_mm
    return PixelGrid(sector, max(sector.depth_mm, sector.width_mm) / settings.size if spacing is None else spacing)


def polar_grid(pixels: PixelGrid) -> PolarGrid:
    """Return the beams that suffice for frames of that spacing."""
    coarser = float(np.clip(pixels.spacing_mm / FINEST_PIXEL_MM, 1.0, COARSEST_POLAR))
    return PolarGrid(pixels.sector, coarser * REFERENCE_STEP_MM, coarser * REFERENCE_STEP_RAD)


def _simulate_frame(
    number: int, settings: SimulationSettings, anatomy: ViewAnatomy, view: View, phase: Phase, scanner: Acquisition
) -> SimulatedFrame:
    pixels = pixel_grid(anatomy, settings)
    polar = polar_grid(pixels)
    contours = anatomy.contours[phase]

    # Streams without the phase give both instants the same neighbours, tissue and shadows.
    sizes = draw_sizes(stream(settings.seed, number, "surroundings", view))
    tissue = draw_tissue(stream(settings.seed, number, "appearance", view), view, settings.preset.dials)
    shared = stream(settings.seed, number, "shadows and gain", view)
    canvas = Canvas(polar, stream(settings.seed, number, "speckle", view, phase))

    around = draw_surroundings(contours, sizes, view, phase)
    level, blood = scatter_levels(canvas, contours, around, tissue, scanner)
    mirrors = mirror_lines(canvas, contours, around, stream(settings.seed, number, "mirrors", view, phase))
    beams = form_image(canvas, level, blood, mirrors, scanner, shared)
    image = scan_converter(polar, pixels)(beams)
    return SimulatedFrame(image, draw_labels(contours, pixels), (pixels.spacing_mm, pixels.spacing_mm))


def _visible_share(frames: Sequence[SimulatedFrame]) -> float:
    """Share of visible wall segments, both instants counted together: the quality is the view's."""
    return visible_share(s for f in frames for s in segment_separations(f.image, f.label_map, f.spacing_mm))


def _diastolic_wall(frames: Mapping[tuple[View, Phase], SimulatedFrame]) -> float | None:
    """Mean wall thickness of both views' label maps at end diastole, in tenths of a mm; `None` in too coarse frames."""
    shown = [frames[view, Phase.END_DIASTOLE] for view in View]
    try:
        walls = [mean_wall_thickness(f.label_map, Scale.of(f.spacing_mm, f.label_map.shape)) for f in shown]
    except DataError:  # a wall of a single pixel has no middle
        return None
    return round(sum(walls) / len(walls), 1)


def _record(
    number: int, anatomy: Anatomy, scanners: dict[View, Acquisition], biplane: float, attributes: Attributes
) -> dict[str, Any]:
    heart = anatomy.heart
    return {
        "patient": number,
        "sex": heart.sex.value,
        "age": heart.age,
        "condition": heart.condition.value,
        "ejection_fraction_percent": {
            "camus": attributes.ejection_fraction,
            "biplane": biplane,
            "drawn": heart.ejection_fraction,
        },
        "views": {
            view.value: {
                "vendor": scanners[view].vendor.name,
                "half_angle_deg": anatomy.views[view].sector.half_angle_deg,
                "depth_mm": anatomy.views[view].sector.depth_mm,
            }
            for view in anatomy.views
        },
    }
