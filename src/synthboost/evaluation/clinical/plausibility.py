"""Could these label maps be a heart? Checks of form, of contact and of size, each with its allowed range and source.

The checks of pieces, holes and contact are of the kind of Painchaud et al., IEEE Trans Med Imaging 39:3703-3713, 2020
(anatomical guarantees, on CAMUS among others); ranges of sizes are set wide around Lang et al., J Am Soc Echocardiogr
28:1-39, 2015, because patients and not healthy people are measured. A failed check means that a person should
look at the image. It is no diagnosis; research software, not a medical device.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np

from synthboost.domain import STRUCTURES, LabelMap, Mask, Phase, Structure, View, largest_piece
from synthboost.errors import DataError
from synthboost.evaluation.checks import require_label_map, require_mask
from synthboost.evaluation.clinical.geometry import Scale, contour, free_contour, gap_between
from synthboost.evaluation.clinical.patient_numbers import LabelMaps, Measurement, measure_patient

Severity = Literal["implausible", "caution"]
"""`implausible`: hearts do not look so. `caution`: they may, but a number is then not what its name says."""

_EIGHT = np.ones((3, 3), dtype=np.bool_)
_LV, _MYO, _LA = STRUCTURES
_FORM = "a chamber and its wall are one piece each (Painchaud 2020)"
_LANG = "wide around Lang 2015"


@dataclass(frozen=True)
class Rule:
    """What a value may be, and who says so."""

    low: float | None
    high: float | None
    unit: str
    severity: Severity
    source: str

    def allows(self, value: float) -> bool:
        """Whether a value lies in the range, its ends included."""
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)


RULES = MappingProxyType(
    {
        "pixels": Rule(1, None, "px", "implausible", "every apical view of CAMUS shows all three structures"),
        "pieces": Rule(None, 1, "", "implausible", _FORM),
        "holes": Rule(None, 0.0, "share of its area", "implausible", _FORM),
        "openings": Rule(None, 1, "", "implausible", "the wall is open at the mitral valve alone (Painchaud 2020)"),
        "open contour": Rule(
            0.03, 0.35, "share", "implausible", "ours: in CAMUS' validation masks the base is 7-19 % of the contour"
        ),
        "gap to LV": Rule(None, None, "", "implausible", "the atrium adjoins the ventricle (Painchaud 2020)"),
        "at the border": Rule(None, 0.05, "share of its contour", "caution", "ours: what is cut is measured too small"),
        "wall at the border": Rule(
            None, 0.3, "share of its contour", "caution", "ours: experts outline walls past the fan (CAMUS: 0.10)"
        ),
        "lv area es/ed": Rule(0.28, 0.97, "", "implausible", "an EF of 5-85 %; areas as volumes to the power 2/3"),
        "la area es/ed": Rule(
            0.8, 3.6, "", "caution", "ours: from no emptying, less what drawing errs, to emptying by 85 %"
        ),
        "myo area es/ed": Rule(
            0.7, 1.5, "", "implausible", "ours: 1.0-1.3 of an incompressible wall, 0.97 +- 0.08 drawn in CAMUS"
        ),
        "ef": Rule(5.0, 85.0, "%", "implausible", f"{_LANG}: normal 52-74 %, severely low below 30 %"),
        "wall thickness": Rule(4.0, 25.0, "mm", "implausible", f"{_LANG}: normal 6-10 mm, severe from 16 mm on"),
        "length of views": Rule(
            0.8, None, "shorter / longer", "caution", "ours: one axis seen twice; else one view is foreshortened"
        ),
    }
)  # fmt: skip
"""The kinds of check. Ranges called ours are guesses; none was fitted to a model's masks."""


@dataclass(frozen=True)
class Check:
    """One check of one case."""

    where: str
    """A frame, e.g. `4CH ED`, or `patient`."""
    name: str
    """What was checked, e.g. `LV pieces`."""
    value: float | None
    """`None` when it could not be found, which is a failure too."""
    rule: Rule
    reason: str = ""
    """Why there is no value."""

    @property
    def passed(self) -> bool:
        """Whether there is a value and the rule allows it."""
        return self.value is not None and self.rule.allows(self.value)


def check_patient(
    maps: LabelMaps,
    sectors: Mapping[tuple[View, Phase], Mask] | None = None,
    numbers: Mapping[str, Measurement] | None = None,
) -> list[Check]:
    """Check every frame at hand, and what the frames say together; passed checks are in the list too.

    Args:
        maps: any of the four frames.
        sectors: for some of them the fan (H, W) of the image; without it only the image's frame counts as border.
        numbers: of `measure_patient`, if they are at hand already.

    Raises:
        DataError: a label map, a spacing or a sector is not valid.
    """
    checks = []
    for key, (label_map, spacing_mm) in maps.items():
        sector = (sectors or {}).get(key)
        checks += check_frame(label_map, spacing_mm, sector, where=f"{key[0]} {key[1]}")
    return [*checks, *_of_patient(maps, numbers or measure_patient(maps))]


