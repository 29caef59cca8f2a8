"""Self-training's first half: let a model annotate real images, and keep what could be a heart.

No annotation is read: the label maps of the images, if there are any, and the ejection fractions, which were measured
on them, are taken away before anything else happens. What is written is a data set in CAMUS' layout of the domain
`pseudo-labelled`; train on it as on any synthetic set.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from synthboost.data import Dataset, Split, without_annotations
from synthboost.data.lists import IMAGES
from synthboost.data.writer import MadePatient, NewPatient, Origin, make_dataset
from synthboost.domain import (
    STRUCTURES,
    Domain,
    Frame,
    FrameInfo,
    GreyImage,
    LabelMap,
    PromptSet,
    SplitPart,
)
from synthboost.errors import ConfigError, DataError
from synthboost.evaluation.clinical.plausibility import check_patient
from synthboost.inference.predictor import Prediction, Predictor
from synthboost.inference.sentences import EvaluationSentences, texts_of
from synthboost.io.atomic import write_csv
from synthboost.io.claim import read_claim

GENERATOR = "synthboost.pseudo_labels"
GENERATOR_VERSION = "1"
RECORD = "pseudo_labels.json"
"""At the root: what was asked for; in a patient's folder: which frames were kept, and why others were not."""
REPORT = "rejected.csv"
GAMMAS = (1.0, 0.75, 1.33)
"""Grey curves under which a frame is looked at; the answers are averaged."""
PARTS = (SplitPart.TRAINING, SplitPart.VALIDATION)
"""Whose images are annotated; a frame stands in the part of its patient. Test patients are not looked at."""


@dataclass(frozen=True)
class PseudoLabelSettings:
    """How images are annotated, and which annotations are kept."""

    prompt_set: PromptSet = PromptSet.P1
    """The sentences that the model is asked with."""
    least_confidence: float = 0.7
    """Mean probability inside a structure, below which a frame is not kept; 0-1."""
    plausible: bool = True
    """Keep only frames that pass the checks of form, contact and size (`evaluation.plausibility`)."""

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        if not 0.0 <= self.least_confidence < 1.0:
            raise ConfigError("PseudoLabelSettings", "least_confidence", self.least_confidence, "0 or more, below 1")


@dataclass(frozen=True)
class Annotated:
    """How a set of images was annotated."""

    frames: int
    kept: int
    rejected: Mapping[str, int]
    """Reason -> frames."""


@dataclass(frozen=True, eq=False)
class Guess:
    """What a model says of one frame."""

    frame: Frame
    label_map: LabelMap
    confidence: float
    """Mean probability inside the structure of which the model is least sure."""
    reasons: tuple[str, ...]
    """Why it is not kept; none: it is."""


def write_pseudo_labels(
    predictor: Predictor, model: str, dataset: Dataset, split: Split, out: Path, settings: PseudoLabelSettings
) -> Annotated:
    """Annotate a data set's training and validation patients by a model; the same call finishes a stopped one.

    Args:
        predictor: holds the model.
        model: the name of its run or the checksum of its weights; a folder begun with another is refused.
        dataset: its annotations are not read.
        split: of `dataset`; test patients are not looked at.
        out: a new or empty folder, or one begun with the same model, images and settings.
        settings: see `PseudoLabelSettings`.

    Raises:
        DataError: an image is broken, or not one annotation was kept.
        OutputError: the folder holds something else.
    """
    bare = without_annotations(dataset)
    present = set(bare.patients)
    patients = [
        NewPatient(patient.name, part, patient) for part in PARTS for patient in split.parts[part] if patient in present
    ]

    def make(patient: NewPatient) -> MadePatient:
        infos = [info for info in bare.frames if info.patient == patient.source]
        guesses = list(annotate(predictor, bare, infos, settings))
        kept = [replace(guess.frame, label_map=guess.label_map) for guess in guesses if not guess.reasons]
        frames = {g.frame.info.name: {"confidence": g.confidence, "rejected for": list(g.reasons)} for g in guesses}
        return MadePatient(kept, {"patient": str(patient.source), "frames": frames})

    def report() -> None:
        _write_report(out, _records(out, patients))

    version = f"{GENERATOR_VERSION}, {model}"
    origin = Origin(Domain.PSEUDO_LABELLED, GENERATOR, version, 0, bare.release, RECORD)
    asked = {"model": model, "images": bare.fingerprint(), "split": split.name, "settings": asdict(settings)}
    make_dataset(out, origin, asked, patients, make, "annotating", before_lists=report)
    records = _records(out, patients)
    counts = Counter(reason for record in records for reason in record["rejected for"])
    return Annotated(len(records), sum(not one["rejected for"] for one in records), dict(counts.most_common()))


def annotate(
    predictor: Predictor, dataset: Dataset, infos: list[FrameInfo], settings: PseudoLabelSettings
) -> Iterator[Guess]:
    """Annotate all frames of one patient, and say of each why it is not kept, if it is not."""
    guesses = [_guess(predictor, dataset.load(info), settings.prompt_set) for info in infos]
    failed: dict[str, list[str]] = {}
    if settings.plausible:
        maps = {(g.frame.info.view, g.frame.info.phase): (g.label_map, g.frame.spacing_mm) for g in guesses}
        for check in check_patient(maps):
            if not check.passed and check.rule.severity == "implausible":
                failed.setdefault(check.where, []).append(check.name)
    for guess in guesses:
        info = guess.frame.info
        reasons = [*failed.get(f"{info.view} {info.phase}", []), *failed.get("patient", [])]
        if guess.confidence < settings.least_confidence:
            reasons.append("confidence")
        yield replace(guess, reasons=tuple(reasons))


def _guess(predictor: Predictor, frame: Frame, prompt_set: PromptSet) -> Guess:
    sentences = texts_of(EvaluationSentences(prompt_set, shape_from="unknown").first(frame))
    images = [_with_gamma(frame.image, gamma) for gamma in GAMMAS]
    predictions = predictor.predict_batch(images, [sentences] * len(images))
    probability = np.mean([prediction.probability for prediction in predictions], axis=0)
    label_map = Prediction(sentences, probability, predictor.threshold).label_map(one_heart=True)
    inside = [probability[number][label_map == int(s)] for number, s in enumerate(STRUCTURES)]
    confidence = min(float(values.mean()) if values.size else 0.0 for values in inside)
    return Guess(frame, label_map, confidence, ())


def _with_gamma(image: GreyImage, gamma: float) -> GreyImage:
    return np.round(255.0 * (image / 255.0) ** gamma).astype(np.uint8)


def _records(out: Path, patients: Sequence[NewPatient]) -> list[dict[str, Any]]:
    """What was noted of each frame, with its name."""
    return [
        {"frame": name, **one}
        for patient in patients
        for name, one in read_claim(out / IMAGES / patient.name / RECORD)["frames"].items()
    ]


def _write_report(out: Path, records: Sequence[dict[str, Any]]) -> None:
    rows = [
        {"frame": one["frame"], "confidence": f"{one['confidence']:.4f}", "rejected_for": "; ".join(reasons)}
        for one in records
        if (reasons := one["rejected for"])
    ]
    write_csv(out / REPORT, ("frame", "confidence", "rejected_for"), rows)
    if len(rows) == len(records):
        raise DataError(
            out, "annotations kept", 0, "at least one plausible one",
            f"{REPORT} says why. Train the model longer, or accept less confidence.",
        )  # fmt: skip
