"""Score a folder of predicted masks against a data set's annotations: one row per image x structure, none lost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import cast

import pandas as pd

from synthboost.data.source import FrameSet
from synthboost.domain import Frame, FrameInfo, Structure
from synthboost.errors import DataError, SynthboostError
from synthboost.evaluation.metrics.resample import spacing_on_grid, to_grid
from synthboost.evaluation.metrics.score import NSD_TOLERANCE_MM, Scores, score_masks
from synthboost.inference.predict_dataset import load_frame
from synthboost.processes import process_pool
from synthboost.progress import track
from synthboost.records.masks import IndexEntry, read_index, read_mask
from synthboost.records.rows import Row, Status, rows_frame
from synthboost.records.run_record import OF_ALL_ROWS, Evaluation, Spec


def score_frames(
    frames: FrameSet, masks: Path, spec: Spec, split: str, evaluation: Evaluation, workers: int = 1
) -> pd.DataFrame:
    """Score every mask that `masks/index.csv` lists, and every frame, structure and probe that it lacks.

    Rows come in the order of frames, probes and structures, whatever the number of workers. What cannot be scored
    gets a row with status `failed` and the reason, so that rows in = rows scored + rows failed. A probe that was made
    of one mask is expected of all. A structure that a frame does not annotate has no row, and what is measured in mm no
    value where the spacing is unknown.

    Args:
        frames: annotated.
        masks: a folder that `write_predictions` wrote.
        spec: of the run that predicted the masks.
        split: of the frames' patients.
        evaluation: the part and the grid: (512, 512) as the paper, distances then by the resampled pixel's true size.
        workers: processes.

    Raises:
        DataError: the index is absent or broken, lists a mask twice, or a frame that `frames` does not have.
    """
    index = read_index(masks)
    by_frame: dict[str, list[IndexEntry]] = {info.name: [] for info in frames.infos}
    for entry in index:
        if entry.frame not in by_frame:
            raise DataError(masks, "frame", entry.frame, f"a frame of {frames.name}", "Score it with its own data set.")
        if any((other.structure, other.probe) == (entry.structure, entry.probe) for other in by_frame[entry.frame]):
            raise DataError(masks, "index", f"{entry.frame} {entry.structure} {entry.probe} again", "each mask once")
        by_frame[entry.frame].append(entry)
    probes = sorted({"", *(entry.probe for entry in index)})
    like = next((entry for entry in index if not entry.probe), None)
    entries = [_in_order(info, by_frame[info.name], probes, like) for info in frames.infos]
    scorer = _Scorer(frames, masks, entries, _facts(spec, split, evaluation), evaluation.grid)
    results = track(_map(scorer, workers), f"scoring {frames.name}", len(frames), "frame")
    return rows_frame(row for rows in results for row in rows)


def _map(scorer: _Scorer, workers: int) -> Iterator[list[Row]]:
    positions = range(len(scorer.frames))
    workers = min(workers, -(-len(positions) // FRAMES_AT_A_TIME))
    if workers <= 1:
        yield from map(scorer.rows, positions)
        return
    # The frames travel once per worker, not once per frame: each worker is forked with the scorer at hand.
    with process_pool(workers, initializer=_SCORERS.append, arguments=(scorer,)) as pool:
        yield from pool.map(_rows_of, positions, chunksize=FRAMES_AT_A_TIME)


FRAMES_AT_A_TIME = 8
_SCORERS: list[_Scorer] = []
_IN_MM = ("nsd", "hd95_mm", "assd_mm", "area_true_mm2", "area_predicted_mm2")


def _rows_of(position: int) -> list[Row]:
    return _SCORERS[-1].rows(position)


class _Scorer:
    def __init__(
        self, frames: FrameSet, masks: Path, entries: list[list[IndexEntry]], facts: dict[str, object],
        grid: tuple[int, int] | None,
    ) -> None:  # fmt: skip
        self.frames, self.masks, self.entries, self.facts, self.grid = frames, masks, entries, facts, grid

    def rows(self, position: int) -> list[Row]:
        """The rows of one frame."""
        frame = load_frame(self.frames, position)
        return [self._row(self.frames.infos[position], entry, frame) for entry in self.entries[position]]

    def _scores(self, frame: Frame, entry: IndexEntry) -> Scores:
        if frame.label_map is None:
            raise DataError(frame.info.name, "annotation", "absent", "a mask to score against")
        structure = next(s for s in Structure if s.short == entry.structure)
        true, predicted, spacing = frame.mask(structure), read_mask(self.masks / entry.file), frame.spacing_mm
        if self.grid is not None and predicted.shape == true.shape:
            spacing = spacing_on_grid(spacing, frame.image.shape, self.grid)
            true, predicted = to_grid(true, self.grid), to_grid(predicted, self.grid)
        return score_masks(true, predicted, spacing)

    def _row(self, info: FrameInfo, entry: IndexEntry, frame: Frame | DataError) -> Row:
        spacing_mm = frame.known_spacing_mm if isinstance(frame, Frame) else None
        scores, (row_mm, column_mm) = None, spacing_mm or (None, None)
        reason = entry.reason or ("" if isinstance(frame, Frame) else str(frame))
        if not reason and isinstance(frame, Frame):
            try:
                scores = self._scores(frame, entry)
            except SynthboostError as error:
                reason = str(error)
        measured = dict.fromkeys(field.name for field in fields(Scores)) if scores is None else dict(vars(scores))
        if not info.spacing_known:
            measured |= dict.fromkeys(_IN_MM)
        row = {
            **self.facts,
            **{name: value for name, value in vars(entry).items() if name != "file"},
            **{name: getattr(info.attributes, name) for name in ("quality", "sex", "age", "ejection_fraction")},
            "domain": info.domain,
            "patient": str(info.patient),
            "view": info.view,
            "phase": info.phase,
            "grid": "native" if self.grid is None else f"{self.grid[0]}x{self.grid[1]}",
            "row_mm": row_mm,
            "column_mm": column_mm,
            **measured,
            "status": scores.status if scores else Status.FAILED,
            "reason": reason,
            "nsd_tolerance_mm": NSD_TOLERANCE_MM if info.spacing_known else None,
        }
        return cast(Row, row)


def _facts(spec: Spec, split: str, evaluation: Evaluation) -> dict[str, object]:
    """What all rows of a run share."""
    own = {name: getattr(spec, name) for name in (*OF_ALL_ROWS, "synthetic", "real_patients")}
    return {"run": spec.name, **own, "split": split, "part": str(evaluation.part)}


def _in_order(
    info: FrameInfo, listed: list[IndexEntry], probes: list[str], like: IndexEntry | None
) -> list[IndexEntry]:
    """One entry per probe and structure: the listed one, or one that says that the index lacks it."""
    found = {(entry.probe, entry.structure): entry for entry in listed}
    return [
        found.get((probe, structure.short)) or _missing(info, structure, probe, like)
        for probe in probes
        for structure in info.structures
    ]


def _missing(info: FrameInfo, structure: Structure, probe: str, like: IndexEntry | None) -> IndexEntry:
    # Of the set of the others: else the row would belong to a condition of its own.
    prompt_set, paraphrase = (like.prompt_set, like.paraphrase) if like else ("P0", 0)
    reason = "the index of predicted masks does not list this frame and structure"
    return IndexEntry(info.name, structure.short, probe, prompt_set, paraphrase, reason=reason)
