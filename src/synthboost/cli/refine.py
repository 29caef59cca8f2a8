"""`synthboost refine`: refine simulated images with a diffusion model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from synthboost.cli.options import Sampled


@dataclass(frozen=True, kw_only=True)
class Refine(Sampled):
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

    def run(self) -> None:
        """Refine, and print what was made."""
        from synthboost.adaptation.refine import RefineSettings, condition_of, refine
        from synthboost.data.lists import still_to_come
        from synthboost.data.source import open_source
        from synthboost.diffusion.checkpoint import load_diffusion
        from synthboost.diffusion.sampling import choose_schedule
        from synthboost.inference.predictor import choose_device
        from synthboost.models.registry import weights_fingerprint

        shard = self.share
        network = load_diffusion(self.model).to(choose_device("auto"))
        sha256 = weights_fingerprint(self.model)
        condition = condition_of(self.model, network.settings)
        settings = RefineSettings(self.strength, condition, self.seed)
        schedule = choose_schedule(network.settings, self.method, self.steps)
        made = refine(network, sha256, open_source(self.images), self.out, settings, schedule, shard)
        print(f"{made} patients refined now (condition: {condition}): {self.out}{still_to_come(self.out)}")
