"""The two constant predictors as runs, so that they stand in the same table as the models."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from synthboost.data.source import FrameSet, Source
from synthboost.domain import STRUCTURES, PromptSet, SplitPart
from synthboost.errors import DataError
from synthboost.evaluation.baselines import ConstantMasks, fit_image_blind, fit_text_blind
from synthboost.inference.predict_dataset import PredictedFrame, PredictedFrames, load_frame, write_predicted
from synthboost.inference.predictor import THRESHOLD, Prediction
from synthboost.inference.score_dataset import score_frames
from synthboost.inference.sentences import EvaluationSentences, texts_of
from synthboost.io.lock import exclusive
from synthboost.io.typed_json import to_json
from synthboost.records.run_folder import RunPaths
from synthboost.records.run_record import BASELINE_MODEL, NOTHING_TRAINED, Evaluation, Spec
from synthboost.studies.manifest import make_manifest
from synthboost.studies.results import UNKNOWN, write_result
from synthboost.studies.run import is_finished
from synthboost.studies.spec import Role, identity_of

SENTENCES = EvaluationSentences(PromptSet.P1)
FITS = {"text-blind": fit_text_blind, "image-blind": fit_image_blind}


@dataclass(frozen=True)
class Baseline:
    """A constant predictor, fitted on the training label maps of the real data and scored like a model."""

    kind: str
    """One of `FITS`."""
    source: Source
    parent = None
    own_stages = ()

    @property
    def name(self) -> str:
        """The folder's name: it ends in a hash of the data and of who trains, as a run's does."""
        return f"{BASELINE_MODEL}-{self.kind}-{identity_of(to_json(self.source.record))}"

    @property
    def sources(self) -> dict[Role, Source]:
        """The data by role, as of a run."""
        return {Role.REAL: self.source}

    @property
    def record(self) -> Spec:
        """What `spec.json` holds."""
        data = {str(Role.REAL): self.source.record}
        known = replace(UNKNOWN, name=self.name, model=BASELINE_MODEL, strategy=self.kind, data=data, stages=())
        return replace(known, encoders=NOTHING_TRAINED, prompt_set=str(PromptSet.P1))

    def execute(self, root: Path, evaluation: Evaluation, workers: int = 1) -> RunPaths:
        """Fit and score, unless that is done; `root` is the folder of runs, and `workers` processes score."""
        paths, source = RunPaths(root / self.name), self.source
        if is_finished(paths, evaluation):
            return paths
        with exclusive(paths.root):
            paths.done.unlink(missing_ok=True)
            began = datetime.now(UTC), time.monotonic()
            training = source.frames(SplitPart.TRAINING, "real")
            maps = (frame.label_map for frame in training if frame.label_map is not None)
            constant = FITS[self.kind](maps, structures=source.dataset.structures)
            frames = source.evaluation_frames(evaluation.part)
            write_predicted(_predicted(constant, frames), frames, SENTENCES, paths.masks)
            rows = score_frames(frames, paths.masks, self.record, source.split.name, evaluation, workers)
            manifest = make_manifest(began, 0, {str(Role.REAL): source.fingerprint}, None)
            write_result(paths, self.record, manifest, evaluation, rows)
        return paths


def _predicted(constant: ConstantMasks, frames: FrameSet) -> PredictedFrames:
    for position, info in enumerate(frames.infos):
        frame = load_frame(frames, position)
        if isinstance(frame, DataError):
            yield info, frame
            continue
        prompts = SENTENCES.first(frame)
        masks = np.stack([constant.predict(structure, frame.image.shape) for structure in STRUCTURES])
        prediction = Prediction(texts_of(prompts), masks.astype(np.float32), THRESHOLD)
        yield info, PredictedFrame(frame, prompts, prediction)
