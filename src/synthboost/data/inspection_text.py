"""What `inspect_dataset` found, as plain text for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from synthboost.data.inspection import PixelReport, Range, Report

_SHOWN = 8
"""Items of a list that are spelled out; the rest is counted."""


def render_report(report: Report, full: bool = False) -> str:
    """The report as text, at most 120 columns where names allow it; `full` spells out every list."""
    shown = None if full else _SHOWN
    lines = [
        f"{report.root}",
        _line("release", report.release),
        _line("fingerprint", report.fingerprint),
        _line("patients", str(report.patients)),
        _line("frames", f"{report.frames}, {report.annotated} with label map"),
        *(_line(f"by {name}", _counts(counts)) for name, counts in report.groups.items()),
        _line("age", _range(report.age, "years")),
        _line("EF", _range(report.ejection_fraction, "%")),
        *(_line(f"split {part}", f"{n} listed, {here} present") for part, (n, here) in report.official.items()),
        *_list("absent", report.absent, shown),
    ]
    if report.pixels is None:
        return "\n".join([*lines, _line("pixels", "not read (ask for a deep inspection)")]) + "\n"
    return "\n".join([*lines, *_pixel_lines(report.pixels, shown)]) + "\n"


def _pixel_lines(pixels: PixelReport, shown: int | None) -> list[str]:
    sizes = [f"{rows} x {columns}: {count}" for (rows, columns), count in pixels.sizes.items()]
    spacings = [f"{row:.4g} x {column:.4g}: {count}" for (row, column), count in pixels.spacings_mm.items()]
    return [
        *_list("sizes (rows x columns)", sizes, shown),
        *_list("spacings in mm (rows x columns)", spacings, shown),
        *(_line(f"area {s.short}", _range(area, "cm2")) for s, area in pixels.area_cm2.items()),
        *_list("masks under 0.05 % of the image", pixels.tiny, shown),
        *_list("structures without a pixel", pixels.empty, shown),
        *_list("spacing exactly 1 mm (perhaps unknown)", pixels.unit_spacing, shown),
        *_list("identical images", [" = ".join(names) for names in pixels.twins], shown),
        *_list("apex perhaps not on top", pixels.not_upright, shown),
        *_list("broken", pixels.faults, None),
    ]


def _line(name: str, text: str) -> str:
    return f"  {name:<18} {text}"


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{value} {count}" for value, count in counts.items()) + " frames" if counts else "no frames"


def _range(numbers: Range | None, unit: str) -> str:
    if numbers is None:
        return "unknown for all"
    unknown = f", unknown for {numbers.total - numbers.known}" if numbers.known < numbers.total else ""
    return f"{numbers.low:.3g} to {numbers.high:.3g} {unit}, median {numbers.middle:.3g}{unknown}"


def _list(title: str, items: Sequence[str], shown: int | None) -> list[str]:
    head = _line(title, "none") if not items else f"  {title}: {len(items)}"
    rest = [] if shown is None or len(items) <= shown else [f"    ... and {len(items) - shown} more"]
    return [head, *(f"    {item}" for item in items[:shown]), *rest]
