"""One recording to a folder of results: label map, masks, outlines, overlays, and the numbers of every frame."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, astuple
from functools import cached_property
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
from contourpy import contour_generator
from numpy.typing import NDArray

from synthboost.domain import STRUCTURES, GreyImage, Mask, Structure
from synthboost.errors import DataError, readable
from synthboost.evaluation.clinical.beats import Beat
from synthboost.evaluation.clinical.phases import find_phases
from synthboost.inference.beats import COLUMNS, beat_rows, beats_of, fraction_of
from synthboost.inference.doubts import doubts_about
from synthboost.inference.overlay import CLIP_SIDE, draw_overlay, shown_area, small, write_animation, write_overlay
from synthboost.inference.predictor import REFUSED, Predictor
from synthboost.inference.sentences import Target
from synthboost.io.atomic import whole_folder, write_csv, write_json
from synthboost.io.dicom_seg import write_segmentation
from synthboost.io.recordings import CONTOURS, RESULT, Recording, write_labels

FEWEST_POINTS = 4
"""A closed line of fewer points encloses nothing."""
SECTOR_FRAMES = 8
"""The sector is found in the brightest of the first so many frames: blood and valves move, the sector does not."""
PIXELS_AT_ONCE, MOST_PIXELS = 2**26, 2**29
"""Of the masks of a batch, and of a frame; each takes about eight bytes: half a gigabyte, and four."""
CLIP_FRAMES = 150
"""Of an animation at most; of longer clips every second, third ... frame is shown."""


def predict_recording(
    predictor: Predictor,
    recording: Recording,
    folder: Path,
    targets: Sequence[Target],
    fingerprint: str,
    label_map: bool = True,
    dicom_seg: bool = True,
    batch: int = 8,
) -> dict[str, Any]:
    """Predict every frame and write all results into `folder`, whole or not at all.

    Args:
        predictor: whose threshold decides.
        recording: opened; its frames are read once to be predicted, a batch at a time, and once to be shown.
        folder: replaced if it exists.
        targets: what to segment.
        fingerprint: of weights and sentences, for the identifiers of DICOM objects.
        label_map: resolve all masks into one label map.
        dicom_seg: write a DICOM Segmentation beside the results of a DICOM recording.
        batch: frames at a time.

    Returns:
        What `result.json` holds: the recording, its phases, and one row per frame and target.

    Raises:
        DataError: a frame cannot be read, all together are a label map or a mask, or there are more masks than memory
            holds; nothing is written then.
    """
    pixels = len(targets) * recording.region.height * recording.region.width
    if pixels > MOST_PIXELS:
        raise DataError(recording.path, "masks", f"{len(targets)} of {pixels // len(targets)} pixels",
                        f"at most {MOST_PIXELS} pixels together", "Name fewer things at a time.")  # fmt: skip
    batch = max(1, min(batch, PIXELS_AT_ONCE // pixels))
    found = PredictedRecording(recording, targets)
    sentences, labels = [target.sentence for target in targets], [target.label for target in targets]
    structures = [target.structure for target in targets]
    greys: NDArray[np.int64] = np.zeros(256, np.int64)
    for lot in recording.batches(batch):
        predictions = predictor.predict_batch([image for image, _ in lot], [sentences] * len(lot))
        for (image, coloured), prediction in zip(lot, predictions, strict=True):
            greys += np.bincount(image.ravel(), minlength=256)
            found.packed.append(np.packbits(prediction.masks, axis=-1))
            found.refused = prediction.refused
            found.doubts.append(doubts_about(image, prediction, structures, coloured))
            if label_map:
                found.labels.append(prediction.label_map(labels))
    _require_image(recording.path, np.flatnonzero(greys).tolist())
    with whole_folder(folder) as temporary:
        phases, files = found.phases(), found.write_volumes(temporary)
        write_json(temporary / CONTOURS, found.contours(), indent=None)  # thousands of points: ten times faster
        files |= {"contours": CONTOURS, **found.write_overlays(temporary, phases)}
        rows = list[dict[str, Any]]()
        if found.beats:
            rows = beat_rows(predictor, recording, targets, found.labels, found.beats, found.ends, found.doubts)
            write_csv(temporary / "beats.csv", COLUMNS, rows)
            files["beats"] = "beats.csv"
        if recording.kind == "dicom" and dicom_seg:
            files["dicom segmentation"] = "segmentation.dcm"
            segments = [(t.structure.short if t.structure else t.sentence, t.structure) for t in targets]
            masks = found.whole_masks()
            write_segmentation(temporary / "segmentation.dcm", recording, segments, masks, fingerprint)
        result = found.result(phases, files) | {"ejection_fraction": fraction_of(rows)}
        write_json(temporary / RESULT, result)
    return result


def _require_image(path: Path, greys: list[int]) -> None:
    if greys == [0, 255] or 0 < greys[-1] <= max(STRUCTURES):
        raise DataError(path, "grey values", ", ".join(map(str, greys)), "an image; this is a label map or a mask",
                        "Give the image that it was drawn for.")  # fmt: skip


class PredictedRecording:
    """The masks of all frames of a recording, kept as bits, and what is written of them."""

    def __init__(self, recording: Recording, targets: Sequence[Target]) -> None:
        """Begin without a frame."""
        self.recording, self.targets = recording, targets
        self.packed: list[NDArray[np.uint8]] = []
        """Of each frame the mask of each target by itself, (N, h, w/8): eight pixels a byte."""
        self.labels: list[NDArray[np.uint8]] = []
        """Of each frame the label map (h, w), if there is to be one."""
        self.doubts: list[tuple[str, ...] | None] = []
        """Of each frame; see `doubts_about`."""
        self.refused: tuple[str, ...] = ()
        """The sentences that name no structure, the same in every frame."""
        self.ends: dict[int, GreyImage] = {}
        """The frames of ED and ES of each beat, kept when overlays are drawn."""

    def single_masks(self, number: int) -> NDArray[np.bool_]:
        """(N, h, w) of one frame, each for itself."""
        return np.unpackbits(self.packed[number], axis=-1, count=self.recording.region.width).astype(bool)

    def masks(self, number: int) -> NDArray[np.bool_]:
        """(N, h, w) of one frame: parts of the label map if there is one, else the single masks, which may overlap."""
        if not self.labels:
            return self.single_masks(number)
        return np.stack([self.labels[number] == target.label for target in self.targets])

    def whole_masks(self) -> Iterator[NDArray[np.bool_]]:
        """Each frame's `masks`, (N, H, W) in the whole image."""
        for number in range(self.recording.length):
            yield np.stack([self.recording.in_whole(mask.astype(np.uint8)) for mask in self.masks(number)]) > 0

    def write_volumes(self, folder: Path) -> dict[str, str]:
        """Write the label map, if there is one, and each target's own mask; return the files' names."""
        recording, files = self.recording, {}
        if self.labels:
            files["labels"] = write_labels(folder, "labels", map(recording.in_whole, self.labels), recording)
        for n, target in enumerate(self.targets):
            own = (recording.in_whole(self.single_masks(t)[n].astype(np.uint8)) for t in range(recording.length))
            files[f"mask {target.name}"] = write_labels(folder, f"mask_{target.name}", own, recording)
        return files

    def write_overlays(self, folder: Path, phases: dict[str, Any] | None) -> dict[str, str]:
        """Write one still, or those of ED and ES, and of a clip an animation; return the files' names."""
        spacing, length = self.recording.spacing_mm, self.recording.length
        stills = {"overlay": 0} if phases is None else {"overlay_ED": phases["ED"], "overlay_ES": phases["ES"]}
        frames = self.recording.frames()
        first = list(islice(frames, SECTOR_FRAMES))
        shown, said = shown_area(np.max(first, axis=0)), [target.sentence for target in self.targets]
        step, animation = -(-length // CLIP_FRAMES), []
        ends = {number for beat in self.beats for number in beat[:2]}
        for number, image in enumerate(chain(first, frames)):
            if number in ends:
                self.ends[number] = image
            for name in (name for name, wanted in stills.items() if wanted == number):
                write_overlay(folder / f"{name}.png", image, self.masks(number), spacing, shown, said)
            if length > 1 and number % step == 0:
                drawn = draw_overlay(image, self.masks(number), spacing, shown, said, CLIP_SIDE)
                animation.append(small(drawn))
        if animation:
            write_animation(folder / "overlay.gif", animation, self.recording.frame_seconds)
            return {**{name: f"{name}.png" for name in stills}, "animation": "overlay.gif"}
        return {name: f"{name}.png" for name in stills}

    def phases(self) -> dict[str, Any] | None:
        """ED and ES of a clip whose ventricle is a target; `None` where there is no such thing."""
        structures = [target.structure for target in self.targets]
        if Structure.LEFT_VENTRICULAR_CAVITY not in structures or self.recording.length < 2:
            return None
        ventricle = structures.index(Structure.LEFT_VENTRICULAR_CAVITY)
        areas = [pixels[ventricle] * self._pixel_area for pixels in self._pixels]
        found = find_phases(areas, self.recording.frame_seconds)
        if found is None:
            return None
        return {
            "method": "largest and smallest area of the left ventricular cavity, moving average over time",
            "unit": "pixels" if self.recording.spacing_mm is None else "mm2",
            "ED": found[0],
            "ES": found[1],
            "areas": [round(float(area), 3) for area in areas],
            "smoothed": [round(float(area), 3) for area in found[2]],
        }

    @cached_property
    def beats(self) -> list[Beat]:
        """Of a clip with a label map of all three structures; none if its ventricle hardly changes."""
        whole = self.labels and {*STRUCTURES} == {target.structure for target in self.targets}
        return beats_of(self.labels, self.recording.frame_seconds) if whole else []

    def contours(self) -> dict[str, Any]:
        """The outlines of every frame's masks, and what their numbers mean."""
        spacing, names = self.recording.spacing_mm, [target.name for target in self.targets]
        frames = [
            {"frame": t, "outlines": {n: contours_of(mask, spacing) for n, mask in zip(names, masks, strict=True)}}
            for t, masks in enumerate(self.whole_masks())
        ]
        return {
            "points": "[column, row], the centre of the upper left pixel is [0, 0]; mm from there, if known",
            "region": asdict(self.recording.region),
            "spacing_mm": spacing,
            "sentences": {target.name: target.sentence for target in self.targets},
            "frames": frames,
        }

    def result(self, phases: dict[str, Any] | None, files: dict[str, str]) -> dict[str, Any]:
        """The recording, its phases, its files, and one row per frame and target."""
        recording = self.recording
        return {
            "input_sha256": input_sha256(recording.path),
            "kind": recording.kind,
            "frames": recording.length,
            "size": list(recording.whole_shape),
            "region": list(astuple(recording.region)),
            "spacing_mm": recording.spacing_mm and list(recording.spacing_mm),
            "frame_seconds": recording.frame_seconds,
            "files": files,
            "phases": phases,
            "doubtful": None if None in self.doubts else sum(map(bool, self.doubts)),
            "rows": list(self._rows(phases, files)),
        }

    @cached_property
    def _pixels(self) -> list[list[int]]:
        """Of each frame the size of each mask."""
        return [[int(mask.sum()) for mask in self.masks(number)] for number in range(self.recording.length)]

    @property
    def _pixel_area(self) -> float:
        return 1.0 if self.recording.spacing_mm is None else float(np.prod(self.recording.spacing_mm))

    def _rows(self, phases: dict[str, Any] | None, files: dict[str, str]) -> Iterator[dict[str, Any]]:
        seconds = self.recording.seconds
        names = {} if phases is None else {phases["ED"]: "ED", phases["ES"]: "ES"}
        for t, pixels in enumerate(self._pixels):
            for target, count in zip(self.targets, pixels, strict=True):
                yield {
                    "frame": t,
                    "seconds": "" if seconds is None else round(seconds[t], 6),
                    "phase": names.get(t, ""),
                    "structure": "" if target.structure is None else target.name,
                    "sentence": target.sentence,
                    "label": target.label,
                    "mask": files[f"mask {target.name}"],
                    "pixels": count,
                    "doubts": "; ".join(self.doubts[t] or ()),
                    "reason": REFUSED if target.sentence in self.refused else "",
                    "area_mm2": "" if self.recording.spacing_mm is None else count * self._pixel_area,
                }


def input_sha256(path: Path) -> str:
    """Return the checksum (hex) of a recording's file, of an MHD with its pixels; another one makes a result stale.

    Raises:
        DataError: it cannot be read.
    """
    parts = (path, path.with_suffix(".raw")) if path.suffix.lower() == ".mhd" else (path,)
    digest = hashlib.sha256()
    for part in parts:
        with readable(path), part.open("rb") as handle:
            hashlib.file_digest(handle, lambda: digest)
    return digest.hexdigest()


def contours_of(mask: Mask, spacing_mm: tuple[float, float] | None) -> list[dict[str, Any]]:
    """Return the closed outlines of a mask (H, W), holes included, the longest first.

    Each is `{"pixels": [[column, row], ...], "mm": [[x, y], ...]}`; integers are the centres of pixels, the outline
    runs half a pixel outside the outermost; the last point equals the first. Without a spacing there is no `mm`.
    """
    lines = contour_generator(z=np.pad(mask, 1).astype(np.float64)).lines(0.5)
    outlines = []
    for line in sorted((np.asarray(line) - 1 for line in lines), key=len, reverse=True):
        if len(line) < FEWEST_POINTS:
            continue
        outline: dict[str, Any] = {"pixels": line.round(2).tolist()}
        if spacing_mm is not None:
            outline["mm"] = (line * (spacing_mm[1], spacing_mm[0])).round(3).tolist()
        outlines.append(outline)
    return outlines
