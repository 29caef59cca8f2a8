"""From two data sets to a fidelity report: which frames are compared, at which size, and what is written."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

from synthboost.data import Dataset
from synthboost.data.sector import find_sector
from synthboost.data.source import Source, open_source
from synthboost.domain import STRUCTURES, Domain, FrameInfo, GreyImage, LabelMap, SplitOptions, SplitPart
from synthboost.errors import ConfigError, DataError
from synthboost.evaluation.fidelity.echo_set import EchoSet
from synthboost.evaluation.fidelity.measure import measure_fidelity
from synthboost.evaluation.metrics.resample import area_weights, to_grid
from synthboost.inference.overlay import paint
from synthboost.inference.predictor import Predictor
from synthboost.inference.sentences import structure_targets
from synthboost.io.atomic import require_new_folder, write_json, write_text
from synthboost.io.pictures import write_png
from synthboost.progress import track
from synthboost.reports.content import ReportContent
from synthboost.reports.fidelity import fidelity_tables
from synthboost.reports.page import render
from synthboost.reports.sections import Section
from synthboost.reports.table import to_markdown

SHEET = (4, 8)
"""Rows and columns of a contact sheet."""
TILE, GAP = 128, 4
"""Pixels of a picture's side on it, and between two."""
MOST_IMAGES = 400
"""Of each set."""
MOST_WITHOUT_SECTOR = 0.05
"""Share of the frames in which no sector is found. Up to it they are left out and named, beyond it nothing is read."""


def compare_sets(
    real: Path,
    synthetic: Path,
    out: Path,
    splitting: SplitOptions | None = None,
    checkpoint: str | None = None,
    size: int = 128,
) -> str:
    """Compare two data sets, write report and contact sheets into `out`, and return the report as Markdown.

    Args:
        real: whose training patients the generator was trained on; its validation patients are the reference.
        synthetic: what it generated.
        out: a new folder.
        splitting: of the real set.
        checkpoint: a segmenter trained on real images, for the consistency of images and masks.
        size: side in pixels to which all images are brought.

    Raises:
        ConfigError: `size` is less than 32.
        DataError: a set is too small, or has images without a visible sector.
        OutputError: `out` holds something already.
    """
    if size < 32:
        raise ConfigError("fidelity", "size", size, "32 pixels or more: there is no texture in fewer")
    require_new_folder(out, "out")
    source = open_source(real, splitting or SplitOptions())
    synthetic_source = open_source(synthetic, made_from=source.split)
    if str(Domain.REAL) in synthetic_source.domains:
        raise DataError(synthetic, "domain", "real", "a synthetic set", "Give the real set first.")
    training = _read(source, SplitPart.TRAINING, size)
    held_out = _read(source, SplitPart.VALIDATION, size)
    # Only what training would read: images from validation patients' masks resemble the held-out ones by right.
    made = _read(synthetic_source, SplitPart.TRAINING, size)
    predictions = None if checkpoint is None else _predict(checkpoint, made)
    found = measure_fidelity(training, made, held_out, predictions)
    tables = fidelity_tables(synthetic.name, found)
    markdown = "\n".join(map(to_markdown, tables))
    write_json(out / "fidelity.json", found)
    write_text(out / "fidelity.md", markdown)
    section = Section("fidelity", "How like real images the synthetic ones are", [(None, tables)])
    page = render((), [section], ReportContent(title=f"Fidelity of {synthetic.name}"))
    write_text(out / "fidelity.html", page)
    for name, images in (("real", training), ("synthetic", made)):
        _write_sheet(out / f"{name}.png", images)
    return markdown


