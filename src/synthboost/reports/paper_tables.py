"""Tables 2 and 3 of arXiv 2309.12829 with our numbers: strategy x model x prompt set, the paper's cell beside each."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from synthboost.domain import Strategy
from synthboost.records.rows import Status
from synthboost.records.run_record import BASELINE_MODEL, NOTHING_TRAINED, RANDOM_WEIGHTS
from synthboost.reports.arms import GROUND_TRUTH_MARK, strategy_place
from synthboost.reports.cells import (
    MEAN_SD,
    NO_VALUE,
    Cell,
    Column,
    Table,
    absent,
    count,
    fixed,
    moments,
    number,
    signed,
    text_columns,
    words,
)
from synthboost.reports.comparability import comparison_note, reasons_against
from synthboost.reports.paper import PAPER_PROMPTS, PaperCell, model_heading, model_place, paper_cell, paper_dice
from synthboost.reports.series import Series

TABLES = {"trained": "2", "frozen": "3"}
"""Encoders to the number of the paper's table."""
NO_SENTENCE = "no sentence"
"""The column of models that read none."""
WITHOUT_TEXT = (BASELINE_MODEL, "unet")
"""Models that read no sentence, whatever prompt set their rows name."""
_UNTRAINED = ("", NOTHING_TRAINED, RANDOM_WEIGHTS)
INSET = "– "
"""Begins the head of a line that belongs to the one above."""


@dataclass(frozen=True)
class SeedCell:
    """Dice in percent of one cell of the table, over the seeds that were run."""

    mean: float
    """Mean over seeds of each seed's mean."""
    sd: float | None
    """Over image-structure pairs within a seed; root of the mean of the seeds' variances. `None` for one pair."""
    seeds: tuple[float, ...]
    """Each seed's mean."""
    uses_ground_truth: bool
    failed: int


@dataclass(frozen=True)
class Block:
    """The lines of one strategy and model."""

    encoders: str
    strategy: str
    model: str
    cells: Mapping[str, SeedCell]
    """By prompt set, or under `NO_SENTENCE`."""

    def paper(self, prompt_set: str) -> PaperCell | None:
        """The paper's cell that belongs beside ours."""
        return paper_cell(self.encoders, self.strategy, self.model, prompt_set)

    @property
    def name(self) -> str:
        """e.g. `real, CLIPSeg`."""
        return f"{self.strategy}, {model_heading(self.model)}"


def seed_cell(rows: pd.DataFrame) -> SeedCell | None:
    """Pool the rows of one cell; `None` when none was scored."""
    scored = rows[(rows.status != Status.FAILED) & rows.dice.notna()]
    seeds = [(100 * dice).tolist() for _, dice in scored.groupby("seed", sort=False, dropna=False).dice]
    if not seeds:
        return None
    pairs = [moments(values) for values in seeds]
    means = tuple(mean for mean, _ in pairs)
    variances = [sd * sd for _, sd in pairs if sd is not None]
    return SeedCell(
        mean=math.fsum(means) / len(means),
        sd=math.sqrt(math.fsum(variances) / len(variances)) if variances else None,
        seeds=means,
        uses_ground_truth=bool(rows.uses_ground_truth.any()),
        failed=int((rows.status == Status.FAILED).sum()),
    )


def paper_tables(series: Series) -> list[Table]:
    """The paper's two tables for one series; a table of which nothing was run is left out."""
    note = comparison_note(reasons_against(series.runs))
    blocks = {encoders: _blocks(series.rows, encoders) for encoders in TABLES}
    return [
        _table(encoders, TABLES[encoders], found, note)
        for encoders, found in blocks.items()
        if any(block.cells for block in found)
    ]


def cell_table(series: Series) -> Table:
    """The same cells one per line, for a program to read: ours, our seeds, the paper's, the difference."""
    columns = (
        *text_columns("encoders", "strategy", "model", "sentences"),
        Column("Dice %", MEAN_SD), Column("seeds"), Column("lowest seed"), Column("highest seed"), Column("failed"),
        Column("paper Dice %", MEAN_SD), Column("difference"),
    )  # fmt: skip
    lines = []
    for encoders in (*TABLES, *_other_encoders(series.rows)):
        for block in _blocks(series.rows, encoders):
            for prompt_set in _columns([block]):
                ours, theirs = block.cells.get(prompt_set), block.paper(prompt_set)
                if ours is None and theirs is None:
                    continue
                head = (block.encoders, block.strategy, block.model, prompt_set)
                lines.append((*map(words, head), *_ours_cells(ours), _mean_sd(theirs), _difference(ours, theirs)))
    note = comparison_note(reasons_against(series.runs))
    return Table("paper_cells", f"Every cell of the tables on a line of its own. {note}", columns, tuple(lines))


def _table(encoders: str, place: str, blocks: Sequence[Block], note: str) -> Table:
    names = _columns(blocks)
    columns = (*text_columns("strategy, model"), *(Column(name, MEAN_SD) for name in names))
    cells = [cell for block in blocks for cell in block.cells.values()]
    most = max(len(cell.seeds) for cell in cells)
    caption = (
        f"Dice in percent with {encoders} encoders, as table {place} of arXiv 2309.12829: mean ± SD over "
        f"image-structure pairs. {_pooling(most)} {note}"
    )
    lines = tuple(line for block in blocks for line in _lines(block, names))
    inset = frozenset(k for k, line in enumerate(lines) if line[0].text.startswith(INSET))
    return Table(f"paper_table_{place}", caption, columns, lines, tuple(_notes(cells)), inset, fold="never")


