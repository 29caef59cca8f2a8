"""`synthboost pseudo-label`: annotate real images with a trained model, and write the plausible masks as a data set."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path

import tyro

from synthboost.cli.options import Unannotated, WithModel


@dataclass(frozen=True, kw_only=True)
class PseudoLabel(WithModel):
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
    images: Unannotated = field(default_factory=Unannotated)

    def run(self) -> None:
        """Annotate, and print how much was kept."""
        from synthboost.adaptation.pseudo_labels import REPORT, PseudoLabelSettings, pseudo_label
        from synthboost.data.picture_folder import PictureFolder, write_picture_list
        from synthboost.inference.predictor import Predictor
        from synthboost.models.registry import name_with_checksum

        settings = PseudoLabelSettings(self.least_confidence, plausible=not self.keep_implausible)
        source = self.images.open(self.data)
        predictor = Predictor.from_pretrained(self.checkpoint)
        model = name_with_checksum(predictor.model, self.checkpoint)
        frames, kept, rejected = pseudo_label(predictor, model, source, self.out, settings)
        if isinstance(source.dataset, PictureFolder):
            write_picture_list(source.dataset, self.out)
        print(f"{kept} of {frames} frames annotated and kept in {self.out}")
        for reason, count in list(rejected.items())[:8]:
            print(f"left out for {reason}: {count} frames", file=sys.stderr)
        if rejected:
            print(f"every frame that was left out: {self.out / REPORT}", file=sys.stderr)
