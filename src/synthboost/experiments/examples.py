"""Which images a report shows: of each run the best, the median and the worst, by a rule and not by eye."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from synthboost.domain import Structure
from synthboost.inference.masks import mask_name, read_mask
from synthboost.records.examples import Example
from synthboost.records.rows import Row
from synthboost.training.frame_set import FrameSet


def choose_examples(rows: list[Row], frames: FrameSet, masks: Path) -> list[Example]:
    """Return the frames with the highest, the median and the lowest mean Dice over their structures."""
    scored: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if row.dice is not None and not row.probe:
            scored[row.frame].append(row)
    complete = {frame: own for frame, own in scored.items() if len(own) == len(Structure)}
    ranked = sorted(complete, key=lambda frame: (-sum(row.dice or 0 for row in complete[frame]), frame))
    if not ranked:
        return []
    chosen = {"best": ranked[0], "median": ranked[len(ranked) // 2], "worst": ranked[-1]}
    position = {info.name: number for number, info in enumerate(frames.infos)}
    return [_example(frame, note, frames, position[frame], complete[frame], masks) for note, frame in chosen.items()]


def _example(name: str, note: str, frames: FrameSet, position: int, rows: list[Row], masks: Path) -> Example:
    frame = frames[position]
    assert frame.label_map is not None
    of_structure = {structure: row for structure in Structure for row in rows if row.structure == structure.short}
    return Example(
        frame=name,
        note=note,
        image=frame.image,
        true=frame.label_map,
        predicted={structure: read_mask(masks / mask_name(name, structure)) for structure in of_structure},
        sentences={structure: row.sentence for structure, row in of_structure.items()},
        dice={structure: float(row.dice or 0) for structure, row in of_structure.items()},
        spacing_mm=frame.spacing_mm,
    )
