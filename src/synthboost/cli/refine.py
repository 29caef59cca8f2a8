"""`synthboost refine`: refine simulated images with a diffusion model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from synthboost.cli.options import parse_shard, still_to_come
from synthboost.cli.synthesize import choose_schedule


@dataclass(frozen=True)
class Refine:
    """Refine simulated frames with a diffusion model: add noise up to a strength, then denoise (SDEdit).

    Masks, patients and parts are kept; frames get the model's size. The effect on training has not been measured. The
    same command resumes. Shards may run in parallel, on any machine that sees `out`.
    """

    model: Path
    """The folder of a diffusion model, preferably trained with `--unannotated`, or its `checkpoint/`."""
    images: Path
    """The simulated data set."""
    out: Path
    """A new folder, or one begun by the same command."""
    strength: float = 0.4
    """The amount of noise: 0 leaves images unchanged, 1 keeps nothing of them."""
    method: Literal["default", "ddpm", "ddim", "dpm++", "unipc", "euler", "heun"] = "default"
    """The sampler; by default Euler for a flow, DPM-Solver++ for predicted noise."""
    steps: int | None = None
    """Steps from noise to image, of which refining takes its share; by default 10 (flow) or 20 (predicted noise)."""
    shard: str = "1/1"
    """`3/16` makes the third of sixteen shares, to run several processes in parallel."""
    seed: int = 0

    def run(self) -> None:
        """Refine, and print what was made."""
        from synthboost.adaptation.refine import RefineSettings, condition_of, refine
        from synthboost.data.source import open_source
        from synthboost.diffusion.checkpoint import load_diffusion
        from synthboost.inference.predictor import choose_device
        from synthboost.models.weights_folder import file_sha256, weights_path

        shard = parse_shard("refine", self.shard)
        folder = self.model / "checkpoint" if (self.model / "checkpoint").is_dir() else self.model
        network = load_diffusion(folder).to(choose_device("auto"))
        condition = condition_of(self.model, network.settings)
        settings = RefineSettings(self.strength, condition, self.seed)
        schedule = choose_schedule(network.settings, self.method, self.steps)
        source = open_source(self.images)
        sha256 = file_sha256(weights_path(folder))
        made = refine(network, sha256, source, self.out, settings, schedule, shard)
        print(f"{made} patients refined now, told {condition}: {self.out}{still_to_come(self.out)}")
