"""Score a folder of predicted masks against a data set's annotations: one row per image x structure, none lost."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from synthboost.data.frame_set import FrameSet
from synthboost.domain import Frame, FrameInfo, Structure
from synthboost.errors import DataError, SynthboostError
from synthboost.evaluation.metrics.resample import spacing_on_grid, to_grid
from synthboost.evaluation.metrics.score import NSD_TOLERANCE_MM, Scores, score_masks
from synthboost.progress import track
from synthboost.records.masks import IndexEntry, read_index, read_mask
from synthboost.records.rows import Row, Status, rows_frame


@dataclass(frozen=True)
class RunIdentity:
    """What the rows say of the run that drew the masks."""

    run: str
    model: str
    strategy: str
    encoders: str
    seed: int
    split: str
    part: str
    synthetic: str = ""
    real_patients: int | None = None


@dataclass(frozen=True)
class Scoring:
    """How masks are scored."""

    grid: tuple[int, int] | None = None
    """`None` scores at each image's native size; (512, 512) as the paper does, distances then by the resampled
    pixel's true size."""
    tolerance_mm: float = NSD_TOLERANCE_MM

    @property
    def grid_name(self) -> str:
        """`native` or e.g. `512x512`."""
        return "native" if self.grid is None else f"{self.grid[0]}x{self.grid[1]}"


def score_frames(
    frames: FrameSet, masks: Path, identity: RunIdentity, scoring: Scoring | None = None, workers: int = 1
) -> pd.DataFrame:
    """Score every mask that `masks/index.csv` lists, and every frame, structure and probe it forgot.

    Rows come in the order of frames, probes and structures, whatever the number of workers. What cannot be scored
    gets a row with status `failed` and the reason, so that rows in = rows scored + rows failed. A probe that was made
    of one mask is expected of all.

    Args:
        frames: annotated.
        masks: a folder that `predict_frames` wrote.
        identity: copied into each row.
        scoring: the grid and the tolerance; native grid by default.
        workers: processes.

    Raises:
        DataError: the index is absent or broken, lists a mask twice, or a frame that `frames` does not have.
    """
    scoring = scoring or Scoring()
    by_frame: dict[str, list[IndexEntry]] = {info.name: [] for info in frames.infos}
    index = read_index(masks)
    for entry in index:
        if entry.frame not in by_frame:
            raise DataError(masks, "frame", entry.frame, f"a frame of {frames.name}", "Score it with its own data set.")
        _require_once(masks, entry, by_frame[entry.frame])
        by_frame[entry.frame].append(entry)
    jobs = [
        _Job(frames, position, _in_order(info, by_frame[info.name], index), masks, identity, scoring)
        for position, info in enumerate(frames.infos)
    ]
    results = track(_map(jobs, workers), f"scoring {frames.name}", len(jobs), "frame")
    return rows_frame(row for rows in results for row in rows)


@dataclass(frozen=True)
class _Job:
    frames: FrameSet
    position: int
    entries: list[IndexEntry]
    masks: Path
    identity: RunIdentity
    scoring: Scoring


def _map(jobs: list[_Job], workers: int) -> Iterator[list[Row]]:
    if workers <= 1:
        yield from map(_score_frame, jobs)
        return
    # The frames travel once per worker, not once per job: each worker is forked with the list at hand.
    with ProcessPoolExecutor(workers, initializer=_remember, initargs=(jobs,)) as pool:
        yield from pool.map(_score_position, range(len(jobs)), chunksize=8)


_JOBS: list[_Job] = []


def _remember(jobs: list[_Job]) -> None:
    _JOBS[:] = jobs


def _score_position(position: int) -> list[Row]:
    return _score_frame(_JOBS[position])


def _score_frame(job: _Job) -> list[Row]:
    info = job.frames.infos[job.position]
    try:
        frame = job.frames[job.position]
    except DataError as error:
        return [_row(job, info, entry, None, None, entry.reason or str(error)) for entry in job.entries]
    return [_score_entry(job, frame, entry) for entry in job.entries]


