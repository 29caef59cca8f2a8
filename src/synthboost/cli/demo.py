"""`synthboost demo`: the whole method in minutes, with no data and no download, and a report of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Demo:
    """Run the paper's four strategies with a small CLIPSeg and a small CRIS, and write one HTML report.

    Synthetic images come from the simulator, and from a small diffusion model that is trained on the target domain.
    Without `data` everything is simulated, the "real" target domain too, and the report says so. With `data` a CAMUS
    folder takes the target's place. What is finished in `out` is not done again.
    """

    out: Path = Path("demo")
    """The demo's folder: `report.html`, `data/`, `runs/`."""
    data: Path | None = None
    """A real CAMUS folder (NIfTI or MHD release) as the target domain."""
    patients: int | None = None
    """Train on the first so many target patients only."""
    model: tuple[str, ...] = ("clipseg", "cris")
    """The models to train; `unet` is a supervised baseline without text."""
    seed: int = 0

    def run(self) -> None:
        """Run everything and print where the report is."""
        from synthboost.studies.demo import DemoSettings, run_demo
        from synthboost.studies.demo_report import write_demo_report

        settings = DemoSettings(models=self.model, seed=self.seed)
        runs = run_demo(self.out, self.data, settings, self.patients)
        page = write_demo_report(self.out, runs, settings, self.data)
        print(f"report: {page.resolve()}")
