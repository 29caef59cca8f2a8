"""A disk that is full, has no file numbers left, or may not be written, small files, a small `/dev/shm`: one line each.

Nothing is half-written, and the same command goes on afterwards, with stderr closed, to what an undisturbed one leaves.
"""

from __future__ import annotations

import os
import resource
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from killing import ADAPTS, PRETRAINS, SEGMENTER, SYNTHBOOST, Running, assert_equal

from synthboost.io.atomic import TEMPORARY_PREFIX

VERBS = (
    "simulate", "simulate shards", "predict", "evaluate", "clinical", "pseudo-label", "train", "synthesize train",
    "synthesize sample", "pretrain", "adapt", "study",
)  # fmt: skip
SAID = ("logs/*", "report.html", "results/**/*")
MOST_BYTES = 2048
"""Of a file, under `ulimit -f`."""
SMALL_SHM = ("sh", "-c", 'mount -t tmpfs -o size=64k tmpfs /dev/shm && exec "$@"', "sh")
NAMESPACE = ("unshare", "--mount") if os.geteuid() == 0 else ("unshare", "--mount", "--map-root-user")
"""Where a mount is nobody else's."""
Disk = Callable[..., None]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """A small disk at `small/`; a function (*options of mount) changes it."""
    place = tmp_path / "small"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=60k", "tmpfs", place], check=False).returncode:
        pytest.skip("may not mount a disk; try `unshare -rm make torture`")

    def change(*options: str) -> None:
        subprocess.run(["mount", "-o", ",".join(["remount", *options]), place], check=True)

    yield change
    subprocess.run(["umount", "--lazy", place], check=True)


@pytest.fixture
def command(
    simulated: Path, other: Path, recordings: Path, checkpoint: Path, textunet: Path, diffusion: Path
) -> Callable[[str], list[str]]:
    """A function (verb) -> the command, without the folder that ends it."""
    small = ("--preset", "tiny", "--steps", 2, "--batch", 2)
    commands: dict[str, Sequence[object]] = {
        "simulate": ("simulate", "--size", 64, "--patients", 12, "--workers", 2),
        "simulate shards": ("simulate", "--size", 64, "--frames", 48, "--workers", 2),
        "predict": ("predict", recordings, "--checkpoint", checkpoint),
        "evaluate": ("evaluate", "--data", simulated, "--checkpoint", checkpoint),
        "clinical": ("clinical", checkpoint, "--data", simulated),
        "pseudo-label": ("pseudo-label", simulated, "--checkpoint", checkpoint, "--keep-implausible",
                         "--least-confidence", 0.0),
        "train": ("train", "--data", simulated, "--epochs", 2, *SEGMENTER),
        "synthesize train": ("synthesize", "train", "--data", simulated, *small),
        "synthesize sample": ("synthesize", "sample", "--model", diffusion, "--masks", simulated),
        "pretrain": ("pretrain", "--steps", 2),
        "adapt": ("adapt", simulated, "--checkpoint", textunet, "--patients", 2),
        "study": ("study", "paper", "--data", simulated, "--synthetic", other, "--models", "clipseg", "--encoders",
                  "trained", "--prompts", "P1", "--strategies", "real", "--images-per-stage", 20),
    }  # fmt: skip
    programs = {"pretrain": PRETRAINS, "adapt": ADAPTS}
    return lambda verb: [*programs.get(verb, SYNTHBOOST), *map(str, commands[verb]), "--out"]


@pytest.mark.parametrize("verb", VERBS)
def test_a_disk_that_takes_no_more(verb: str, disk: Disk, command: Callable[..., list[str]], tmp_path: Path) -> None:
    place = tmp_path / "small"
    small, calm = place / "out", tmp_path / "calm" / "out"

    def refuse(words: str, **more: Any) -> None:
        with Running([*command(verb), str(small)], tmp_path, **more) as process:
            said = process.end(1, 2)
        assert words in said
        assert "Traceback" not in said
        assert not [path for path in small.rglob(f"{TEMPORARY_PREFIX}*") if path.name.count("@")]

    disk("size=16k" if verb == "clinical" else "size=60k")
    refuse("no space left")
    disk("size=100m", f"nr_inodes={os.statvfs(place).f_files - os.statvfs(place).f_ffree + 2}")
    refuse("no space left")
    disk("nr_inodes=100k", "ro")
    refuse("Read-only file system")
    disk("rw")
    refuse("File too large", first=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (MOST_BYTES, MOST_BYTES)))
    for out, more in ((small, {"first": lambda: os.close(2)}), (calm, {})):
        with Running([*command(verb), str(out)], tmp_path, **more) as process:
            process.end()
    assert_equal(calm, small, SAID)


@pytest.mark.parametrize("verb", ["train", "adapt", "simulate"])
def test_a_small_shared_memory(verb: str, command: Callable[..., list[str]], tmp_path: Path) -> None:
    if subprocess.run([*NAMESPACE, *SMALL_SHM, "true"], check=False).returncode:
        pytest.skip("may not mount a small /dev/shm")
    small, calm = tmp_path / "small", tmp_path / "calm"
    whole = command(verb)
    if verb == "train":
        whole[whole.index("--workers") + 1] = "2"
    with Running([*NAMESPACE, *SMALL_SHM, *whole, str(small)], tmp_path) as process:
        said = process.end(0, 2)
    assert "Traceback" not in said
    for out in (small, calm):
        with Running([*whole, str(out)], tmp_path) as process:
            process.end()
    assert_equal(calm, small, SAID)
