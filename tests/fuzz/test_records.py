"""What a run leaves behind: refused, or numbers that scoring can give, of the run whose spec lies beside them."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fuzzing import fuzz, mutated_bytes, mutated_text

from synthboost.domain import PromptSet, Strategy, Structure
from synthboost.io.typed_json import to_json
from synthboost.records.examples import Example, read_examples, write_examples
from synthboost.records.masks import IndexEntry, read_index, write_index
from synthboost.records.published import read_metrics
from synthboost.records.rows import Status, rows_frame
from synthboost.records.run_folder import EpochLog, RunPaths, RunRecord, read_log, read_run, write_log
from synthboost.records.run_record import DataSet, Evaluation, Manifest, Parameters, Spec, Stage, Versions
from synthboost.reports.arms import ordered_arms
from synthboost.reports.contrasts import STRATEGIES, difference_table, differences
from synthboost.reports.dice import breakdown_table, dice_table, distance_table, sentence_table
from synthboost.reports.model_card import model_card
from synthboost.reports.pictures import picture
from synthboost.reports.run_facts import (
    by_name,
    data_table,
    mask_statements,
    origin_table,
    provenance,
    runs_table,
    trainings_text,
)
from synthboost.reports.series import series_of
from synthboost.studies.results import write_result

NAME = "cris-real-P1-seed0-0123456789ab"
SPEC = Spec(
    NAME, "cris", "tiny", {"width": 32}, None, "synth-PT:real-FT", "trained", "P1", False, None, 0,
    (Stage("synthetic", {"epochs": 2, "batch_images": 4}), Stage("real", {"epochs": 2, "batch_images": 4})),
    {"real": DataSet("camus", "release", "real", "official", 50, 200, "f00d"),
     "synthetic": DataSet("sdm", "release", "diffusion", "official", 5, 20, "beef")},
)  # fmt: skip
MANIFEST = Manifest(
    Versions("1.0", "3.11.9", {"torch": "2.13.0", "pillow": None}, None), 2, "CPU", "AVX2", 12.5,
    "2026-01-01T00:00:00+00:00", 0, {"real": "f00d"}, "parent", "fp32", 35, Parameters(1000, 10),
)  # fmt: skip
LOG = [EpochLog("real", n, 16 * n, 0.9 / n, 0.8 / n, 0.4 * n, 2e-3, 1.5 * n) for n in (1, 2)]


def rows() -> pd.DataFrame:
    shared = {
        "run": NAME, "model": "cris", "strategy": SPEC.strategy, "encoders": "trained", "synthetic": "diffusion",
        "real_patients": 50, "prompt_set": "P1", "paraphrase": 0, "sentence": "Left ventricular cavity, 'x'.",
        "uses_ground_truth": False, "seed": 0, "split": "official", "part": "testing", "domain": "real", "view": "2CH",
        "phase": "ED", "quality": "Good", "sex": None, "age": 56, "ejection_fraction": 54.5, "grid": "native",
        "row_mm": 0.308, "column_mm": 0.154, "nsd": 0.9, "nsd_tolerance_mm": 2.0, "assd_mm": 1.5, "hd95_mm": 4.25,
        "area_true_mm2": 1200.5, "area_predicted_mm2": 1100.0, "reason": "",
    }  # fmt: skip
    return rows_frame(
        {
            **shared, "patient": f"r/f/patient{p}", "frame": f"patient{p}_2CH_ED", "structure": structure,
            "probe": probe, "status": "ok", "dice": dice, "iou": dice / (2 - dice),
        }
        for p, dice in enumerate((0.7, 0.8, 0.9)) for structure in ("LV", "MYO") for probe in ("", "swapped")
    )  # type: ignore[arg-type]  # fmt: skip


@pytest.fixture
def run(tmp_path: Path) -> RunPaths:
    paths = RunPaths(tmp_path / "run")
    write_log(paths.log, LOG)
    write_result(paths, SPEC, MANIFEST, Evaluation(), rows(), examples())
    return paths


def examples() -> list[Example]:
    image = np.arange(48, dtype=np.uint8).reshape(6, 8)
    true = (image % 4).astype(np.uint8)
    return [
        Example(
            "patient1_2CH_ED", note, image, true, {s: true == int(s) for s in Structure}, dict.fromkeys(Structure, "x"),
            {Structure.MYOCARDIUM: 0.75}, (0.5, 0.25),
        )
        for note in ("best", "worst")
    ]  # fmt: skip


def require_scores(frame: pd.DataFrame) -> None:
    for name in ("dice", "iou", "nsd"):
        assert frame[name].dropna().between(0, 1).all()
    for name in ("hd95_mm", "assd_mm", "area_true_mm2", "area_predicted_mm2", "row_mm", "column_mm"):
        assert frame[name].dropna().between(0, 1e308).all()
    assert set(frame.structure) <= {structure.short for structure in Structure}
    assert set(frame.status) <= set(Status)


def test_changed_rows_are_refused_or_are_scores_of_this_run_of_which_tables_can_be_made(run: RunPaths) -> None:
    def parse(path: Path) -> pd.DataFrame:
        frame = read_run(run.root).rows
        arms = ordered_arms(frame)
        for table in (dice_table(arms), distance_table(arms), breakdown_table(arms, "age_band"), sentence_table(frame)):
            table.write(run.root / "tables")
        difference_table(differences(arms), STRATEGIES)
        return frame

    def check(frame: pd.DataFrame, content: bytes) -> None:
        require_scores(frame)
        assert set(frame.run) <= {NAME}

    accepted = fuzz(run.rows, [run.rows.read_bytes()], parse, mutate=mutated_text, check=check, usual=60)
    assert accepted > 5


def test_a_changed_log_is_refused_or_believable(tmp_path: Path) -> None:
    write_log(tmp_path / "log.csv", LOG)

    def check(log: list[EpochLog], content: bytes) -> None:
        assert all(line.epoch >= 1 and line.images_seen >= 0 and 0 <= line.validation_dice <= 1 for line in log)

    fuzz(tmp_path / "log.csv", [(tmp_path / "log.csv").read_bytes()], read_log, mutate=mutated_text, check=check)


def test_a_changed_index_is_refused_or_names_masks_of_its_own_folder(tmp_path: Path) -> None:
    write_index(tmp_path, [IndexEntry("a", "LV", "", "P1", 0, "a, \"b\"", False, "a_LV.png"),
                           IndexEntry("a", "LA", "swapped", "P7", 1, "", True, "", "cannot be read")])  # fmt: skip

    def check(entries: list[IndexEntry], content: bytes) -> None:
        for entry in entries:
            assert entry.structure in ("LV", "MYO", "LA")
            assert PromptSet(entry.prompt_set)
            assert Path(entry.file).name == entry.file

    index = tmp_path / "index.csv"
    fuzz(index, [index.read_bytes()], lambda path: read_index(tmp_path), mutate=mutated_text, check=check)


@pytest.mark.parametrize("name", ["spec", "manifest", "evaluation"])
def test_a_changed_record_of_a_run_is_refused_or_can_be_reported(run: RunPaths, name: str) -> None:
    path: Path = getattr(run, name)

    def parse(path: Path) -> RunRecord:
        record = read_run(run.root)
        for table in (data_table([record]), runs_table([record]), origin_table([record])):
            table.write(run.root / "tables")
        series_of([record])
        mask_statements([record])
        provenance(record)
        model_card(record)
        trainings_text([([record.spec.name], [record.spec.name])], by_name([record]))
        return record

    def check(record: RunRecord, content: bytes) -> None:
        assert to_json({"spec": record.spec, "manifest": record.manifest, "evaluation": record.evaluation}[name])
        assert (record.spec.name, record.spec.model, record.spec.seed) == (NAME, "cris", 0)

    fuzz(path, [path.read_bytes()], parse, mutate=mutated_text, check=check, usual=60)


def require_examples(found: list[Example], content: bytes) -> None:
    for number, example in enumerate(found):
        assert example.image.ndim == 2
        assert example.true.shape == example.image.shape
        assert all(0 <= dice <= 1 for dice in example.dice.values())
        assert picture(example, str(number)).panels is not None


def test_changed_examples_are_refused_or_pictures(tmp_path: Path) -> None:
    write_examples(tmp_path / "examples.npz", examples())
    content = (tmp_path / "examples.npz").read_bytes()
    fuzz(tmp_path / "examples.npz", [content], read_examples, check=require_examples)


@pytest.mark.parametrize("member", ["texts", "0/image", "1/true", "0/MYO"])
def test_examples_whose_parts_were_changed_are_refused_or_pictures(tmp_path: Path, member: str) -> None:
    """The same, with sound checksums."""
    write_examples(tmp_path / "examples.npz", examples())
    with zipfile.ZipFile(tmp_path / "examples.npz") as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    header = len(parts["texts.npy"]) - len(np.load(io.BytesIO(parts["texts.npy"])))

    def wrap(content: bytes) -> bytes:
        if member == "texts":
            stream = io.BytesIO()
            np.save(stream, np.frombuffer(content, dtype=np.uint8))
            content = stream.getvalue()
        written = io.BytesIO()
        with zipfile.ZipFile(written, "w") as archive:
            for name, part in {**parts, f"{member}.npy": content}.items():
                archive.writestr(name, part)
        return written.getvalue()

    sound = parts["texts.npy"][header:] if member == "texts" else parts[f"{member}.npy"]
    mutate: Callable[[bytes, Random, Any], bytes] = mutated_text if member == "texts" else mutated_bytes
    fuzz(tmp_path / "examples.npz", [sound], read_examples, mutate=mutate, wrap=wrap, check=require_examples)


def test_changed_published_scores_are_refused_or_percentages_that_agree(tmp_path: Path) -> None:
    lines = ["filename,iou,dice,ones_dice_diff"]
    for label in (1, 2, 3):
        for patient, dice in ((1, 80.0), (2, 91.25)):
            lines.append(
                f"mask_{label}/patient{patient:04}_2CH_ED_gt.png,{100 * dice / (200 - dice)!r},{dice},{dice - 9}"
            )

    def check(frame: pd.DataFrame, content: bytes) -> None:
        require_scores(frame)
        assert not frame.duplicated(["frame", "structure"]).any()

    def parse(path: Path) -> pd.DataFrame:
        return read_metrics(path, Strategy.REAL, "cris (published)", PromptSet.P1)

    fuzz(tmp_path / "metrics.csv", ["\n".join(lines).encode()], parse, mutate=mutated_text, check=check)
