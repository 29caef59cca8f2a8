"""Adapt a TextUNet to one's own images: fine-tune it on those that are annotated, then self-train it on the others.

Every stage mixes simulated frames in, so that the model does not drift, and is a training by `fit` in a folder of its
own. After each, the weights that do best on patients who were held out are kept.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from synthboost.adaptation.real_frames import BareFrames, RealFrames, choose_frames, load_annotated, load_bare
from synthboost.adaptation.soft_labels import plausible_share, soft_labels
from synthboost.data.simulated_set import GENERATOR_VERSION
from synthboost.data.source import Source
from synthboost.domain import STRUCTURES, FrameInfo
from synthboost.errors import require_fields
from synthboost.io.atomic import write_text
from synthboost.io.lock import claim, exclusive, require_own
from synthboost.io.typed_json import read_record, to_json, write_record
from synthboost.models.catalogue import DEFAULT
from synthboost.models.registry import load_segmenter, name_with_checksum
from synthboost.models.textunet.model import TextUNet
from synthboost.models.weights_folder import TRAINING_FILE, WEIGHTS_FILE, file_sha256
from synthboost.reports.adapted_card import adapted_card
from synthboost.reports.box_card import BOX_CARD
from synthboost.training.config import PretrainSettings
from synthboost.training.engine import mixed_seed
from synthboost.training.frame_stream import FrameBatch, FrameStream, mixed, repeated
from synthboost.training.hardware import rendering_workers, threads_beside
from synthboost.training.pretrain import ENCODERS, TrainingRecord, software
from synthboost.training.recipe import WEIGHTS, RecipeSettings, dice_of, fit, remove_state
from synthboost.training.simulated_stream import SimulatedStream

BATCH = 16
ROUNDS = 2
"""Of self-training. A third one learns the mistakes of the second (`docs/lab-log.md`)."""
ROUND_STEPS, ROUND_RATE = 250, 2e-3
ROUND_SIMULATED = BATCH // 3
"""Of a batch of self-training."""
LEAST_STEPS, STEPS_PER_FRAME, MOST_STEPS = 250, 2, 1500
"""Of fine-tuning: few frames are learnt by heart, and many take more steps than two cores do in minutes."""
LOG_EVERY = 125
"""Steps."""
BEGUN, RECORD, STAGES, STAGE = "adapting.json", "adapt.json", "stages", "stage.json"
BEFORE = "before"
"""The name of the weights that adaptation begins with."""
_SEEDS = 10**9


class Plan(NamedTuple):
    """How to fine-tune on so many annotated patients or more."""

    patients: int
    simulated: int
    """Frames of a batch."""
    learning_rate: float
    """The highest one of the cycle."""


PLANS = (Plan(20, 2, 2e-3), Plan(1, 4, 1e-3))
"""The fewer patients, the more the simulated hearts must say what others look like, and the smaller the steps away from
what was learnt on them. These shares did best of 8, 4, 2 and 0 on held-out patients of CAMUS, in one or two trainings
each; the rates are guesses."""


@dataclass(frozen=True, kw_only=True)
class AdaptSettings:
    """What to begin with, and which annotations to use."""

    checkpoint: str = DEFAULT
    """A TextUNet: a model's folder, a folder of weights, or `default`, the weights that ship with the package."""
    patients: int | None = None
    """Use annotations of the first N training patients only, and the others' images without; 0: of nobody."""
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse invalid values, naming the field."""
        require_fields(
            self,
            ("patients", self.patients is None or self.patients >= 0, "zero or more"),
            ("seed", self.seed >= 0, "zero or more"),
        )


@dataclass(frozen=True)
class Score:
    """How well weights do on the frames that were held out, at the network's size."""

    dice: Mapping[str, float] | None = None
    """Mean of each structure that is annotated, 0-1."""
    plausible: float | None = None
    """Share of plausible predictions, 0-1, where nothing is."""

    def __post_init__(self) -> None:
        """Refuse scores of nothing, of what is no structure, and of both kinds."""
        given = [*(self.dice or {})]
        ordered = [one.short for one in STRUCTURES if one.short in given]
        valid = given == ordered != [] if self.plausible is None else self.dice is None
        require_fields(self, ("dice", valid, "structures in their order, or `plausible`"))

    @property
    def value(self) -> float:
        """What weights are chosen by: the mean Dice, or the plausible share."""
        if self.dice is not None:
            return math.fsum(self.dice.values()) / len(self.dice)
        assert self.plausible is not None
        return self.plausible


@dataclass(frozen=True)
class AdaptationStage:
    """One training: `stage.json` in its folder, when it is over."""

    name: str
    steps: int
    annotated: int
    """Frames."""
    soft_labelled: int
    """Frames; the others were implausible or unsure."""
    simulated: int
    """Of a batch of `BATCH` frames."""
    learning_rate: float
    seconds: float
    """Of training."""
    score: Score


