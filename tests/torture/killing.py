"""Kill a command line at seeded random moments, resume it, and compare what it leaves with an undisturbed run.

    torture(["predict", "recordings", "--checkpoint", "model"], tmp_path)

`--out` is added. Time fields of JSON and CSV files are declared here once; everything else is compared byte by byte.
"""

from __future__ import annotations

import csv
import io
import json
import os
import random
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import pandas as pd

TIME_FIELDS = frozenset({"wall_seconds", "evaluated", "when", "seconds", "created", "commit"})
"""Keys of JSON objects and columns of tables that say when, how long, or from which checkout."""
MARK = "SYNTHBOOST_TORTURE_MARK"
"""In the environment of a command and of all its children, so that none can hide."""
GRACE_SECONDS = 20.0
"""How long a child may take to notice that its parent was killed."""
LIMIT_SECONDS = 1800.0
NICENESS = 10
Whom = Literal["group", "parent"]
SYNTHBOOST = (sys.executable, "-m", "synthboost.cli.main")
ALWAYS_SAVES, ADAPTS, PRETRAINS = (
    (sys.executable, "-c", f"import sys; from synthboost.cli.main import main; {changes}; main(sys.argv[1:])")
    for changes in (
        "from synthboost.training import engine, loop; engine.Engine.save_seconds = loop.LEAST_SECONDS = 0.0",
        "from synthboost.training import recipe; from synthboost.adaptation import adapt; recipe.SAVE_SECONDS = 0.0; "
        "adapt.LEAST_STEPS = adapt.ROUND_STEPS = 4; adapt.STEPS_PER_FRAME = 0",
        "from synthboost.training import pretrain, recipe, simulated_stream; recipe.SAVE_SECONDS = 0.0; "
        "from synthboost.models.textunet.settings import PRESETS; PRESETS['base'] = PRESETS['tiny']; "
        "pretrain.HELD_OUT_PATIENTS = simulated_stream.WINDOW_BATCHES = 1",
    )
)
"""The program, saving a state after every step, so that a kill comes between any two files. The last two are short."""
SEGMENTER = ["--batch-images", 4, "--learning-rate", 1e-3, "--workers", 0, "--prompts", "P1"]


def torture(
    arguments: Sequence[object],
    folder: Path,
    kills: int = 6,
    seed: int = 0,
    whom: Whom = "group",
    ignore: Sequence[str] = (),
    program: Sequence[str] = SYNTHBOOST,
) -> None:
    """Carry out a command in `folder/calm/out`, and in `folder/killed/out` with kills between; both must end up equal.

    Args:
        arguments: of `synthboost`, without `--out`.
        folder: an empty folder.
        kills: how often it is killed, each time later, so that the last ones meet its end even if it begins anew; fewer
            if it ends first. The command is then called once more, and must change nothing.
        seed: of the moments, which lie between the first file that an undisturbed command writes and its end.
        whom: SIGKILL goes to the whole process group, or to the parent alone.
        ignore: patterns of files that need not be equal.
        program: what is called.
    """
    chance = random.Random(seed)
    calm, killed = folder / "calm" / "out", folder / "killed" / "out"
    command = [*program, *map(str, arguments), "--out"]
    began = time.monotonic()
    with Running([*command, str(calm)], folder) as process:
        while not (calm.exists() and any(calm.rglob("*"))) and process.lives:
            time.sleep(0.01)
        first = time.monotonic() - began
        process.end()
    whole = time.monotonic() - began
    for moment in sorted(chance.uniform(0.8 * first, whole) for _ in range(kills)):
        with Running([*command, str(killed)], folder) as process:
            if not process.kill_after(moment, whom):
                break
    with Running([*command, str(killed)], folder) as process:
        process.end()
    assert_equal(calm, killed, ignore)


