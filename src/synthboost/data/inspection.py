"""Take stock of a data set: what is in it, what is missing, what is odd."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from synthboost.data.dataset import Dataset
from synthboost.data.loading import ordered_map
from synthboost.data.split_check import image_digest
from synthboost.domain import STRUCTURES, Frame, FrameInfo, GreyImage, Structure
from synthboost.errors import DataError
from synthboost.io.pixels import Spacing
from synthboost.progress import track

TINY_FRACTION = 0.0005
"""Masks below this part of the image make Dice unstable (`records.rows.Status.TINY`)."""
TOP_FRACTION = 0.1
"""A guess: the rows that are looked at to see whether the sector's apex is on top."""


@dataclass(frozen=True)
class Range:
    """Smallest, median and largest of some numbers, and how many they are of how many."""

    low: float
    middle: float
    high: float
    known: int
    total: int


@dataclass(frozen=True)
class PixelReport:
    """What only reading every pixel can tell."""

    sizes: dict[tuple[int, int], int]
    """(rows, columns) -> frames."""
    spacings_mm: dict[Spacing, int]
    """(rows, columns) -> frames."""
    area_cm2: dict[Structure, Range]
    """Of the true masks that are not empty."""
    tiny: tuple[str, ...]
    """Masks under 0.05 % of the image, with their area."""
    empty: tuple[str, ...]
    """Structures that an annotated frame lacks."""
    unit_spacing: tuple[str, ...]
    """Frames with exactly 1 mm both ways, which often means that nobody knew."""
    twins: tuple[tuple[str, ...], ...]
    """Groups of frames with identical pixels."""
    not_upright: tuple[str, ...]
    """Frames whose top rows are no emptier than their bottom rows or left columns: the apex may not be on top."""
    faults: tuple[str, ...]
    """Frames that could not be read, and why."""


@dataclass(frozen=True)
class Report:
    """What `inspect_dataset` found. `render_report` makes text of it."""

    root: str
    release: str
    fingerprint: str
    patients: int
    frames: int
    annotated: int
    groups: dict[str, dict[str, int]]
    """What is counted by (view, phase, domain, sex, quality of each view) -> value -> frames, `unknown` included."""
    age: Range | None
    """Over patients; `None`: unknown for all."""
    ejection_fraction: Range | None
    """In percent, over patients."""
    official: dict[str, tuple[int, int]]
    """Part of the official split -> (listed, present) patients."""
    absent: tuple[str, ...]
    pixels: PixelReport | None
    """`None` unless every pixel was read."""


def inspect_dataset(dataset: Dataset, deep: bool = False, workers: int = 0) -> Report:
    """Take stock; `deep` reads every pixel (with `workers` threads, showing progress) and goes on after broken files.

    Raises:
        DataError: a file cannot be read at all (for the fingerprint).
    """
    people = {info.patient: info.attributes for info in dataset.frames}
    present = set(dataset.patients)
    fractions = [a.ejection_fraction for a in people.values()]
    return Report(
        root=str(dataset.root),
        release=dataset.release,
        fingerprint=dataset.fingerprint(),
        patients=len(present),
        frames=len(dataset.frames),
        annotated=sum(map(dataset.has_annotation, dataset.frames)),
        groups=_count_groups(dataset.frames),
        age=_range([a.age for a in people.values()]),
        ejection_fraction=_range(fractions),
        official={str(p): (len(listed), len(present & set(listed))) for p, listed in dataset.official.items()},
        absent=dataset.absent,
        pixels=_inspect_pixels(dataset, workers) if deep else None,
    )


def _count_groups(frames: Iterable[FrameInfo]) -> dict[str, dict[str, int]]:
    counters: dict[str, Counter[str]] = {
        name: Counter() for name in ("view", "phase", "domain", "sex", "quality 2CH", "quality 4CH")
    }
    for info in frames:
        counters["view"][info.view] += 1
        counters["phase"][info.phase] += 1
        counters["domain"][info.domain] += 1
        counters["sex"][info.attributes.sex or "unknown"] += 1
        counters[f"quality {info.view}"][info.attributes.quality or "unknown"] += 1
    return {name: dict(sorted(counter.items())) for name, counter in counters.items()}