def check_frame(
    label_map: LabelMap, spacing_mm: tuple[float, float] | None, sector: Mask | None = None, where: str = "frame"
) -> list[Check]:
    """Check one label map (H, W): pieces, holes, contacts, borders.

    Raises:
        DataError: the label map, its spacing or the sector is not valid.
    """
    require_label_map(label_map, where)
    scale = Scale.of(spacing_mm, label_map.shape, where)
    if sector is not None:
        require_mask(sector, f"{where} sector")
        if sector.shape != label_map.shape:
            raise DataError(where, "sector", sector.shape, f"the label map's shape {label_map.shape}")
    masks = {structure: np.asarray(label_map == int(structure)) for structure in STRUCTURES}
    inner = _inner(label_map.shape, sector)
    checks = []
    for structure, mask in masks.items():
        checks.append(Check(where, f"{structure.short} pixels", float(np.count_nonzero(mask)), RULES["pixels"]))
        if mask.any():
            checks += _of_structure(where, structure, masks, inner)
    if masks[_LV].any() and masks[_MYO].any():
        checks += _of_contour(where, masks, scale)
    if masks[_LV].any() and masks[_LA].any():
        unit = scale.length_unit
        rule = Rule(None, scale.gap, unit, RULES["gap to LV"].severity, RULES["gap to LV"].source)
        checks.append(Check(where, "LA gap to LV", gap_between(masks[_LV], masks[_LA], scale), rule))
    return checks


def _of_structure(where: str, structure: Structure, masks: Mapping[Structure, Mask], inner: Mask) -> Iterator[Check]:
    from scipy import ndimage  # here, because importing it takes longer than a check

    mask, short = masks[structure], structure.short
    yield Check(where, f"{short} pieces", float(ndimage.label(mask, structure=_EIGHT)[1]), RULES["pieces"])
    # What a wall encloses is the cavity; a hole is what both of them enclose.
    whole = mask | masks[_LV] if structure is _MYO else mask
    holes = ndimage.binary_fill_holes(whole) & ~whole
    yield Check(where, f"{short} holes", float(holes.sum() / mask.sum()), RULES["holes"])
    rim = mask & ~ndimage.binary_erosion(mask)
    rule = RULES["wall at the border" if structure is _MYO else "at the border"]
    yield Check(where, f"{short} at the border", float((rim & ~inner).sum() / rim.sum()), rule)


def _of_contour(where: str, masks: Mapping[Structure, Mask], scale: Scale) -> Iterator[Check]:
    from scipy import ndimage

    cavity = largest_piece(masks[_LV])
    free = free_contour(cavity, masks[_MYO], scale)
    share = np.count_nonzero(free) / np.count_nonzero(contour(cavity))
    yield Check(where, "LV open contour", float(share), RULES["open contour"])
    labels, count = ndimage.label(free, structure=_EIGHT)
    # A stretch shorter than the gap itself is an unevenness of the wall's edge.
    least = scale.gap / min(scale.spacing)
    openings = int(np.count_nonzero(np.bincount(labels.ravel())[1:] >= least)) if count else 0
    yield Check(where, "LV openings", float(openings), RULES["openings"])


def _of_patient(maps: LabelMaps, numbers: Mapping[str, Measurement]) -> Iterator[Check]:
    for kind in ("lv", "la", "myo"):
        for view in View:
            if all((view, phase) in maps for phase in Phase):
                names = [f"{kind}_area_{view}_{phase}" for phase in (Phase.END_SYSTOLE, Phase.END_DIASTOLE)]
                yield _ratio(f"{kind.upper()} area {view} ES/ED", names, numbers, f"{kind} area es/ed")
    for phase in Phase:
        if all((view, phase) in maps for view in View):
            names = [f"lv_length_{view}_{phase}" for view in View]
            yield _ratio(f"LV length of both views {phase}", names, numbers, "length of views", ordered=True)
    for view in View:
        name = f"wall_thickness_{view}_{Phase.END_DIASTOLE}"
        if (view, Phase.END_DIASTOLE) in maps and numbers[name].unit == "mm":
            wall = numbers[name]
            yield Check("patient", f"wall thickness {view} ED", wall.value, RULES["wall thickness"], wall.reason)
    if all((view, phase) in maps for view in View for phase in Phase):
        fraction = numbers["ef_biplane"]
        yield Check("patient", "EF biplane", fraction.value, RULES["ef"], fraction.reason)


def _ratio(name: str, keys: list[str], numbers: Mapping[str, Measurement], rule: str, ordered: bool = False) -> Check:
    """First over second; `ordered`: the smaller over the larger."""
    first, second = (numbers[key] for key in keys)
    if first.value is None or second.value is None:
        return Check("patient", name, None, RULES[rule], first.reason or second.reason)
    values = sorted((first.value, second.value)) if ordered else [first.value, second.value]
    return Check("patient", name, values[0] / values[1], RULES[rule])


def _inner(shape: tuple[int, ...], sector: Mask | None) -> Mask:
    """(H, W) pixels that neither lie on the border of the fan and the image, nor beyond."""
    from scipy import ndimage

    fan = np.ones(shape, dtype=np.bool_) if sector is None else sector
    return np.asarray(ndimage.binary_erosion(fan, structure=_EIGHT))
