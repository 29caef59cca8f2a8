"""Files and folders are whole or absent, whenever a process is killed."""

from __future__ import annotations

import csv
import errno
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest
from PIL import Image
from small_files import files_of_at_most

from synthboost.errors import OutputError
from synthboost.inference.overlay import write_animation
from synthboost.io import atomic as files
from synthboost.io.atomic import (
    from_cell,
    recover,
    require_new_folder,
    whole_file,
    whole_folder,
    write_csv,
    write_json,
    write_text,
)
from synthboost.io.nifti import new_header, write_nifti
from synthboost.io.pictures import write_png
from synthboost.io.shards import write_shard


class Interrupted(BaseException):
    """Stands for Ctrl-C."""


def test_a_file_appears_whole_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    write_text(tmp_path / "new" / "a.txt", "ä\n")
    assert (tmp_path / "new" / "a.txt").read_bytes() == b"\xc3\xa4\n"
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["a.txt"]


@pytest.mark.parametrize("kind", [Interrupted, ValueError])
def test_an_interrupted_file_leaves_the_old_one(tmp_path: Path, kind: type[BaseException]) -> None:
    write_text(tmp_path / "a.txt", "old")
    with pytest.raises(kind), whole_file(tmp_path / "a.txt") as temporary:
        temporary.write_text("half")
        raise kind
    assert (tmp_path / "a.txt").read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


@pytest.mark.parametrize("kind", [Interrupted, ValueError])
def test_an_interrupted_folder_leaves_the_old_one(tmp_path: Path, kind: type[BaseException]) -> None:
    with whole_folder(tmp_path / "a") as temporary:
        (temporary / "old").touch()
    with pytest.raises(kind), whole_folder(tmp_path / "a") as temporary:
        (temporary / "new").touch()
        raise kind
    assert [p.relative_to(tmp_path).as_posix() for p in sorted(tmp_path.rglob("*"))] == ["a", "a/old"]


def test_a_folder_replaces_the_old_one_as_a_whole(tmp_path: Path) -> None:
    for name in ("old", "new"):
        with whole_folder(tmp_path / "a") as temporary:
            (temporary / name).touch()
    assert [p.relative_to(tmp_path).as_posix() for p in sorted(tmp_path.rglob("*"))] == ["a", "a/new"]


def test_a_folder_that_cannot_be_swapped_in_is_put_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with whole_folder(tmp_path / "a") as temporary:
        (temporary / "old").touch()
    replace, calls = os.replace, []

    def fail_at_the_second(source: Path, target: Path) -> None:
        calls.append(source)
        if len(calls) == 2:
            raise OSError(errno.EIO, "Input/output error")
        replace(source, target)

    monkeypatch.setattr(files, "_exchange", lambda *_: False)
    monkeypatch.setattr(files.os, "replace", fail_at_the_second)
    with pytest.raises(OutputError, match="Input/output error"), whole_folder(tmp_path / "a") as temporary:
        (temporary / "new").touch()
    assert [p.relative_to(tmp_path).as_posix() for p in sorted(tmp_path.rglob("*"))] == ["a", "a/old"]


def test_a_folder_is_swapped_without_an_exchange_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_exchange", lambda *_: False)
    for name in ("old", "new"):
        with whole_folder(tmp_path / "a") as temporary:
            (temporary / name).touch()
    assert [p.relative_to(tmp_path).as_posix() for p in sorted(tmp_path.rglob("*"))] == ["a", "a/new"]


