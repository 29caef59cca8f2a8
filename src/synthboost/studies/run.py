"""One run, from its spec to its rows: train the stages, predict, score; finished runs are not repeated."""

from __future__ import annotations

import shutil
import time
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
from accelerate.utils import broadcast_object_list

from synthboost.data import TripletRecipe, check_beside, check_pictures
from synthboost.data.source import FrameSet, mixture
from synthboost.domain import PromptSet, SplitPart
from synthboost.errors import ConfigError
from synthboost.inference.clauses import probe_clauses
from synthboost.inference.predict_dataset import write_predictions
from synthboost.inference.predictor import Predictor
from synthboost.inference.score_dataset import score_frames
from synthboost.inference.sentences import EvaluationSentences
from synthboost.io.atomic import write_text
from synthboost.io.lock import exclusive
from synthboost.io.tables import write_typed
from synthboost.io.typed_json import read_record, write_record
from synthboost.models.base import Segmenter
from synthboost.models.registry import build_segmenter, load_segmenter
from synthboost.prompts import vocabulary
from synthboost.records.clauses import ClauseRow
from synthboost.records.examples import Example
from synthboost.records.run_folder import RunPaths, RunRecord, read_log
from synthboost.records.run_record import Evaluation, Parameters
from synthboost.reports.model_card import CARD, model_card
from synthboost.studies.manifest import make_manifest
from synthboost.studies.results import choose_examples, with_sizes, write_result
from synthboost.studies.spec import DATA_OF, STAGES, Role, RunSpec, learns_from
from synthboost.training.hardware import choose_precision, this_process
from synthboost.training.loop import require_frames, train_stage

FEATURES_FOLDER = ".features"
"""Beside the runs, and hidden from `runs/*`: what frozen image encoders made of the images. It can be deleted."""


def execute(spec: RunSpec, root: Path, evaluation: Evaluation, workers: int = 1, device: str = "auto") -> RunPaths:
    """Train and evaluate a run, and before it the run whose weights it starts from, unless it is trained already.

    Args:
        spec: what to run.
        root: the folder of runs; each has a folder of its own, named after its identity.
        evaluation: how it is evaluated.
        workers: processes that score.
        device: that evaluates.

    Returns:
        The run's folder, with `DONE` in it. A finished run is returned at once, a broken one goes on where it was.

    Raises:
        OutputError: another process works on this run.
        SplitError: a synthetic image shows, or was made from, somebody whom the real data hold out.
        SynthboostError: whatever training and evaluation raise; what was complete stays.
    """
    processes = this_process()
    paths = RunPaths(root / spec.name)
    state = [is_finished(paths, evaluation), paths.trained.is_file()]
    [finished, is_trained] = broadcast_object_list(state)
    if finished:
        return paths
    if not is_trained:  # whatever the data lack is said before hours of training, the parent's too
        if Role.SYNTHETIC in learns_from(spec.strategy):
            made, of_real = spec.sources[Role.SYNTHETIC], spec.sources[Role.REAL]
            check_beside(made.split, made.dataset, of_real.split)
            check_pictures(made.split, made.dataset, of_real.split, of_real.dataset, workers=2)
        for role in STAGES[spec.strategy]:
            require_frames(*stage_frames(spec, role))
    spec.sources[Role.REAL].evaluation_frames(evaluation.part)
    parent = None if spec.parent is None or is_trained else execute(spec.parent, root, evaluation, workers, device)
    with exclusive(paths.root) if processes.is_main_process else nullcontext():
        model = _ensure_trained(spec, paths, parent)
        if processes.is_main_process:  # evaluation reads much and computes little: one process is enough
            _evaluate(spec, model, paths, evaluation, workers, device)
        processes.wait_for_everyone()
    return paths


def _ensure_trained(spec: RunSpec, paths: RunPaths, parent: RunPaths | None) -> Segmenter:
    [is_trained] = broadcast_object_list([paths.trained.is_file()])
    if is_trained:
        return load_segmenter(paths.checkpoint, spec.model)
    main = this_process().is_main_process
    if main:
        write_record(paths.spec, spec.record)
    model, trained = train(spec, paths, parent)
    if main:
        stages = STAGES[spec.strategy]
        precision = choose_precision(spec.training[stages[-1]].precision, model) if stages else "no"
        total = sum(p.numel() for p in model.parameters())
        write_record(paths.trained, Parameters(total, trained, "fp32" if precision == "no" else precision))
    return model


def train(spec: RunSpec, paths: RunPaths, parent: RunPaths | None) -> tuple[Segmenter, int]:
    """Train the stages that are this run's own; return the model of the best epoch, and how many weights it trained."""
    model, trained = initial_model(spec, parent), 0
    for role in spec.own_stages:
        model.set_encoders(spec.encoders, spec.seed)  # a stage leaves LoRA's updates merged
        trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
        training, validation = stage_frames(spec, role)
        train_stage(
            model,
            training=training,
            validation=validation,
            recipe=training_recipe(spec, role),
            config=replace(spec.training[role], seed=spec.seed),
            folder=paths.root,
            caches=paths.root.parent / FEATURES_FOLDER,
            keep_best_state=spec.hand_over == "everything" and parent is None,
            take_over=parent.best_state if spec.hand_over == "everything" and parent is not None else None,
        )
    if not spec.own_stages and this_process().is_main_process:
        model.save_pretrained(paths.checkpoint)
    return model, trained


