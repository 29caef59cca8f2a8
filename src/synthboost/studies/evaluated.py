"""What `evaluate` leaves beside its rows, so that a report can put it next to finished runs."""

from __future__ import annotations

from dataclasses import dataclass, replace
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
from synthboost.studies.strategies import Role


@dataclass(frozen=True)
class Origin:
    """Where the masks come from that are judged: a run of ours, other weights, or nobody knows."""

    model: str
    label: str
    """What tables call it, in the place of the strategy."""
    encoders: str = ""
    synthetic: str = ""
    real_patients: int | None = None
    seed: int = 0
    run: Spec | None = None
    """Of the run whose weights drew the masks; `None` for others."""


def origin_of(checkpoint: str, model: str, out: Path, fingerprint: str, label: str | None = None) -> Origin:
    """Tell whose weights they are.

    Args:
        checkpoint: as given to `load_segmenter`; a run's folder, or the `checkpoint` in it, has its spec at hand.
        model: the architecture's name.
        out: the folder of the evaluation.
        fingerprint: of the data that are judged on.
        label: what tables call it; `None` takes the run's strategy (and the data's place in it, if the run did not
            know them), or else the name of `out`.

    Raises:
        DataError: the run's `spec.json` is damaged.
    """
    spec = run_spec_of(checkpoint)
    if spec is None:
        return Origin(model, label or out.absolute().name)
    learned = {role: item for role, item in spec.data.items() if spec.trains_on(role)}
    own = any(item.fingerprint == fingerprint for item in spec.data.values())
    return Origin(
        model=model,
        label=label or (spec.strategy if own else f"{spec.strategy}, on other data"),
        encoders=spec.encoders,
        synthetic=learned[Role.SYNTHETIC].domain if Role.SYNTHETIC in learned else "",
        real_patients=learned[Role.REAL].patients if Role.REAL in learned else None,
        seed=spec.seed or 0,
        run=spec,
    )


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
    origin: Origin,
    source: Source,
    frames: FrameSet,
    masks: Path,
    rows: pd.DataFrame,
    evaluation: Evaluation,
    domain_named: bool,
    began: tuple[datetime, float],
) -> None:
    """Write rows, examples, spec, manifest and, last, `DONE` into `out`: the files of a run's folder, but the log.

    Args:
        out: holds the masks already, unless they lie elsewhere.
        origin: whose masks they are.
        source, frames: the data, and those of them that were judged.
        masks: the folder with `index.csv`.
        rows: the scores.
        evaluation: how the rows were made.
        domain_named: whether the sentences named the domain of the frames.
        began: by the clock (UTC) and by `time.monotonic`.
    """
    paths = RunPaths(out)
    write_rows(paths.rows, rows)
    write_examples(paths.examples, choose_examples(rows, frames, masks))
    record = replace(
        origin.run or UNKNOWN,
        name=out.absolute().name,
        model=origin.model,
        strategy=origin.label,
        encoders=origin.encoders,
        prompt_set=", ".join(sorted(rows.prompt_set[rows.probe == ""].unique())),
        domain_named=domain_named,
        seed=origin.seed,
        data={**(origin.run.data if origin.run else {}), "evaluation": source.describe(frames)},
    )
    manifest = make_manifest(
        began, origin.seed, {"evaluation": source.fingerprint}, origin.run.name if origin.run else None
    )
    write_record(paths.spec, record)
    write_record(paths.manifest, manifest)
    write_record(paths.evaluation, evaluation)
    write_text(paths.done, "")


UNKNOWN = Spec(
    name="", model="", preset=None, architecture=None, weights=None, strategy="", encoders="", prompt_set="",
    domain_named=False, real_share=None, seed=None, stages=None, data={},
)  # fmt: skip
"""Of weights from elsewhere."""
