"""Clinical numbers of a data set's patients from label maps, beside those of the true label maps and the stated EF."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from synthboost.data.sector import find_sector
from synthboost.domain import STRUCTURES, Frame, Mask, PatientId, Phase, View
from synthboost.errors import DataError, people, shown
from synthboost.evaluation.clinical.error_by_step import errors_by_step
from synthboost.evaluation.clinical.method_agreement import FEWEST, method_agreement
from synthboost.evaluation.clinical.patient_numbers import Measurement, measure_patient
from synthboost.evaluation.clinical.plausibility import Check, check_patient
from synthboost.inference.overlay import shown_area, write_overlay
from synthboost.inference.predict_dataset import FrameLabelMaps
from synthboost.io.atomic import write_csv, write_json
from synthboost.reports.bland_altman import NOT_A_DEVICE, Compared, agreement_table, bland_altman_plot
from synthboost.reports.table import Table, count, number, words

AGAINST_STATED = {"ef_camus": "CAMUS' convention", "ef_biplane": "biplane, Lang 2015"}
AGAINST_REFERENCE = (
    "ef_biplane", "ef_camus", "lv_volume_biplane_ED", "lv_volume_biplane_ES", "stroke_volume", "lv_length_4CH_ED",
    "la_volume_discs_ES", "la_volume_area_length_ES", "wall_thickness_4CH_ED",
)  # fmt: skip
"""What is compared: fractions with the one that the data set states, these with the reference label maps'."""
PLOTTED = 4
"""Panels of the plot: the first so many quantities."""
CHECK_COLUMNS = (
    "patient", "set", "where", "check", "value", "low", "high", "unit", "severity", "passed", "source", "reason",
)  # fmt: skip
PATIENT_COLUMNS = ("patient", "set", "stated_ef_percent", "plausible", "implausible", "cautions", "not_measured")
"""Before the numbers."""


@dataclass(frozen=True, eq=False)
class Case:
    """One patient."""

    patient: PatientId
    stated_ef: float | None
    """In percent, as the data set states it; `None` when it does not."""
    numbers: dict[str, Measurement]
    """Of the label maps."""
    reference: dict[str, Measurement] | None
    """Of the annotation; `None` when that itself is measured, or there is none."""
    checks: list[Check]
    by_step: dict[str, float] | None
    """Error of the ejection fraction, see `errors_by_step`; `None` when the annotation itself is measured."""
    unread: tuple[str, ...]
    """Frames without a label map, with the reason."""

    @property
    def plausible(self) -> bool:
        """Whether every frame has a label map, and no check says that it is no heart."""
        return not self.unread and not self.failed("implausible")

    def failed(self, severity: str) -> list[Check]:
        """The failed checks of a severity."""
        return [check for check in self.checks if not check.passed and check.rule.severity == severity]

    def why_missing(self, name: str) -> str:
        """Why a number has no value."""
        return "; ".join(self.unread) or self.numbers[name].reason


def measure_cases(found: FrameLabelMaps, with_reference: bool) -> Iterator[Case]:
    """Measure and check patient by patient.

    Args:
        found: label maps of frames; those of a patient follow one another.
        with_reference: also measure the frames' annotations, if they have any.
    """
    for patient, group in groupby(found, key=lambda item: item[0].patient):
        frames = list(group)
        # What is of no known view and phase takes no part in a patient's numbers.
        read = [(key, frame, label_map) for _, frame, label_map in frames if frame is not None and (key := _key(frame))]
        maps = {key: (found, frame.known_spacing_mm) for key, frame, found in read if not isinstance(found, str)}
        truth = {
            key: (frame.label_map, frame.known_spacing_mm) for key, frame, _ in read if frame.label_map is not None
        }
        numbers = measure_patient(maps)
        yield Case(
            patient=patient,
            stated_ef=next((ef for info, *_ in frames if (ef := info.attributes.ejection_fraction) is not None), None),
            numbers=numbers,
            reference=measure_patient(truth) if with_reference and truth else None,
            checks=check_patient(maps, _sectors({key: frame for key, frame, _ in read if key in maps}), numbers),
            by_step=errors_by_step(maps, truth) if with_reference and truth else None,
            unread=tuple(f"{info.name}: {reason}" for info, _, reason in frames if isinstance(reason, str)),
        )


