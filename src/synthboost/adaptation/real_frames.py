"""The real frames that a model is adapted to: annotated, unannotated, and held out to choose the best weights by.

No label file is opened but those of the patients who are trained on as annotated ones, or held out as such.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthboost.data.dataset import Dataset, without_annotations
from synthboost.data.source import Source
from synthboost.domain import FrameInfo, PatientId, SplitPart
from synthboost.errors import OPTIONS, ConfigError, DataError
from synthboost.progress import track
from synthboost.training.frame_stream import FrameBatch, shrunk_frames, shrunk_image

HELD_OUT_SHARE = 0.2
"""Of the patients, where no part of the data set validates; at least one."""
MOST_UNANNOTATED = 200
"""Patients: two rounds show each of their frames several times, and predicting more would only take longer."""


@dataclass(frozen=True, eq=False)
class RealFrames:
    """Frames of one data set, by what they are for."""

    dataset: Dataset
    """Without the annotations that are not used."""
    annotated: tuple[FrameInfo, ...]
    unannotated: tuple[FrameInfo, ...]
    held_out: tuple[FrameInfo, ...]
    """Of other patients; all annotated, or all taken as unannotated."""

    @property
    def scored(self) -> bool:
        """Whether the frames held out are annotated."""
        return self.dataset.has_annotation(self.held_out[0])


def choose_frames(source: Source, patients: int | None = None, seed: int = 0) -> RealFrames:
    """Choose the frames that adaptation uses; reads no pixel.

    Held out are the annotated patients of the validation part; without such, a fifth of the annotated training
    patients; without two of these, the validation part, or a fifth of the training patients, as unannotated ones.

    Args:
        source: its test patients are not used.
        patients: use the annotations of the first so many training patients only; 0: no annotation of anybody.
        seed: of which unannotated patients are used, where there are very many.

    Raises:
        ConfigError: `patients` is negative, or more than are annotated.
        DataError: there is nobody to train on, or nobody else to hold out.
    """
    known = source.dataset
    with_labels = {info.patient for info in known.frames if known.has_annotation(info)}
    training, validation = (
        [patient for patient in sorted(source.split.parts[part]) if patient in set(known.patients)]
        for part in (SplitPart.TRAINING, SplitPart.VALIDATION)
    )
    candidates = [patient for patient in training if patient in with_labels]
    if patients is not None and not 0 <= patients <= len(candidates):
        raise ConfigError(OPTIONS, "patients", patients, f"0 to {len(candidates)}, whose training frames are annotated")
    annotated = candidates[:patients]
    others = [patient for patient in training if patient not in annotated]
    scored = [patient for patient in validation if patient in with_labels and patients != 0]
    if not scored and len(annotated) > 1:
        annotated, scored = _parted(annotated)
    held = scored or validation
    if not held:
        others, held = _parted(others)
    if not held or not (annotated or others):
        raise DataError(
            known.root, "patients", len(training) + len(validation), "one to train on, and another to hold out",
            "Add images of other patients.",
        )  # fmt: skip
    if len(others) > MOST_UNANNOTATED:
        others = sorted(np.random.default_rng(seed).choice(np.array(others, object), MOST_UNANNOTATED, replace=False))
    return _frames_of(known, annotated, others, held, bool(scored))


def _parted(patients: list[PatientId]) -> tuple[list[PatientId], list[PatientId]]:
    count = max(1, round(HELD_OUT_SHARE * len(patients))) if patients else 0
    return patients[: len(patients) - count], patients[len(patients) - count :]


def _frames_of(
    known: Dataset, annotated: Collection[PatientId], others: Collection[PatientId], held: Collection[PatientId],
    scored: bool,
) -> RealFrames:  # fmt: skip
    dataset = without_annotations(known, except_of={*annotated, *(held if scored else ())})
    training = [info for info in dataset.frames if info.patient in annotated or info.patient in others]
    return RealFrames(
        dataset,
        annotated=tuple(info for info in training if dataset.has_annotation(info)),
        unannotated=tuple(info for info in training if not dataset.has_annotation(info)),
        held_out=tuple(i for i in dataset.frames if i.patient in held and dataset.has_annotation(i) == scored),
    )


@dataclass(frozen=True, eq=False)
class BareFrames:
    """Unannotated frames of the network's size."""

    images: NDArray[np.uint8]
    """(N, S, S)."""
    infos: tuple[FrameInfo, ...]
    spacings_mm: tuple[tuple[float, float] | None, ...]
    """Of each, on the network's grid; `None` where it is unknown."""

    def __len__(self) -> int:
        return len(self.images)


def load_bare(dataset: Dataset, infos: Sequence[FrameInfo], size: int) -> BareFrames:
    """Read the images of some frames, and shrink them to `size` pixels a side."""
    images, spacings = [], []
    for info in track(infos, "reading unannotated frames", unit="frame"):
        frame = dataset.read(info, annotated=False)
        rows, columns = frame.image.shape
        images.append(shrunk_image(frame.image, size))
        known = frame.known_spacing_mm
        spacings.append(None if known is None else (known[0] * rows / size, known[1] * columns / size))
    return BareFrames(np.stack(images), tuple(infos), tuple(spacings))


def load_annotated(dataset: Dataset, infos: Sequence[FrameInfo], size: int) -> FrameBatch:
    """Read some annotated frames, and shrink them to `size` pixels a side."""
    return shrunk_frames(map(dataset.load, track(infos, "reading annotated frames", unit="frame")), size)