@dataclass(frozen=True)
class AdaptationRecord(TrainingRecord):
    """What was done: `adapt.json`, and `training.json` beside the weights; `trained_on` is never `TRAINED_ON`."""

    began_with: str
    """Name and checksum of the weights."""
    data: str
    """Name of the data set's folder."""
    release: str
    split: str
    fingerprint: str
    """Of its images, and of the label maps that were used."""
    annotated_patients: int
    unannotated_patients: int
    seed: int
    before: Score
    stages: tuple[AdaptationStage, ...]
    kept: str
    """The name of the stage whose weights these are, or `BEFORE`."""

    def __post_init__(self) -> None:
        """Refuse scores that cannot be compared."""
        alike = {tuple(score.dice or ()) for score in self.scores.values()}
        require_fields(self, ("stages", len(alike) == 1, "scores of the same structures as `before`"))

    @property
    def scores(self) -> dict[str, Score]:
        """Of the weights before, and after each stage."""
        return {BEFORE: self.before, **{stage.name: stage.score for stage in self.stages}}


def adapt(source: Source, settings: AdaptSettings, out: Path, workers: int | None = None) -> AdaptationRecord:
    """Adapt into the folder `out`, go on with what is there, or return at once if it is finished.

    Args:
        source: the images, and their annotations, if any, opened without reading the images, which are compared when
            all that is cheaper is checked; test patients are not used.
        settings: see there.
        out: gets `checkpoint/` with weights, card and `training.json`; `adapt.json`, and the log of each stage.
        workers: processes that render simulated frames, 0: this one; by default half the cores.

    Raises:
        CheckpointError: the weights to begin with are absent, damaged, or no TextUNet.
        ConfigError, DataError: as `choose_frames`; an image is broken, or in two parts.
        OutputError: `out` was begun otherwise, another process works in it, or it cannot be written.
        SynthboostError: as `fit`, or a process that renders died.
    """
    require_own(out / BEGUN)
    model = load_segmenter(settings.checkpoint, TextUNet.name)
    assert isinstance(model, TextUNet)
    frames = choose_frames(source, settings.patients, settings.seed)
    source.check_images()
    begun = {
        "weights": name_with_checksum(model, settings.checkpoint),
        "fingerprint": frames.dataset.fingerprint(),
        "split": source.split.name,
        "patients": settings.patients,
        "seed": settings.seed,
    }
    with exclusive(out):
        claim(out / BEGUN, begun)
        if not (out / RECORD).is_file():
            adaptation = _Adaptation(model, frames, settings.seed, out, workers)
            before, kept = adaptation.run()
            adaptation.best.save_pretrained(out / WEIGHTS)
            record = _record(
                source, frames, begun, before, adaptation.stages, kept, file_sha256(out / WEIGHTS / WEIGHTS_FILE)
            )
            write_record(out / WEIGHTS / TRAINING_FILE, record)
            write_text(out / WEIGHTS / BOX_CARD, adapted_card(to_json(record)))
            write_record(out / RECORD, record)
        for folder in (out / STAGES).glob("*"):
            remove_state(folder)
            shutil.rmtree(folder / WEIGHTS, ignore_errors=True)
        return read_record(out / RECORD, AdaptationRecord)


