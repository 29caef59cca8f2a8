"""The folder of one run: which files it holds, and how they are read back. No `DONE`, no result."""

from __future__ import annotations

import csv
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import pandas as pd

from synthboost.errors import DataError
from synthboost.io.atomic import write_csv
from synthboost.io.typed_json import read_record
from synthboost.records.examples import Example, read_examples
from synthboost.records.rows import read_rows
from synthboost.records.run_record import Evaluation, Manifest, Spec


@dataclass(frozen=True)
class EpochLog:
    """One line of `log.csv`."""

    stage: str
    """The training set's role: `real`, `synthetic`, `mixed`."""
    epoch: int
    """1 is the first."""
    images_seen: int
    """Images (not image-sentence pairs) that the optimiser has seen in this run so far."""
    training_loss: float
    validation_loss: float
    validation_dice: float
    """0-1, mean over the validation pairs at the model's own resolution."""
    learning_rate: float
    seconds: float
    """Wall time since the run began, pauses between resumed sittings excluded."""


LOG_COLUMNS = tuple(field.name for field in fields(EpochLog))


@dataclass(frozen=True)
class RunPaths:
    """Where a run keeps what."""

    root: Path

    @property
    def spec(self) -> Path:
        """What was asked for: the run's identity."""
        return self.root / "spec.json"

    @property
    def best_state(self) -> Path:
        """The whole state of the best epoch, of a run that another is to resume (recipe `as-run`)."""
        return self.root / "best_state"

    @property
    def manifest(self) -> Path:
        """Under which circumstances it ran: versions, commit, seed, threads, device, data, parent, wall time."""
        return self.root / "manifest.json"

    @property
    def evaluation(self) -> Path:
        """How the rows were made: part, threshold, grid; changing it evaluates a run again without training."""
        return self.root / "evaluation.json"

    @property
    def log(self) -> Path:
        """One line per epoch, see `EpochLog`; absent for zero-shot runs."""
        return self.root / "log.csv"

    @property
    def checkpoint(self) -> Path:
        """The weights of the best epoch on the validation patients (`save_pretrained` layout)."""
        return self.root / "checkpoint"

    @property
    def state(self) -> Path:
        """What resuming needs; removed at the end."""
        return self.root / "state"

    @property
    def masks(self) -> Path:
        """Predicted masks, one PNG per frame and structure, with `index.csv`."""
        return self.root / "masks"

    @property
    def rows(self) -> Path:
        """One line per image x structure, see `Row`."""
        return self.root / "rows.csv"

    @property
    def examples(self) -> Path:
        """A few images with true and predicted masks, for looking at."""
        return self.root / "examples.npz"

    @property
    def trained(self) -> Path:
        """Written when training is complete, with the numbers of weights: from then on the run is only evaluated."""
        return self.root / "TRAINED"

    @property
    def done(self) -> Path:
        """Written last."""
        return self.root / "DONE"


@dataclass(frozen=True)
class RunRecord:
    """A finished run, read back."""

    root: Path
    spec: Spec
    manifest: Manifest | None
    """`None` for runs of others."""
    log: list[EpochLog]
    rows: pd.DataFrame
    """With the columns of `Row`."""
    examples: list[Example]
    evaluation: Evaluation | None = None
    """`None` for runs of others."""


def write_log(path: Path, log: list[EpochLog]) -> None:
    """Write `log.csv`, whole or not at all."""
    write_csv(path, LOG_COLUMNS, (asdict(line) for line in log))


def read_log(path: Path) -> list[EpochLog]:
    """Read `log.csv`.

    Raises:
        DataError: the file is absent, a column is missing, or a cell does not parse.
    """
    kinds = {"stage": str, "epoch": int, "images_seen": int}
    try:
        with path.open(encoding="utf-8", newline="") as handle:
            return [
                EpochLog(**{name: kinds.get(name, float)(line[name]) for name in LOG_COLUMNS})
                for line in csv.DictReader(handle)
            ]
    except (OSError, KeyError, TypeError, ValueError, csv.Error) as error:
        raise DataError(path, "log", error, f"the columns {', '.join(LOG_COLUMNS)}") from error


def read_run(root: Path) -> RunRecord:
    """Read a finished run's folder.

    Raises:
        DataError: the run is not finished, or a file of it is absent or does not parse.
    """
    paths = RunPaths(root)
    if not root.is_dir():
        raise DataError(root, "run", "no such folder", "the folder of a finished run", "Check the path.")
    if not paths.done.is_file():
        raise DataError(root, "DONE", "absent", "the folder of a finished run", "Start the run again to resume it.")
    return RunRecord(
        root=root,
        spec=read_record(paths.spec, Spec),
        manifest=read_record(paths.manifest, Manifest),
        log=read_log(paths.log) if paths.log.is_file() else [],
        rows=read_rows(paths.rows),
        examples=read_examples(paths.examples) if paths.examples.is_file() else [],
        evaluation=read_record(paths.evaluation, Evaluation),
    )