def test_a_file_in_the_way_is_not_replaced_by_a_folder(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("dear")
    with pytest.raises(OutputError, match="a file is in the way"), whole_folder(tmp_path / "a") as temporary:
        (temporary / "new").touch()
    assert (tmp_path / "a").read_text() == "dear"


WRITE_FOR_EVER = """
while True:
    with whole_folder(Path("a")) as temporary:
        for name in "bcd":
            (temporary / name).write_text("whole")
"""
KILLED_BETWEEN_THE_RENAMES = """
import os, signal
replace, calls = os.replace, []
def killed_at_the_second(source, target):
    calls.append(source)
    if len(calls) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    replace(source, target)
files._exchange = lambda *_: False
files.os.replace = killed_at_the_second
with whole_folder(Path("a")) as temporary:
    (temporary / "new").touch()
"""
KILLED_IN_THE_BLOCK = """
import os, signal
with whole_folder(Path("a")) as temporary:
    with whole_file(Path("f.txt")) as half:
        half.write_text("half")
        (temporary / "new").touch()
        os.kill(os.getpid(), signal.SIGKILL)
"""


def _start(folder: Path, code: str) -> subprocess.Popen[bytes]:
    head = "from pathlib import Path\nfrom synthboost.io import atomic as files\nfrom synthboost.io.atomic import *\n"
    return subprocess.Popen([sys.executable, "-c", head + code], cwd=folder)


def _names(folder: Path) -> list[str]:
    return [p.relative_to(folder).as_posix() for p in sorted(folder.rglob("*"))]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can exchange two folders here")
def test_a_reader_finds_the_folder_at_any_instant_and_whole_after_a_kill(tmp_path: Path) -> None:
    writer = _start(tmp_path, WRITE_FOR_EVER)
    folder = tmp_path / "a"
    deadline = time.monotonic() + 300
    while not folder.is_dir() and time.monotonic() < deadline:
        time.sleep(0.01)
    soon, found, absences = time.monotonic() + 0.5, [0], 0
    while time.monotonic() < soon or (len(found) <= 5 and time.monotonic() < deadline):  # a busy machine is slow
        try:
            number = folder.stat().st_ino
        except FileNotFoundError:
            absences += 1
        else:
            if number != found[-1]:
                found.append(number)
    writer.kill()
    writer.wait()
    assert len(found) > 5  # the folder was replaced again and again
    assert absences == 0
    assert _names(folder) == ["b", "c", "d"]


def test_a_folder_that_a_killed_process_had_moved_aside_is_put_back(tmp_path: Path) -> None:
    with whole_folder(tmp_path / "a") as temporary:
        (temporary / "old").touch()
    assert _start(tmp_path, KILLED_BETWEEN_THE_RENAMES).wait() == -signal.SIGKILL
    assert not (tmp_path / "a").exists()
    assert len(list(tmp_path.iterdir())) == 2  # the old folder aside, the new one not yet in place
    recover(tmp_path)
    assert _names(tmp_path) == ["a", "a/old"]


def test_the_next_writer_puts_the_folder_back_before_it_begins(tmp_path: Path) -> None:
    with whole_folder(tmp_path / "x" / "a") as temporary:
        (temporary / "old").touch()
    assert _start(tmp_path / "x", KILLED_BETWEEN_THE_RENAMES).wait() == -signal.SIGKILL
    (tmp_path / "x").rename(tmp_path / "y")  # a place where this process has not written yet
    with pytest.raises(ValueError, match="mine"), whole_folder(tmp_path / "y" / "a"):
        raise ValueError("mine")
    assert _names(tmp_path / "y") == ["a", "a/old"]


def test_what_a_killed_process_left_unfinished_goes_with_the_next_write(tmp_path: Path) -> None:
    assert _start(tmp_path, KILLED_IN_THE_BLOCK).wait() == -signal.SIGKILL
    assert len(list(tmp_path.iterdir())) == 2
    write_text(tmp_path / "other.txt", "")
    assert _names(tmp_path) == ["other.txt"]


def test_the_work_of_the_living_of_other_hosts_and_of_strangers_is_left_alone(tmp_path: Path) -> None:
    here = socket.gethostname()
    spared = [f".writing-{os.getppid()}@{here}@a", ".writing-1@another-host@a", ".writing-state-parts", ".writing-x"]
    for name in spared:
        (tmp_path / name).mkdir()
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    (tmp_path / f".writing-{dead.pid}@{here}@a").mkdir()
    (tmp_path / f".writing-{os.getpid()}@{here}@a").mkdir()  # of an earlier process with this one's number
    with whole_file(tmp_path / "mine") as temporary:
        temporary.touch()
        recover(tmp_path)
        assert sorted(_names(tmp_path)) == sorted([*spared, temporary.name])
        recover(tmp_path, held=True)
        assert _names(tmp_path) == [temporary.name]


def test_a_full_disk_is_named_and_the_old_file_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_text(tmp_path / "a.txt", "old")

    def full(_: Path) -> NoReturn:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files, "_flush_to_disk", full)
    with pytest.raises(OutputError, match="no space left"):
        write_text(tmp_path / "a.txt", "new")
    assert (tmp_path / "a.txt").read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_file_in_the_way_of_a_folder_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for write in (lambda p: write_text(p / "a.txt", ""), lambda p: require_new_folder(p, "--out")):
        with pytest.raises(OutputError, match="file"):
            write(tmp_path / "file")


