"""`synthboost synthesize train | sample | fidelity`: a semantic diffusion model, its images, and their fidelity."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import tyro

from synthboost.cli.options import Sampled, Unannotated
from synthboost.diffusion.settings import DiffusionTraining
from synthboost.domain import SplitOptions
from synthboost.errors import ConfigError, people


@dataclass(frozen=True, kw_only=True)
class TrainDiffusion(Unannotated):
    """Train one model for all views and phases on the training patients of a data set.

    The same command resumes. `sample` takes the folder.
    """

    data: Path
    """The annotated data set to train on; with `--unannotated`, also a plain folder of pictures."""
    out: Path
    """The folder of the model."""
    preset: Literal["tiny", "compact", "small", "sdm256"] = "small"
    """`tiny` (64 px), `compact` (128 px, an hour on two CPU cores), `small` (128 px), `sdm256` (published, 652 M)."""
    unannotated: bool = False
    """Train on images alone, for `refine`: label maps are not read, and may be absent."""
    training: DiffusionTraining = field(default_factory=DiffusionTraining)

    def run(self) -> None:
        """Train, and print where the weights are."""
        from synthboost.data.picture_folder import PictureDefaults
        from synthboost.data.source import open_source
        from synthboost.diffusion.settings import PRESETS
        from synthboost.diffusion.training import DONE, train_diffusion_on

        if not self.unannotated and self.defaults != PictureDefaults():
            raise ConfigError(
                "synthesize train", "pictures", "given", "none of them where the model is trained on masks",
                "Pictures have no masks: add --unannotated.",
            )  # fmt: skip
        source = self.open(self.data) if self.unannotated else open_source(self.data, self)
        state = "finished before" if (self.out / DONE).is_file() else "weights"
        weights = train_diffusion_on(source, PRESETS[self.preset], self.training, self.out, self.unannotated)
        print(f"{state}: {weights}")


@dataclass(frozen=True, kw_only=True)
class SampleDiffusion(Sampled, SplitOptions):
    """Make a data set in CAMUS' layout: for every mask, images of perturbed copies of it.

    A synthetic patient belongs to the part of the patient whose masks it has; test patients' masks are never used. The
    same command resumes. Shards may run in parallel, on any machine that sees `out`.
    """

    model: Path
    """The folder of a trained model, or its `checkpoint/`."""
    masks: Path
    """The data set whose masks to use: annotated, or simulated."""
    out: Path
    """A new folder, or one begun by the same command."""
    copies: int = 5
    """Synthetic patients for each patient."""

    def run(self) -> None:
        """Sample, and print what was made."""
        from synthboost.data.lists import still_to_come
        from synthboost.data.source import open_source
        from synthboost.diffusion.checkpoint import load_diffusion
        from synthboost.diffusion.sampling import choose_schedule
        from synthboost.diffusion.synthesize import SynthesisSettings, synthesize
        from synthboost.inference.predictor import choose_device
        from synthboost.models.registry import weights_fingerprint

        shard = self.share
        network = load_diffusion(self.model).to(choose_device("auto"))
        sha256 = weights_fingerprint(self.model)
        settings = SynthesisSettings(self.copies, seed=self.seed)
        schedule = choose_schedule(network.settings, self.method, self.steps)
        source = open_source(self.masks, self)
        made = synthesize(network, sha256, source.dataset, source.split, self.out, settings, schedule, shard)
        print(f"{people(made, 'synthetic')} made now: {self.out}{still_to_come(self.out)}")


@dataclass(frozen=True, kw_only=True)
class Fidelity(SplitOptions):
    """Compare synthetic images with real ones: texture by structure, distances with a floor, copies of training images.

    Both sets are resized to one size. The real training patients are those that the model was trained on; the real
    validation patients are the reference. The contact sheets show both: keep them as confidential as the data.
    """

    real: tyro.conf.Positional[Path]
    """The real data set."""
    synthetic: tyro.conf.Positional[Path]
    """The synthetic data set."""
    out: Path
    """A new folder for `fidelity.json`, `fidelity.md`, `fidelity.html` and contact sheets."""
    checkpoint: str | None = None
    """A segmenter trained on real images: its predictions on the synthetic images are compared with their masks."""
    size: int = 128
    """Pixels per side for the comparison; at most the synthetic images' own."""

    def run(self) -> None:
        """Compare, write the numbers and print the main ones."""
        from synthboost.inference.fidelity import compare_sets

        print(compare_sets(self.real, self.synthetic, self.out, self, self.checkpoint, self.size))
