"""`synthboost demo`: the whole method in minutes, without data or downloads, and its report."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path


@dataclass(frozen=True)
class Demo:
    """Run the paper's four strategies with a small CLIPSeg and a small CRIS, and write one HTML report.

    Synthetic images come from the simulator, and from a small diffusion model trained on the target domain. Without
    `data` the "real" target domain is simulated too, and the report says so; with `data` it is a CAMUS folder. What is
    finished in `out` is skipped.
    """

    out: Path = Path("demo")
    """The demo's folder: `report.html`, `data/`, `runs/`."""
    data: Path | None = None
    """A real CAMUS folder (NIfTI or MHD release) as the target domain."""
    patients: int | None = None
    """Train on the first N target patients only."""
    model: tuple[str, ...] = ("clipseg", "cris")
    """The models to train; `unet` is a supervised baseline without text."""

    def run(self) -> None:
        """Run everything and print where the report is."""
        from synthboost.studies.demo import DemoSettings, run_demo, write_demo_report
        from synthboost.studies.recipes import demo

        preset = demo()
        grid = replace(preset.grid, models=self.model)
        settings = DemoSettings(replace(preset, grid=grid))
        runs = run_demo(self.out, self.data, settings, self.patients)
        page = write_demo_report(self.out, runs, settings, self.data)
        print(f"report: {page.resolve()}")
