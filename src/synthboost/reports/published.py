"""What the published per-image scores say: the paper's cells, its two p-values, and the patient-level tables."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from synthboost.domain import PromptSet, Strategy
from synthboost.errors import DataError
from synthboost.evaluation.statistics.arms import pair_arms
from synthboost.evaluation.statistics.bootstrap import DRAWS
from synthboost.evaluation.statistics.contrast import contrast_family
from synthboost.evaluation.statistics.tests import Alternative, patient_means, signed_rank_p
from synthboost.records.published import PAPER_MODELS
from synthboost.records.run_folder import RunRecord
from synthboost.reports.arms import strategy_place
from synthboost.reports.contrasts import family_table, p_value
from synthboost.reports.series import rows_of_runs
from synthboost.reports.table import MEAN_SD, Cell, Table, absent, mean_sd, named, signed, words

_CRIS = PAPER_MODELS[1]
_Run = tuple[Strategy, PromptSet]
PRINTED: tuple[tuple[str, _Run, _Run, Alternative, float], ...] = (
    ("-5.19, p = 8.8e-73", (Strategy.SYNTHETIC, PromptSet.P5), (Strategy.REAL, PromptSet.P2), "less", 8.8e-73),
    ("+0.34, p = 8.3e-6", (Strategy.SYNTHETIC_THEN_REAL, PromptSet.P2), (Strategy.REAL, PromptSet.P2), "greater",
     8.3e-6),
)  # fmt: skip
"""The paper's two tests as printed, and the pairing that reproduces them, both of CRIS: the prompt set with the best
mean Dice of each strategy, over image-structure pairs, one-sided."""
CONTRASTS: tuple[tuple[Strategy, Strategy], ...] = (
    (Strategy.SYNTHETIC, Strategy.REAL),
    (Strategy.SYNTHETIC_THEN_REAL, Strategy.REAL),
    (Strategy.SYNTHETIC_THEN_REAL, Strategy.SYNTHETIC),
)
LEFT_OUT = PromptSet.P0
"""Its sentence is empty, so nothing names the structure: this is no segmentation by language."""


def published_tables(runs: Sequence[RunRecord], draws: int = DRAWS) -> list[Table]:
    """The cells, the p-values, and one family of comparisons per contrast and set of runs.

    Args:
        runs: see `records.published.read_published`.
        draws: of the intervals over patients.

    Raises:
        DataError: `runs` lack what the tables need: the three strategies of both models.
    """
    second = sorted({run.spec.model for run in runs} - set(PAPER_MODELS))
    families = [(models, *pair) for models in (PAPER_MODELS, *((model,) for model in second)) for pair in CONTRASTS]
    return [cell_table(runs), p_value_table(runs), *(contrast_table(runs, *family, draws) for family in families)]


def cell_table(runs: Sequence[RunRecord]) -> Table:
    """Dice in percent, mean ± SD over image-structure pairs: strategies and models as lines, prompt sets as columns."""
    cells = {(r.spec.strategy, r.spec.model, r.spec.prompt_set): r for r in runs}
    lines = sorted({key[:2] for key in cells}, key=lambda line: (strategy_place(line[0]), line[1]))
    prompt_sets = sorted({key[2] for key in cells})
    return Table.of(
        "published_dice",
        "Published scores: Dice in percent, mean ± SD (n - 1) over image-structure pairs of the official test "
        "patients, encoders trained. The second CLIPSeg set is not in the paper.",
        [
            named(("strategy", "model"), line) | {name: _dice_cell(cells.get((*line, name))) for name in prompt_sets}
            for line in lines
        ],
    )


def p_value_table(runs: Sequence[RunRecord]) -> Table:
    """The paper's two p-values beside those of the pairing that reproduces them, and what a patient-level test says."""
    return Table.of(
        "published_p_values",
        "The paper's two tests: Wilcoxon's signed-rank test over 600 image-structure pairs as if they were "
        "independent, one-sided, between the best prompt set of each strategy (chosen on the same test patients).",
        [_p_value_line(runs, *printed[:4]) for printed in PRINTED],
        ('The difference that the paper prints as "+0.34" is +0.36 in the published scores.',),
    )


def contrast_table(
    runs: Sequence[RunRecord], models: Sequence[str], first: Strategy, base: Strategy, draws: int = DRAWS
) -> Table:
    """One strategy against another over models and prompt sets, P0 left out, by patient, corrected together."""
    sides = [_rows(runs, models, strategy) for strategy in (first, base)]
    shared = {*sides[0].prompt_set} & {*sides[1].prompt_set} - {str(LEFT_OUT)}
    ours, theirs = (side[side.prompt_set.isin(shared)] for side in sides)
    which = "" if tuple(models) == tuple(PAPER_MODELS) else "_second_set"
    name = f"published_{first}_minus_{base}{which}".replace(":", "-")
    return family_table(contrast_family(ours, theirs, draws=draws), name)


def _p_value_line(
    runs: Sequence[RunRecord], printed: str, first: _Run, second: _Run, alternative: Alternative
) -> dict[str, Cell]:
    sides = [(_rows(runs, (_CRIS,), strategy), prompt_set) for strategy, prompt_set in (first, second)]
    ours, theirs = (rows[rows.prompt_set == prompt_set] for rows, prompt_set in sides)
    pairs = pair_arms(ours, theirs)
    differences = pairs.differences
    return {
        "as printed": words(printed),
        "first, CRIS": words(f"{first[0]} {first[1]}"),
        "second, CRIS": words(f"{second[0]} {second[1]}"),
        "difference, points": signed(float(differences.mean()), scale=100),
        "H1": words(alternative),
        "p over pairs, one-sided": p_value(signed_rank_p(differences, alternative)),
        "p over pairs, two-sided": p_value(signed_rank_p(differences)),
        "p by patient, two-sided": p_value(signed_rank_p(patient_means(differences, pairs.patients))),
    }


def _rows(runs: Sequence[RunRecord], models: Sequence[str], strategy: Strategy) -> pd.DataFrame:
    chosen = [run for run in runs if run.spec.strategy == strategy and run.spec.model in models]
    if lacking := set(models) - {run.spec.model for run in chosen}:
        raise DataError("published scores", "runs", f"no {strategy} of {', '.join(lacking)}", "all that were published")
    return rows_of_runs(chosen)


def _dice_cell(run: RunRecord | None) -> Cell:
    return absent(MEAN_SD) if run is None else mean_sd(run.rows.dice.dropna().tolist(), scale=100)
