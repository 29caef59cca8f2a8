"""Whose annotations stand behind synthetic images: a diffusion image carries the mask of a patient."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from synthboost.domain import Domain
from synthboost.records.run_folder import RunRecord
from synthboost.reports.study.series import REAL, SYNTHETIC


@dataclass(frozen=True)
class MaskOrigin:
    """How many patients' annotated masks a set of synthetic images was made from."""

    name: str
    """Of the set's folder."""
    patients: int


def mask_origin(run: RunRecord) -> MaskOrigin | None:
    """Return whose masks the diffusion images of a run carry; `None` when it saw none, or does not record it."""
    item = run.spec.data.get(SYNTHETIC)
    if item is None or run.manifest is None or not run.spec.trains_on(SYNTHETIC):
        return None
    return MaskOrigin(item.name, run.manifest.mask_patients) if Domain.DIFFUSION in item.domain.split(", ") else None


def mask_statements(runs: Sequence[RunRecord]) -> tuple[str, ...]:
    """Say for each set which numbers of real patients are not numbers of annotated ones; empty when all are.

    A run that learnt from fewer real patients than its synthetic images carry annotations of has seen more annotation
    than its number of real patients says; 0 stands for runs that saw synthetic images alone.
    """
    fewer: dict[MaskOrigin, set[int]] = {}
    for run in runs:
        origin, patients = mask_origin(run), _real_patients(run)
        if origin is not None and patients is not None and patients < origin.patients:
            fewer.setdefault(origin, set()).add(patients)
    return tuple(_statement(origin, sorted(numbers)) for origin, numbers in fewer.items())


def _real_patients(run: RunRecord) -> int | None:
    if not run.spec.trains_on(REAL):
        return 0
    return run.spec.data[REAL].patients if REAL in run.spec.data else None


def _statement(origin: MaskOrigin, numbers: Sequence[int]) -> str:
    parts = [
        f"The diffusion images of {origin.name} carry the annotations of {origin.patients:,} patients, from whose "
        "masks they were made."
    ]
    if found := [f"{number:,}" for number in numbers if number]:
        said = f"{', '.join(found[:-1])} or {found[-1]}" if len(found) > 1 else found[0]
        patients = "patient" if found == ["1"] else "patients"
        parts.append(
            f"For models that saw these images first or beside real ones, “{said} real {patients}” is therefore not "
            f"{said} annotated {patients}."
        )
    if 0 in numbers:
        parts.append("To train on them alone is not to train without annotation.")
    return " ".join(parts)