def read_echo_set(dataset: Dataset, frames: Iterable[FrameInfo], size: int) -> EchoSet:
    """Read annotated frames and bring them to (size, size), squeezed as a model's input is.

    Images are averaged over each new pixel, so that frames of all sizes are blurred by the pixel alone; labels and
    sector are taken by nearest neighbour. A synthetic frame counts as its source patient's.

    Args:
        dataset: whose frames they are.
        frames: which.
        size: rows and columns; no larger than the smallest frame, else texture would be invented.

    Raises:
        DataError: a file is broken, a frame is not annotated or smaller than `size`, or more than a few have no visible
            sector; or there is no frame.
        ConfigError: `size` is less than 1.
    """
    if size < 1:
        raise ConfigError("fidelity", "size", size, "at least 1 pixel")
    infos = list(frames)
    if not infos:
        raise DataError(dataset.root, "frames", 0, "at least one annotated frame")
    images, label_maps, sectors, kept, blurred = [], [], [], [], []
    for frame in track(map(dataset.load, infos), "reading frames", len(infos), "frame"):
        if frame.label_map is None:
            raise DataError(dataset.root, "frame", f"{frame.info.name} without a label map", "annotated frames only")
        if min(frame.image.shape) < size:
            raise DataError(
                dataset.root, "frame", f"{frame.info.name} of {frame.image.shape}", f"at least {size} x {size} pixels",
                "Choose a smaller size: an enlarged image has no finer speckle.",
            )  # fmt: skip
        try:
            sector = find_sector(frame.image, frame.info.name).mask(frame.image.shape)
        except DataError as error:
            blurred.append(f"{frame.info.name} ({error.value})")
            continue
        kept.append(frame.info)
        images.append(_averaged(frame.image, size))
        label_maps.append(to_grid(frame.label_map, (size, size)))
        sectors.append(to_grid(sector, (size, size)))
    if len(blurred) > MOST_WITHOUT_SECTOR * len(infos):
        raise DataError(
            dataset.root, f"sector of {len(blurred)} of {len(infos)} frames", "; ".join(blurred[:3]), "a visible fan"
        )
    if blurred:
        print(f"{dataset.root}: left out, no sector found: {'; '.join(blurred)}", file=sys.stderr)
    return EchoSet(
        images=np.stack(images),
        label_maps=np.stack(label_maps),
        sectors=np.stack(sectors),
        patients=tuple(str(info.source or info.patient) for info in kept),
        names=tuple(f"{info.patient.folder}/{info.name}" for info in kept),
    )


def _read(source: Source, part: SplitPart, size: int) -> EchoSet:
    """At most `MOST_IMAGES` annotated frames of a part, patient by patient in a random order."""
    infos = source.frames(part, str(part)).infos
    patients = sorted({info.patient for info in infos})
    order = np.random.default_rng(0).permutation(len(patients))
    place = {patients[number]: rank for rank, number in enumerate(order)}
    chosen = sorted(infos, key=lambda info: place[info.patient])[:MOST_IMAGES]
    return read_echo_set(source.dataset, chosen, size)


def _predict(checkpoint: str, images: EchoSet) -> LabelMap:
    """Label maps (n, H, W) that a segmenter predicts for the sentences of P1."""
    predictor = Predictor.from_pretrained(checkpoint)
    sentences = [target.sentence for target in structure_targets()]
    tracked = track(images.images, "segmenting synthetic images", len(images), "image")
    return np.stack([predictor.predict(image, sentences).label_map() for image in tracked])


def _write_sheet(path: Path, images: EchoSet) -> None:
    """Draw tiles of some images, from left to right and from above; every other one with its structures' outlines."""
    rows, columns = SHEET[0], min(SHEET[1], len(images))
    chosen = np.random.default_rng(0).permutation(len(images))[: rows * columns]
    steps = TILE + GAP
    sheet = Image.new("RGB", (columns * steps + GAP, -(-len(chosen) // columns) * steps + GAP), "white")
    for place, number in enumerate(chosen):
        outlined = [] if place % 2 else [images.label_maps[number] == structure for structure in STRUCTURES]
        tile = paint(images.images[number], outlined, opacity=0).resize((TILE, TILE), Image.Resampling.BILINEAR)
        down, right = divmod(place, columns)
        sheet.paste(tile, (GAP + right * steps, GAP + down * steps))
    write_png(path, np.asarray(sheet))


def _averaged(image: GreyImage, size: int) -> GreyImage:
    height, width = image.shape
    total = area_weights(height, size) @ image @ area_weights(width, size).T
    return np.asarray(np.rint(total * (size / height) * (size / width)), dtype=np.uint8)
