"""`synthboost pseudo-label`: let a trained model annotate real images, and write what is plausible as a data set."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import tyro

from synthboost.domain import Phase, PromptSet, View


@dataclass(frozen=True)
class PseudoLabel:
    """Annotate the training and validation patients of a data set by a model: self-training, without an expert.

    The annotations that the data set may have are not read. Frames whose masks could not be a heart, or of which the
    model is not sure, are left out and listed in `rejected.csv`. Train on the result with `--synthetic`.
    """

    data: tyro.conf.Positional[Path]
    """The images: a data set whose frames need no annotation, or a plain folder of pictures."""
    checkpoint: str
    """A run's folder, a folder of weights, or a hub name."""
    out: Path
    """The data set's folder; made if absent. The same call goes on where it was stopped."""
    prompts: PromptSet = PromptSet.P1
    """The sentences that the model is asked with."""
    least_confidence: float = 0.7
    """Mean probability inside a structure, below which a frame is left out."""
    keep_implausible: bool = False
    """Do not check whether the masks could be a heart."""
    threshold: float = 0.5
    """A pixel is inside when its probability is larger."""
    split: str = "official"
    """How patients are split; test patients are not looked at."""
    leave_out: tuple[str, ...] = ()
    """Patients that are not looked at."""
    allow_missing: bool = False
    """Go on when listed patients or files are absent."""
    view: View | None = None
    """Of a plain folder of pictures: the view of those whose names do not say it, as `x_4CH_ED.png` does."""
    phase: Phase | None = None
    """Of a plain folder of pictures: the phase of those whose names do not say it."""
    spacing_mm: float | None = None
    """Of a plain folder of pictures: mm between the pixels of those whose files do not say it."""
    device: str = "auto"

    def run(self) -> None:
        """Annotate, and say how much was kept."""
        from synthboost.experiments.sources import open_source
        from synthboost.inference.picture_folder import PictureFolder, Untold, write_picture_list
        from synthboost.inference.predictor import Predictor
        from synthboost.inference.pseudo_labels import REPORT, PseudoLabelSettings, write_pseudo_labels
        from synthboost.models.registry import weights_fingerprint

        settings = PseudoLabelSettings(self.prompts, self.least_confidence, not self.keep_implausible)
        untold = Untold(self.view, self.phase, self.spacing_mm)
        source = open_source(
            self.data, self.split, allow_missing=self.allow_missing, leave_out=self.leave_out, untold=untold
        )
        predictor = Predictor.from_pretrained(self.checkpoint, self.device, self.threshold)
        model = f"{predictor.model.name} {weights_fingerprint(self.checkpoint)[:12]}"
        done = write_pseudo_labels(predictor, model, source.dataset, source.split, self.out, settings)
        if isinstance(source.dataset, PictureFolder):
            write_picture_list(source.dataset, self.out)
        print(f"{done.kept} of {done.frames} frames annotated and kept in {self.out}")
        for reason, count in list(done.rejected.items())[:8]:
            print(f"left out for {reason}: {count} frames", file=sys.stderr)
        if done.rejected:
            print(f"every frame that was left out: {self.out / REPORT}", file=sys.stderr)
