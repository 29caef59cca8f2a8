"""The two constant predictors as runs, so that they stand in the same table as the models."""

from __future__ import annotations

import hashlib
import json
import time
from datetime import UTC, datetime
from pathlib import Path

import synthboost
from synthboost.data.frame_set import FrameSet
from synthboost.data.source import Source
from synthboost.domain import STRUCTURES, PromptSet, SplitPart
from synthboost.evaluation.baselines import ConstantMasks, fit_image_blind, fit_text_blind
from synthboost.inference.score_dataset import RunIdentity, score_frames
from synthboost.inference.sentences import EvaluationSentences
from synthboost.io.atomic import whole_folder, write_json, write_text
from synthboost.io.lock import exclusive
from synthboost.records.masks import IndexEntry, mask_name, write_index, write_mask
from synthboost.records.rows import write_rows
from synthboost.records.run_folder import RunPaths
from synthboost.studies.run import Evaluation, is_finished
from synthboost.studies.strategies import Role

FITS = {"text-blind": fit_text_blind, "image-blind": fit_image_blind}


def execute_baseline(kind: str, source: Source, root: Path, evaluation: Evaluation) -> RunPaths:
    """Fit a constant predictor on the training label maps of the real data and score it like a model.

    Args:
        kind: `text-blind` or `image-blind`.
        source: the real data.
        root: the folder of runs.
        evaluation: the part to score, and how.
    """
    name = baseline_name(kind, source)
    paths = RunPaths(root / name)
    if is_finished(paths, evaluation):
        return paths
    with exclusive(paths.root):
        paths.done.unlink(missing_ok=True)
        began, started = time.monotonic(), datetime.now(UTC)
        training = source.frames(SplitPart.TRAINING, "real")
        constant = FITS[kind](frame.label_map for frame in training if frame.label_map is not None)
        frames = source.frames(evaluation.part, f"{source.dataset.root.name} {evaluation.part}")
        _predict(constant, frames, paths.masks)
        identity = RunIdentity(
            run=name,
            model="baseline",
            strategy=kind,
            encoders="none",
            seed=0,
            split=source.split.name,
            part=str(evaluation.part),
            real_patients=training.patients,
        )
        write_rows(paths.rows, score_frames(frames, paths.masks, identity, evaluation.scoring, evaluation.workers))
        spec = {"name": name, "model": "baseline", "strategy": kind, "encoders": "none", "prompt_set": "P1", "seed": 0}
        write_json(paths.spec, {**spec, "stages": [], "data": {str(Role.REAL): source.as_dict()}})
        manifest = {
            "synthboost": synthboost.__version__,
            "data": {str(Role.REAL): source.fingerprint},
            "parent": None,
            "wall_seconds": round(time.monotonic() - began, 1),
            "judged": started.isoformat(timespec="seconds"),
        }
        write_json(paths.manifest, manifest)
        write_json(paths.evaluation, evaluation.as_dict())
        write_text(paths.done, "")
    return paths


def baseline_name(kind: str, source: Source) -> str:
    """The folder's name: it ends in a hash of the data and of who trains, as a run's does."""
    values = {name: value for name, value in source.as_dict().items() if name != "path name"}
    return f"baseline-{kind}-{hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:12]}"


def _predict(constant: ConstantMasks, frames: FrameSet, folder: Path) -> None:
    sentences = EvaluationSentences(PromptSet.P1)
    entries = []
    with whole_folder(folder) as temporary:
        for position, info in enumerate(frames.infos):
            frame = frames[position]
            prompts = sentences.first(frame)
            for structure in STRUCTURES:
                file = mask_name(info.name, structure)
                write_mask(temporary / file, constant.predict(structure, frame.image.shape))
                entries.append(
                    IndexEntry(
                        frame=info.name,
                        structure=structure.short,
                        probe="",
                        prompt_set=str(PromptSet.P1),
                        paraphrase=0,
                        sentence=prompts[structure].text,
                        uses_ground_truth=False,
                        file=file,
                        reason="",
                    )
                )
        write_index(temporary, entries)
