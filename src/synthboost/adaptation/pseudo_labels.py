"""Self-training's first half: a model annotates real images, and what could be a heart is kept.

No annotation is read: the label maps of the images, if there are any, and the ejection fractions, which were measured
on them, are taken away before anything else happens. What is written is a data set in CAMUS' layout of the domain
`pseudo-labelled`; train on it as on any synthetic set.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synthboost.data import Dataset
from synthboost.data.lists import IMAGES, PATIENT_NAME
from synthboost.data.source import Source
from synthboost.data.writer import MadePatient, NewPatient, Origin, make_dataset
from synthboost.domain import (
    STRUCTURES,
    Domain,
    Frame,
    FrameInfo,
    GreyImage,
    LabelMap,
    PatientId,
    Phase,
    PromptSet,
    SplitPart,
    View,
)
from synthboost.errors import DataError, require_fields
from synthboost.evaluation.clinical.patient_numbers import LabelMaps
from synthboost.evaluation.clinical.plausibility import check_patient
from synthboost.inference.predictor import Prediction, Predictor
from synthboost.inference.sentences import EvaluationSentences, texts_of
from synthboost.io.atomic import write_csv
from synthboost.io.typed_json import read_json

GENERATOR, GENERATOR_VERSION = "synthboost.pseudo_labels", "1"
RECORD = "pseudo_labels.json"
"""At the root: the settings; in a patient's folder: which frames were kept, and why others were not."""
REPORT = "rejected.csv"
GAMMAS = (1.0, 0.75, 1.33)
"""Grey curves under which an image is predicted; the probabilities are averaged."""
PARTS = (SplitPart.TRAINING, SplitPart.VALIDATION)
"""Whose images are annotated; a frame is in the part of its patient. Test patients are not used."""
_SENTENCES = EvaluationSentences(PromptSet.P1)


@dataclass(frozen=True)
class PseudoLabelSettings:
    """Which annotations of a model are kept."""

    least_confidence: float = 0.7
    """Mean probability inside a structure, below which a frame is not kept; 0-1."""
    plausible: bool = True
    """Keep only frames that pass the checks of form, contact and size (`evaluation.plausibility`)."""

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        require_fields(self, ("least_confidence", 0.0 <= self.least_confidence < 1.0, "0 or more, below 1"))


@dataclass(frozen=True, eq=False)
class AnnotatedFrame:
    """A frame that a model annotated."""

    frame: Frame
    """With the predicted label map."""
    confidence: float
    """Mean probability inside the structure of which the model is least sure."""
    reasons: tuple[str, ...] = ()
    """Why it is not kept; none: it is."""


def pseudo_label(
    predictor: Predictor, model: str, images: Source, out: Path, settings: PseudoLabelSettings
) -> tuple[int, int, dict[str, int]]:
    """Annotate the training and validation patients of a data set; the same call finishes a stopped one.

    Args:
        predictor: holds the model.
        model: the name of its run or the checksum of its weights; a folder begun with another is refused.
        images: their annotations are not read; test patients are not used.
        out: a new or empty folder, or one begun with the same model, images and settings.
        settings: which annotations are kept.

    Returns:
        How many frames were annotated, how many were kept, and how many were rejected for each reason, the most first.

    Raises:
        DataError: an image is broken, or not one annotation was kept.
        OutputError: the folder holds something else.
    """
    bare, split = images.without_annotations().dataset, images.split
    present = set(bare.patients)
    people = [(part, p) for part in PARTS for p in split.parts[part] if p in present]
    named = all(PATIENT_NAME.fullmatch(person.name) for _, person in people)  # else they are numbered
    patients = [
        NewPatient(person.name if named else f"patient{number:04d}", part, person)
        for number, (part, person) in enumerate(people, start=1)
    ]

    def make(patient: NewPatient) -> MadePatient:
        assert patient.source is not None
        annotated = list(annotate(predictor, bare, patient.source, settings))
        notes = {a.frame.info.name: {"confidence": a.confidence, "rejected for": list(a.reasons)} for a in annotated}
        kept = [one.frame for one in annotated if not one.reasons]
        return MadePatient(kept, {"patient": str(patient.source), "frames": notes})

    version = f"{GENERATOR_VERSION}, {model}"
    origin = Origin(Domain.PSEUDO_LABELLED, GENERATOR, version, 0, bare.release, RECORD)
    wanted = {"model": model, "images": bare.fingerprint(), "split": split.name, "settings": asdict(settings)}
    make_dataset(
        out, origin, wanted, patients, make, "annotating",
        before_lists=lambda: _write_report(out, _records(out, patients)),
    )  # fmt: skip
    records = _records(out, patients)
    counts = Counter(reason for record in records for reason in record["rejected for"])
    return len(records), sum(not one["rejected for"] for one in records), dict(counts.most_common())


