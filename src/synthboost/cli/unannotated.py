"""`synthboost match | refine | calibrate | pseudo-label`: simulated and real images brought closer, or annotated."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from synthboost.cli.options import Sampled, Sharded, Unannotated, WithModel
from synthboost.errors import people

PATIENTS = 100
"""Training patients that `calibrate` measures in each set, the first ones."""


@dataclass(frozen=True, kw_only=True)
class Match(Sharded, Unannotated):
    """Give simulated frames the grey levels and speckle contrast of real frames, without reading their annotations.

    Every frame is matched to one training frame of the same view, chosen by seed. Masks are kept. The effect on
    training has not been measured. The same command resumes.
    """

    images: Path
    """The simulated data set."""
    like: Path
    """The images to match: a data set, or a plain folder of pictures. Only training patients are used."""
    out: Path
    """A new folder, or one begun by the same command."""

    def run(self) -> None:
        """Match, and print what was made."""
        from synthboost.adaptation.match import match
        from synthboost.data.lists import still_to_come
        from synthboost.data.source import open_source

        shard = self.share
        made = match(open_source(self.images), self.open(self.like), self.out, self.seed, shard)
        print(f"{people(made)} matched now: {self.out}{still_to_come(self.out)}")


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
    seed: Annotated[int, tyro.conf.Suppress] = 0

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
        print(f"{people(made)} refined now (condition: {condition}): {self.out}{still_to_come(self.out)}")


@dataclass(frozen=True, kw_only=True)
class Calibrate(WithModel, Unannotated):
    """Measure by how much the simulator's hearts differ in size and pose from those in unannotated images.

    A model trained on simulated images predicts masks in both sets. Plausible masks are measured, and the differences
    of the medians are printed as options of `simulate`. Annotations of the images are not read. The simulated images
    must not have been used to train the model.
    """

    data: tyro.conf.Positional[Path]
    """A data set, or a plain folder of pictures. Only training patients are used; annotations are not read."""
    simulated: Path
    """A simulated set with the prior to shift; an earlier calibration of it is added."""
    out: Path
    """A new JSON file for the calibration and the number of frames."""

    def run(self) -> None:
        """Measure both sets, and print and write the differences."""
        from synthboost.adaptation.calibrate import calibrate, measure_hearts, require_enough
        from synthboost.data.simulated_set import settings_of
        from synthboost.data.source import open_source
        from synthboost.errors import OutputError
        from synthboost.inference.predictor import Predictor
        from synthboost.io.atomic import write_json
        from synthboost.models.registry import name_with_checksum
        from synthboost.simulator.priors import calibration_of, one_after_another

        if self.out.exists():
            raise OutputError(self.out, "file", "exists", "a new file", "Choose another name.")
        predictor = Predictor.from_pretrained(self.checkpoint)
        real = self.open(self.data)
        simulated = open_source(self.simulated)
        named = (("images", real), ("simulated images", simulated))
        before = calibration_of(settings_of(simulated.dataset.root).calibration)
        for name, source in named:
            require_enough(source, PATIENTS, name)
        sides = [measure_hearts(predictor, source, PATIENTS, name) for name, source in named]
        found = one_after_another(before, calibrate(sides[0][0], sides[1][0]))
        numbers = {
            name: {"frames": frames, "measured": sum(map(len, hearts.values()))}
            for name, (hearts, frames) in zip(("images", "simulated"), sides, strict=True)
        }
        model = name_with_checksum(predictor.model, self.checkpoint)
        write_json(self.out, {"calibration": found, "model": model, **numbers})
        for name, side in numbers.items():
            print(f"{name}: {side['measured']} of {side['frames']} frames measured")
        print("synthboost simulate --calibration " + " ".join(f"{name} {value:g}" for name, value in found.items()))


@dataclass(frozen=True, kw_only=True)
class PseudoLabel(WithModel, Unannotated):
    """Annotate the training and validation patients of a data set with a model, for self-training.

    Annotations of the data set are not read. Frames with implausible masks or low confidence are left out and listed in
    `rejected.csv`. Train on the result with `--synthetic`.
    """

    data: tyro.conf.Positional[Path]
    """The images: a data set whose frames need no annotation, or a plain folder of pictures."""
    out: Path
    """The new data set's folder; the same command resumes."""
    least_confidence: float = 0.7
    """Leave out frames whose mean probability inside a structure is lower."""
    keep_implausible: bool = False
    """Keep implausible masks."""

    def run(self) -> None:
        """Annotate, and print how much was kept."""
        from synthboost.adaptation.pseudo_labels import REPORT, PseudoLabelSettings, pseudo_label
        from synthboost.data.picture_folder import PictureFolder, write_picture_list
        from synthboost.inference.predictor import Predictor
        from synthboost.models.registry import name_with_checksum

        settings = PseudoLabelSettings(self.least_confidence, plausible=not self.keep_implausible)
        predictor = Predictor.from_pretrained(self.checkpoint)
        source = self.open(self.data)
        model = name_with_checksum(predictor.model, self.checkpoint)
        frames, kept, rejected = pseudo_label(predictor, model, source, self.out, settings)
        if isinstance(source.dataset, PictureFolder):
            write_picture_list(source.dataset, self.out)
        print(f"{kept} of {frames} frames annotated and kept in {self.out}")
        for reason, count in list(rejected.items())[:8]:
            print(f"left out for {reason}: {count} frames", file=sys.stderr)
        if rejected:
            print(f"every frame that was left out: {self.out / REPORT}", file=sys.stderr)