def with_overlays(found: FrameLabelMaps, folder: Path) -> FrameLabelMaps:
    """Draw each label map whose frame has no annotation as `folder/FRAME.png`: only a look tells if it is right."""
    for info, frame, label_map in found:
        if frame is not None and frame.label_map is None and not isinstance(label_map, str):
            masks = np.stack([label_map == structure for structure in STRUCTURES])
            said = [structure.short for structure in STRUCTURES]
            path, spacing = folder / f"{info.name}.png", frame.known_spacing_mm
            write_overlay(path, frame.image, masks, spacing, shown_area(frame.image), said)
        yield info, frame, label_map


def compare_cases(cases: Sequence[Case], measured: str) -> list[Compared]:
    """Agreement of the label maps with the stated ejection fraction, and with the reference label maps.

    Args:
        cases: all patients; those without a value are listed in each comparison with the reason.
        measured: what the label maps are called, e.g. `predicted`.
    """
    compared = []
    for name, convention in AGAINST_STATED.items():
        pairs = [(case, case.stated_ef, "the data set states no EF") for case in cases]
        compared.append(_compare(name, pairs, "EF", "%", f"{measured}, {convention}", "stated"))
    if any(case.reference is not None for case in cases):
        for name in AGAINST_REFERENCE:
            units = [case.numbers[name].unit for case in cases]
            unit = max(units, key=units.count)
            found = [(case, case.reference[name]) for case in cases if case.reference is not None]
            pairs = [
                (case, own.value, f"reference: {own.reason}")
                if own.unit == case.numbers[name].unit == unit
                else (case, None, f"in {own.unit}")
                for case, own in found
            ]
            compared.append(_compare(name, pairs, name, unit, measured, "reference label maps"))
    return compared


def _compare(
    name: str, pairs: list[tuple[Case, float | None, str]], heading: str, unit: str, first: str, second: str
) -> Compared:
    """Compare a number of each case with another value, or with the reason why there is none."""
    values, missing = [], []
    for case, other, reason in pairs:
        value = case.numbers[name].value
        if value is None or other is None:
            missing.append((case.patient.name, case.why_missing(name) if value is None else reason))
        else:
            values.append((value, other))
    array = np.array(values, dtype=np.float64).reshape(-1, 2)
    agreement = method_agreement(array[:, 0], array[:, 1]) if len(values) >= FEWEST else None
    return Compared(heading, unit, first, second, array, tuple(missing), agreement)


def write_clinical(out: Path, cases: Sequence[Case], compared: Sequence[Compared], facts: Mapping[str, Any]) -> Table:
    """Write `patients.csv`, `checks.csv`, the tables, the plot and, last, `agreement.json`; return the agreement.

    Args:
        out: an empty folder.
        cases: one line of `patients.csv` each.
        compared: the comparisons.
        facts: model, sentences, split, software: whatever says what was measured.

    Raises:
        OutputError: a file cannot be written.
    """
    lines = [_line(case) for case in cases]
    columns = dict.fromkeys([*PATIENT_COLUMNS, *(name for line in lines for name in line)])  # some may be in pixels
    write_csv(out / "patients.csv", tuple(columns), lines, for_people=True)
    checks = (_check_line(case, check) for case in cases for check in case.checks)
    write_csv(out / "checks.csv", CHECK_COLUMNS, checks, for_people=True)
    caption = f"Agreement over {people(len(cases))}: {facts['model']}, split {facts['split']}, {facts['part']}."
    plausibility = _plausibility_counts(cases)
    hearts = f"Plausible hearts: {plausibility['plausible patients']} of {people(len(cases))}; checks.csv says why."
    if facts.get("mended") is False and plausibility["plausible patients"] < len(cases):
        hearts += (
            " A loose piece or a hole is enough to fail; --mend removes them from the masks before they are measured."
        )
    table = agreement_table(compared, caption, [f"Sentences: {facts['sentences']}.", hearts])
    table.write(out)
    if steps := _step_table(cases, caption):
        steps.write(out)
    if any(item.agreement for item in compared[:PLOTTED]):
        bland_altman_plot(compared[:PLOTTED], caption).write(out)
    write_json(
        out / "agreement.json",
        {
            "notice": NOT_A_DEVICE,
            **facts,
            "patients": len(cases),
            "plausibility": plausibility,
            "compared": [_compared_record(item) for item in compared],
        },
    )
    return table