def _range(values: Iterable[float | None]) -> Range | None:
    values = list(values)
    known = [float(value) for value in values if value is not None]
    return Range(min(known), float(np.median(known)), max(known), len(known), len(values)) if known else None


@dataclass(frozen=True)
class _Facts:
    size: tuple[int, int]
    spacing_mm: Spacing
    digest: bytes
    upright: bool
    pixels: dict[Structure, int] | None
    """Of each structure; `None` for a frame without label map."""


def _inspect_pixels(dataset: Dataset, workers: int) -> PixelReport:
    def look(info: FrameInfo) -> _Facts | DataError:
        try:
            return _facts(dataset.load(info))
        except DataError as error:
            return error

    found = track(ordered_map(look, dataset.frames, workers), "reading", len(dataset.frames), "frame")
    changed = [f"{dataset.root / path}: checksum differs from the stated one" for path in dataset.broken_files()]
    return _summary(changed, list(zip((f"{i.patient.folder}/{i.name}" for i in dataset.frames), found, strict=True)))


def _summary(changed: list[str], named: list[tuple[str, _Facts | DataError]]) -> PixelReport:
    facts = {name: fact for name, fact in named if isinstance(fact, _Facts)}
    masks = [
        (name, structure, count, fact)
        for name, fact in facts.items()
        for structure, count in (fact.pixels or {}).items()
    ]
    by_digest: dict[bytes, list[str]] = {}
    for name, fact in facts.items():
        by_digest.setdefault(fact.digest, []).append(name)
    return PixelReport(
        sizes=dict(Counter(fact.size for fact in facts.values()).most_common()),
        spacings_mm=dict(Counter(fact.spacing_mm for fact in facts.values()).most_common()),
        area_cm2={
            s: area for s in STRUCTURES if (area := _range([_cm2(n, f) for _, t, n, f in masks if t is s and n]))
        },
        tiny=tuple(
            f"{name} {structure.short}: {count} px, {100 * count / (fact.size[0] * fact.size[1]):.3f} %"
            for name, structure, count, fact in masks
            if 0 < count < TINY_FRACTION * fact.size[0] * fact.size[1]
        ),
        empty=tuple(f"{name} {structure.short}" for name, structure, count, _ in masks if count == 0),
        unit_spacing=tuple(name for name, fact in facts.items() if fact.spacing_mm == (1.0, 1.0)),
        twins=tuple(tuple(names) for names in by_digest.values() if len(names) > 1),
        not_upright=tuple(name for name, fact in facts.items() if not fact.upright),
        faults=(*changed, *(str(fault) for _, fault in named if isinstance(fault, DataError))),
    )


def _facts(frame: Frame) -> _Facts:
    rows, columns = frame.image.shape
    counts = None if frame.label_map is None else np.bincount(frame.label_map.ravel(), minlength=4)
    return _Facts(
        size=(rows, columns),
        spacing_mm=frame.spacing_mm,
        digest=image_digest(frame.image),
        upright=_is_upright(frame.image),
        pixels=None if counts is None else {s: int(counts[s]) for s in STRUCTURES},
    )


def _is_upright(image: GreyImage) -> bool:
    """Whether the top is emptier than bottom and left side, as a sector's is; true for all 1800 real CAMUS frames."""
    rows, columns = (max(1, round(TOP_FRACTION * side)) for side in image.shape)
    top = float(np.mean(image[:rows] > 0))
    return top < float(np.mean(image[-rows:] > 0)) and top < float(np.mean(image[:, :columns] > 0))


def _cm2(pixels: int, fact: _Facts) -> float:
    return pixels * fact.spacing_mm[0] * fact.spacing_mm[1] / 100
