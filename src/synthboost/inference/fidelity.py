"""From two data sets to a fidelity report: which frames are compared, at which size, and what is written."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from synthboost.data.source import Source, open_source
from synthboost.domain import Domain, LabelMap, SplitOptions, SplitPart
from synthboost.errors import ConfigError, DataError
from synthboost.evaluation.fidelity.contact_sheet import contact_sheet, outlined
from synthboost.evaluation.fidelity.echo_set import EchoSet
from synthboost.evaluation.fidelity.measure import FidelitySettings, measure_fidelity
from synthboost.inference.echo_sets import read_echo_set
from synthboost.inference.predictor import Predictor
from synthboost.inference.sentences import structure_targets
from synthboost.io.atomic import require_new_folder, whole_file, write_json, write_text
from synthboost.progress import track
from synthboost.reports.content import ReportContent
from synthboost.reports.fidelity import fidelity_tables
from synthboost.reports.formats import to_markdown
from synthboost.reports.page import render
from synthboost.reports.sections import Section

SHEET = (4, 8)
"""Rows and columns of a contact sheet."""


@dataclass(frozen=True)
class FidelityPlan:
    """What is compared with what."""

    real: Path
    synthetic: Path
    out: Path
    splitting: SplitOptions = field(default_factory=SplitOptions)
    checkpoint: str | None = None
    size: int = 128
    images: int = 400
    """At most so many of each set."""
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse what cannot be compared."""
        if self.size < 32:
            raise ConfigError("fidelity", "size", self.size, "32 pixels or more: there is no texture in fewer")
        if self.images < 12:
            raise ConfigError("fidelity", "images", self.images, "12 or more")


def compare_sets(plan: FidelityPlan) -> str:
    """Compare, write report and contact sheets into `plan.out`, and return the report as Markdown.

    Raises:
        DataError: a set is too small, or has images without a visible sector.
        OutputError: `plan.out` holds something already.
    """
    require_new_folder(plan.out, "out")
    source = open_source(plan.real, plan.splitting)
    synthetic_source = open_source(plan.synthetic, made_from=source.split)
    if str(Domain.REAL) in synthetic_source.domains:
        raise DataError(plan.synthetic, "domain", "real", "a synthetic set", "Give the real set first.")
    real = _read(source, SplitPart.TRAINING, plan)
    held_out = _read(source, SplitPart.VALIDATION, plan)
    # Only what training would read: images from validation patients' masks resemble the held-out ones by right.
    synthetic = _read(synthetic_source, SplitPart.TRAINING, plan)
    predictions = None if plan.checkpoint is None else _predict(plan.checkpoint, synthetic)
    found = measure_fidelity(real, synthetic, held_out, predictions, FidelitySettings(seed=plan.seed)).to_json()
    tables = fidelity_tables(plan.synthetic.name, found)
    markdown = "\n".join(map(to_markdown, tables))
    write_json(plan.out / "fidelity.json", found)
    write_text(plan.out / "fidelity.md", markdown)
    section = Section("fidelity", "How like real images the synthetic ones are", [(None, tables)])
    page = render((), [section], ReportContent(title=f"Fidelity of {plan.synthetic.name}"))
    write_text(plan.out / "fidelity.html", page)
    for name, images in (("real", real), ("synthetic", synthetic)):
        _write_sheet(plan.out / f"{name}.png", images, plan.seed)
    return markdown


def _read(source: Source, part: SplitPart, plan: FidelityPlan) -> EchoSet:
    """At most `plan.images` annotated frames of a part, patient by patient in a random order."""
    infos = source.frames(part, str(part)).infos
    patients = sorted({info.patient for info in infos})
    order = np.random.default_rng(plan.seed).permutation(len(patients))
    place = {patients[number]: rank for rank, number in enumerate(order)}
    chosen = sorted(infos, key=lambda info: place[info.patient])[: plan.images]
    return read_echo_set(source.dataset, chosen, plan.size)


def _predict(checkpoint: str, images: EchoSet) -> LabelMap:
    """Label maps (n, H, W) that a segmenter predicts for the sentences of P1."""
    predictor = Predictor.from_pretrained(checkpoint)
    sentences = [target.sentence for target in structure_targets()]
    tracked = track(images.images, "segmenting synthetic images", len(images), "image")
    return np.stack([predictor.predict(image, sentences).label_map() for image in tracked])


def _write_sheet(path: Path, images: EchoSet, seed: int) -> None:
    rows, columns = SHEET
    chosen = np.random.default_rng(seed).permutation(len(images))[: rows * columns]
    tiles = [
        images.images[k] if n % 2 else outlined(images.images[k], images.label_maps[k]) for n, k in enumerate(chosen)
    ]
    sheet = contact_sheet([tiles[first : first + columns] for first in range(0, len(tiles), columns)])
    with whole_file(path) as temporary:
        sheet.save(temporary)
