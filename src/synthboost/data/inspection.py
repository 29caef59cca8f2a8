"""Take stock of a data set: what is in it, what is missing, what is odd; as a table of frames and as plain text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from synthboost.data.dataset import Dataset, image_digest, ordered_map
from synthboost.domain import STRUCTURES, Frame, FrameInfo, GreyImage, View
from synthboost.errors import DataError
from synthboost.progress import track
from synthboost.records.rows import TINY_SHARE

TOP_FRACTION = 0.1
"""A guess: the top rows that show whether the sector's apex is on top."""
_MEASURED = ("height", "width", "spacing_mm", "digest", "upright", "fault", *(s.short for s in STRUCTURES))
_SHOWN = 8
"""Items of a list that are spelled out; the rest is counted."""


def inspect_dataset(dataset: Dataset, deep: bool = False, workers: int = 0) -> pd.DataFrame:
    """Return one row per frame: who and what it shows, whether it is annotated.

    With `deep` every pixel is read (with `workers` threads, showing progress), and the rows also have size (`height`,
    `width`), `spacing_mm`, the image's digest, whether it is upright, the pixels of each structure (`LV`, `MYO`, `LA`)
    and `fault`: why a frame could not be read; the inspection goes on after it.
    """
    table = pd.DataFrame([_known(dataset, info) for info in dataset.frames])
    if not deep:
        return table

    def look(info: FrameInfo) -> dict[str, Any]:
        try:
            return _measured(dataset.load(info))
        except DataError as error:
            return {"fault": str(error)}

    found = track(ordered_map(look, dataset.frames, workers), "reading", len(dataset.frames), "frame")
    return table.join(pd.DataFrame(list(found), columns=_MEASURED))


def render_report(dataset: Dataset, table: pd.DataFrame, full: bool = False) -> str:
    """What `inspect_dataset` found as text, at most 120 columns where names allow it; `full` spells out every list."""
    try:
        fingerprint = dataset.fingerprint()
    except DataError as error:  # it goes on: to find what is broken is what an inspection is for
        fingerprint = f"none, {error.field} of {error.where}: {error.value}"
    shown = None if full else _SHOWN
    people = table.drop_duplicates("patient")
    present = set(dataset.patients)
    lines = [
        str(dataset.root),
        _line("release", dataset.release),
        _line("fingerprint", fingerprint),
        _line("patients", len(people)),
        _line("frames", f"{len(table)}, {table['annotated'].sum()} with label map"),
        _line("annotated", ", ".join(structure.short for structure in dataset.structures) or "nothing"),
        *([_line("spacing", f"unknown for {bare} frames")] if (bare := (~table["spacing_known"]).sum()) else ()),
        *(_line(f"by {name}", _counts(table[name])) for name in ("view", "phase", "domain", "sex")),
        *(_line(f"by quality {view}", _counts(table["quality"][table["view"] == view])) for view in View),
        _line("age", _range(people["age"], "years")),
        _line("EF", _range(people["ejection_fraction"], "%")),
        *(
            _line(f"split {part}", f"{len(listed)} listed, {len(present & set(listed))} present")
            for part, listed in dataset.official.items()
        ),
        *_list("absent", dataset.absent, shown),
        *(_line("ignored", f"{count} {what}") for what, count in dataset.ignored.items()),
    ]
    if "fault" in table:
        sound = table[table["fault"].isna()]
        measured = sound[sound["spacing_known"]]
        areas = ((s.short, measured[s.short] * measured["spacing_mm"].map(np.prod) / 100) for s in STRUCTURES)
        found = findings(table)
        sizes = list(found)[:2]
        lines += [line for title in sizes for line in _list(title, found.pop(title), shown)]
        lines += [_line(f"area {name}", _range(area[area > 0], "cm2")) for name, area in areas if (area > 0).any()]
        lines += [line for title, items in found.items() for line in _list(title, items, shown)]
        lines += _list("broken", faults(dataset, table), None)
    else:
        lines.append(_line("pixels", "not read (use --deep)"))
    return "\n".join(lines) + "\n"


