"""How like real images a synthetic set is, from the `fidelity.json` that `synthesize fidelity` writes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from synthboost.errors import DataError
from synthboost.reports.table import NO_VALUE, Table, digits, fixed, named

GAPS = 4
"""The largest gaps of the speckle statistics that the first table shows."""
SUSPECTS_SHOWN = 10
"""Of each space."""
_MEASURES = (
    ("frechet", "Fréchet radiomic distance (lower is more alike)"),
    ("kernel_floor", "kernel distance on halves (0 if alike)"),
    ("density", "density (1 if alike)"),
    ("coverage", "coverage (the floor if alike; low: too little variety)"),
)
_AGAINST = ("value", "low", "high")
_FLOOR = ("floor", "floor_low", "floor_high")
_MEAN = ("mean", "low", "high")
_Lines = Sequence[tuple[str, ...]]


def fidelity_tables(name: str, report: Mapping[str, Any], place: int = 1, file: str = "") -> list[Table]:
    """Distances against their floor, gaps in texture and copies; then every region, statistic and suspect.

    Args:
        name: what the set is called.
        report: the content of `fidelity.json`.
        place: number of the set among those of the page, for the names of the tables.
        file: that the report was read from, for messages.

    Raises:
        DataError: it is not such a report.
    """
    try:
        return [
            _table(f"fidelity_{place}{suffix}", caption, headings, lines)
            for suffix, caption, headings, lines in _parts(name, report)
            if lines
        ]
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise DataError(
            file or name, "fidelity", f"another content ({type(error).__name__} {error})",
            "fidelity.json of `synthboost synthesize fidelity`",
        ) from error  # fmt: skip


def _parts(name: str, report: Mapping[str, Any]) -> Iterator[tuple[str, str, tuple[str, ...], _Lines]]:
    real, synthetic = f"{report['n_real']:,}", f"{report['n_synthetic']:,}"
    settings, (left_real, left_synthetic) = report["settings"], report["left_out"]
    caption = (
        f"Fidelity of {name}: {synthetic} synthetic images against {real} "
        f"{report['reference']} real images of {report['real_patients']:,} patients at {report['size'][0]} x "
        f"{report['size'][1]} px, no downloaded network involved; 95 % ranges in brackets. The masks are of "
        f"{report['synthetic_patients']:,} patients. {left_real} real and {left_synthetic} synthetic images lack a "
        f"region and are left out of the distances. Seed {settings['seed']}; grey values are read as "
        f"{settings['dynamic_range_db']:g} dB."
    )
    against = ("synthetic against real", "real against real (floor)")
    headings = ("measure", *against, "what was learned from, against real")
    yield "", caption, headings, [*_distances(report), *_others(report)]
    regions = [(region, _range(v, _AGAINST), _range(v, _FLOOR), f"{v['images']}")
               for region, v in report["frechet_by_region"].items()]  # fmt: skip
    yield "_regions", f"Fréchet radiomic distance of {name} by region.", ("region", *against, "images"), regions
    speckle = [
        (f"{c['region']}: {_plain(c['statistic'])}", _range(c["real"], _MEAN), _range(c["synthetic"], _MEAN),
         fixed(float(c["gap"]), 2, sign=True))
        for c in report["speckle"]
    ]  # fmt: skip
    caption = f"Speckle of {name}: means with 95 % intervals by patient."
    yield "_speckle", caption, ("statistic", "real", "synthetic", "gap in real SD"), speckle
    copies = [
        (space, f"{m['ratio']:.3f}", f"{m['near_share']:.1%}", f"{m['p_value']:.2g}", f"{len(m['suspects'])}")
        for space, m in report["memorisation"].items()
    ]
    caption = f"Memorisation by {name}: distance to the nearest training image; held-out images are the yardstick."
    of_copies = ("space", "distance ratio", "nearer than 5 % of held-out", "p", "suspects")
    yield "_memorisation", caption, of_copies, copies
    suspects = [
        (s["synthetic"], s["training"], space, f"{s['distance']:.4g}")
        for space, m in report["memorisation"].items() for s in m["suspects"][:SUSPECTS_SHOWN]
    ]  # fmt: skip
    caption = f"Images of {name} that are nearer to training than any held-out image: look at them."
    yield "_suspects", caption, ("synthetic", "training", "space", "distance"), suspects


def _table(name: str, caption: str, headings: tuple[str, ...], lines: _Lines) -> Table:
    cells = [named(headings[:1], line[:1]) | {h: digits(t) for h, t in zip(headings[1:], line[1:], strict=True)}
             for line in lines]  # fmt: skip
    return Table.of(name, caption, cells)


def _distances(report: Mapping[str, Any]) -> _Lines:
    lines = [
        (
            heading,
            _range(report[key], _AGAINST),
            _range(report[key], _FLOOR),
            _learned(report, "learned_frechet") if key == "frechet" else NO_VALUE,
        )
        for key, heading in _MEASURES
    ]
    kernel = _range(report["kernel"], _AGAINST)
    return [*lines, ("kernel distance, all images", kernel, "0", _learned(report, "learned_kernel"))]


def _learned(report: Mapping[str, Any], key: str) -> str:
    """What the images learned from would get; a dash without held-out images."""
    found = report.get(key)
    return NO_VALUE if found is None else _range(found, _AGAINST)


def _others(report: Mapping[str, Any]) -> _Lines:
    gaps = sorted(report["speckle"], key=lambda item: -abs(item["gap"]))[:GAPS]
    lines: list[tuple[str, ...]] = [
        (f"largest gaps in texture: {item['region']}, {_plain(item['statistic'])}",
         f"{fixed(float(item['gap']), 2, sign=True)} SD", "0", NO_VALUE)
        for item in gaps
    ]  # fmt: skip
    for space, found in report["memorisation"].items():
        text = f"{fixed(float(found['ratio']), 2)}, {len(found['suspects'])} suspects"
        lines.append(
            (f"copies: distance to the nearest training image over held-out images', {space}", text, "1", NO_VALUE)
        )
    for structure, found in (report.get("consistency") or {}).items():
        dice = _range(found, _MEAN)
        lines.append((f"mask consistency, {structure}: Dice of a segmenter trained on real", dice, NO_VALUE, NO_VALUE))
    return lines


def _range(values: Mapping[str, Any], names: tuple[str, str, str]) -> str:
    middle, low, high = (fixed(float(values[name]), 2) for name in names)
    return f"{middle} [{low}, {high}]"


def _plain(statistic: object) -> str:
    return str(statistic).replace("_", " ")