class Running:
    """A command that runs with its own process group and mark; use as a context manager, which leaves nothing alive."""

    def __init__(
        self, command: Sequence[str], folder: Path, first: Callable[[], None] = lambda: None, **more: Any
    ) -> None:
        """Start it; what it says goes to `folder/said.txt`, `first` is called in it, and `more` goes to `Popen`."""
        self.said, self.mark = folder / "said.txt", uuid.uuid4().hex
        with self.said.open("w") as said:
            outputs = {"stdout": said, "stderr": said, **more}
            environment = {**os.environ, MARK: self.mark, "OMP_NUM_THREADS": "1"}
            self.process = subprocess.Popen(
                command, env=environment, start_new_session=True, preexec_fn=lambda: (_step_aside(), first()), **outputs
            )

    @property
    def lives(self) -> bool:
        """Whether it has not ended yet."""
        return self.process.poll() is None

    def end(self, *codes: int) -> str:
        """Wait for its end, with one of these codes (0), without a process left; return what it said."""
        found = self.process.wait(LIMIT_SECONDS)
        text = self.said.read_text(errors="replace")
        assert found in (codes or (0,)), f"it ended with {found}:\n{text[-3000:]}"
        self.assert_nothing_left()
        return text

    def kill_after(self, seconds: float, whom: Whom) -> bool:
        """Send SIGKILL after a while, unless it has ended; its children must end as well. Return whether sent."""
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            (os.killpg if whom == "group" else os.kill)(self.process.pid, signal.SIGKILL)
        self.process.wait()
        assert self.process.returncode in (0, -signal.SIGKILL), self.said.read_text(errors="replace")[-3000:]
        self.assert_nothing_left()
        return self.process.returncode != 0

    def assert_nothing_left(self) -> None:
        """Wait for children to end; fail if one does not."""
        deadline = time.monotonic() + GRACE_SECONDS
        while left := processes_with(self.mark):
            assert time.monotonic() < deadline, f"still alive: {left}"
            time.sleep(0.1)

    def __enter__(self) -> Running:
        return self

    def __exit__(self, *error: object) -> None:
        while left := processes_with(self.mark):  # one that was killed takes a moment to be gone
            for number in left:
                with suppress(ProcessLookupError):
                    os.kill(number, signal.SIGKILL)
            time.sleep(0.02)
        self.process.wait()


def _step_aside() -> None:
    """Leave the processors to others. To Linux a new session is a new group, whatever it descends from."""
    os.nice(NICENESS)
    with suppress(OSError):
        Path("/proc/self/autogroup").write_text(str(NICENESS))


def processes_with(mark: str) -> dict[int, str]:
    """Return the living processes that have inherited a mark: number -> command line."""
    found = {}
    for place in Path("/proc").glob("[0-9]*"):
        try:
            if f"{MARK}={mark}".encode() in (place / "environ").read_bytes().split(b"\0"):
                found[int(place.name)] = (place / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:  # it has ended, or is another user's
            continue
    return found


def assert_equal(first: Path, second: Path, ignore: Sequence[str] = ()) -> None:
    """Compare two folders: the same files, hidden ones included, with the same content but for times."""
    left, right = (_files(folder, ignore) for folder in (first, second))
    assert left.keys() == right.keys(), f"only in one: {sorted(left.keys() ^ right.keys())}"
    for name, path in left.items():
        assert _content(path, first) == _content(right[name], second), f"{name} differs"


def _files(folder: Path, ignore: Sequence[str]) -> dict[str, Path]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): path for path in files if not any(path.match(one) for one in ignore)}


def _content(path: Path, root: Path) -> object:
    """What must be equal: bytes, without times and without the folder's own path."""
    data = path.read_bytes().replace(str(root).encode(), b"OUT")
    if path.suffix == ".json":
        return _timeless(json.loads(data))
    if path.suffix == ".csv":
        return [_timeless(row) for row in csv.DictReader(io.StringIO(data.decode(), newline=""))]
    if path.suffix == ".parquet":
        return _timeless(pd.read_parquet(path).astype(str).to_dict("list"))
    return data


def _timeless(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _timeless(one) for key, one in value.items() if key not in TIME_FIELDS}
    return [_timeless(one) for one in value] if isinstance(value, list) else value
