"""The killer notices what it is there for; these tests take a moment and run always."""

from __future__ import annotations

import sys
from pathlib import Path

import killing
import pytest

WRITER = """
import os, pathlib, subprocess, sys, time
out = pathlib.Path(sys.argv[2])
out.mkdir(parents=True, exist_ok=True)
for number in range(20):
    if not (out / f"{number}.json").exists():
        (out / f"{number}.writing").write_text('{"value": 1, "seconds": %f}' % time.time())
        time.sleep(0.02)
        os.replace(out / f"{number}.writing", out / f"{number}.json")
"""
ORPHAN = "import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(9)'])"


@pytest.fixture(autouse=True)
def beside_other_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    """These programs compute nothing; stepping aside, they would wait for the tests that do."""
    monkeypatch.setattr(killing, "NICENESS", 0)


def test_a_program_that_resumes_passes_and_times_do_not_count(tmp_path: Path) -> None:
    killing.torture([], tmp_path, kills=3, program=[sys.executable, "-c", WRITER], ignore=["*.writing"])


def test_a_file_that_only_a_kill_leaves_is_noticed(tmp_path: Path) -> None:
    for name in ("calm", "killed"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "rows.csv").write_text(f"dice,seconds\n0.5,{len(name)}\n")
    killing.assert_equal(tmp_path / "calm", tmp_path / "killed")
    (tmp_path / "killed" / ".writing-1").touch()
    with pytest.raises(AssertionError, match=r"only in one: .*\.writing-1"):
        killing.assert_equal(tmp_path / "calm", tmp_path / "killed")


def test_a_process_that_stays_is_noticed_and_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(killing, "GRACE_SECONDS", 0.2)
    with killing.Running([sys.executable, "-c", ORPHAN], tmp_path) as process:
        with pytest.raises(AssertionError, match="still alive"):
            process.end()
        mark = process.mark
    assert not killing.processes_with(mark)