def _score_entry(job: _Job, frame: Frame, entry: IndexEntry) -> Row:
    if entry.reason:
        return _row(job, frame.info, entry, frame, None, entry.reason)
    try:
        scores = _scores(job, frame, entry)
    except SynthboostError as error:
        return _row(job, frame.info, entry, frame, None, str(error))
    return _row(job, frame.info, entry, frame, scores, "")


def _scores(job: _Job, frame: Frame, entry: IndexEntry) -> Scores:
    if frame.label_map is None:
        raise DataError(frame.info.name, "annotation", "absent", "a mask to score against")
    structure = next(s for s in Structure if s.short == entry.structure)
    true, predicted = frame.mask(structure), read_mask(job.masks / entry.file)
    spacing = frame.spacing_mm
    grid = job.scoring.grid
    if grid is not None and predicted.shape == true.shape:
        spacing = spacing_on_grid(spacing, frame.image.shape, grid)
        true, predicted = to_grid(true, grid), to_grid(predicted, grid)
    return score_masks(true, predicted, spacing, job.scoring.tolerance_mm)


def _require_once(masks: Path, entry: IndexEntry, before: list[IndexEntry]) -> None:
    if any((other.structure, other.probe) == (entry.structure, entry.probe) for other in before):
        raise DataError(masks, "index", f"{entry.frame} {entry.structure} {entry.probe} again", "each mask once")


def _in_order(info: FrameInfo, listed: list[IndexEntry], index: list[IndexEntry]) -> list[IndexEntry]:
    """One entry per probe and structure: the listed one, or one that says that the index forgot it."""
    found = {(entry.probe, entry.structure): entry for entry in listed}
    probes = sorted({"", *(entry.probe for entry in index)})
    like = next((entry for entry in index if not entry.probe), None)
    return [
        found.get((probe, structure.short)) or _forgotten(info, structure, probe, like)
        for probe in probes
        for structure in Structure
    ]


def _forgotten(info: FrameInfo, structure: Structure, probe: str, like: IndexEntry | None) -> IndexEntry:
    return IndexEntry(
        frame=info.name,
        structure=structure.short,
        probe=probe,
        prompt_set=like.prompt_set if like else "P0",  # else the row would stand under a condition of its own
        paraphrase=like.paraphrase if like else 0,
        sentence="",
        uses_ground_truth=False,
        file="",
        reason="the index of predicted masks does not list this frame and structure",
    )


def _row(job: _Job, info: FrameInfo, entry: IndexEntry, frame: Frame | None, scores: Scores | None, reason: str) -> Row:
    identity, attributes = job.identity, info.attributes
    row_mm, column_mm = frame.spacing_mm if frame else (None, None)
    return Row(
        run=identity.run,
        model=identity.model,
        strategy=identity.strategy,
        encoders=identity.encoders,
        synthetic=identity.synthetic,
        real_patients=identity.real_patients,
        prompt_set=entry.prompt_set,
        paraphrase=entry.paraphrase,
        sentence=entry.sentence,
        uses_ground_truth=entry.uses_ground_truth,
        probe=entry.probe,
        seed=identity.seed,
        split=identity.split,
        part=identity.part,
        domain=str(info.domain),
        patient=str(info.patient),
        frame=info.name,
        view=str(info.view),
        phase=str(info.phase),
        structure=entry.structure,
        quality=None if attributes.quality is None else str(attributes.quality),
        sex=None if attributes.sex is None else str(attributes.sex),
        age=attributes.age,
        ejection_fraction=attributes.ejection_fraction,
        grid=job.scoring.grid_name,
        row_mm=row_mm,
        column_mm=column_mm,
        status=str(scores.status if scores else Status.FAILED),
        reason=reason,
        dice=scores.dice if scores else None,
        iou=scores.iou if scores else None,
        nsd=scores.nsd if scores else None,
        nsd_tolerance_mm=job.scoring.tolerance_mm,
        hd95_mm=scores.hd95_mm if scores else None,
        assd_mm=scores.assd_mm if scores else None,
        area_true_mm2=scores.area_true_mm2 if scores else None,
        area_predicted_mm2=scores.area_predicted_mm2 if scores else None,
    )
