"""Which images a report shows: of each run the best, the median and the worst, by a rule and not by eye."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from synthboost.data.frame_set import FrameSet
from synthboost.domain import Frame, Structure
from synthboost.records.examples import Example
from synthboost.records.masks import read_index, read_mask
from synthboost.records.rows import Row


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
    files = {(entry.frame, entry.structure): masks / entry.file for entry in read_index(masks) if not entry.probe}
    return [_example(note, frames[position[frame]], complete[frame], files) for note, frame in chosen.items()]


def _example(note: str, frame: Frame, rows: list[Row], files: dict[tuple[str, str], Path]) -> Example:
    assert frame.label_map is not None
    name = frame.info.name
    of_structure = {structure: row for structure in Structure for row in rows if row.structure == structure.short}
    return Example(
        frame=name,
        note=note,
        image=frame.image,
        true=frame.label_map,
        predicted={structure: read_mask(files[name, structure.short]) for structure in of_structure},
        sentences={structure: row.sentence for structure, row in of_structure.items()},
        dice={structure: float(row.dice or 0) for structure, row in of_structure.items()},
        spacing_mm=frame.spacing_mm,
    )
