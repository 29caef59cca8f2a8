"""The folder of one run: which files it holds, and how they are read back. No `DONE`, no result."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from synthboost.errors import DataError
from synthboost.io.tables import Allowed, read_typed, within, write_typed
from synthboost.io.typed_json import read_record
from synthboost.records.clauses import read_clauses
from synthboost.records.examples import Example, read_examples
from synthboost.records.rows import read_rows
from synthboost.records.run_record import OF_ALL_ROWS, Evaluation, Manifest, Spec

if TYPE_CHECKING:  # as in `rows`
    import pandas as pd


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


@dataclass(frozen=True)
class Folder:
    """A folder whose parts have names."""

    root: Path


class Below:
    """A path below the root of a folder."""

    def __init__(self, name: str) -> None:
        """Keep the path's name."""
        self._name = name

    def __get__(self, folder: Folder, kind: object = None) -> Path:
        """The path in this folder."""
        return folder.root / self._name


class RunPaths(Folder):
    """Where a run keeps what."""

    spec = Below("spec.json")
    """What was asked for: the run's identity."""
    best_state = Below("best_state")
    """The whole state of the best epoch, of a run that another is to resume (recipe `as-run`)."""
    manifest = Below("manifest.json")
    """Under which circumstances it ran: versions, commit, seed, threads, device, data, parent, wall time."""
    evaluation = Below("evaluation.json")
    """How the rows were made: part, threshold, grid; changing it evaluates a run again without training."""
    log = Below("log.csv")
    """One line per epoch, see `EpochLog`; absent for zero-shot runs."""
    checkpoint = Below("checkpoint")
    """The weights of the best epoch on the validation patients (`save_pretrained` layout)."""
    state = Below("state")
    """What resuming needs; removed at the end."""
    masks = Below("masks")
    """Predicted masks, one PNG per frame and structure, with `index.csv`."""
    rows = Below("rows.csv")
    """One line per image x structure, see `Row`."""
    clauses = Below("clauses.csv")
    """Of a run on P7-ANY: what it draws when clauses of a sentence are left out, or wrong; see `ClauseRow`."""
    examples = Below("examples.npz")
    """A few images with true and predicted masks, for looking at."""
    trained = Below("TRAINED")
    """Written when training is complete, with the numbers of weights: from then on the run is only evaluated."""
    done = Below("DONE")
    """Written last."""


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
    clauses: pd.DataFrame | None = None
    """With the columns of `ClauseRow`; `None` if the run was not asked."""


_ALLOWED: Allowed = {
    "epoch": within(1),
    "validation_dice": within(0, 1),
    **dict.fromkeys(("images_seen", "learning_rate", "seconds"), within(0)),
}


def write_log(path: Path, log: list[EpochLog]) -> None:
    """Write `log.csv`, whole or not at all."""
    write_typed(path, EpochLog, log)


def read_log(path: Path) -> list[EpochLog]:
    """Read `log.csv`.

    Raises:
        DataError: the file is absent, its columns are not those of `EpochLog`, or a cell does not parse.
    """
    return list(read_typed(path, EpochLog, _ALLOWED))


def read_run(root: Path) -> RunRecord:
    """Read a finished run's folder.

    Raises:
        DataError: the run is not finished, a file of it is absent or does not parse, or its rows are another run's.
    """
    paths = RunPaths(root)
    if not root.is_dir():
        raise DataError(root, "run", "no such folder", "the folder of a finished run", "Check the path.")
    if not paths.done.is_file():
        raise DataError(root, "DONE", "absent", "the folder of a finished run", "Start the run again to resume it.")
    spec, rows = read_record(paths.spec, Spec), read_rows(paths.rows)
    for column, value in (("run", spec.name), *((name, getattr(spec, name)) for name in OF_ALL_ROWS)):
        same = rows[column].isna() if value is None else (rows[column] == value).fillna(False)
        if not same.all():
            raise DataError(
                paths.rows, column, rows[column][~same].iloc[0], f"{value}, as in {paths.spec.name}",
                "One of the two was changed: evaluate the run again.",
            )  # fmt: skip
    return RunRecord(
        root=root,
        spec=spec,
        manifest=read_record(paths.manifest, Manifest),
        log=read_log(paths.log) if paths.log.is_file() else [],
        rows=rows,
        examples=read_examples(paths.examples) if paths.examples.is_file() else [],
        evaluation=read_record(paths.evaluation, Evaluation),
        clauses=read_clauses(paths.clauses) if paths.clauses.is_file() else None,
    )
