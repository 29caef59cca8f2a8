"""A run on another data set than it was trained on: as it is, or adapted to the other's images without annotations."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from itertools import permutations
from pathlib import Path

from synthboost.adaptation.adapt import AdaptSettings, adapt
from synthboost.data import check_beside
from synthboost.data.source import Source
from synthboost.inference.predict_dataset import write_predictions
from synthboost.inference.predictor import Predictor
from synthboost.inference.score_dataset import score_frames
from synthboost.inference.sentences import EvaluationSentences
from synthboost.io.lock import exclusive
from synthboost.io.typed_json import to_json
from synthboost.models.registry import load_segmenter
from synthboost.models.textunet.model import TextUNet
from synthboost.records.run_folder import RunPaths
from synthboost.records.run_record import ADAPTED, Evaluation, Spec
from synthboost.studies.manifest import make_manifest
from synthboost.studies.results import with_sizes, write_result
from synthboost.studies.run import execute, is_finished
from synthboost.studies.spec import Role, RunSpec, identity_of
from synthboost.training.recipe import WEIGHTS

FOLDER = "adapted"


@dataclass(frozen=True)
class Transfer:
    """A run, once trained, predicts the test patients of another data set."""

    parent: RunSpec
    target: Source
    adapted: bool
    """To the images of the target's training and validation patients (`adapt --patients 0`)."""
    own_stages = ()

    @property
    def name(self) -> str:
        """Its folder's name; it ends in its identity."""
        return self.record.name

    @property
    def sources(self) -> dict[Role, Source]:
        """The data by role, as of a run: what is evaluated on."""
        return {Role.REAL: self.target}

    @cached_property
    def record(self) -> Spec:
        """What `spec.json` holds: that of the run, and what it is evaluated on."""
        known = self.parent.record
        strategy = f"{known.strategy}, on {self.target.dataset.root.name}{ADAPTED if self.adapted else ''}"
        frames = self.target.evaluation_frames(Evaluation().part)
        spec = replace(
            known, name="", strategy=strategy, data={**known.data, "evaluation": self.target.describe(frames)}
        )
        return replace(spec, name=f"transfer-{known.model}-seed{known.seed}-{identity_of(to_json(spec))}")

    def execute(self, root: Path, evaluation: Evaluation, workers: int = 1) -> RunPaths:
        """Train the run if need be, adapt it if asked for, and evaluate it; `root` is the folder of runs.

        A finished one is returned at once, and a broken one goes on where it was.
        """
        paths = RunPaths(root / self.name)
        if is_finished(paths, evaluation):
            return paths
        assert evaluation.shape_from is not None, "masks that were drawn earlier are no run"
        assert evaluation.threshold is not None
        trained = execute(self.parent, root, evaluation, workers)
        with exclusive(paths.root):
            paths.done.unlink(missing_ok=True)
            began, checkpoint, seed = (datetime.now(UTC), time.monotonic()), trained.checkpoint, self.parent.seed
            if self.adapted:
                settings = AdaptSettings(checkpoint=str(checkpoint), patients=0, seed=seed)
                adapt(self.target, settings, paths.root / FOLDER, workers=0)
                checkpoint = paths.root / FOLDER / WEIGHTS
            predictor = Predictor(load_segmenter(checkpoint, self.parent.model), threshold=evaluation.threshold)
            sentences = EvaluationSentences(self.parent.prompt_set, shape_from=evaluation.shape_from)
            frames = self.target.evaluation_frames(evaluation.part)
            write_predictions(predictor, frames, sentences, paths.masks)
            rows = score_frames(frames, paths.masks, self.record, self.target.split.name, evaluation, workers)
            data = {"evaluation": self.target.fingerprint}
            manifest = make_manifest(began, seed, data, self.parent.name)
            write_result(paths, with_sizes(self.record, predictor.model), manifest, evaluation, rows)
        return paths


def transfers(runs: Sequence[RunSpec]) -> Iterator[Transfer]:
    """Each run on the data set of each other one of the same model, sentences and seed; adapted, if it is a TextUNet.

    Raises:
        SplitError: a data set's training patients are others' test patients.
    """
    for run, other in permutations(runs, 2):
        if (run.model, run.prompt_set, run.encoders, run.seed) != (
            other.model, other.prompt_set, other.encoders, other.seed,
        ):  # fmt: skip
            continue
        own, target = run.sources[Role.REAL], other.sources[Role.REAL]
        check_beside(own.split, own.dataset, target.split)
        for adapted in (False, True) if run.model == TextUNet.name else (False,):
            yield Transfer(run, target, adapted)