def fractions(cases: Sequence[Case]) -> str:
    """The biplane ejection fraction of each patient, for a terminal: where there is nothing to compare it with."""
    said = []
    for case in cases:
        value = case.numbers["ef_biplane"].value
        said.append(f"{case.patient.name} {'not measured' if value is None else f'{value:.1f} %'}")
    in_pixels = any(number.unit == "px" for case in cases for number in case.numbers.values())
    caution = "; without a spacing right only if a pixel of both clips is as large" if in_pixels else ""
    return f"EF, biplane (Lang 2015): {shown(said)}{caution}"


def _step_table(cases: Sequence[Case], caption: str) -> Table | None:
    """By which step the ejection fraction goes wrong; `None` without a patient in whom all steps can be measured."""
    steps = pd.DataFrame([case.by_step for case in cases if case.by_step is not None])
    lines = [
        {
            "taken from the annotation": words(name),
            "patients": count(len(steps)),
            "bias": number(errors.mean(), 1, sign=True),
            "median": number(errors.median(), 1, sign=True),
            "mean absolute error": number(errors.abs().mean(), 1),
        }
        for name, errors in steps.items()
    ]
    what = "Error of the ejection fraction (CAMUS' convention, points), if one step is taken from the annotation"
    return Table.of("ef_by_step", f"{what}. {caption}", lines, (NOT_A_DEVICE,)) if lines else None


def _plausibility_counts(cases: Sequence[Case]) -> dict[str, Any]:
    """How many patients pass, and which checks fail how often."""
    failed = {
        severity: Counter(check.name for case in cases for check in case.failed(severity))
        for severity in ("implausible", "caution")
    }
    return {
        "plausible patients": sum(case.plausible for case in cases),
        "patients": len(cases),
        "failed checks": failed,
    }


def _key(frame: Frame) -> tuple[View, Phase] | None:
    view, phase = frame.info.view, frame.info.phase
    return None if view is None or phase is None else (view, phase)


def _sectors(frames: Mapping[tuple[View, Phase], Frame]) -> dict[tuple[View, Phase], Mask]:
    """The fans that can be made out; without one, only the image's frame counts as border."""
    sectors = {}
    for key, frame in frames.items():
        with suppress(DataError):
            sectors[key] = find_sector(frame.image, frame.info.name).mask(frame.image.shape)
    return sectors


def _column(measurement: Measurement) -> str:
    return f"{measurement.name}_{'percent' if measurement.unit == '%' else measurement.unit}"


def _line(case: Case) -> dict[str, object]:
    implausible, cautions = case.failed("implausible"), case.failed("caution")
    reasons = dict.fromkeys(
        [*case.unread, *(f"{m.name}: {m.reason}" for m in case.numbers.values() if m.value is None)]
    )
    failed = ("; ".join(f"{check.where} {check.name}" for check in checks) for checks in (implausible, cautions))
    values = (case.patient.name, case.patient.origin, case.stated_ef, case.plausible, *failed, "; ".join(reasons))
    line: dict[str, object] = dict(zip(PATIENT_COLUMNS, values, strict=True))
    for prefix, numbers in (("", case.numbers), ("reference_", case.reference)):
        if numbers is not None:
            line |= {f"{prefix}{_column(m)}": m.value for m in numbers.values()}
    return line


def _check_line(case: Case, check: Check) -> dict[str, object]:
    own = {"check": check.name, **vars(check.rule), **vars(check), "passed": check.passed}
    own |= {"patient": case.patient.name, "set": case.patient.origin}
    return {name: own[name] for name in CHECK_COLUMNS}


def _compared_record(item: Compared) -> dict[str, Any]:
    return {
        "name": item.name,
        "unit": item.unit,
        "first": item.first,
        "second": item.second,
        "measured": len(item.values),
        "not measured": [{"patient": patient, "reason": reason} for patient, reason in item.missing],
        "agreement": None if item.agreement is None else asdict(item.agreement),
    }
