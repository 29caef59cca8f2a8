"""Calibrate the simulator to images without annotation: a model annotates both sides, and both are measured alike."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from synthboost.adaptation.pseudo_labels import PseudoLabelSettings, annotate
from synthboost.data import Dataset, Split, without_annotations
from synthboost.domain import PatientId, Phase, SplitPart, View
from synthboost.errors import ConfigError, DataError
from synthboost.inference.predictor import Predictor
from synthboost.progress import track
from synthboost.simulator.calibration import LEAST_FRAMES, HeartInView, Hearts, measure_heart


@dataclass(frozen=True)
class Measured:
    """The hearts that a model saw in one set of images."""

    hearts: Hearts
    frames: int
    """How many were looked at, kept or not."""

    @property
    def kept(self) -> int:
        """Frames with a plausible heart that could be measured."""
        return sum(map(len, self.hearts.values()))


def require_enough(dataset: Dataset, split: Split, patients: int, name: str) -> None:
    """Look whether so many training patients can be enough, before a model is asked about any.

    Raises:
        DataError: they have fewer frames of a view at end diastole than a median takes.
    """
    chosen = _chosen(dataset, split, patients)
    for view in View:
        found = sum(i.patient in chosen and (i.view, i.phase) == (view, Phase.END_DIASTOLE) for i in dataset.frames)
        if found < LEAST_FRAMES:
            raise DataError(
                name, f"{view} frames at end diastole", f"{found} of {len(chosen)} training patients",
                f"at least {LEAST_FRAMES}", "Give more images.",
            )  # fmt: skip


def measure_hearts(
    predictor: Predictor, dataset: Dataset, split: Split, patients: int, settings: PseudoLabelSettings, name: str
) -> Measured:
    """Annotate training patients by a model and measure what could be a heart; no annotation is read.

    Args:
        predictor: holds the model.
        dataset, split: the images; the first `patients` training patients with frames are looked at.
        settings: which masks are kept.
        name: of the set, for the progress bar.

    Raises:
        ConfigError: `patients` is less than 1.
        DataError: an image is broken.
    """
    if patients < 1:
        raise ConfigError("calibrate", "patients", patients, "at least 1")
    bare = without_annotations(dataset)
    hearts: defaultdict[tuple[View, Phase], list[HeartInView]] = defaultdict(list)
    frames = 0
    for patient in track(_chosen(dataset, split, patients), f"annotating {name}", unit="patient"):
        infos = [info for info in bare.frames if info.patient == patient]
        for guess in annotate(predictor, bare, infos, settings):
            frames += 1
            info = guess.frame.info
            if guess.reasons:
                continue
            try:
                hearts[info.view, info.phase].append(measure_heart(guess.label_map, guess.frame.spacing_mm, info.name))
            except DataError:
                continue  # plausible by its pieces, but without a mitral plane or a wall: counted by `frames` alone
    return Measured(dict(hearts), frames)


def _chosen(dataset: Dataset, split: Split, patients: int) -> list[PatientId]:
    present = set(dataset.patients)
    return [patient for patient in split.parts[SplitPart.TRAINING] if patient in present][:patients]
