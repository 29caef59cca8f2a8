"""What annotation is worth, as a study: real images alone against synthetic ones first, by annotated real patients.

synthboost study label-free --data CAMUS --synthetic SIM SDM PSEUDO --out DIR --preset small --patients 5 10 50 all
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from synthboost.data.source import Source
from synthboost.domain import Strategy
from synthboost.errors import ConfigError
from synthboost.records.run_record import Evaluation
from synthboost.studies.recipes import Grid, Preset, Recipe
from synthboost.studies.strategies import Role
from synthboost.studies.study import Study, StudyRun, plan_study, without_repeats

PATIENTS = (5, 10, 50, None)
"""Annotated real patients that are compared; `None`: all. 0 is what the synthetic sets give alone."""
AFTER_SYNTHETIC = (Strategy.SYNTHETIC, Strategy.SYNTHETIC_THEN_REAL)


def label_free(preset: Preset) -> Preset:
    """Return the preset with this study's numbers of patients and strategies."""
    strategies = (Strategy.REAL, *AFTER_SYNTHETIC)
    return replace(preset, grid=replace(preset.grid, strategies=strategies, patients=PATIENTS))


def plan_label_free(
    recipe: Recipe,
    preset: Preset,
    grid: Grid,
    real: Source,
    synthetic: Sequence[Source],
    weights: Mapping[str, str],
    evaluation: Evaluation,
) -> Study:
    """Combine real images alone with every synthetic set; `synthetic` alone is the arm without any annotation.

    Args:
        recipe, preset, grid, weights, evaluation: see `plan_study`; of the strategies, those that the grid names.
        real: the real data, whole.
        synthetic: sets of different domains, e.g. simulated, diffusion, pseudo-labelled; tables name them by domain.

    Raises:
        ConfigError: two sets have the same domains, or as `plan_study`.
        SplitError: as `plan_study`.
    """
    known: dict[str, Source] = {}
    for source in synthetic:
        domain = ", ".join(source.domains)
        if domain in known:
            raise ConfigError(
                "study", "synthetic", f"{known[domain].dataset.root} and {source.dataset.root}, both {domain}",
                "sets of different domains", "Compare two sets of one domain in two folders.",
            )  # fmt: skip
        known[domain] = source
    runs: list[StudyRun] = []
    alone = [strategy for strategy in grid.strategies if strategy not in AFTER_SYNTHETIC]
    if alone:
        only = replace(grid, strategies=tuple(alone))
        runs += plan_study(recipe, preset, only, {Role.REAL: real}, weights, evaluation).runs
    after = [strategy for strategy in grid.strategies if strategy in AFTER_SYNTHETIC]
    for source in synthetic if after else ():
        sources = {Role.REAL: real, Role.SYNTHETIC: source}
        runs += plan_study(recipe, preset, replace(grid, strategies=tuple(after)), sources, weights, evaluation).runs
    return without_repeats(runs)
