"""`synthboost evaluate`: with a checkpoint, and with masks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from synthboost.data import open_dataset
from synthboost.domain import Structure
from synthboost.records.masks import IndexEntry, mask_name, write_index, write_mask
from synthboost.records.rows import read_rows


def test_a_checkpoint_scores_as_its_own_run_did(
    synthboost: Callable[..., Any], simulated: Path, trained_run: Path, tmp_path: Path
) -> None:
    out = tmp_path / "scores"
    answer = synthboost("evaluate", "--data", simulated, "--checkpoint", trained_run, "--out", out)
    assert answer.code == 0, answer.err
    rows = read_rows(out / "rows.csv")
    own = read_rows(trained_run / "rows.csv")
    assert rows.dice.tolist() == own.dice[own.probe == ""].tolist()
    files = [path.name for path in (out / "masks").glob("*.png")]
    assert sorted(name.endswith("_labels.png") for name in files) == [False] * 12 + [True] * 4


def test_true_masks_score_one_and_a_missing_one_fails_with_its_reason(
    synthboost: Callable[..., Any], tiny_camus: Path, tmp_path: Path
) -> None:
    masks = tmp_path / "masks"
    entries = _write_true_masks(tiny_camus, masks)
    (masks / entries[0].file).unlink()
    out = tmp_path / "scores"
    answer = synthboost("evaluate", "--data", tiny_camus, "--checkpoint", masks, "--out", out)
    assert answer.code == 0, answer.err
    first, *others = read_rows(out / "rows.csv").itertuples()
    assert first.status == "failed"
    assert entries[0].file in first.reason
    assert [row.dice for row in others] == [1.0] * 11
    assert "Dice 100.00" in answer.out
    assert "1 failed" in answer.out


def test_another_grid_is_named_in_every_row(synthboost: Callable[..., Any], tiny_camus: Path, tmp_path: Path) -> None:
    masks, out = tmp_path / "masks", tmp_path / "scores"
    _write_true_masks(tiny_camus, masks)
    grid = ("--grid", 512, 512)
    assert synthboost("evaluate", "--data", tiny_camus, "--checkpoint", masks, "--out", out, *grid).code == 0
    assert {row.grid for row in read_rows(out / "rows.csv").itertuples()} == {"512x512"}


def test_options_for_predicting_are_refused_with_masks(
    synthboost: Callable[..., Any], tiny_camus: Path, tmp_path: Path
) -> None:
    masks, out = tmp_path / "masks", tmp_path / "scores"
    _write_true_masks(tiny_camus, masks)
    idle = ("--threshold", 0.4, "--prompts", "P1")
    answer = synthboost("evaluate", "--data", tiny_camus, "--checkpoint", masks, "--out", out, *idle)
    assert answer.code == 2
    assert "prompts, threshold: given together with masks" in answer.err
    assert not out.exists()


def test_an_occupied_output_folder_is_refused_before_any_work(
    synthboost: Callable[..., Any], simulated: Path, trained_run: Path, tmp_path: Path
) -> None:
    (tmp_path / "old.csv").write_text("1\n")
    answer = synthboost("evaluate", "--data", simulated, "--checkpoint", trained_run, "--out", tmp_path)
    assert answer.code == 2
    (line,) = answer.err.splitlines()
    assert "holds 'old.csv' and no evaluate.json" in line
    assert [path.name for path in tmp_path.iterdir()] == ["old.csv"]


def test_a_part_without_patients_is_refused(synthboost: Callable[..., Any], tiny_camus: Path, tmp_path: Path) -> None:
    lists = tiny_camus / "database_split"
    tested = (lists / "subgroup_testing.txt").read_text()
    (lists / "subgroup_testing.txt").write_text("")
    (lists / "subgroup_training.txt").write_text((lists / "subgroup_training.txt").read_text() + tested)
    (tmp_path / "index.csv").touch()
    answer = synthboost("evaluate", "--data", tiny_camus, "--checkpoint", tmp_path, "--out", tmp_path / "new")
    assert answer.code == 2
    assert "part: testing" in answer.err
    assert not (tmp_path / "new").exists()


def _write_true_masks(root: Path, folder: Path) -> list[IndexEntry]:
    dataset = open_dataset(root)
    template = IndexEntry(
        frame="", structure="", probe="", prompt_set="P1", paraphrase=0, sentence="drawn by hand",
        uses_ground_truth=True, file="", reason="",
    )  # fmt: skip
    entries = []
    for info in dataset.frames:
        if info.patient.name != "patient0004":
            continue
        frame = dataset.load(info)
        for structure in Structure:
            name = mask_name(info.name, structure)
            write_mask(folder / name, np.asarray(frame.mask(structure)))
            entries.append(replace(template, frame=info.name, structure=structure.short, file=name))
    write_index(folder, entries)
    return entries


def test_a_folder_of_neither_weights_nor_masks_is_told_where_its_masks_are(
    synthboost: Callable[..., Any], tiny_camus: Path, tmp_path: Path
) -> None:
    given = tmp_path / "scores"
    given.mkdir()
    judge = ("evaluate", "--data", tiny_camus, "--checkpoint", given, "--out", tmp_path / "out")
    answer = synthboost(*judge)
    assert (answer.code, "or a folder of masks with index.csv. Convert" in answer.err) == (2, True)
    _write_true_masks(tiny_camus, given / "masks")
    answer = synthboost(*judge)
    assert (answer.code, f"or a folder of masks with index.csv. Give {given / 'masks'}." in answer.err) == (2, True)
