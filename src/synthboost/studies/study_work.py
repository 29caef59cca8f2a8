"""The work of a study: carry out the run of a name, and say in one line how it went."""

from __future__ import annotations

import sys
import time
import traceback
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

from synthboost.errors import OutputError, SynthboostError
from synthboost.studies.executors.base import Outcome
from synthboost.studies.study import Study
from synthboost.studies.study_folder import StudyPaths

PATIENCE_SECONDS = 30.0
"""How long a run's folder may be held: a process whose study was killed needs a moment to notice."""


@dataclass(frozen=True)
class StudyWork:
    """Carries out one run of a study by name; travels to other processes and machines as a plain value."""

    study: Study
    root: Path

    def __call__(self, name: str) -> Outcome:
        """Do the run, unless it is finished; what it says goes to its log, what it raises becomes the outcome."""
        began = time.monotonic()
        log = StudyPaths(self.root).log(name)
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("a", encoding="utf-8") as said, redirect_stderr(said), redirect_stdout(said):
            error = self._attempt(name)
        return Outcome(name, error, time.monotonic() - began)

    def _attempt(self, name: str) -> str | None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                self.study[name].execute(StudyPaths(self.root).runs)
                return None
            except Exception as error:  # whatever it is, the other runs go on
                if isinstance(error, OutputError) and error.field == "lock" and time.monotonic() < deadline:
                    time.sleep(0.2)
                    continue
                traceback.print_exc(file=sys.stderr)
                return str(error) if isinstance(error, SynthboostError) else _one_line(error)


def _one_line(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())
