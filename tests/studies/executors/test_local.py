"""Processes that work, fail, die, are stopped, and lose their parent. The work is one that loads nothing heavy."""

from __future__ import annotations

import importlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from synthboost.errors import ConfigError
from synthboost.studies.executors import local
from synthboost.studies.executors.base import Job, Outcome
from synthboost.studies.executors.local import LocalExecutor

FAKE_WORK = '''
import os, signal, time
from dataclasses import dataclass
from pathlib import Path
from synthboost.studies.executors.base import Outcome
from synthboost.io.atomic import write_text
from synthboost.io.lock import exclusive

@dataclass(frozen=True)
class FakeWork:
    """Counts up to STEPS in a file, a step at a time, and goes on where it was killed."""

    folder: Path
    pause: float = 0.0
    steps: int = 5

    def __call__(self, name):
        with (self.folder / "started.txt").open("a") as started:
            started.write(f"{name} {os.getpid()} {os.environ['OMP_NUM_THREADS']}\\n")
        if name.startswith("fails"):
            return Outcome(name, "no luck")
        if name.startswith("dies"):
            if name == "dies always" or not (self.folder / name).exists():
                (self.folder / name).mkdir(exist_ok=True)
                os.kill(os.getpid(), signal.SIGKILL)
        run = self.folder / "runs" / name
        for _ in range(100):
            try:
                self.count(run)
                return Outcome(name)
            except Exception as error:
                if getattr(error, "field", "") != "lock":
                    raise
                time.sleep(0.05)  # of a process that has not noticed yet that its parent is gone

    def count(self, run):
        with exclusive(run):
            state = run / "state.txt"
            lines = state.read_text().split() if state.exists() else []
            for step in range(len(lines), self.steps):
                time.sleep(self.pause)
                lines.append(str(step))
                write_text(state, " ".join(lines))
            write_text(run / "DONE", "")
'''
STUDY = """
import sys
from pathlib import Path
from fake_work import FakeWork
from synthboost.studies.executors.base import Job
from synthboost.studies.executors.local import LocalExecutor
from synthboost.io.lock import exclusive

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    jobs = [Job(f"{letter}{n}", (f"{letter}{n - 1}",) if n else ()) for letter in "ab" for n in range(4)]
    with exclusive(folder):
        open_jobs = [job for job in jobs if not (folder / "runs" / job.name / "DONE").exists()]
        LocalExecutor(2).run(open_jobs, FakeWork(folder, 0.02, 12), lambda outcome: print(outcome, flush=True))
"""


@pytest.fixture
def make_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """A function (**settings) -> a work that new processes can unpack."""
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "fake_work.py").write_text(FAKE_WORK)
    (tmp_path / "modules" / "study.py").write_text(STUDY)
    monkeypatch.syspath_prepend(str(tmp_path / "modules"))
    monkeypatch.delitem(sys.modules, "fake_work", raising=False)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    import fake_work  # type: ignore[import-not-found]

    return lambda **settings: fake_work.FakeWork(tmp_path, **settings)


def _run(work: Any, jobs: Sequence[Job], workers: int = 1, threads: int | None = None) -> dict[str, str | None]:
    outcomes: list[Outcome] = []
    LocalExecutor(workers, threads).run(jobs, work, outcomes.append)
    assert len({outcome.name for outcome in outcomes}) == len(outcomes)
    return {outcome.name: outcome.error for outcome in outcomes}


def _started(folder: Path) -> list[list[str]]:
    return [line.rsplit(" ", 2) for line in (folder / "started.txt").read_text().splitlines()]


def test_one_process_does_one_job_after_the_other_in_the_order_of_their_needs(
    make_work: Callable[..., Any], tmp_path: Path
) -> None:
    jobs = [Job("a"), Job("b", ("a",)), Job("c")]
    assert _run(make_work(), jobs, threads=3) == {"a": None, "b": None, "c": None}
    started = _started(tmp_path)
    assert [name for name, _, _ in started] == ["a", "b", "c"]
    assert len({process for _, process, _ in started}) == 1  # torch would be loaded once
    assert started[0][1] != str(os.getpid())
    assert {threads for _, _, threads in started} == {"3"}


def test_a_failure_costs_what_needs_it_and_nothing_else(make_work: Callable[..., Any]) -> None:
    jobs = [Job("fails"), Job("b", ("fails",)), Job("c")]
    expected = {"fails": "no luck", "b": "not run: it needs fails, which failed", "c": None}
    assert _run(make_work(), jobs, workers=2) == expected


