"""`synthboost study paper | label-free`: a study, or a part of it, as one command."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import tyro

from synthboost.domain import PromptSet, SplitOptions, Strategy
from synthboost.errors import ConfigError

FAILED = 1
"""The exit code when a run failed."""


@dataclass(frozen=True)
class Study:
    """Run a study: strategies x models x encoders x prompt sets x seeds.

    `paper` is the paper's. `label-free` measures the value of annotation: Dice against the number of annotated real
    patients, with real images alone and after each of several synthetic sets.

    Shared work is done once: `synth-PT:real-FT` starts from the `synthetic` run.

    The same command resumes and skips what is finished; a larger grid in the same folder adds runs.
    """

    # A word and not a nested subcommand: tyro makes no subcommand of a single one.
    name: tyro.conf.Positional[Literal["paper", "label-free"]]
    """The study to run."""
    data: Path | None = None
    """The real data set, for training, validation and evaluation."""
    synthetic: tuple[Path, ...] = ()
    """The synthetic data set, for strategies that train on one; `label-free` takes several."""
    out: Path = Path("study")
    """The study's folder: `study.json`, `runs/`, `logs/`, `report.html`."""
    preset: Literal["smoke", "small", "paper"] = "smoke"
    """The size: `smoke` (minutes, tiny models), `small` (hours, tiny models), `paper` (published weights, GPUs)."""
    recipe: Literal["as-written", "as-run", "ours"] = "ours"
    """The settings: the paper's text, its published code, or ours, which corrects both."""
    recipe_differences: bool = False
    """Print how the three recipes differ, and exit."""
    plan: bool = False
    """Print the runs, what is shared, and the estimated time and disk, and exit."""
    models: tuple[str, ...] = ()
    """By default, as for the options below, the preset's."""
    strategies: tuple[Strategy, ...] = ()
    encoders: tuple[str, ...] = ()
    """`trained`, `frozen`, or any other policy of `train --encoders`."""
    prompts: tuple[PromptSet, ...] = ()
    seeds: tuple[int, ...] = ()
    patients: tuple[str, ...] = ()
    """Numbers of real training patients (the first N by name), or `all`; e.g. `50 10 all`."""
    images_per_stage: int | None = None
    """Images per stage, instead of the preset's; e.g. twice as many for a control of real images at equal steps."""
    weights: tuple[str, ...] = ()
    """Initial weights instead of the preset's, e.g. `cris=FOLDER`, `clipseg=random`."""
    split: str | None = None
    """How real patients are split; by default the recipe's. Use `no-test` for copies without the test patients."""
    leave_out: tuple[str, ...] = ()
    """Patients to exclude from all parts."""
    allow_missing: bool = False
    """Continue when listed patients or files are absent."""
    executor: str = "local"
    """Where runs are executed: `local` processes, a `slurm` cluster, or `ray`; see `docs/clusters.md`."""
    executor_options: tuple[str, ...] = ()
    """Resources of each run on the cluster, e.g. `partition=gpu hours=4 gpus=1`."""
    workers: int = 1
    """Runs at a time."""

    def run(self) -> None:
        """Plan, print the plan, and run it."""
        from synthboost.data.source import open_source
        from synthboost.records.study_folder import StudyPaths
        from synthboost.studies.executors.registry import make_executor
        from synthboost.studies.recipe_differences import differences_text
        from synthboost.studies.recipes import choose_preset, choose_recipe, unannotated
        from synthboost.studies.study import Study, initial_weights, uses_synthetic
        from synthboost.studies.study_estimate import estimate
        from synthboost.studies.study_folder import check_request, terms_of
        from synthboost.studies.study_run import run_study
        from synthboost.studies.study_text import plan_text

        if self.recipe_differences:
            print(differences_text())
            return
        recipe, preset = choose_recipe(self.recipe), choose_preset(self.preset)
        if self.images_per_stage is not None:
            preset = replace(preset, images_per_stage=self.images_per_stage)
        paths = StudyPaths(self.out)
        executor = make_executor(self.executor, self.workers, paths.executor, self.executor_options)
        asked = {name: getattr(self, name) for name in ("models", "strategies", "encoders", "prompts", "seeds")}
        asked["patients"] = tuple(None if word == "all" else _count(word) for word in self.patients)
        whole = unannotated(preset.grid) if self.name == "label-free" else preset.grid
        grid = replace(whole, **{name: values for name, values in asked.items() if values})
        needs_synthetic = uses_synthetic(grid.strategies)
        self._check_sets(needs_synthetic)
        weights = initial_weights(preset, grid.models, dict(map(_weights, self.weights)))
        if self.data is None:
            raise ConfigError("study", "data", None, "the folder of the real data set")
        splitting = SplitOptions(self.split or recipe.split, self.leave_out)
        real = open_source(self.data, splitting, allow_missing=self.allow_missing)
        folders = self.synthetic if needs_synthetic else ()
        synthetic = tuple(open_source(folder, made_from=real.split) for folder in folders)
        study = Study(self.name, recipe, preset, grid, real, synthetic, weights)
        check_request(paths, terms_of(study))
        expected = estimate(study, paths.runs)
        text = plan_text(study, expected, self.out, self.workers)
        if self.plan:
            print(text)
            return
        failures = run_study(self.out, study, executor, expected.seconds, note=text)
        print(f"{len(study.runs) - len(failures)} of {len(study.runs)} runs finished in {self.out}")
        for outcome in failures:
            print(f"FAILED {outcome.name}: {outcome.error}", file=sys.stderr)
        if failures:
            print(f"What each run said is in {paths.logs}. The same command tries them again.", file=sys.stderr)
            sys.exit(FAILED)

    def _check_sets(self, needed: bool) -> None:
        given = ", ".join(map(str, self.synthetic)) or None
        if needed and not self.synthetic:
            raise ConfigError(
                "study", "synthetic", given, "the folder of the synthetic data set",
                "`simulate` and `synthesize` make one, or leave out the strategies that need it.",
            )  # fmt: skip
        if len(self.synthetic) > 1 and self.name == "paper":
            raise ConfigError("study", "synthetic", given, "one folder", "`study label-free` compares several.")


def _weights(word: str) -> tuple[str, str]:
    model, _, source = word.partition("=")
    if not (model and source):
        raise ConfigError("study", "weights", word, "MODEL=FOLDER or MODEL=random")
    return model, source


def _count(word: str) -> int:
    if not (word.isascii() and word.isdigit() and int(word) > 0):
        raise ConfigError("study", "patients", word, "numbers from 1 on, or all")
    return int(word)
