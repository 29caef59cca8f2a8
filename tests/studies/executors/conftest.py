"""Jobs that do what their names say, wherever they are carried out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from synthboost.studies.executors.base import Outcome, Work

MakeWork = Callable[[Path], Work]


@pytest.fixture
def make_work() -> MakeWork:
    """A function (folder) -> work that leaves a line in `folder/NAME` for every attempt.

    The name decides what happens: `bad` fails, `dies` kills its process, `dies-once` does so the first time, `waits`
    lasts until there is a file `folder/go`, and everything else succeeds.
    """

    def make(folder: Path) -> Work:
        # Nested, and so sent to other processes as it is: they could not import a test's module.
        def work(name: str) -> Outcome:
            import os
            import signal
            import time

            with (folder / name).open("a") as handle:
                handle.write(f"{os.getpid()} {os.environ.get('SYNTHBOOST_LOCK_OWNER', '')}\n")
            attempts = len((folder / name).read_text().splitlines())
            if name == "dies" or (name == "dies-once" and attempts == 1):
                os.kill(os.getpid(), signal.SIGKILL)
            deadline = time.monotonic() + 300
            while name.startswith("waits") and not (folder / "go").exists() and time.monotonic() < deadline:
                time.sleep(0.05)
            return Outcome(name, "it is bad" if name == "bad" else None, seconds=1.5)

        folder.mkdir(parents=True, exist_ok=True)
        return work

    return make
