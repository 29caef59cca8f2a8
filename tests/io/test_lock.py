"""A folder has one writer at a time, and a dead one does not keep it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from synthboost.errors import OutputError
from synthboost.io.lock import OWNER_VARIABLE, exclusive, owned_by

HOLD = """
import sys
from pathlib import Path
from synthboost.io.lock import exclusive
with exclusive(Path(sys.argv[1])):
    print("held", flush=True)
    input()
"""
HOLD_WITH_A_CHILD = """
import multiprocessing, os, sys, time
from pathlib import Path
from synthboost.io.lock import exclusive
def live_on():
    print(os.getpid(), flush=True)  # only now has it begun, and let go of what it inherited
    time.sleep(60)
with exclusive(Path(sys.argv[1])):
    multiprocessing.get_context("fork").Process(target=live_on).start()
    input()
"""
COUNT = """
import sys
from pathlib import Path
from synthboost.errors import OutputError
from synthboost.io.lock import exclusive
folder, done = Path(sys.argv[1]), 0
while done < 100:
    try:
        with exclusive(folder):
            number = int((folder / "number").read_text())
            (folder / "number").write_text(str(number + 1))
            done += 1
    except OutputError:
        pass
"""


def _start(code: str, folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_a_lock_is_given_back_even_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="mine"), exclusive(tmp_path / "run"):
        assert (tmp_path / "run" / ".lock").read_text() == f"{os.getpid()} {socket.gethostname()}"
        raise ValueError("mine")
    assert not list((tmp_path / "run").iterdir())


def test_a_folder_held_by_a_living_process_is_refused_until_it_ends(tmp_path: Path) -> None:
    holder = _start(HOLD, tmp_path)
    assert _line(holder) == "held"
    said = f"held by process {holder.pid} {socket.gethostname()}"
    with pytest.raises(OutputError, match=said), exclusive(tmp_path):
        pass
    holder.communicate("\n")
    with exclusive(tmp_path):
        pass


def test_a_process_does_not_take_over_its_own_lock(tmp_path: Path) -> None:
    with exclusive(tmp_path):
        with pytest.raises(OutputError, match=f"held by process {os.getpid()} "), exclusive(tmp_path):
            pass
        assert (tmp_path / ".lock").exists()


@pytest.mark.parametrize("code", [HOLD, HOLD_WITH_A_CHILD])
def test_a_lock_of_a_killed_process_is_free_at_once_even_if_its_child_lives_on(tmp_path: Path, code: str) -> None:
    holder = _start(code, tmp_path)
    said = _line(holder)
    holder.kill()
    holder.wait()
    try:
        with exclusive(tmp_path):
            assert (tmp_path / ".lock").read_text().startswith(f"{os.getpid()} ")
    finally:
        if said.isdigit():
            os.kill(int(said), signal.SIGKILL)


def test_of_several_processes_only_one_is_inside_at_a_time(tmp_path: Path) -> None:
    (tmp_path / "number").write_text("0")
    # An old lock to take over, which all of them find at once.
    (tmp_path / ".lock").write_text(f"999999999 {socket.gethostname()}")
    crowd = [_start(COUNT, tmp_path) for _ in range(3)]
    assert [process.wait(timeout=120) for process in crowd] == [0, 0, 0]
    assert (tmp_path / "number").read_text() == "300"
    assert [p.name for p in tmp_path.iterdir()] == ["number"]


@pytest.mark.parametrize("content", ["1 another-host", "77 node-3.cluster"])
def test_a_lock_of_another_host_is_respected(tmp_path: Path, content: str) -> None:
    (tmp_path / ".lock").write_text(content)
    said = rf"held by process {content}.*delete .*\.lock if it is gone"
    with pytest.raises(OutputError, match=said), exclusive(tmp_path):
        pass
    assert (tmp_path / ".lock").read_text() == content


def test_a_job_inherits_the_lock_that_it_left_on_another_host_and_no_other_job_does(tmp_path: Path) -> None:
    (tmp_path / ".lock").write_text("77 node-3 study/run 1")
    for other in ("study/run 2", "study/run"):
        said = "held by process 77 node-3 study/run 1"
        with pytest.raises(OutputError, match=said), owned_by(other), exclusive(tmp_path):
            pass
    with owned_by("study/run 1"):
        with exclusive(tmp_path):
            assert (tmp_path / ".lock").read_text() == f"{os.getpid()} {socket.gethostname()} study/run 1"
        assert not (tmp_path / ".lock").exists()
    assert OWNER_VARIABLE not in os.environ


def test_the_same_job_does_not_take_a_lock_that_lives(tmp_path: Path) -> None:
    with owned_by("study/run"):
        holder = _start(HOLD, tmp_path)
        assert _line(holder) == "held"
        with pytest.raises(OutputError, match=f"held by process {holder.pid}"), exclusive(tmp_path):
            pass
        holder.communicate("\n")


@pytest.mark.parametrize("content", [b"", b"nonsense", b"\xff\xfe", b"12"])
def test_a_lock_that_a_process_did_not_live_to_sign_is_taken_over(tmp_path: Path, content: bytes) -> None:
    (tmp_path / ".lock").write_bytes(content)
    with exclusive(tmp_path):
        assert (tmp_path / ".lock").read_text() == f"{os.getpid()} {socket.gethostname()}"


def test_a_lock_that_somebody_deleted_does_not_cost_the_next_holder_his(tmp_path: Path) -> None:
    with exclusive(tmp_path):
        (tmp_path / ".lock").unlink()
        other = _start(HOLD, tmp_path)
        assert _line(other) == "held"
    assert (tmp_path / ".lock").read_text().startswith(f"{other.pid} ")
    other.communicate("\n")


def test_who_enters_a_folder_clears_what_others_left(tmp_path: Path) -> None:
    old = tmp_path / ".writing-old-1@another-host@state"
    old.mkdir()
    (old / "epoch-3").touch()
    (tmp_path / ".writing-1@another-host@state").mkdir()
    with exclusive(tmp_path):
        assert sorted(p.name for p in tmp_path.iterdir()) == [".lock", "state"]
        assert (tmp_path / "state" / "epoch-3").exists()


def test_locking_where_a_file_is_in_the_way_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("a file")
    with pytest.raises(OutputError, match="run: output"), exclusive(tmp_path / "run"):
        pass
    assert (tmp_path / "run").read_text() == "a file"


def test_a_file_system_without_locks_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import errno

    from synthboost.io import lock

    def unable(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(lock.fcntl, "flock", unable)
    said = "No locks available; expected a file system with locks"
    with pytest.raises(OutputError, match=said), exclusive(tmp_path):
        pass
