"""`synthboost study NAME`: a study, or a part of it, as one command."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import tyro

from synthboost.cli.options import require_different
from synthboost.domain import SplitOptions
from synthboost.errors import ConfigError, all_of
from synthboost.processes import available_cores
from synthboost.records.run_record import BASE
from synthboost.studies.levels import Level, open_sets
from synthboost.studies.recipes import RANDOM, RECIPES, SEVERAL_SETS, Grid, Preset, choose_preset, choose_study

ON_A_CLUSTER = 64
TRANSFER = "transfer"
FAILED = 1
"""The exit code when a run failed."""


@dataclass(frozen=True, kw_only=True)
class RunStudy(SplitOptions):
    """Run a study: strategies x models x encoders x prompt sets x seeds.

    `paper` is the paper's. `label-free` measures the value of annotation: Dice against the number of annotated real
    patients, with real images alone and after each of several synthetic sets. `prompts` measures what each part of a
    sentence contributes, and what wrong sentences do. `ablation` varies the synthetic data, one factor at a time;
    `pretraining` compares encoders pretrained on natural images with random ones, with and without synthetic images.
    `freezing` compares which encoder learns, and how far, for six architectures. `transfer` trains on each of several
    data sets, and evaluates on all of them.

    Shared work is done once: `synth-PT:real-FT` starts from the `synthetic` run.

    The same command resumes and skips what is finished; a larger grid in the same folder adds runs.
    """

    name: tyro.conf.Positional[str] = ""
    """`paper`, `label-free`, `prompts`, `ablation`, `pretraining`, `freezing`, `transfer`."""
    factors: tyro.conf.Positional[tuple[str, ...]] = ()
    """What `ablation` varies, e.g. `images appearance`; by default everything."""
    data: tuple[Path, ...] = ()
    """The real data set, for training, validation and evaluation; `transfer` takes several, and runs all pairs.
    `--split` and `--leave-out` are the first set's; further sets keep their official splits."""
    synthetic: tuple[Path, ...] = ()
    """The synthetic data set, for strategies that train on one; `label-free` and `ablation` take several."""
    out: Path = Path("study")
    """The study's folder: `study.json`, `runs/`, `logs/`, `report.html`."""
    preset: str = "smoke"
    """The size: `smoke` (minutes, tiny models), `small` (hours, tiny models), `paper` (published weights, GPUs)."""
    recipe: Literal["as-written", "as-run", "ours", "differences"] = "ours"
    """The settings: the paper's text, its published code, or ours, which corrects both; or print their differences."""
    plan: bool = False
    """Print the runs, what is shared, and the estimated time and disk, and exit."""
    grid: Grid = field(default_factory=Grid)
    images_per_stage: int | None = None
    """Images per stage, instead of the preset's; e.g. twice as many for a control of real images at equal steps."""
    weights: tuple[str, ...] = ()
    """Initial weights instead of the preset's, e.g. `cris=FOLDER`, `clipseg=random`."""
    split: str = ""
    """How real patients are split; by default the recipe's. Use `no-test` for copies without the test patients."""
    allow_missing: bool = False
    """Continue when listed patients or files are absent."""
    executor: tuple[str, ...] = ("local",)
    """Where runs are executed: `local` processes, a `slurm` cluster, or `ray`; then the resources of each run there,
    e.g. `slurm partition=gpu hours=4 gpus=1`; see `docs/studies.md`."""
    workers: int | None = None
    """Runs at a time; by default one per core with one thread each, one on a GPU, and 64 on a cluster."""

    def run(self) -> None:
        """Plan, print the plan, and run it."""
        from synthboost.data import open_dataset
        from synthboost.data.source import Source, open_source
        from synthboost.models.registry import weights_fingerprint
        from synthboost.records.study_folder import StudyPaths
        from synthboost.studies.executors import local_workers, make_executor
        from synthboost.studies.study import Study, uses_synthetic, with_weights
        from synthboost.studies.study_estimate import estimate
        from synthboost.studies.study_run import check_request, run_study, terms_of
        from synthboost.studies.study_text import differences_text, plan_text

        if self.recipe == "differences":
            print(differences_text())
            return
        recipe, paths = RECIPES[self.recipe](), StudyPaths(self.out)
        where, *resources = self.executor or ("",)
        workers = self.workers or (local_workers() if where == "local" else ON_A_CLUSTER)
        sized, weights, _, executor = all_of(
            self._sized,
            self._given_weights,
            self._check_data,
            partial(make_executor, where, workers, paths.executor, resources),
        )
        preset = replace(sized, grid=self.grid.over(sized.grid))
        needs_synthetic = uses_synthetic(preset.grid.strategies)
        splitting = SplitOptions(self.split or recipe.split, self.leave_out)
        folders, real = self.synthetic if needs_synthetic else (), list[Source]()

        def start_from_weights() -> Preset:
            started = with_weights(preset, weights)
            for folder in {*started.weights.values()} - {RANDOM}:
                weights_fingerprint(folder)
            return started

        def open_real() -> None:
            real.append(open_source(self.data[0], splitting, allow_missing=self.allow_missing, images=False))

        def open_synthetic(folder: Path) -> Source | None:
            if real:
                return open_source(folder, made_from=real[0].split, allow_missing=self.allow_missing, images=False)
            open_dataset(folder, self.allow_missing)  # only to see whether it is one
            return None

        def open_other(folder: Path) -> Source:
            return open_source(folder, allow_missing=self.allow_missing, images=False)

        _, preset, _, *opened = all_of(
            partial(self._check_sets, needs_synthetic and preset.simulation is None),
            start_from_weights,
            open_real,
            *(partial(open_synthetic, folder) for folder in folders),
            *(partial(open_other, folder) for folder in self.data[1:]),
        )
        synthetic, others = opened[: len(folders)], opened[len(folders) :]
        with TemporaryDirectory() if self.plan else nullcontext(paths.sets) as sets:
            own = preset.simulation and open_sets(preset.levels, preset.simulation, Path(sets), available_cores())
            study = Study(self.name, recipe, preset, real[0], tuple(synthetic), own or {}, tuple(others))
            check_request(paths, terms_of(study))
            for source in (*real, *synthetic, *others):
                source.check_images()
            expected = estimate(study, paths.runs)
            text = plan_text(study, expected, self.out, workers)
        if self.plan:
            print(text)
            return
        failures = run_study(self.out, study, executor, expected.seconds, note=text, at_once=workers)
        print(f"{len(study.runs) - len(failures)} of {len(study.runs)} runs finished in {self.out}")
        for outcome in failures:
            print(f"FAILED {outcome.name}: {outcome.error}", file=sys.stderr)
        if failures:
            print(f"What each run said is in {paths.logs}. The same command tries them again.", file=sys.stderr)
            sys.exit(FAILED)

    def _check_data(self) -> None:
        require_different(*self.data, *self.synthetic)
        if not self.data or (self.name == TRANSFER) != (len(self.data) > 1):
            given = ", ".join(map(str, self.data)) or None
            if self.name == TRANSFER:
                raise ConfigError("study", "data", given, "folders of several real data sets")
            remedy = f"Only `study {TRANSFER}` takes several." if self.data else ""
            raise ConfigError("study", "data", given, "the one folder of the real data set", remedy)

    def _given_weights(self) -> dict[str, str]:
        return dict(map(_weights, self.weights))

    def _sized(self) -> Preset:
        """The study in its size, before the grid and the weights that were asked for."""
        size = choose_preset(self.preset)
        if self.images_per_stage is not None:
            size = replace(size, images_per_stage=self.images_per_stage)
        return self._varied(choose_study(self.name, size))

    def _varied(self, preset: Preset) -> Preset:
        """The preset with the factors that were asked for, and a level for each synthetic set of an ablation."""
        given = tuple(Level("set", str(folder), {"set": n}) for n, folder in enumerate(self.synthetic))
        levels = preset.levels if preset.simulation is None else (*preset.levels, *given)
        known = dict.fromkeys(level.factor for level in levels if level.factor != BASE)
        if strange := sorted(set(self.factors) - known.keys()):
            raise ConfigError("study", "factors", strange[0], f"one of {', '.join(known)}" if known else "none")
        chosen = (*(self.factors or known), BASE)
        return replace(preset, levels=tuple(level for level in levels if level.factor in chosen))

    def _check_sets(self, needed: bool) -> None:
        given = ", ".join(map(str, self.synthetic)) or None
        if needed and not self.synthetic:
            raise ConfigError(
                "study", "synthetic", given, "the folder of the synthetic data set",
                "`simulate` and `synthesize` make one, or leave out the strategies that need it.",
            )  # fmt: skip
        if len(self.synthetic) > 1 and self.name not in SEVERAL_SETS:
            raise ConfigError("study", "synthetic", given, "one folder", "`study label-free` compares several.")


def _weights(word: str) -> tuple[str, str]:
    model, _, source = word.partition("=")
    if not (model and source):
        raise ConfigError("study", "weights", word, "MODEL=FOLDER or MODEL=random")
    return model, source
