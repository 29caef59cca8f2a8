"""What evaluation leaves in a folder, alike for a run, a baseline and `evaluate`; and what one line says of it."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from synthboost.data.source import FrameSet, Source
from synthboost.domain import Frame, Structure
from synthboost.errors import people
from synthboost.io.atomic import write_text
from synthboost.io.typed_json import read_record, write_record
from synthboost.models.catalogue import DEFAULT, preset_of
from synthboost.records.examples import Example, write_examples
from synthboost.records.masks import read_index, read_mask
from synthboost.records.rows import write_rows
from synthboost.records.run_folder import RunPaths
from synthboost.records.run_record import Evaluation, Manifest, Spec

if TYPE_CHECKING:  # as in `records.rows`
    import pandas as pd

    from synthboost.models.base import Segmenter

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


def with_sizes(spec: Spec, model: Segmenter) -> Spec:
    """Return the spec with preset and architecture, which those of given weights tell once they are loaded."""
    if spec.architecture is not None:
        return spec
    return replace(spec, preset=preset_of(model.name, model.settings), architecture=asdict(model.settings))


def run_spec_of(checkpoint: str) -> Spec | None:
    """Return the spec of the run that a checkpoint is of; `None` for weights from elsewhere.

    Args:
        checkpoint: a run's folder, the `checkpoint` in it, or anything else that `load_segmenter` takes.

    Raises:
        DataError: the file is damaged.
    """
    if checkpoint == DEFAULT:
        return None
    folder = Path(checkpoint)
    specs = (RunPaths(place).spec for place in (folder, folder.absolute().parent) if (place / "checkpoint").is_dir())
    found = next((path for path in specs if path.is_file()), None)
    return None if found is None else read_record(found, Spec)


def write_result(
    paths: RunPaths,
    spec: Spec,
    manifest: Manifest,
    evaluation: Evaluation,
    rows: pd.DataFrame,
    examples: list[Example] | None = None,
) -> None:
    """Write what a report reads of a run, but its log: rows, examples (if any), spec, manifest and, last, `DONE`."""
    paths.done.unlink(missing_ok=True)
    write_rows(paths.rows, rows)
    if examples is not None:
        write_examples(paths.examples, examples)
    write_record(paths.spec, spec)
    write_record(paths.manifest, manifest)
    write_record(paths.evaluation, evaluation)
    write_text(paths.done, "")


def choose_examples(rows: pd.DataFrame, frames: FrameSet, masks: Path) -> list[Example]:
    """Return the frames with the highest, the median and the lowest mean Dice over their structures."""
    scored = rows[rows.dice.notna() & (rows.probe == "")]
    annotated = {info.name: len(info.structures) for info in frames.infos}
    complete = {str(name): own for name, own in scored.groupby("frame") if len(own) == annotated[str(name)]}
    ranked = sorted(complete, key=lambda frame: (-sum(complete[frame].dice), frame))
    if not ranked:
        return []
    chosen = {"best": ranked[0], "median": ranked[len(ranked) // 2], "worst": ranked[-1]}
    position = {info.name: number for number, info in enumerate(frames.infos)}
    files = {(entry.frame, entry.structure): masks / entry.file for entry in read_index(masks) if not entry.probe}
    return [_example(note, frames[position[frame]], complete[frame], files) for note, frame in chosen.items()]


def _example(note: str, frame: Frame, rows: pd.DataFrame, files: dict[tuple[str, str], Path]) -> Example:
    assert frame.label_map is not None
    name = frame.info.name
    given, dice = rows.set_index("structure").sentence, rows.set_index("structure").dice
    structures = [structure for structure in Structure if structure.short in given]
    return Example(
        frame=name,
        note=note,
        image=frame.image,
        true=frame.label_map,
        predicted={structure: read_mask(files[name, structure.short]) for structure in structures},
        sentences={structure: given[structure.short] for structure in structures},
        dice={structure: float(dice[structure.short]) for structure in structures},
        spacing_mm=frame.spacing_mm,
    )


def dice_line(rows: pd.DataFrame) -> str:
    """Return e.g. `Dice 87.31 ± 6.02 % (mean ± SD) over 240 pairs of 20 patients (LV 91.20, MYO 82.51, LA 88.22)`.

    Probes are left out; failed rows are counted.
    """
    from synthboost.reports.table import mean_sd  # reports load matplotlib, which `predict` and `serve` do without

    own = rows[rows.probe == ""]
    scored = own[own.dice.notna()]
    failed = f"; {len(own) - len(scored)} failed, see rows.csv" if len(scored) < len(own) else ""
    if scored.empty:
        return f"no pair could be scored{failed}"
    percent = 100 * scored.groupby("structure").dice.mean()
    parts = ", ".join(f"{s.short} {percent[s.short]:.2f}" if s.short in percent else f"{s.short} -" for s in Structure)
    leak = "; the sentences use ground truth" if scored.uses_ground_truth.any() else ""
    dice = mean_sd(scored.dice.tolist(), scale=100).text
    of = f"{len(scored)} pairs of {people(scored.patient.nunique())}"
    return f"Dice {dice} % (mean ± SD) over {of} ({parts}){failed}{leak}"
