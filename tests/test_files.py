"""Files and folders are whole or absent, and a folder has one writer at a time."""

from __future__ import annotations

import csv
import errno
import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import pytest

from synthboost import files
from synthboost.errors import OutputError
from synthboost.files import exclusive, require_new_folder, whole_file, whole_folder, write_csv, write_json, write_text


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

    monkeypatch.setattr(files.os, "replace", fail_at_the_second)
    with pytest.raises(OutputError, match="Input/output error"), whole_folder(tmp_path / "a") as temporary:
        (temporary / "new").touch()
    assert [p.relative_to(tmp_path).as_posix() for p in sorted(tmp_path.rglob("*"))] == ["a", "a/old"]


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


@pytest.mark.parametrize("cell", ["a,b", 'say "a"', "two\nlines", "bare\rreturn", "\r\n", ""])
def test_any_text_comes_back_from_a_csv(tmp_path: Path, cell: str) -> None:
    write_csv(tmp_path / "a.csv", ["x", "y"], [{"x": cell, "y": 1}, {"x": "next", "y": 2}])
    with (tmp_path / "a.csv").open(encoding="utf-8", newline="") as handle:
        assert list(csv.reader(handle)) == [["x", "y"], [cell, "1"], ["next", "2"]]


def test_a_new_folder_is_made_and_an_empty_one_accepted(tmp_path: Path) -> None:
    for _ in range(2):
        require_new_folder(tmp_path / "a" / "b", "--out")
    assert not list((tmp_path / "a" / "b").iterdir())


def test_a_folder_that_holds_something_is_refused_untouched(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("dear")
    with pytest.raises(OutputError, match=r"--out: the folder holds 'mine.txt' already"):
        require_new_folder(tmp_path, "--out")
    assert (tmp_path / "mine.txt").read_text() == "dear"


def test_a_lock_is_given_back_even_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="mine"), exclusive(tmp_path / "run"):
        assert (tmp_path / "run" / ".lock").read_text() == f"{os.getpid()} {socket.gethostname()}"
        raise ValueError("mine")
    assert not list((tmp_path / "run").iterdir())


def test_a_folder_held_by_a_living_process_is_refused(tmp_path: Path) -> None:
    sleeper = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        (tmp_path / ".lock").write_text(f"{sleeper.pid} {socket.gethostname()}")
        with pytest.raises(OutputError, match=f"held by process {sleeper.pid}"), exclusive(tmp_path):
            pass
        assert (tmp_path / ".lock").exists()
    finally:
        sleeper.communicate(b"\n")


def test_a_lock_of_a_dead_process_is_taken_over(tmp_path: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    (tmp_path / ".lock").write_text(f"{dead.pid} {socket.gethostname()}")
    with exclusive(tmp_path):
        assert (tmp_path / ".lock").read_text().startswith(f"{os.getpid()} ")


@pytest.mark.parametrize("content", ["1 another-host", "", "nonsense", "\udcff"])
def test_a_lock_that_cannot_be_judged_from_here_is_respected(tmp_path: Path, content: str) -> None:
    (tmp_path / ".lock").write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(OutputError, match=r"delete .*\.lock if it is gone"), exclusive(tmp_path):
        pass


def test_locking_where_a_file_is_in_the_way_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("a file")
    with pytest.raises(OutputError, match="run: output"), exclusive(tmp_path / "run"):
        pass
    assert (tmp_path / "run").read_text() == "a file"
