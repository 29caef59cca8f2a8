"""The two constant predictors as runs, so that they stand in the same table as the models."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from synthboost.data.frame_set import FrameSet
from synthboost.data.source import Source
from synthboost.domain import STRUCTURES, PromptSet, SplitPart
from synthboost.errors import DataError
from synthboost.evaluation.baselines import ConstantMasks, fit_image_blind, fit_text_blind
from synthboost.inference.predict_dataset import PredictedFrame, PredictedFrames, load_frame, write_predicted
from synthboost.inference.predictor import THRESHOLD, Prediction
from synthboost.inference.score_dataset import score_frames
from synthboost.inference.sentences import EvaluationSentences, texts_of
from synthboost.io.atomic import write_text
from synthboost.io.lock import exclusive
from synthboost.io.typed_json import to_json, write_record
from synthboost.records.rows import write_rows
from synthboost.records.run_folder import RunPaths
from synthboost.records.run_record import BASELINE_MODEL, NOTHING_TRAINED, Evaluation, Spec
from synthboost.studies.evaluated import UNKNOWN
from synthboost.studies.manifest import make_manifest
from synthboost.studies.run import is_finished
from synthboost.studies.spec import identity_of
from synthboost.studies.strategies import Role

SENTENCES = EvaluationSentences(PromptSet.P1)
FITS = {"text-blind": fit_text_blind, "image-blind": fit_image_blind}


def execute_baseline(kind: str, source: Source, root: Path, evaluation: Evaluation, workers: int = 1) -> RunPaths:
    """Fit a constant predictor, one of `FITS`, on the training label maps of the real data and score it like a model.

    `root` is the folder of runs; `workers` processes score.
    """
    name = baseline_name(kind, source)
    paths = RunPaths(root / name)
    if is_finished(paths, evaluation):
        return paths
    with exclusive(paths.root):
        paths.done.unlink(missing_ok=True)
        began = datetime.now(UTC), time.monotonic()
        training = source.frames(SplitPart.TRAINING, "real")
        constant = FITS[kind](frame.label_map for frame in training if frame.label_map is not None)
        frames = source.evaluation_frames(evaluation.part)
        write_predicted(_predicted(constant, frames), frames, SENTENCES, paths.masks)
        spec = _spec(name, kind, source)
        write_rows(paths.rows, score_frames(frames, paths.masks, spec, source.split.name, evaluation, workers))
        write_record(paths.spec, spec)
        write_record(paths.manifest, make_manifest(began, 0, {str(Role.REAL): source.fingerprint}, None))
        write_record(paths.evaluation, evaluation)
        write_text(paths.done, "")
    return paths


def baseline_name(kind: str, source: Source) -> str:
    """The folder's name: it ends in a hash of the data and of who trains, as a run's does."""
    return f"{BASELINE_MODEL}-{kind}-{identity_of(to_json(source.record))}"


def _spec(name: str, kind: str, source: Source) -> Spec:
    data = {str(Role.REAL): source.record}
    known = replace(UNKNOWN, name=name, model=BASELINE_MODEL, strategy=kind, encoders=NOTHING_TRAINED, data=data)
    return replace(known, prompt_set=str(PromptSet.P1), stages=())


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
