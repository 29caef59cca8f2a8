"""A set that annotates one structure of three, of unknown spacing, through train, evaluate, report and clinical."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from synthboost.data import open_dataset
from synthboost.domain import Structure
from synthboost.records.rows import read_rows

LV = Structure.LEFT_VENTRICULAR_CAVITY


@pytest.fixture(scope="module")
def table(simulated: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The simulated patients as pictures; of the frames at end systole nobody says the phase."""
    root, dataset = tmp_path_factory.mktemp("partly"), open_dataset(simulated)
    lines = ["image,mask,structures,patient,view,phase,ef,split"]
    parts = {patient: part for part, patients in dataset.official.items() for patient in patients}
    for frame in map(dataset.load, dataset.frames):
        info = frame.info
        Image.fromarray(frame.image).save(root / f"{info.name}.png")
        Image.fromarray(frame.mask(LV).astype(np.uint8) * 255).save(root / f"{info.name}_mask.png")
        phase = info.phase if info.phase == "ED" else ""
        known = f"{info.patient.name},{info.view},{phase},{info.attributes.ejection_fraction:g},{parts[info.patient]}"
        lines.append(f"{info.name}.png,{info.name}_mask.png,LV=255,{known}")
    (root / "frames.csv").write_text("\n".join(lines) + "\n")
    return root


def test_the_rows_of_a_run_are_of_what_is_annotated(
    synthboost: Callable[..., Any], table: Path, tmp_path: Path
) -> None:
    runs = tmp_path / "runs"
    model = ("--model", "unet", "--epochs", 1, "--batch-images", 4, "--workers", 0)
    answer = synthboost("train", "--data", table, "--out", runs, *model)
    assert answer.code == 0, answer.err
    (run,) = runs.iterdir()
    rows = read_rows(run / "rows.csv")
    assert {*rows.structure} == {"LV"}
    assert rows.phase.isna().sum() == len(rows) / 2
    assert rows.hd95_mm.isna().all()
    answer = synthboost("report", runs, "--out", tmp_path / "report.html")
    assert answer.code == 0, answer.err


def test_a_model_of_all_structures_is_evaluated_on_it(
    synthboost: Callable[..., Any], table: Path, trained_run: Path, tmp_path: Path
) -> None:
    answer = synthboost("evaluate", "--data", table, "--checkpoint", trained_run, "--out", tmp_path / "scores")
    assert answer.code == 0, answer.err
    assert "MYO -" in answer.out
    assert {*read_rows(tmp_path / "scores" / "rows.csv").structure} == {"LV"}
    assert len([*(tmp_path / "scores" / "masks").glob("*_labels.png")]) == 4


def test_clinical_measures_in_pixels(
    synthboost: Callable[..., Any], table: Path, trained_run: Path, tmp_path: Path
) -> None:
    answer = synthboost("clinical", trained_run, "--data", table, "--out", tmp_path / "c")
    assert answer.code == 0, answer.err
    with (tmp_path / "c" / "patients.csv").open(encoding="utf-8", newline="") as handle:
        (line,) = csv.DictReader(handle)
    assert "lv_area_4CH_ED_px2" in line