def stage_frames(spec: RunSpec, role: Role) -> tuple[FrameSet, FrameSet]:
    """Return what a stage is trained on, and what chooses its epoch: of a mixture the real validation patients.

    Raises:
        DataError: a part of a mixture is empty.
    """
    of = DATA_OF[role]
    training = [spec.sources[one].frames(SplitPart.TRAINING, str(one)) for one in of]
    validation = spec.sources[of[0]].frames(SplitPart.VALIDATION, f"{of[0]} validation")
    first, *others = training
    return mixture(str(role), first, others[0], spec.real_share) if others else first, validation


def training_recipe(spec: RunSpec, role: Role) -> TripletRecipe:
    """Return the sentences a stage is trained on: paraphrases drawn by seed, shape words (P7) from the training masks.

    The validation frames that choose the epoch get their shape words from their masks too; test frames do not, unless
    the evaluation asks for it (`Evaluation.shape_from`).
    """
    return TripletRecipe(
        spec.prompt_set_of(role),
        paraphrase="seeded",
        seed=spec.seed,
        name_domain=spec.names_domain,
    )


def _evaluate(
    spec: RunSpec, model: Segmenter, paths: RunPaths, evaluation: Evaluation, workers: int, device: str
) -> None:
    paths.done.unlink(missing_ok=True)
    shutil.rmtree(paths.state, ignore_errors=True)  # also of a training that was killed at its end
    began = datetime.now(UTC), time.monotonic()
    if spec.prompt_set is PromptSet.P7_ANY:
        assert evaluation.threshold is not None
        predictor = Predictor(model, device, evaluation.threshold)
        frames = spec.sources[Role.REAL].evaluation_frames(evaluation.part)
        write_typed(paths.clauses, ClauseRow, probe_clauses(predictor, frames))
    rows, examples = evaluate_run(spec, model, paths, evaluation, workers, device)
    log = read_log(paths.log) if spec.own_stages else []
    data = {str(role): source.fingerprint for role, source in spec.sources.items()}
    parent = None if spec.parent is None else spec.parent.name
    parameters = read_record(paths.trained, Parameters)
    manifest = replace(
        make_manifest(began, spec.seed, data, parent, log[-1].seconds if log else 0.0),
        precision=parameters.precision,
        mask_patients=spec.sources[Role.SYNTHETIC].mask_patients if spec.record.synthetic else 0,
        parameters=parameters,
    )
    record = with_sizes(spec.record, model)
    write_text(paths.checkpoint / CARD, model_card(RunRecord(paths.root, record, manifest, log, rows, [])))
    write_result(paths, record, manifest, evaluation, rows, examples)


def is_finished(paths: RunPaths, evaluation: Evaluation) -> bool:
    """Whether a run is done, and was evaluated as asked."""
    if not (paths.done.is_file() and paths.evaluation.is_file()):
        return False
    return read_record(paths.evaluation, Evaluation) == evaluation


def initial_model(spec: RunSpec, parent: RunPaths | None) -> Segmenter:
    """Return the model a run starts from: its parent's weights (weights only), given weights, or random ones.

    Raises:
        ConfigError: its sentences have words of our own prompt sets that the model does not know.
    """
    assert (parent is None) == (spec.parent is None), "a run would start from other weights than it says"
    said = [s for s in (spec.prompt_set, spec.synthetic_prompt_set) if s is not None]
    if parent is None and spec.weights is None:
        return build_segmenter(spec.model, spec.preset, spec.seed, said)
    model = load_segmenter(str(spec.weights) if parent is None else parent.checkpoint, spec.model, spec.seed)
    if unknown := model.unknown_words(" ".join(vocabulary(said))):
        raise ConfigError(
            "run", "prompt_set", " and ".join(said), f"sentences without the words {', '.join(unknown)}",
            "The weights that it starts from lack them: take some trained on this prompt set, or random ones.",
        )  # fmt: skip
    return model


def evaluate_run(
    spec: RunSpec, model: Segmenter, paths: RunPaths, evaluation: Evaluation, workers: int = 1, device: str = "auto"
) -> tuple[pd.DataFrame, list[Example]]:
    """Predict the evaluation part of the real data into `masks`; return the scores, and examples to look at."""
    real = spec.sources[Role.REAL]
    frames = real.evaluation_frames(evaluation.part)
    assert evaluation.shape_from is not None, "masks that were drawn earlier are no run"
    assert evaluation.threshold is not None
    sentences = EvaluationSentences(spec.prompt_set, shape_from=evaluation.shape_from, name_domain=spec.names_domain)
    predictor = Predictor(model, device, evaluation.threshold)
    write_predictions(predictor, frames, sentences, paths.masks, probe_swapped=bool(evaluation.probe_swapped))
    model.cpu()
    rows = score_frames(frames, paths.masks, spec.record, real.split.name, evaluation, workers)
    return rows, choose_examples(rows, frames, paths.masks)
