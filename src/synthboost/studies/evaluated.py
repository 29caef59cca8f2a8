"""What `evaluate` leaves beside its rows, so that a report can put it next to finished runs."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pandas as pd

from synthboost.data.frame_set import FrameSet
from synthboost.data.source import Source
from synthboost.io.atomic import write_text
from synthboost.io.typed_json import read_record, write_record
from synthboost.records.examples import write_examples
from synthboost.records.rows import write_rows
from synthboost.records.run_folder import RunPaths
from synthboost.records.run_record import Evaluation, Spec
from synthboost.studies.examples import choose_examples
from synthboost.studies.manifest import make_manifest

UNKNOWN = Spec(
    name="", model="masks", preset=None, architecture=None, weights=None, strategy="", encoders="", prompt_set="",
    domain_named=False, real_share=None, seed=0, stages=None, data={},
)  # fmt: skip
"""Of masks or weights that are no run's."""


def spec_of(out: Path, source: Source, frames: FrameSet, run: Spec | None, label: str | None = None) -> Spec:
    """Return the spec of an evaluation: that of the run whose weights drew the masks, evaluated on other frames.

    Args:
        out: the folder of the evaluation.
        source, frames: the data, and those of them that are evaluated on.
        run: see `run_spec_of`.
        label: what tables call it; `None` takes the run's strategy (and the data's place in it, if the run did not
            know them), or else the name of `out`.
    """
    name, known = out.absolute().name, run or UNKNOWN
    own = any(item.fingerprint == source.fingerprint for item in known.data.values())
    strategy = known.strategy if own or run is None else f"{known.strategy}, on other data"
    data = {**known.data, "evaluation": source.describe(frames)}
    return replace(known, name=name, strategy=label or strategy or name, seed=known.seed or 0, data=data)


def run_spec_of(checkpoint: str) -> Spec | None:
    """Return the spec of the run that a checkpoint is of; `None` for weights from elsewhere.

    Args:
        checkpoint: a run's folder, the `checkpoint` in it, or anything else that `load_segmenter` takes.

    Raises:
        DataError: the file is damaged.
    """
    folder = Path(checkpoint)
    specs = (RunPaths(place).spec for place in (folder, folder.absolute().parent) if (place / "checkpoint").is_dir())
    found = next((path for path in specs if path.is_file()), None)
    return None if found is None else read_record(found, Spec)


def write_evaluation(
    out: Path,
    spec: Spec,
    parent: str | None,
    frames: FrameSet,
    masks: Path,
    rows: pd.DataFrame,
    evaluation: Evaluation,
    began: tuple[datetime, float],
) -> None:
    """Write rows, examples, spec, manifest and, last, `DONE` into `out`: the files of a run's folder, but the log.

    Args:
        out, masks: the folder of the evaluation, and the one with the masks' `index.csv`.
        spec, parent: see `spec_of`; the run whose weights drew the masks.
        frames, rows, evaluation: what was evaluated on, the scores, and how they were made.
        began: by the clock (UTC) and by `time.monotonic`.
    """
    paths = RunPaths(out)
    write_rows(paths.rows, rows)
    write_examples(paths.examples, choose_examples(rows, frames, masks))
    prompt_sets = sorted(rows.prompt_set[rows.probe == ""].unique())
    write_record(paths.spec, replace(spec, prompt_set=", ".join(prompt_sets)))
    data = {"evaluation": spec.data["evaluation"].fingerprint}
    write_record(paths.manifest, make_manifest(began, spec.seed or 0, data, parent))
    write_record(paths.evaluation, evaluation)
    write_text(paths.done, "")
