"""`synthboost evaluate`: evaluate a trained model, or masks predicted earlier, on one part of a data set."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from synthboost.cli.options import Mirrored, note_orientation, refuse_idle
from synthboost.domain import PromptSet, SplitOptions, SplitPart
from synthboost.errors import CheckpointError
from synthboost.models.catalogue import DEFAULT
from synthboost.processes import available_cores
from synthboost.records.run_record import Evaluation, ShapeFrom

if TYPE_CHECKING:
    from synthboost.inference.predictor import Predictor

CLAIM = "evaluate.json"
"""In the folder: what was asked for, so that the same command may go on in it, and no other."""
FOR_PREDICTING = (
    "prompts",
    "paraphrase",
    "shape_from",
    "name_domain",
    "threshold",
    "probe_swapped",
    "shift",
    "mirrored",
)
"""Options that masks predicted earlier do not take."""


@dataclass(frozen=True, kw_only=True)
class Evaluate(SplitOptions, Mirrored):
    """Evaluate masks: Dice, IoU, NSD, HD95 and ASSD in mm, one row per image and structure.

    `report` accepts the folder beside those of runs.
    """

    data: Path
    """The annotated data set."""
    out: Path
    """A new folder for `masks/`, `rows.csv` and the files that `report` needs, or one begun by the same command."""
    checkpoint: str = DEFAULT
    """A run's folder, weights or hub name, by default the package's weights; or a folder of masks with `index.csv`."""
    label: str | None = None
    """The name in tables; by default the strategy of the checkpoint's run, or the name of `out`."""
    prompts: PromptSet = PromptSet.P6
    """The prompt set for prediction."""
    paraphrase: int = 0
    """0: "... of the heart ...", 1: "... in the cardiac ultrasound ..."; the same for every frame."""
    shape_from: ShapeFrom = "prediction"
    """The source of P7's shape word; `ground-truth` leaks the true mask and is marked in every row."""
    name_domain: Literal["as-trained", "yes", "no"] = "as-trained"
    """Whether each sentence names its frame's domain; `as-trained`: as in the checkpoint's run."""
    part: SplitPart = SplitPart.TESTING
    """The part to evaluate."""
    grid: tuple[int, int] | None = None
    """Evaluate on this grid instead of the image's own, e.g. `512 512` as in the paper."""
    threshold: float = 0.5
    """A pixel is inside if its probability is larger."""
    probe_swapped: bool = False
    """Also predict each structure with another structure's sentence, to test whether the sentence is used."""
    shift: int = 0
    """Also evaluate so many patients under changes of protocol, such as gain, depth and shadows (`shift/`)."""

    def run(self) -> None:
        """Predict unless masks are given, evaluate, write `rows.csv`, print the mean."""
        from synthboost.data.source import open_source
        from synthboost.inference.predict_dataset import write_predictions
        from synthboost.inference.robustness import write_robustness
        from synthboost.inference.score_dataset import score_frames
        from synthboost.inference.sentences import EvaluationSentences
        from synthboost.io.lock import claim, exclusive, require_own
        from synthboost.io.typed_json import to_json
        from synthboost.models.registry import name_with_checksum, weights_fingerprint
        from synthboost.prompts import vocabulary
        from synthboost.records.masks import INDEX_FILE
        from synthboost.records.run_folder import RunPaths
        from synthboost.reports.table import to_text
        from synthboost.studies.manifest import make_manifest
        from synthboost.studies.results import (
            choose_examples,
            dice_line,
            run_spec_of,
            spec_of,
            with_sizes,
            write_result,
        )

        stored = (Path(self.checkpoint) / INDEX_FILE).is_file()
        if stored:
            refuse_idle(self, FOR_PREDICTING, "masks", "Their index lists the sentences that they were predicted for.")
        evaluation = Evaluation(
            self.part, self.threshold, self.shape_from, self.paraphrase, self.probe_swapped, self.grid
        )
        if stored:  # they may have been predicted in any way
            evaluation = Evaluation(self.part, None, None, None, None, self.grid)
        require_own(self.out / CLAIM)
        predictor = run = None
        if not stored:
            predictor = self._load()
            run = run_spec_of(self.checkpoint)
        source = open_source(self.data, self, images=False)
        frames = source.evaluation_frames(self.part)
        source.check_images()
        began = datetime.now(UTC), time.monotonic()
        spec = spec_of(self.out, source, frames, run, self.label)
        masks = Path(self.checkpoint) if stored else self.out / "masks"
        asked: dict[str, object] = {**to_json(spec), **to_json(evaluation), "masks": str(masks) if stored else None}
        if not stored:
            asked |= {"sha256": weights_fingerprint(self.checkpoint), "sentences": f"{self.prompts} {self.name_domain}"}
            asked |= {"mirrored": self.mirrored}
        shifts = None
        with exclusive(self.out):
            claim(self.out / CLAIM, asked)
            if predictor is not None:
                if unknown := predictor.model.unknown_words(" ".join(vocabulary([self.prompts]))):
                    words = ", ".join(unknown)
                    print(f"note: the model does not know {words}, used by {self.prompts}", file=sys.stderr)
                note_orientation(predictor, frames, self.checkpoint)
                named = self.name_domain == "yes" or (self.name_domain == "as-trained" and spec.domain_named)
                sentences = EvaluationSentences(self.prompts, self.paraphrase, self.shape_from, name_domain=named)
                write_predictions(predictor, frames, sentences, masks, probe_swapped=self.probe_swapped)
                weights = spec.weights if run else name_with_checksum(predictor.model, self.checkpoint)
                spec = replace(spec, model=predictor.model.name, weights=weights, domain_named=named)
                spec = with_sizes(spec, predictor.model)
                if self.shift:
                    shifts = write_robustness(self.out / "shift", predictor, frames, sentences, self.shift)
            rows = score_frames(frames, masks, spec, source.split.name, evaluation, available_cores())
            spec = replace(spec, prompt_set=", ".join(sorted(rows.prompt_set[rows.probe == ""].unique())))
            data = {"evaluation": spec.data["evaluation"].fingerprint}
            manifest = make_manifest(began, spec.seed or 0, data, None if run is None else run.name)
            write_result(RunPaths(self.out), spec, manifest, evaluation, rows, choose_examples(rows, frames, masks))
        print(f"{dice_line(rows)}\nrows: {self.out / 'rows.csv'}")
        if shifts is not None:
            print(to_text(shifts))

    def _load(self) -> Predictor:
        """Load the model; a folder that holds none could be one of masks."""
        from synthboost.inference.predictor import Predictor
        from synthboost.models.registry import CONVERT, holds_weights
        from synthboost.records.masks import INDEX_FILE

        folder = Path(self.checkpoint)
        if self.checkpoint != DEFAULT and folder.is_dir() and not holds_weights(folder):
            masks = folder / "masks"
            remedy = f"Give {masks}." if (masks / INDEX_FILE).is_file() else CONVERT
            expected = f"weights, or a folder of masks with {INDEX_FILE}"
            raise CheckpointError(folder, "content", "neither weights nor masks", expected, remedy)
        return Predictor.from_pretrained(self.checkpoint, threshold=self.threshold, mirrored=self.mirrored)