class _Adaptation:
    """An adaptation in progress."""

    def __init__(self, model: TextUNet, frames: RealFrames, seed: int, out: Path, workers: int | None) -> None:
        self.best, self.frames, self.seed, self.out = model, frames, seed, out
        self.workers = rendering_workers() if workers is None else workers
        self.size, self.stages = model.input_size, list[AdaptationStage]()

    @cached_property
    def annotated(self) -> FrameBatch:
        return load_annotated(self.frames.dataset, self.frames.annotated, self.size)

    @cached_property
    def unannotated(self) -> BareFrames:
        return load_bare(self.frames.dataset, self.frames.unannotated, self.size)

    @cached_property
    def held_out(self) -> FrameBatch | BareFrames:
        load = load_annotated if self.frames.scored else load_bare
        return load(self.frames.dataset, self.frames.held_out, self.size)

    def run(self) -> tuple[Score, str]:
        """Train all stages; return the score before, and the name of the stage whose weights are `best`."""
        before = best = self.score(self.best)
        kept = BEFORE
        for number, name in enumerate(self.names, start=1):
            model, stage = self.finished(name) or self.train(number, name)
            if stage is None:
                break
            self.stages.append(stage)
            if self.is_better(stage.score, best):
                self.best, best, kept = model, stage.score, name
            elif number > bool(self.frames.annotated):
                break  # another round with the same labels would find no others
        return before, kept

    @property
    def names(self) -> list[str]:
        """Of the stages."""
        rounds = [f"round-{number}" for number in range(1, ROUNDS + 1)]
        return [*(["annotated"] if self.frames.annotated else []), *(rounds if self.frames.unannotated else [])]

    def finished(self, name: str) -> tuple[TextUNet, AdaptationStage] | None:
        """The weights and the record of a stage that is over."""
        folder = self.out / STAGES / name
        if not (folder / STAGE).is_file():
            return None
        model = load_segmenter(folder / WEIGHTS, TextUNet.name)
        assert isinstance(model, TextUNet)
        return model, read_record(folder / STAGE, AdaptationStage)

    def train(self, number: int, name: str) -> tuple[TextUNet, AdaptationStage | None]:
        """Train a stage, from the best weights so far; no stage if not one unannotated frame gets a plausible label."""
        folder, seed = self.out / STAGES / name, mixed_seed(self.seed, number) % _SEEDS
        annotated, soft = len(self.frames.annotated), None
        if name == "annotated":
            simulated, rate = next((p.simulated, p.learning_rate) for p in PLANS if self.patients >= p.patients)
            steps = min(LEAST_STEPS + STEPS_PER_FRAME * annotated, MOST_STEPS)
            streams = [repeated(self.annotated, BATCH - simulated, seed)]
        else:
            simulated, rate, steps = ROUND_SIMULATED, ROUND_RATE, ROUND_STEPS
            if (soft := soft_labels(self.best, self.unannotated)) is None:
                return self.best, None
            streams = self._real_streams(soft, BATCH - simulated, seed)
        streams.append(self._simulated(simulated, seed))
        model = deepcopy(self.best)
        model.set_encoders(ENCODERS)
        threads = threads_beside(self.workers, model)
        settings = RecipeSettings(steps, seed, rate, log_every=LOG_EVERY, threads=threads)
        validation = self.held_out if isinstance(self.held_out, FrameBatch) else None
        log = fit(model, mixed(streams), settings, folder, validation)
        model.save_pretrained(folder / WEIGHTS)
        labelled = 0 if soft is None else len(soft.images)
        stage = AdaptationStage(name, steps, annotated, labelled, simulated, rate, log[-1].seconds, self.score(model))
        write_record(folder / STAGE, stage)
        return model, stage

    @property
    def patients(self) -> int:
        """How many are annotated and trained on."""
        return _people(self.frames.annotated)

    def _real_streams(self, soft: FrameBatch, batch: int, seed: int) -> list[FrameStream]:
        """Annotated frames, at least half of the batch, and those with soft labels."""
        if not self.frames.annotated:
            return [repeated(soft, batch, seed)]
        share = len(self.frames.annotated) / (len(self.frames.annotated) + len(soft.images))
        annotated = min(max(round(share * batch), batch // 2), batch - 1)
        return [repeated(self.annotated, annotated, seed), repeated(soft, batch - annotated, seed)]

    def _simulated(self, batch: int, seed: int) -> FrameStream:
        return SimulatedStream(PretrainSettings(seed=seed).simulations, self.size, batch, seed, workers=self.workers)

    def score(self, model: TextUNet) -> Score:
        """Score weights on the frames that were held out."""
        if isinstance(self.held_out, BareFrames):
            return Score(plausible=round(plausible_share(model, self.held_out), 4))
        dice = dice_of(model, self.held_out)
        known = ((one.short, value) for one, value in zip(STRUCTURES, dice, strict=True) if value is not None)
        return Score({short: round(value, 4) for short, value in known})

    def is_better(self, after: Score, before: Score) -> bool:
        """Whether to keep the later weights: more plausible predictions are no proof, so the same number is enough.

        Where not one is plausible, nothing is known.
        """
        return after.value > before.value if self.frames.scored else 0 < after.value >= before.value


def _people(infos: Sequence[FrameInfo]) -> int:
    return len({info.patient for info in infos})


def _record(
    source: Source, frames: RealFrames, begun: Mapping[str, Any], before: Score, stages: Sequence[AdaptationStage],
    kept: str, sha256: str,
) -> AdaptationRecord:  # fmt: skip
    weights, name = begun["weights"], source.dataset.root.name
    unchanged = f"what {weights} was trained on; no stage did better"
    return AdaptationRecord(
        trained_on=unchanged if kept == BEFORE else f"{weights}, then frames of {name} and simulated frames",
        began_with=weights,
        data=name,
        release=source.dataset.release,
        split=source.split.name,
        fingerprint=begun["fingerprint"],
        annotated_patients=_people(frames.annotated),
        unannotated_patients=_people(frames.unannotated),
        held_out_patients=_people(frames.held_out),
        seed=begun["seed"],
        simulator_version=GENERATOR_VERSION,
        before=before,
        stages=tuple(stages),
        kept=kept,
        versions=software(),
        weights_sha256=sha256,
    )
