"""`synthboost refine`: let a diffusion model go over simulated images."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from synthboost.cli.shards import parse_shard, still_to_come
from synthboost.cli.synthesize import choose_schedule


@dataclass(frozen=True)
class Refine:
    """Let a diffusion model go over simulated frames: mixed with noise to some strength, and led back (SDEdit).

    Masks, patients and parts stay; frames get the model's size. Whether training gains by it has not been measured.
    The same command finishes what was begun. Shards may run at once, on any machine that sees `out`.
    """

    model: Path
    """The folder of a trained model, best `--unannotated`, or its `checkpoint/`."""
    images: Path
    """The simulated data set."""
    out: Path
    """A new folder, or one that the same command began."""
    strength: float = 0.4
    """How much noise: 0 leaves images as they are, 1 keeps nothing of them."""
    method: Literal["default", "ddpm", "ddim", "dpm++", "unipc", "euler", "heun"] = "default"
    """The sampler; as for `sample`."""
    steps: int | None = None
    """Of the whole way from noise to image, of which refining takes its share; as for `sample`."""
    shard: str = "1/1"
    """`3/16`: the third of sixteen shares."""
    seed: int = 0

    def run(self) -> None:
        """Refine, and say what was made."""
        from synthboost.adaptation.refine import RefineSettings, refine
        from synthboost.data.source import open_source
        from synthboost.diffusion.checkpoint import load_diffusion
        from synthboost.inference.predictor import choose_device
        from synthboost.models.weights_folder import file_sha256, weights_path
        from synthboost.studies.diffusion import condition_of

        shard = parse_shard("refine", self.shard)
        folder = self.model / "checkpoint" if (self.model / "checkpoint").is_dir() else self.model
        network = load_diffusion(folder).to(choose_device("auto"))
        condition = condition_of(self.model, network.settings)
        settings = RefineSettings(self.strength, condition, self.seed)
        schedule = choose_schedule(network.settings, self.method, self.steps)
        source = open_source(self.images)
        sha256 = file_sha256(weights_path(folder))
        made = refine(network, sha256, source.dataset, source.split, self.out, settings, schedule, shard)
        print(f"{made} patients refined now, told {condition}: {self.out}{still_to_come(self.out)}")
