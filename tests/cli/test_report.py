"""`synthboost report`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any


def test_report_is_one_page_without_outside_links_and_tables_in_three_formats(
    synthboost: Callable[..., Any], trained_run: Path, tmp_path: Path
) -> None:
    page, tables = tmp_path / "report.html", tmp_path / "tables"
    answer = synthboost("report", trained_run, "--out", page, "--tables", tables)
    assert answer.code == 0, answer.err
    assert answer.out == f"report: {page}\n"
    text = page.read_text()
    assert trained_run.name in text
    assert 'src="http' not in text
    assert {"dice.md", "dice.tex", "dice.csv"} <= {path.name for path in tables.iterdir()}


def test_a_run_that_is_not_finished_is_refused(synthboost: Callable[..., Any], tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    answer = synthboost("report", run, "--out", tmp_path / "report.html")
    assert answer.code == 2
    assert "to resume it" in answer.err
    assert not (tmp_path / "report.html").exists()
