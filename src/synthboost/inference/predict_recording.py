"""One recording to a folder of results: label map, masks, outlines, overlays, and the numbers of every frame."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from synthboost.domain import GreyImage, Mask, Structure
from synthboost.evaluation.clinical.phases import find_phases
from synthboost.inference.label_map import resolve
from synthboost.inference.outputs.contours import contours_of
from synthboost.inference.outputs.shown_area import shown_area
from synthboost.inference.overlay import CLIP_FRAMES, draw_overlay, small, write_animation, write_overlay
from synthboost.inference.predictor import Predictor
from synthboost.inference.sentences import Target
from synthboost.io.atomic import whole_folder, write_json
from synthboost.io.dicom_seg import Segment, write_segmentation
from synthboost.io.recordings import Recording, write_labels

RESULT = "result.json"


@dataclass(frozen=True)
class Wanted:
    """What is drawn and written."""

    questions: tuple[Target, ...]
    label_map: bool
    """Resolve all answers into one label map."""
    dicom_seg: bool = True
    """Write a DICOM Segmentation beside the results of DICOM recordings."""
    batch: int = 8
    """Frames at a time."""


def predict_recording(
    predictor: Predictor, recording: Recording, folder: Path, wanted: Wanted, fingerprint: str
) -> dict[str, Any]:
    """Predict every frame and write all results into `folder`, whole or not at all.

    Args:
        predictor: whose threshold decides.
        recording: opened; its frames are read once, a batch at a time.
        folder: replaced if it exists.
        wanted: what to draw and write.
        fingerprint: of weights and questions, for the identifiers of DICOM objects.

    Returns:
        What `result.json` holds: the recording, its phases, and one row per frame and question.

    Raises:
        DataError: a frame cannot be read; nothing is written then.
    """
    with whole_folder(folder) as temporary:
        draw = _Draw(predictor, recording, wanted)
        draw.all()
        result = draw.write(temporary, fingerprint)
        write_json(temporary / RESULT, result)
    return result


class _Draw:
    """The work on one recording; only labels, packed masks and small pictures outlive a batch."""

    def __init__(self, predictor: Predictor, recording: Recording, wanted: Wanted) -> None:
        self.predictor, self.recording, self.wanted = predictor, recording, wanted
        self.sentences = [question.sentence for question in wanted.questions]
        self.packed: list[NDArray[np.uint8]] = []
        self.labels: list[NDArray[np.uint8]] = []
        self.animation: list[Image.Image] = []
        self.shown: Mask | None = None

    def all(self) -> None:
        """Predict all frames."""
        numbers = count()
        step = -(-self.recording.length // CLIP_FRAMES)
        for batch in self.recording.batches(self.wanted.batch):
            if self.shown is None:  # the brightest of the first frames: blood and valves move, the sector does not
                self.shown = shown_area(np.max(batch, axis=0))
            predictions = self.predictor.predict_batch(batch, [self.sentences] * len(batch))
            for image, prediction in zip(batch, predictions, strict=True):
                number = next(numbers)
                self._keep(image, prediction.probability, number % step == 0)

    def _keep(self, image: GreyImage, probability: NDArray[np.float32], animated: bool) -> None:
        masks = probability > self.predictor.threshold
        self.packed.append(np.packbits(masks, axis=-1))
        drawn = masks
        if self.wanted.label_map:
            labels = resolve(probability, [q.label for q in self.wanted.questions], self.predictor.threshold)
            self.labels.append(labels)
            drawn = self._split(labels)
        if self.recording.length > 1 and animated:
            self.animation.append(small(draw_overlay(image, drawn, self.recording.spacing_mm, self.shown)))

    def _split(self, labels: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """(N, ..., h, w) of labels (..., h, w)."""
        return np.stack([labels == question.label for question in self.wanted.questions])

    def frame_masks(self, number: int) -> NDArray[np.bool_]:
        """(N, h, w) of one frame: parts of the label map if there is one, else the single masks, which may overlap."""
        return self._split(self.labels[number]) if self.labels else self.single_masks(number)

    def single_masks(self, number: int) -> NDArray[np.bool_]:
        """(N, h, w) of one frame, each for itself."""
        return np.unpackbits(self.packed[number], axis=-1, count=self.recording.region.width).astype(bool)

    def write(self, folder: Path, fingerprint: str) -> dict[str, Any]:
        """Write all files; return the result."""
        recording, questions = self.recording, self.wanted.questions
        files: dict[str, str] = {}
        if self.labels:
            files["labels"] = write_labels(folder, "labels", self._whole_labels(), recording)
        for n, question in enumerate(questions):
            name = f"mask_{question.name}"
            files[f"mask {question.name}"] = write_labels(folder, name, self._whole_labels(n), recording)
        counts = [[int(mask.sum()) for mask in self.frame_masks(t)] for t in range(recording.length)]
        phases = self._phases(counts)
        write_json(folder / "contours.json", self._contours())
        files |= {"contours": "contours.json", **self._overlays(folder, phases)}
        if recording.kind == "dicom" and self.wanted.dicom_seg:
            files["dicom segmentation"] = "segmentation.dcm"
            segments = [Segment(q.structure.short if q.structure else q.sentence, q.structure) for q in questions]
            write_segmentation(folder / "segmentation.dcm", recording, segments, self._whole_masks(), fingerprint)
        return {
            "kind": recording.kind,
            "frames": recording.length,
            "size": list(recording.whole_shape),
            "region": [recording.region.top, recording.region.left, recording.region.height, recording.region.width],
            "spacing_mm": None if recording.spacing_mm is None else list(recording.spacing_mm),
            "frame_seconds": recording.frame_seconds,
            "files": files,
            "phases": phases,
            "rows": [row for t in range(recording.length) for row in self._rows(t, counts[t], phases, files)],
        }

    def _whole_labels(self, n: int | None = None) -> Iterator[NDArray[np.uint8]]:
        """Each frame's label map, or answer `n` alone as 0 and 1, (H, W) in the whole image."""
        for t in range(self.recording.length):
            layer = self.labels[t] if n is None else self.single_masks(t)[n].astype(np.uint8)
            yield self.recording.in_whole(layer)

    def _whole_masks(self) -> Iterator[NDArray[np.bool_]]:
        """Each frame's `frame_masks`, (N, H, W) in the whole image."""
        for t in range(self.recording.length):
            masks = self.frame_masks(t).astype(np.uint8)
            yield np.stack([self.recording.in_whole(mask) for mask in masks]).astype(bool)

    def _phases(self, counts: list[list[int]]) -> dict[str, Any] | None:
        ventricle = [q.structure for q in self.wanted.questions]
        if Structure.LEFT_VENTRICULAR_CAVITY not in ventricle or self.recording.length < 2:
            return None
        areas = [row[ventricle.index(Structure.LEFT_VENTRICULAR_CAVITY)] * self._pixel_area for row in counts]
        found = find_phases(areas, self.recording.frame_seconds)
        if found is None:
            return None
        return {
            "method": "largest and smallest area of the left ventricular cavity, moving average over time",
            "unit": "pixels" if self.recording.spacing_mm is None else "mm2",
            "ED": found.end_diastole,
            "ES": found.end_systole,
            "areas": [round(float(area), 3) for area in areas],
            "smoothed": [round(float(area), 3) for area in found.smoothed],
        }

    @property
    def _pixel_area(self) -> float:
        spacing = self.recording.spacing_mm
        return 1.0 if spacing is None else spacing[0] * spacing[1]

    def _contours(self) -> dict[str, Any]:
        region, spacing = self.recording.region, self.recording.spacing_mm
        frames = []
        for t, masks in enumerate(self._whole_masks()):
            named = zip(self.wanted.questions, masks, strict=True)
            outlines = {question.name: contours_of(mask, spacing) for question, mask in named}
            frames.append({"frame": t, "outlines": outlines})
        return {
            "points": "[column, row], the centre of the upper left pixel is [0, 0]; mm from there, if known",
            "region": {"top": region.top, "left": region.left, "height": region.height, "width": region.width},
            "spacing_mm": None if spacing is None else list(spacing),
            "questions": {question.name: question.sentence for question in self.wanted.questions},
            "frames": frames,
        }

    def _overlays(self, folder: Path, phases: dict[str, Any] | None) -> dict[str, str]:
        assert self.shown is not None
        stills = {"overlay": 0} if phases is None else {"overlay_ED": phases["ED"], "overlay_ES": phases["ES"]}
        files = {}
        for number, image in enumerate(self.recording.frames()):  # read again, rather than kept
            for name in (name for name, wanted in stills.items() if wanted == number):
                files[name] = f"{name}.png"
                masks = self.frame_masks(number)
                write_overlay(folder / files[name], image, masks, self.recording.spacing_mm, self.shown)
            if number >= max(stills.values()):
                break
        if self.animation:
            files["animation"] = "overlay.gif"
            write_animation(folder / "overlay.gif", self.animation, self.recording.frame_seconds)
        return files

    def _rows(
        self, t: int, counts: list[int], phases: dict[str, Any] | None, files: dict[str, str]
    ) -> list[dict[str, Any]]:
        phase = "" if phases is None else {phases["ED"]: "ED", phases["ES"]: "ES"}.get(t, "")
        seconds = self.recording.frame_seconds
        return [
            {
                "frame": t,
                "seconds": "" if seconds is None else round(t * seconds, 6),
                "phase": phase,
                "structure": "" if question.structure is None else question.name,
                "sentence": question.sentence,
                "label": question.label,
                "mask": files[f"mask {question.name}"],
                "pixels": pixels,
                "area_mm2": "" if self.recording.spacing_mm is None else pixels * self._pixel_area,
            }
            for question, pixels in zip(self.wanted.questions, counts, strict=True)
        ]