def _pooling(seeds: int) -> str:
    if seeds == 1:
        return "One training each."
    return (
        f"Up to {seeds} seeds: the mean is over the seeds' means; the SD is that over pairs within a seed (root mean "
        "square over seeds), as the paper's is of its one training; the line below says how far the seeds' means lie "
        "apart."
    )


def _notes(cells: Sequence[SeedCell]) -> Iterator[str]:
    yield "A dash: not run here, or not printed there. Difference: ours minus the paper's, in points."
    if any(cell.uses_ground_truth for cell in cells):
        yield "† uses ground truth: a word of these sentences was derived from the true mask."
    if failed := sum(cell.failed for cell in cells):
        yield f"{failed:,} image-structure pairs failed and are left out of the means; the rows say why."


def _lines(block: Block, names: Sequence[str]) -> Iterator[tuple[Cell, ...]]:
    yield (words(block.name), *(_ours(block.cells.get(name)) for name in names))
    if any(len(cell.seeds) > 1 for cell in block.cells.values()):
        yield (_under(block, "seeds"), *(_range(block.cells.get(name)) for name in names))
    if any(block.paper(name) for name in names):
        yield (_under(block, "paper"), *(_mean_sd(block.paper(name)) for name in names))
    if any(block.paper(name) and name in block.cells for name in names):
        differences = (_difference(block.cells.get(name), block.paper(name)) for name in names)
        yield (_under(block, "difference"), *(Cell(cell.text, (*cell.values, None)) for cell in differences))


def _under(block: Block, what: str) -> Cell:
    return Cell(INSET + what, (f"{block.name}: {what}",))


def _blocks(rows: pd.DataFrame, encoders: str) -> list[Block]:
    """The paper's blocks for these encoders in its order, then baselines and models that it does not have."""
    groups: dict[tuple[str, str], dict[str, pd.DataFrame]] = {}
    for printed, strategy, model, _ in paper_dice():
        if printed in (encoders, *(("none",) if encoders == "trained" else ())):
            groups.setdefault((strategy, model), {})
    belonging = (encoders, *(_UNTRAINED if encoders == "trained" else ()))  # untrained ones and baselines, as there
    own = rows[(rows.probe == "") & rows.encoders.isin(belonging)]
    if len(own):
        named = own.assign(
            strategy=own.strategy.where(own.encoders != RANDOM_WEIGHTS, own.strategy + f" ({RANDOM_WEIGHTS})"),
            prompt_set=own.prompt_set.mask(own.model.isin(WITHOUT_TEXT) | (own.prompt_set == ""), NO_SENTENCE),
        )
        for key, group in named.groupby(["strategy", "model", "prompt_set"], sort=False):
            strategy, model, prompt_set = map(str, key)
            groups.setdefault((strategy, model), {})[prompt_set] = group
    blocks = []
    for (strategy, model), cells in sorted(groups.items(), key=_block_place):
        pooled = {name: seed_cell(group) for name, group in cells.items()}
        blocks.append(Block(encoders, strategy, model, {name: c for name, c in pooled.items() if c is not None}))
    return blocks


def _other_encoders(rows: pd.DataFrame) -> list[str]:
    """Ways of training the encoders that the paper does not have, e.g. `lora-8`."""
    return sorted({*rows.encoders} - {*TABLES, *_UNTRAINED})


def _block_place(item: tuple[tuple[str, str], object]) -> tuple[object, ...]:
    (strategy, model), _ = item
    plain = strategy.removesuffix(f" ({RANDOM_WEIGHTS})")
    zero_shot = plain == Strategy.ZERO_SHOT
    return (model == BASELINE_MODEL, not zero_shot, strategy_place(plain), strategy, model_place(model))


def _columns(blocks: Sequence[Block]) -> list[str]:
    """P0 to P7, and what other sentences were given."""
    others = {name for block in blocks for name in block.cells} - {*PAPER_PROMPTS, NO_SENTENCE}
    without = [NO_SENTENCE] if any(NO_SENTENCE in block.cells for block in blocks) else []
    return [*PAPER_PROMPTS, *sorted(others), *without]


def _ours(cell: SeedCell | None) -> Cell:
    shown = _mean_sd(cell)
    return shown._replace(text=shown.text + GROUND_TRUTH_MARK) if cell is not None and cell.uses_ground_truth else shown


def _range(cell: SeedCell | None) -> Cell:
    if cell is None or len(cell.seeds) < 2:
        return absent(MEAN_SD)
    return Cell(f"{fixed(min(cell.seeds), 1)} to {fixed(max(cell.seeds), 1)}", (None, None))


def _mean_sd(cell: SeedCell | PaperCell | None) -> Cell:
    if cell is None:
        return absent(MEAN_SD)
    return Cell(f"{fixed(cell.mean, 2)} ± {NO_VALUE if cell.sd is None else fixed(cell.sd, 2)}", (cell.mean, cell.sd))


def _difference(ours: SeedCell | None, theirs: PaperCell | None) -> Cell:
    return absent() if ours is None or theirs is None else signed(ours.mean - theirs.mean)


def _ours_cells(cell: SeedCell | None) -> tuple[Cell, ...]:
    if cell is None:
        return (absent(MEAN_SD), count(0), absent(), absent(), count(0))
    extremes = (number(min(cell.seeds)), number(max(cell.seeds)))
    return (_ours(cell), count(len(cell.seeds)), *extremes, count(cell.failed))
