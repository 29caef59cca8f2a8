"""`synthboost synthesize train | sample | fidelity`: a semantic diffusion model, its images, and how good they are."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import tyro

from synthboost.cli.shards import parse_shard, still_to_come
from synthboost.cli.unannotated import Unannotated
from synthboost.diffusion.settings import DiffusionTraining
from synthboost.domain import SplitOptions
from synthboost.errors import ConfigError

if TYPE_CHECKING:
    from synthboost.diffusion.sampling import Schedule
    from synthboost.diffusion.settings import DiffusionSettings


@dataclass(frozen=True)
class TrainDiffusion:
    """Train one model for all views and phases on the training patients of a data set.

    The same command resumes it after an interruption. The folder's `checkpoint/` is what `sample` takes.
    """

    data: Path
    """The annotated data set whose training patients are learned from; with `--unannotated`, also a plain folder of
    pictures."""
    out: Path
    """The folder of the model."""
    preset: Literal["tiny", "compact", "small", "sdm256"] = "small"
    """Size: `tiny` (64 px, minutes on two CPU cores), `compact` (128 px, an hour on two CPU cores), `small` (128 px),
    `sdm256` (published for echo: 256 px, 652 M)."""
    patients: int | None = None
    """Train on the first so many training patients only."""
    unannotated: bool = False
    """Learn from images alone, for `refine`: label maps may be absent, and are not opened if they are there."""
    images: Unannotated = field(default_factory=Unannotated)
    training: DiffusionTraining = field(default_factory=DiffusionTraining)

    def run(self) -> None:
        """Train, and say where the weights are."""
        from synthboost.data.picture_folder import Untold
        from synthboost.data.source import open_source
        from synthboost.diffusion.settings import PRESETS
        from synthboost.studies.diffusion import DONE, train_diffusion_on

        if not self.unannotated and self.images.untold != Untold():
            raise ConfigError(
                "synthesize train", "view, phase or spacing-mm", "given", "none of them where masks are learned from",
                "Pictures have no masks: add --unannotated.",
            )  # fmt: skip
        images = self.images
        if self.unannotated:
            source = images.open(self.data, self.patients)
        else:
            source = open_source(self.data, images, self.patients)
        state = "finished before" if (self.out / DONE).is_file() else "weights"
        weights = train_diffusion_on(source, PRESETS[self.preset], self.training, self.out, self.unannotated)
        print(f"{state}: {weights}")


@dataclass(frozen=True)
class SampleDiffusion:
    """Make a data set in CAMUS' layout: for every mask, images of perturbed copies of it.

    Synthetic patients stand in the part of the patient whose masks they have; test patients' masks are never used.
    The same command finishes what was begun. Shards may run at once, on any machine that sees `out`.
    """

    model: Path
    """The folder of a trained model, or its `checkpoint/`."""
    masks: Path
    """The data set whose masks are used: annotated, or simulated."""
    out: Path
    """A new folder, or one that the same command began."""
    splitting: SplitOptions = field(default_factory=SplitOptions)
    copies: int = 5
    """Synthetic patients for each patient."""
    perturb: bool = True
    """Deform the masks as Echo from Noise does; without, copies differ in their noise only."""
    method: Literal["default", "ddpm", "ddim", "dpm++", "unipc", "euler", "heun"] = "default"
    """The sampler; by default Euler for a flow, DPM-Solver++ for predicted noise."""
    steps: int | None = None
    """Of the sampler; by default 10 for a flow, 20 for predicted noise."""
    guidance: float = 1.0
    """How far images are pushed towards their map; 1 is not."""
    shard: str = "1/1"
    """`3/16`: the third of sixteen shares."""
    seed: int = 0
    batch: int = 16
    """Images at a time; halved by itself when memory runs out."""

    def run(self) -> None:
        """Sample, and say what was made."""
        from synthboost.data.source import open_source
        from synthboost.diffusion.checkpoint import load_diffusion
        from synthboost.diffusion.perturbation import PerturbationSettings
        from synthboost.diffusion.synthesize import SynthesisSettings, synthesize
        from synthboost.inference.predictor import choose_device
        from synthboost.models.weights_folder import file_sha256, weights_path

        shard = parse_shard("synthesize", self.shard)
        source = open_source(self.masks, self.splitting)
        folder = self.model / "checkpoint" if (self.model / "checkpoint").is_dir() else self.model
        network = load_diffusion(folder).to(choose_device("auto"))
        settings = SynthesisSettings(
            copies=self.copies,
            perturbation=PerturbationSettings(copies=self.copies) if self.perturb else None,
            guidance=self.guidance,
            seed=self.seed,
            batch=self.batch,
        )
        sha256 = file_sha256(weights_path(folder))
        schedule = choose_schedule(network.settings, self.method, self.steps)
        made = synthesize(network, sha256, source.dataset, source.split, self.out, settings, schedule, shard)
        print(f"{made} synthetic patients made now: {self.out}{still_to_come(self.out)}")


@dataclass(frozen=True)
class Fidelity:
    """Compare synthetic images with real ones: texture by structure, distances with a floor, copies of training images.

    Both sets are brought to one size. The real training patients are what the model learned from; the real validation
    patients are the yardstick. The report's sheets show images of both: keep them as confidential as the data.
    """

    real: tyro.conf.Positional[Path]
    """The real data set."""
    synthetic: tyro.conf.Positional[Path]
    """The synthetic one."""
    out: Path
    """A new folder for `fidelity.json`, `fidelity.md`, `fidelity.html` and contact sheets."""
    splitting: SplitOptions = field(default_factory=SplitOptions)
    checkpoint: str | None = None
    """A segmenter trained on real images: its masks in the synthetic images are compared with the masks they were made
    from."""
    size: int = 128
    """Pixels per side at which texture is compared; at most the synthetic images' own."""
    seed: int = 0

    def run(self) -> None:
        """Compare, write the numbers and print the main ones."""
        from synthboost.studies.fidelity import FidelityPlan, compare_sets

        print(compare_sets(FidelityPlan(**vars(self))))


def choose_schedule(settings: DiffusionSettings, method: str, steps: int | None) -> Schedule:
    """Return the sampler that was asked for, or the one that suits the model."""
    from dataclasses import replace

    from synthboost.diffusion.sampling import Method, default_schedule, require_method

    default = default_schedule(settings)
    chosen = default.method if method == "default" else Method(method)
    schedule = replace(default, method=chosen, steps=steps or (default.steps if chosen == default.method else 20))
    require_method(schedule, settings)
    return schedule
