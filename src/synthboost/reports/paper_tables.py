"""Tables 2 and 3 of arXiv 2309.12829 with our numbers, the paper's cell beside each; and why not to compare them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import pandas as pd

from synthboost.domain import Domain, SplitPart, Strategy
from synthboost.evaluation.statistics.tests import mean_and_sd
from synthboost.records.rows import Status
from synthboost.records.run_folder import RunRecord
from synthboost.records.run_record import BASELINE_MODEL, NOTHING_TRAINED, RANDOM_WEIGHTS
from synthboost.reports.arms import GROUND_TRUTH_MARK, strategy_place
from synthboost.reports.paper import (
    PAPER_GRID,
    PAPER_MODELS,
    PAPER_PATIENTS,
    PAPER_PROMPTS,
    PAPER_TRAINING_PATIENTS,
    PUBLISHED,
    PaperCell,
    model_heading,
    model_place,
    paper_cell,
    paper_dice,
)
from synthboost.reports.series import REAL, Series, rows_of_runs
from synthboost.reports.table import (
    MEAN_SD,
    NOT_RECORDED,
    Cell,
    Table,
    absent,
    count,
    fixed,
    named,
    number,
    signed,
    spread_cell,
    words,
)

TABLES = {"trained": "2", "frozen": "3"}
"""Encoders to the number of the paper's table."""
NO_SENTENCE = "no sentence"
"""The column of models that read none."""
WITHOUT_TEXT = (BASELINE_MODEL, "unet")
"""Models that read no sentence, whatever prompt set their rows name."""
_UNTRAINED = ("", NOTHING_TRAINED, RANDOM_WEIGHTS)
HEAD = "strategy, model"
INSET = "– "
"""Begins the head of a line that belongs to the one above."""


class SeedCell(NamedTuple):
    """Dice in percent of one cell of the table, over the seeds that were run."""

    mean: float
    """Mean over seeds of each seed's mean."""
    sd: float | None
    """Over image-structure pairs within a seed; root of the mean of the seeds' variances. `None` for one pair."""
    seeds: tuple[float, ...]
    """Each seed's mean."""
    uses_ground_truth: bool
    failed: int


class Block(NamedTuple):
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
    pairs = [mean_and_sd(values) for values in seeds]
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
    lines = [
        named(("encoders", "strategy", "model", "sentences"), (block.encoders, block.strategy, block.model, prompt_set))
        | _own_line(block.cells.get(prompt_set), block.paper(prompt_set))
        for encoders in (*TABLES, *_other_encoders(series.rows))
        for block in _blocks(series.rows, encoders)
        for prompt_set in _columns([block])
        if prompt_set in block.cells or block.paper(prompt_set)
    ]
    note = comparison_note(reasons_against(series.runs))
    return Table.of("paper_cells", f"Every cell of the tables on a line of its own. {note}", lines)


def _table(encoders: str, place: str, blocks: Sequence[Block], note: str) -> Table:
    blocks = [block for block in blocks if block.cells]
    names = [name for name in _columns(blocks) if any(name in block.cells for block in blocks)]
    cells = [cell for block in blocks for cell in block.cells.values()]
    most = max(len(cell.seeds) for cell in cells)
    pooling = (
        f"Up to {most} seeds: the mean is over the seeds' means; the SD is that over pairs within a seed (root mean "
        "square over seeds), as the paper's is of its one training; the line below says how far the seeds' means lie "
        "apart."
    )
    caption = (
        f"Dice in percent with {encoders} encoders, as table {place} of arXiv 2309.12829: mean ± SD over "
        f"image-structure pairs. {pooling if most > 1 else 'One training each.'} {note}"
    )
    lines = [line for block in blocks for line in _lines(block, names)]
    inset = frozenset(k for k, line in enumerate(lines) if line[HEAD].text.startswith(INSET))
    return Table.of(f"paper_table_{place}", caption, lines, _notes(cells), inset=inset, fold="never")


def _notes(cells: Sequence[SeedCell]) -> Iterator[str]:
    yield "A dash: not run here, or not printed there. Difference: ours minus the paper's, in points."
    if any(cell.uses_ground_truth for cell in cells):
        yield "† uses ground truth: a word of these sentences was derived from the true mask."
    if failed := sum(cell.failed for cell in cells):
        yield f"{failed:,} image-structure pairs failed and are left out of the means; the rows say why."


