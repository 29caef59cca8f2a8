"""A disk that is full or may not be written: one line, nothing half-written; the same command goes on afterwards."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from killing import Running, assert_equal

SYNTHBOOST = (sys.executable, "-m", "synthboost.cli.main")
VERBS = ("predict", "evaluate", "clinical", "pseudo-label", "study")
Disk = Callable[..., None]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """A small disk at `small/`; a function (*options of mount) changes it."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a disk")
    place = tmp_path / "small"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=60k", "tmpfs", place], check=True)

    def change(*options: str) -> None:
        subprocess.run(["mount", "-o", ",".join(["remount", *options]), place], check=True)

    yield change
    subprocess.run(["umount", "--lazy", place], check=True)


@pytest.mark.parametrize("verb", VERBS)
def test_a_full_and_a_read_only_disk(
    verb: str, disk: Disk, simulated: Path, other: Path, recordings: Path, checkpoint: Path, tmp_path: Path
) -> None:
    commands: dict[str, Sequence[object]] = {
        "predict": ("predict", recordings, "--checkpoint", checkpoint),
        "evaluate": ("evaluate", "--data", simulated, "--checkpoint", checkpoint),
        "clinical": ("clinical", checkpoint, "--data", simulated),
        "pseudo-label": ("pseudo-label", simulated, "--checkpoint", checkpoint, "--keep-implausible",
                         "--least-confidence", 0.0),
        "study": ("study", "paper", "--data", simulated, "--synthetic", other, "--models", "clipseg", "--encoders",
                  "trained", "--prompts", "P1", "--strategies", "real", "--images-per-stage", 20),
    }  # fmt: skip
    command = [*SYNTHBOOST, *map(str, commands[verb]), "--out"]
    small, calm = tmp_path / "small" / "out", tmp_path / "calm" / "out"
    full = "size=16k" if verb == "clinical" else "size=60k"
    for options, words in (((full,), "no space left"), (("ro",), "Read-only file system")):
        disk(*options)
        with Running([*command, str(small)], tmp_path) as process:
            said = process.end(1 if verb == "study" and words == "no space left" else 2)
        assert words in said
        assert "Traceback" not in said
    disk("rw", "size=100m")
    for out in (small, calm):
        with Running([*command, str(out)], tmp_path) as process:
            process.end()
    assert_equal(calm, small, ("logs/*", "report.html", "results/**/*"))