def findings(table: pd.DataFrame) -> dict[str, list[str]]:
    """What a deep inspection found worth a list: title -> items."""
    sound = table[table["fault"].isna()]
    masks = [
        (f"{row['frame']} {s.short}", int(row[s.short]), row["height"] * row["width"])
        for row in sound.to_dict("records")
        for s in STRUCTURES
        if not np.isnan(row[s.short])
    ]
    sizes = Counter(zip(sound["height"], sound["width"], strict=True)).most_common()
    spacings = Counter(sound["spacing_mm"]).most_common()
    return {
        "sizes (rows x columns)": [f"{h:.0f} x {w:.0f}: {n}" for (h, w), n in sizes],
        "spacings in mm (rows x columns)": [f"{row:.4g} x {column:.4g}: {n}" for (row, column), n in spacings],
        "masks under 0.05 % of the image": [
            f"{name}: {n} px, {100 * n / size:.3f} %" for name, n, size in masks if 0 < n < TINY_SHARE * size
        ],
        "structures without a pixel": [name for name, n, _ in masks if n == 0],
        "spacing exactly 1 mm (perhaps unknown)": [
            row["frame"] for row in sound.to_dict("records") if row["spacing_mm"] == (1.0, 1.0) and row["spacing_known"]
        ],
        "identical images": [
            " = ".join(names) for _, names in sound.groupby("digest", sort=False)["frame"] if len(names) > 1
        ],
        "apex perhaps not on top": list(sound["frame"][~sound["upright"].astype(bool)]),
    }


def faults(dataset: Dataset, table: pd.DataFrame) -> list[str]:
    """Files that a deep inspection found changed or unreadable, and why."""
    changed = [f"{dataset.root / path}: checksum differs from the stated one" for path in dataset.broken_files()]
    return [*changed, *table["fault"].dropna()]


def _known(dataset: Dataset, info: FrameInfo) -> dict[str, Any]:
    known = info.attributes
    return {
        "frame": f"{info.patient.folder}/{info.name}", "patient": str(info.patient),
        "view": info.view or "unknown", "phase": info.phase or "unknown", "domain": info.domain,
        "spacing_known": info.spacing_known,
        "sex": known.sex or "unknown", "quality": known.quality or "unknown",
        "age": known.age, "ejection_fraction": known.ejection_fraction, "annotated": dataset.has_annotation(info),
    }  # fmt: skip


def _measured(frame: Frame) -> dict[str, Any]:
    height, width = frame.image.shape
    known = () if frame.label_map is None else frame.info.structures
    counts = {s: np.count_nonzero(frame.mask(s)) if s in known else np.nan for s in STRUCTURES}
    return {
        "height": height, "width": width, "spacing_mm": frame.spacing_mm, "digest": image_digest(frame.image),
        "upright": _is_upright(frame.image), "fault": None, **{s.short: counts[s] for s in STRUCTURES},
    }  # fmt: skip


def _is_upright(image: GreyImage) -> bool:
    """Whether the top is emptier than bottom and left side, as a sector's is; true for all 1800 real CAMUS frames."""
    rows, columns = (max(1, round(TOP_FRACTION * side)) for side in image.shape)
    top = float(np.mean(image[:rows] > 0))
    return top < float(np.mean(image[-rows:] > 0)) and top < float(np.mean(image[:, :columns] > 0))


def _line(name: str, text: object) -> str:
    return f"  {name:<18} {text}"


def _counts(values: pd.Series) -> str:
    counts = values.value_counts().sort_index()
    return ", ".join(f"{value} {count}" for value, count in counts.items()) + " frames" if len(counts) else "no frames"


def _range(values: pd.Series, unit: str) -> str:
    known = values.dropna().astype(float)
    if known.empty:
        return "unknown for all"
    unknown = f", unknown for {len(values) - len(known)}" if len(known) < len(values) else ""
    return f"{known.min():.3g} to {known.max():.3g} {unit}, median {known.median():.3g}{unknown}"


def _list(title: str, items: Sequence[str], shown: int | None) -> list[str]:
    head = f"  {title}: {len(items)}" if items else _line(title, "none")
    rest = [] if shown is None or len(items) <= shown else [f"    ... and {len(items) - shown} more"]
    return [head, *(f"    {item}" for item in items[:shown]), *rest]