def _lines(block: Block, names: Sequence[str]) -> Iterator[dict[str, Cell]]:
    ours = {name: block.cells.get(name) for name in names}
    paper = {name: block.paper(name) for name in names}

    def under(what: str) -> dict[str, Cell]:
        return {HEAD: Cell(INSET + what, (f"{block.name}: {what}",), is_text=True)}

    yield {HEAD: words(block.name), **{name: _ours(cell) for name, cell in ours.items()}}
    if any(len(cell.seeds) > 1 for cell in block.cells.values()):
        yield under("seeds") | {name: _range(cell) for name, cell in ours.items()}
    if any(paper.values()):
        yield under("paper") | {name: _mean_sd(cell) for name, cell in paper.items()}
    if any(ours[name] and paper[name] for name in names):
        differences = {name: _difference(ours[name], paper[name]) for name in names}
        yield under("difference") | {
            n: c._replace(values=(*c.values, None), parts=MEAN_SD) for n, c in differences.items()
        }


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
    return Cell(f"{fixed(min(cell.seeds), 1)} to {fixed(max(cell.seeds), 1)}", (None, None), MEAN_SD)


def _mean_sd(cell: SeedCell | PaperCell | None) -> Cell:
    return absent(MEAN_SD) if cell is None else spread_cell(cell.mean, cell.sd)


def _difference(ours: SeedCell | None, theirs: PaperCell | None) -> Cell:
    return absent() if ours is None or theirs is None else signed(ours.mean - theirs.mean)


def _own_line(ours: SeedCell | None, theirs: PaperCell | None) -> dict[str, Cell]:
    return {
        "Dice %": _ours(ours),
        "seeds": count(len(ours.seeds) if ours else 0),
        "lowest seed": number(min(ours.seeds)) if ours else absent(),
        "highest seed": number(max(ours.seeds)) if ours else absent(),
        "failed": count(ours.failed if ours else 0),
        "paper Dice %": _mean_sd(theirs),
        "difference": _difference(ours, theirs),
    }


OFFICIAL_SPLITS = ("official", "paper")
"""Splits of ours whose test patients are the official ones of CAMUS."""


def reasons_against(runs: Sequence[RunRecord]) -> tuple[str, ...]:
    """Why these runs' Dice is not comparable with the paper's; empty when it is.

    Test images, grid and training are looked at, because a difference can come from each of them. Rows that the
    authors published are the paper's own: they count only where there are none of ours.
    """
    ours = [run for run in runs if _models(run) & PAPER_MODELS.keys()]
    models = ours or [run for run in runs if any(name.removesuffix(PUBLISHED) in PAPER_MODELS for name in _models(run))]
    rows = rows_of_runs(models)
    rows = rows[rows.probe == ""]
    return () if rows.empty else (*_of_the_test(rows), *_of_the_grid(rows), *_of_the_training(models))


def comparison_note(reasons: Sequence[str]) -> str:
    """The reasons as a sentence for a caption."""
    if not reasons:
        return "Same test patients and grid as the paper's."
    return f"Not comparable with the paper: {'; '.join(reasons)}."


def _of_the_test(rows: pd.DataFrame) -> list[str]:
    found = []
    domains = sorted(rows.domain.unique())
    if domains != [Domain.REAL]:
        found.append(f"the test images are {' and '.join(domains)}, the paper's are of patients")
    if not ((rows.part == SplitPart.TESTING) & rows.split.isin(OFFICIAL_SPLITS)).all():
        pairs = rows[["split", "part"]].drop_duplicates().itertuples(index=False, name=None)
        parts = sorted(f"{part} patients of the split {split or NOT_RECORDED}" for split, part in pairs)
        found.append(f"scored on the {' and the '.join(parts)}, not on the official test patients")
    patients = rows.patient.nunique()
    if patients != PAPER_PATIENTS:
        found.append(f"{patients} patients are tested, not {PAPER_PATIENTS}")
    return found


def _of_the_grid(rows: pd.DataFrame) -> list[str]:
    grids = sorted(rows.grid.unique())
    return [] if grids == [PAPER_GRID] else [f"scored on the {' and '.join(grids)} grid, not at 512 x 512"]


def _of_the_training(runs: Sequence[RunRecord]) -> list[str]:
    found = []
    if any(run.spec.starts_at_random for run in runs):
        found.append("models start from random weights, the paper's from weights of natural images")
    counts = {run.spec.data[REAL].patients for run in runs if REAL in run.spec.data and run.spec.trains_on(REAL)}
    fewer = sorted(counts - {PAPER_TRAINING_PATIENTS})
    if fewer:
        found.append(f"trained on {' or '.join(map(str, fewer))} real patients, not {PAPER_TRAINING_PATIENTS}")
    return found


def _models(run: RunRecord) -> set[str]:
    return set(run.rows.model)
