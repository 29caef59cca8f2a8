"""`synthboost evaluate`: evaluate a trained model, or masks predicted earlier, on one part of a data set."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from synthboost.domain import PromptSet, SplitOptions, SplitPart
from synthboost.errors import ConfigError
from synthboost.records.run_record import Evaluation, Spec

if TYPE_CHECKING:
    from synthboost.data.frame_set import FrameSet

FOR_PREDICTING = ("prompts", "paraphrase", "shape_from", "name_domain", "threshold", "probe_swapped")
"""Options that masks predicted earlier do not take."""


@dataclass(frozen=True)
class Evaluate:
    """Evaluate masks: Dice, IoU, NSD, HD95 and ASSD in mm, one row per image and structure.

    `report` accepts the folder beside those of runs.
    """

    data: Path
    """The annotated data set."""
    out: Path
    """A new folder for `masks/`, `rows.csv` and the files that `report` needs."""
    checkpoint: str | None = None
    """A run's folder, a folder of weights, or a hub name; required unless `masks` is given."""
    masks: Path | None = None
    """A folder of masks with `index.csv`, predicted earlier; instead of `checkpoint`."""
    label: str | None = None
    """The name in tables; by default the strategy of the checkpoint's run, or the name of `out`."""
    prompts: PromptSet = PromptSet.P6
    """The prompt set for prediction."""
    paraphrase: int = 0
    """0: "... of the heart ...", 1: "... in the cardiac ultrasound ..."; the same for every frame."""
    shape_from: Literal["unknown", "ground-truth", "prediction"] = "prediction"
    """The source of P7's shape word; `ground-truth` leaks the true mask and is marked in every row."""
    name_domain: Literal["as-trained", "yes", "no"] = "as-trained"
    """Whether each sentence names its frame's domain; `as-trained`: as in the checkpoint's run."""
    splitting: SplitOptions = field(default_factory=SplitOptions)
    part: SplitPart = SplitPart.TESTING
    """The part to evaluate."""
    grid: tuple[int, int] | None = None
    """Evaluate on this grid instead of the image's own, e.g. `512 512` as in the paper."""
    threshold: float = 0.5
    """A pixel is inside if its probability is larger."""
    probe_swapped: bool = False
    """Also predict each structure with another structure's sentence, to test whether the sentence is used."""
    workers: int = os.cpu_count() or 1
    """Processes for computing metrics."""

    def run(self) -> None:
        """Predict if a checkpoint is given, evaluate, write `rows.csv`, print the mean."""
        from synthboost.data.source import open_source
        from synthboost.inference.score_dataset import score_frames
        from synthboost.io.atomic import require_new_folder
        from synthboost.studies.evaluated import run_spec_of, spec_of, write_evaluation
        from synthboost.studies.summary import dice_line

        if (self.checkpoint is None) == (self.masks is None):
            raise ConfigError("evaluate", "checkpoint, masks", "both or neither given", "one of the two")
        if self.masks is not None:
            self._refuse_idle_options()
        source = open_source(self.data, self.splitting)
        frames = source.frames(self.part, f"{self.data.name} {self.part}")
        if not len(frames):
            split = self.splitting.split
            raise ConfigError("evaluate", "part", self.part, f"a part of split {split} with annotated frames")
        require_new_folder(self.out, "out")
        began = datetime.now(UTC), time.monotonic()
        run = None if self.checkpoint is None else run_spec_of(self.checkpoint)
        spec = spec_of(self.out, source, frames, run, self.label)
        if self.checkpoint is not None:
            spec = self._predict(self.checkpoint, frames, spec)
        masks, evaluation = self.masks or self.out / "masks", self._evaluation()
        rows = score_frames(frames, masks, spec, source.split.name, evaluation, self.workers)
        write_evaluation(self.out, spec, None if run is None else run.name, frames, masks, rows, evaluation, began)
        print(f"{dice_line(rows)}\nrows: {self.out / 'rows.csv'}")

    def _evaluation(self) -> Evaluation:
        if self.checkpoint is None:
            return Evaluation(self.part, None, None, None, None, self.grid)
        return Evaluation(self.part, self.threshold, self.shape_from, self.paraphrase, self.probe_swapped, self.grid)

    def _refuse_idle_options(self) -> None:
        defaults = {one.name: one.default for one in fields(self)}
        if idle := [name for name in FOR_PREDICTING if getattr(self, name) != defaults[name]]:
            raise ConfigError(
                "evaluate", ", ".join(idle), "given together with masks", "a checkpoint",
                "These masks were predicted earlier; their index lists the sentences.",
            )  # fmt: skip

    def _predict(self, checkpoint: str, frames: FrameSet, spec: Spec) -> Spec:
        from synthboost.inference.predict_dataset import write_predictions
        from synthboost.inference.predictor import Predictor
        from synthboost.inference.sentences import EvaluationSentences
        from synthboost.prompts import vocabulary

        predictor = Predictor.from_pretrained(checkpoint, threshold=self.threshold)
        if unknown := predictor.model.unknown_words(" ".join(vocabulary([self.prompts]))):
            print(f"note: the model does not know {', '.join(unknown)}, used by {self.prompts}", file=sys.stderr)
        named = self.name_domain == "yes" or (self.name_domain == "as-trained" and spec.domain_named)
        sentences = EvaluationSentences(self.prompts, self.paraphrase, self.shape_from, name_domain=named)
        write_predictions(predictor, frames, sentences, self.out / "masks", probe_swapped=self.probe_swapped)
        return replace(spec, model=predictor.model.name, domain_named=named)