def annotate(
    predictor: Predictor, dataset: Dataset, patient: PatientId, settings: PseudoLabelSettings
) -> Iterator[AnnotatedFrame]:
    """Annotate all frames of one patient, and say of each why it is not kept, if it is not."""
    own = [info for info in dataset.frames if info.patient == patient]
    annotated = [_annotate(predictor, dataset.load(info)) for info in own]
    frames = [one.frame for one in annotated]
    maps = [(f.info, f.label_map, f.known_spacing_mm) for f in frames if f.label_map is not None]
    failed = implausible_frames(maps) if settings.plausible else [()] * len(frames)
    for one, reasons in zip(annotated, failed, strict=True):
        unsure = ["confidence"] if one.confidence < settings.least_confidence else []
        unplaced = [] if one.frame.info.has_place else ["no single frame of a known view and phase"]
        yield replace(one, reasons=(*reasons, *unsure, *unplaced))


def _annotate(predictor: Predictor, frame: Frame) -> AnnotatedFrame:
    sentences = texts_of(_SENTENCES.first(frame))
    images = [_with_gamma(frame.image, gamma) for gamma in GAMMAS]
    predictions = predictor.predict_batch(images, [sentences] * len(images))
    probability = np.mean([prediction.probability for prediction in predictions], axis=0)
    label_map = Prediction(sentences, probability, predictor.threshold).label_map(one_heart=True)
    return AnnotatedFrame(replace(frame, label_map=label_map), confidence_in(label_map, probability))


def implausible_frames(
    frames: Sequence[tuple[FrameInfo, LabelMap, tuple[float, float] | None]],
) -> list[tuple[str, ...]]:
    """Return which checks that no heart fails each frame fails, alone or together with others of its patient.

    Of several frames of one view and phase each is checked with other others; one whose view or phase is unknown alone.

    Args:
        frames: what is known, the label map (H, W), and the spacing in mm, `None` if unknown.
    """
    beats: defaultdict[tuple[PatientId, int], dict[tuple[View, Phase], int]] = defaultdict(dict)
    for place, (info, *_) in enumerate(frames):
        known = info.view is not None and info.phase is not None
        key = (info.view or View.FOUR_CHAMBER, info.phase or Phase.END_SYSTOLE)  # no check is of this pair alone
        beat = next(n for n in count() if key not in beats[info.patient, n]) if known else -1 - place
        beats[info.patient, beat][key] = place
    found: dict[int, tuple[str, ...]] = {}
    for places in beats.values():
        failed = _implausibilities({key: frames[place][1:] for key, place in places.items()})
        found |= {place: failed[key] for key, place in places.items()}
    return [found[place] for place in range(len(frames))]


def _implausibilities(maps: LabelMaps) -> dict[tuple[View, Phase], tuple[str, ...]]:
    failed: dict[str, list[str]] = {}
    for check in check_patient(maps):
        if not check.passed and check.rule.severity == "implausible":
            failed.setdefault(check.where, []).append(check.name)
    return {(view, phase): (*failed.get(f"{view} {phase}", []), *failed.get("patient", [])) for view, phase in maps}


def confidence_in(label_map: LabelMap, probability: NDArray[np.floating[Any]]) -> float:
    """Return the mean probability (3, H, W) inside the structure of which the model is least sure, 0-1."""
    inside = [probability[number][label_map == int(s)] for number, s in enumerate(STRUCTURES)]
    return min(float(values.mean()) if values.size else 0.0 for values in inside)


def _with_gamma(image: GreyImage, gamma: float) -> GreyImage:
    return np.round(255.0 * (image / 255.0) ** gamma).astype(np.uint8)


def _records(out: Path, patients: Sequence[NewPatient]) -> list[dict[str, Any]]:
    """What was noted of each frame, with its name."""
    return [
        {"frame": name, **one}
        for patient in patients
        for name, one in read_json(out / IMAGES / patient.name / RECORD)["frames"].items()
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