def test_a_process_that_is_killed_costs_its_job_a_second_attempt_and_no_other(
    make_work: Callable[..., Any], tmp_path: Path
) -> None:
    jobs = [Job("a"), Job("dies once"), Job("dies always"), Job("b", ("dies once",))]
    outcomes = _run(make_work(), jobs)
    assert outcomes.pop("dies always") == "its process died 2 times, the last time by signal SIGKILL"
    assert outcomes == {"a": None, "dies once": None, "b": None}
    names = [name for name, _, _ in _started(tmp_path)]
    assert [names.count(name) for name in ("a", "dies once", "dies always", "b")] == [1, 2, 2, 1]


def test_an_interrupted_executor_leaves_no_process(make_work: Callable[..., Any], tmp_path: Path) -> None:
    def interrupt(outcome: Outcome) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        LocalExecutor(2).run([Job("fails"), Job("b")], make_work(pause=10.0), interrupt)
    for _, process, _ in _started(tmp_path):
        assert not _lives(int(process))


@pytest.mark.parametrize("settings", [{"workers": 0}, {"threads": 0}])
def test_numbers_that_cannot_work_are_refused(settings: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match="1 or more"):
        LocalExecutor(**settings)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_no_process_outlives_its_parent(make_work: Callable[..., Any], tmp_path: Path, number: int) -> None:
    make_work()
    process = _start_study(tmp_path)
    _wait_for(lambda: (tmp_path / "started.txt").exists() and len(_started(tmp_path)) >= 2)
    process.send_signal(number)
    process.wait(timeout=300)
    workers = {int(worker) for _, worker, _ in _started(tmp_path)}
    assert len(workers) == 2
    _wait_for(lambda: not any(map(_lives, workers)))


IMPORTING = """
import time
from pathlib import Path
if __name__ == "__mp_main__":
    Path("importing.txt").touch()
    time.sleep(1)
"""


def test_ctrl_c_leaves_a_process_that_is_still_importing_silent(make_work: Callable[..., Any], tmp_path: Path) -> None:
    make_work()
    script, said = tmp_path / "modules" / "study.py", tmp_path / "said.txt"
    script.write_text(IMPORTING + STUDY)
    with said.open("w") as stderr:
        process = subprocess.Popen(
            [sys.executable, str(script), str(tmp_path)], cwd=tmp_path, stderr=stderr, start_new_session=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )  # fmt: skip
    _wait_for((tmp_path / "importing.txt").exists)
    os.killpg(process.pid, signal.SIGINT)
    process.wait(timeout=300)
    assert said.read_text().count("KeyboardInterrupt") == 1  # the parent's, which `main` turns into a line
    assert "spawn_main" not in said.read_text()


HARD_TO_END = """
import sys, time
from dataclasses import dataclass
from pathlib import Path
from synthboost.studies.executors.base import Outcome

class Slow:
    def __del__(self, sleep=time.sleep):
        sleep(600)

@dataclass(frozen=True)
class HardToEnd:
    folder: Path

    def __call__(self, name):
        sys.modules["kept"] = Slow()
        (self.folder / "started.txt").touch()
        time.sleep(600)
"""


def test_a_process_that_is_asked_to_stop_does_not_take_its_libraries_apart_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "hard_to_end.py").write_text(HARD_TO_END)
    monkeypatch.syspath_prepend(str(tmp_path))
    work = importlib.import_module("hard_to_end").HardToEnd(tmp_path)
    pool = local._Pool(work, threads=1)
    pool.start(Job("a"))
    [worker] = pool._workers
    _wait_for((tmp_path / "started.txt").exists)
    pool.stop()
    assert worker.process.exitcode == local.STOPPED  # not killed


def test_killed_at_random_moments_it_ends_as_an_undisturbed_one(make_work: Callable[..., Any], tmp_path: Path) -> None:
    make_work()
    chance = random.Random(5)
    for _ in range(12):
        process = _start_study(tmp_path)
        enough = _steps(tmp_path) + chance.randint(1, 4)
        while _steps(tmp_path) < enough:
            assert process.poll() is None, "it ended before it was killed: there is too little to do"
            time.sleep(0.002)
        time.sleep(chance.uniform(0, 0.02))
        process.kill()
        process.wait()
    assert _start_study(tmp_path).wait(timeout=300) == 0
    names = sorted(f"{letter}{n}" for letter in "ab" for n in range(4))
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == names
    for name in names:
        run = tmp_path / "runs" / name
        assert sorted(path.name for path in run.iterdir()) == ["DONE", "state.txt"]
        assert (run / "state.txt").read_text().split() == [str(step) for step in range(12)]


def _steps(folder: Path) -> int:
    return sum(len(path.read_text().split()) for path in folder.glob("runs/*/state.txt"))


def _start_study(folder: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, str(folder / "modules" / "study.py"), str(folder)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 300
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _lives(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().split()[2] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
