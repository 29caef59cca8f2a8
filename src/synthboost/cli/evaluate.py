"""`synthboost evaluate`: score a trained model, or masks that it drew earlier, on one part of a data set."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal

from synthboost.domain import PromptSet, SplitPart
from synthboost.errors import ConfigError

FOR_PREDICTING = ("prompts", "paraphrase", "shape_from", "threshold", "probe_swapped", "device")
"""Options that mean nothing for masks that were drawn earlier."""


@dataclass(frozen=True)
class Evaluate:
    """Score masks: Dice, IoU, NSD, HD95 and ASSD in mm, one row per image and structure."""

    data: Path
    """The annotated data set."""
    out: Path
    """A new folder for `masks/` and `rows.csv`."""
    checkpoint: str | None = None
    """A run's folder, a folder of weights, or a hub name; or give `masks`."""
    masks: Path | None = None
    """A folder of masks with `index.csv` that was predicted earlier."""
    prompts: PromptSet = PromptSet.P6
    """Which sentences the model is asked with."""
    paraphrase: int = 0
    """0: "... of the heart ...", 1: "... in the cardiac ultrasound ..."; the same for every frame."""
    shape_from: Literal["unknown", "ground-truth", "prediction"] = "prediction"
    """Where the shape word of P7 comes from; `ground-truth` leaks the answer and is marked in every row."""
    split: str = "official"
    """How patients are split."""
    leave_out: tuple[str, ...] = ()
    """Patients that are not judged."""
    part: SplitPart = SplitPart.TESTING
    """The part that is scored."""
    grid: tuple[int, int] | None = None
    """Score on another grid than the image's own, e.g. `512 512` as the paper does."""
    threshold: float = 0.5
    """A pixel is inside when its probability is larger."""
    probe_swapped: bool = False
    """Also ask for each structure with another structure's sentence, to see whether the sentence is used."""
    allow_missing: bool = False
    """Go on when listed patients or files are absent."""
    device: str = "auto"
    workers: int = os.cpu_count() or 1
    """Processes that score."""

    def run(self) -> None:
        """Predict if asked to, score, write `rows.csv`, print the mean."""
        from synthboost.experiments.sources import open_source
        from synthboost.experiments.summary import dice_line
        from synthboost.files import require_new_folder
        from synthboost.inference.score_dataset import RunIdentity, Scoring, score_frames
        from synthboost.records.rows import write_rows

        if (self.checkpoint is None) == (self.masks is None):
            raise ConfigError("evaluate", "checkpoint, masks", "both or neither given", "one of the two")
        if self.masks is not None:
            self._refuse_idle_options()
        source = open_source(self.data, self.split, allow_missing=self.allow_missing, leave_out=self.leave_out)
        frames = source.frames(self.part, f"{self.data.name} {self.part}")
        if not len(frames):
            raise ConfigError("evaluate", "part", self.part, f"a part of split {self.split} with annotated frames")
        require_new_folder(self.out, "out")
        model = "masks" if self.checkpoint is None else self._predict(frames)
        identity = RunIdentity(
            run=self.out.name,
            model=model,
            strategy="evaluate",
            encoders="",
            seed=0,
            split=source.split.name,
            part=str(self.part),
        )
        rows = score_frames(frames, self.masks or self.out / "masks", identity, Scoring(self.grid), self.workers)
        write_rows(self.out / "rows.csv", rows)
        print(f"{dice_line(rows)}\nrows: {self.out / 'rows.csv'}")

    def _refuse_idle_options(self) -> None:
        defaults = {field.name: field.default for field in fields(self)}
        if idle := [name for name in FOR_PREDICTING if getattr(self, name) != defaults[name]]:
            raise ConfigError(
                "evaluate", ", ".join(idle), "given together with masks", "a checkpoint",
                "These masks were drawn earlier; their index says with which sentences.",
            )  # fmt: skip

    def _predict(self, frames) -> str:  # type: ignore[no-untyped-def]
        from synthboost.inference.predict_dataset import predict_frames
        from synthboost.inference.predictor import Predictor
        from synthboost.inference.sentences import EvaluationSentences

        assert self.checkpoint is not None
        predictor = Predictor.from_pretrained(self.checkpoint, self.device, self.threshold)
        sentences = EvaluationSentences(self.prompts, self.paraphrase, self.shape_from)
        predict_frames(predictor, frames, sentences, self.out / "masks", probe_swapped=self.probe_swapped)
        return predictor.model.name
