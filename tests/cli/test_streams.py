"""Outputs that are closed, full or know few letters, and too little memory: one line, the right code, whole files."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import pytest

from synthboost.cli.main import _limit
from synthboost.cli.streams import Stream

SYNTHBOOST = f"{sys.executable} -m synthboost.cli.main"
SIMULATE = f"{SYNTHBOOST} simulate --patients 1 --size 32 --workers 1 --out new"


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["bash", "-c", command], cwd=folder, capture_output=True, text=True, check=False)


def is_whole(folder: Path) -> bool:
    return len(list(folder.glob("new/database_nifti/*/*.nii.gz"))) == 8 and not list(folder.rglob(".*"))


@pytest.mark.parametrize("command", [SIMULATE, f"{SYNTHBOOST} prompts", f"{SYNTHBOOST} --help"])
def test_a_full_output_is_one_line_and_exit_code_2_after_the_work(command: str, tmp_path: Path) -> None:
    answer = run(f"{command} > /dev/full", tmp_path)
    assert answer.returncode == 2
    *_, line = answer.stderr.splitlines()
    assert line.startswith("ERROR standard output: No space left on device")
    assert "Exception" not in answer.stderr
    assert command != SIMULATE or is_whole(tmp_path)


@pytest.mark.parametrize("outputs", ["2>&-", "2> /dev/full", ">&- 2>&-", "<&- >&- 2>&-"])
def test_closed_and_full_outputs_cost_no_work(outputs: str, tmp_path: Path) -> None:
    answer = run(f"{SIMULATE} {outputs}", tmp_path)
    assert answer.returncode == 0
    assert is_whole(tmp_path)
    assert answer.stdout == ("" if ">&- 2" in outputs else "4 simulated frames of 1 patient in new\n")


def test_a_reader_that_has_seen_enough_ends_the_program_in_peace(tmp_path: Path) -> None:
    answer = run(f"set -o pipefail; {SYNTHBOOST} prompts | head -1", tmp_path)
    assert (answer.returncode, answer.stderr) == (0, "")


def test_letters_that_an_output_does_not_know_become_escapes() -> None:
    ascii_only = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    print("Dice 87.3 ± 6.0", file=Stream(ascii_only, ends=True), flush=True)  # type: ignore[arg-type]
    assert ascii_only.buffer.getvalue() == b"Dice 87.3 \\xb1 6.0\n"  # type: ignore[attr-defined]


def test_a_limit_of_memory_under_which_libraries_hang_is_refused(tmp_path: Path) -> None:
    answer = run(f"ulimit -v 700000; {SYNTHBOOST} evaluate --data x --checkpoint y --out new", tmp_path)
    assert answer.returncode == 2
    assert answer.stderr == "ERROR ulimit -v: memory: 700000 kB; expected 1048576 kB or more\n"


def test_too_little_memory_and_what_the_system_refuses_are_one_line() -> None:
    allocator = RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")
    for error in (MemoryError(), allocator, OSError(12, "Cannot allocate memory")):
        assert "memory: not enough" in str(_limit(error))
    assert "/dev/shm/x: No space left" in str(_limit(OSError(28, "No space left on device", "/dev/shm/x")))
    assert _limit(ValueError("ours")) is None
