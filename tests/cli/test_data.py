"""`synthboost data`: inspect and export."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any


def test_inspect_counts_patients_frames_and_lists(synthboost: Callable[..., Any], tiny_camus: Path) -> None:
    answer = synthboost("data", "inspect", tiny_camus)
    assert answer.code == 0
    lines = [" ".join(line.split()) for line in answer.out.splitlines()]
    assert "patients 4" in lines
    assert "frames 16, 16 with label map" in lines
    assert "split training 2 listed, 2 present" in lines


def test_a_deep_inspection_names_a_broken_file(synthboost: Callable[..., Any], tiny_camus: Path) -> None:
    broken = tiny_camus / "database_nifti" / "patient0002" / "patient0002_4CH_ED.nii.gz"
    broken.write_bytes(broken.read_bytes()[:200])
    shallow = synthboost("data", "inspect", tiny_camus)
    deep = synthboost("data", "inspect", tiny_camus, "--deep")
    assert "patient0002_4CH_ED" not in shallow.out
    assert deep.code == 0
    assert "patient0002_4CH_ED.nii.gz" in deep.out


def test_inspect_lists_what_is_missing(synthboost: Callable[..., Any], tiny_camus: Path) -> None:
    (tiny_camus / "database_nifti" / "patient0003" / "patient0003_2CH_ES_gt.nii.gz").unlink()
    answer = synthboost("data", "inspect", tiny_camus)
    assert answer.code == 0
    assert "patient0003_2CH_ES_gt.nii.gz" in answer.out


def test_a_set_that_is_drawn_when_read_is_exported(synthboost: Callable[..., Any], tmp_path: Path) -> None:
    drawn, out = tmp_path / "drawn", tmp_path / "camus"
    assert synthboost("simulate", "--out", drawn, "--patients", 3, "--size", 48, "--on-the-fly").code == 0
    answer = synthboost("data", "export", drawn, "--out", out)
    assert answer.out == f"3 patients exported now: {out}\n", answer.err
    assert (out / "database_nifti" / "patient0003" / "patient0003_4CH_ES_gt.nii.gz").is_file()
    assert "--out" in synthboost("data", "export", drawn).err