def test_json_refuses_nan_and_writes_nothing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Out of range"):
        write_json(tmp_path / "a.json", {"dice": float("nan")})
    assert not list(tmp_path.iterdir())
    write_json(tmp_path / "a.json", {"name": "Müller"})
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == {"name": "Müller"}


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@A1", "\t=1", "\r=1", "\n=1", "\uff1d1", "'=1", "'"])
def test_text_that_a_spreadsheet_would_run_gets_an_apostrophe_and_comes_back(tmp_path: Path, cell: str) -> None:
    write_csv(tmp_path / "a.csv", ["x", "y"], [{"x": cell, "y": -1}])
    with (tmp_path / "a.csv").open(encoding="utf-8", newline="") as handle:
        (_, (found, number)) = csv.reader(handle)
    assert (found, number) == (f"'{cell}", "-1")
    assert from_cell(found) == cell
    assert from_cell("'plain") == "'plain"


def test_a_name_that_is_no_unicode_is_spelt_out(tmp_path: Path) -> None:
    name = os.fsdecode(b"\xff.png")
    write_csv(tmp_path / "a.csv", ["x"], [{"x": name}])
    write_json(tmp_path / "a.json", {"x": name})
    assert (tmp_path / "a.csv").read_text() == "x\n\\udcff.png\n"
    assert (tmp_path / "a.json").read_text() == '{\n  "x": "\\udcff.png"\n}\n'


NOISE = np.random.default_rng(0).integers(0, 255, (2, 64, 64), dtype=np.uint8)


@pytest.mark.parametrize(
    "write",
    [
        lambda path: write_text(path, "x" * 1500),
        lambda path: write_csv(path, ["x"], [{"x": "x" * 1500}]),
        lambda path: write_png(path, NOISE[0]),
        lambda path: write_nifti(path, NOISE, new_header((64, 64), None, frames=2)),
        lambda path: write_animation(path, [Image.fromarray(frame) for frame in NOISE], None),
        lambda path: write_shard(path, [("a", (NOISE.tobytes(), b"", b""))]),
    ],
    ids=["text", "csv", "png", "nifti", "gif", "tar"],
)
def test_what_is_written_short_is_never_called_finished(tmp_path: Path, write: Callable[[Path], None]) -> None:
    for path in (tmp_path / "x", tmp_path / "folder" / "x"):
        refused = pytest.raises(OutputError, match="File too large")
        with files_of_at_most(1000), refused, whole_folder(tmp_path / "made"):
            write(path)
        assert not path.exists()
    assert not (tmp_path / "made").exists()
    assert not list(tmp_path.rglob(".*"))


@pytest.mark.parametrize("cell", ["a,b", 'say "a"', "two\nlines", "bare\rreturn", "\r\n", ""])
def test_any_text_comes_back_from_a_csv(tmp_path: Path, cell: str) -> None:
    write_csv(tmp_path / "a.csv", ["x", "y"], [{"x": cell, "y": 1}, {"x": "next", "y": 2}])
    with (tmp_path / "a.csv").open(encoding="utf-8", newline="") as handle:
        lines = [[from_cell(text) for text in line] for line in csv.reader(handle)]
    assert lines == [["x", "y"], [cell, "1"], ["next", "2"]]


def test_a_new_folder_is_made_and_an_empty_one_accepted(tmp_path: Path) -> None:
    for _ in range(2):
        require_new_folder(tmp_path / "a" / "b", "--out")
    assert not list((tmp_path / "a" / "b").iterdir())


def test_a_folder_that_holds_something_is_refused_untouched(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("dear")
    with pytest.raises(OutputError, match=r"--out: the folder holds 'mine.txt' already"):
        require_new_folder(tmp_path, "--out")
    assert (tmp_path / "mine.txt").read_text() == "dear"


def test_numbers_for_people_have_seven_digits_and_those_for_programs_all(tmp_path: Path) -> None:
    row = {"area": 37318.159251175515, "share": 1 / 3, "count": 123456789, "name": "a", "none": None}
    write_csv(tmp_path / "people.csv", tuple(row), [row], for_people=True)
    write_csv(tmp_path / "programs.csv", tuple(row), [row])
    assert (tmp_path / "people.csv").read_text().splitlines()[1] == "37318.16,0.3333333,123456789,a,"
    assert (tmp_path / "programs.csv").read_text().splitlines()[
        1
    ] == "37318.159251175515,0.3333333333333333,123456789,a,"
