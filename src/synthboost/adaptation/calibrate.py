"""Calibrate the simulator to unannotated images: a model annotates both sets, and both are measured by one rule."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from synthboost.adaptation.pseudo_labels import PseudoLabelSettings, annotate
from synthboost.data.source import Source
from synthboost.domain import PatientId, Phase, SplitPart, View
from synthboost.errors import ConfigError, DataError
from synthboost.inference.predictor import Predictor
from synthboost.progress import track
from synthboost.simulator.calibration import LEAST_FRAMES, HeartInView, Hearts, measure_heart


@dataclass(frozen=True)
class Measured:
    """The hearts that a model found in one set of images."""

    hearts: Hearts
    frames: int
    """How many were annotated, kept or not."""

    @property
    def kept(self) -> int:
        """Frames with a plausible heart that could be measured."""
        return sum(map(len, self.hearts.values()))


def require_enough(images: Source, patients: int, name: str) -> None:
    """Check whether so many training patients can be enough, before a model predicts any.

    Raises:
        DataError: they have fewer frames of a view at end diastole than a median takes.
    """
    chosen = _chosen(images, patients)
    for view in View:
        wanted = view, Phase.END_DIASTOLE
        found = sum(i.patient in chosen and (i.view, i.phase) == wanted for i in images.dataset.frames)
        if found < LEAST_FRAMES:
            raise DataError(
                name, f"{view} frames at end diastole", f"{found} of {len(chosen)} training patients",
                f"at least {LEAST_FRAMES}", "Give more images.",
            )  # fmt: skip


def measure_hearts(predictor: Predictor, images: Source, patients: int, name: str) -> Measured:
    """Annotate training patients by a model and measure what could be a heart; no annotation is read.

    Args:
        predictor: holds the model.
        images: the first `patients` training patients with frames are used.
        name: of the set, for the progress bar.

    Raises:
        ConfigError: `patients` is less than 1.
        DataError: an image is broken.
    """
    if patients < 1:
        raise ConfigError("calibrate", "patients", patients, "at least 1")
    bare = images.without_annotations().dataset
    hearts: defaultdict[tuple[View, Phase], list[HeartInView]] = defaultdict(list)
    frames = 0
    for patient in track(_chosen(images, patients), f"annotating {name}", unit="patient"):
        for one in annotate(predictor, bare, patient, PseudoLabelSettings()):
            frames += 1
            info, label_map = one.frame.info, one.frame.label_map
            if one.reasons or label_map is None:
                continue
            try:
                hearts[info.view, info.phase].append(measure_heart(label_map, one.frame.spacing_mm, info.name))
            except DataError:
                continue  # plausible by its pieces, but without a mitral plane or a wall: counted by `frames` alone
    return Measured(dict(hearts), frames)


def _chosen(images: Source, patients: int) -> list[PatientId]:
    present = set(images.dataset.patients)
    return [patient for patient in images.split.parts[SplitPart.TRAINING] if patient in present][:patients]
