"""Which images a report shows: of each run the best, the median and the worst, by a rule and not by eye."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from synthboost.data.frame_set import FrameSet
from synthboost.domain import Frame, Structure
from synthboost.records.examples import Example
from synthboost.records.masks import read_index, read_mask


def choose_examples(rows: pd.DataFrame, frames: FrameSet, masks: Path) -> list[Example]:
    """Return the frames with the highest, the median and the lowest mean Dice over their structures."""
    scored = rows[rows.dice.notna() & (rows.probe == "")]
    complete = {str(name): own for name, own in scored.groupby("frame") if len(own) == len(Structure)}
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
