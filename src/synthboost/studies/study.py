"""A study as a plan: which runs there are, which needs which, and which of them are finished."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path

from synthboost.data.source import Source
from synthboost.domain import PromptSet, Strategy
from synthboost.errors import ConfigError
from synthboost.models.catalogue import settings_of
from synthboost.models.freezing import Encoders
from synthboost.models.registry import weights_fingerprint
from synthboost.records.run_folder import RunPaths
from synthboost.records.run_record import Evaluation
from synthboost.studies.baselines import FITS, Baseline
from synthboost.studies.executors.base import Job
from synthboost.studies.levels import THE_BASE, Level, set_key
from synthboost.studies.recipes import RANDOM, GridCell, Preset, Recipe
from synthboost.studies.run import execute, is_finished
from synthboost.studies.spec import DATA_OF, STAGES, Role, RunSpec, learns_from
from synthboost.studies.transfer import Transfer, transfers

Sources = dict[Role, Source]


@dataclass(frozen=True)
class StudyRun:
    """One run of a study."""

    work: RunSpec | Baseline | Transfer
    evaluation: Evaluation

    @cached_property
    def name(self) -> str:
        """Its folder's name; it ends in its identity."""
        return self.work.name

    @cached_property
    def needs(self) -> tuple[str, ...]:
        """The run whose weights it starts from, if any."""
        parent = self.work.parent
        return () if parent is None else (parent.name,)

    def execute(self, root: Path, workers: int = 1) -> RunPaths:
        """Do it, or return at once when it is done; see `execute` and `Baseline.execute`."""
        if isinstance(self.work, RunSpec):
            return execute(self.work, root, self.evaluation, workers)
        return self.work.execute(root, self.evaluation, workers)

    def is_finished(self, root: Path) -> bool:
        """Whether it is done and evaluated as asked."""
        return is_finished(RunPaths(root / self.name), self.evaluation)


@dataclass(frozen=True)
class Study:
    """A study: how, at which size, and on which data."""

    name: str
    """One of `STUDIES`, or `demo`."""
    recipe: Recipe
    preset: Preset
    """What is combined with what, what each model starts from (see `with_weights`), and how each stage is trained."""
    real: Source
    """The real data, whole."""
    synthetic: tuple[Source, ...]
    """Sets of different domains, e.g. simulated, diffusion, pseudo-labelled; tables name them by domain."""
    simulated: Mapping[str, Source] = field(default_factory=dict)
    """The study's own sets, by `set_key`."""
    others: tuple[Source, ...] = ()
    """Further real data sets: each is trained on as well, and every model is evaluated on all of them."""

    @property
    def runs(self) -> tuple[StudyRun, ...]:
        """All runs, each once, those that others need before them.

        Raises:
            ConfigError: a strategy's data are not given, two synthetic sets have the same domains, or a model, preset
                or policy is unknown.
            SplitError: there are fewer training patients than asked for.
        """
        return tuple({run.name: run for run, _ in self._planned}.values())

    @property
    def levels(self) -> dict[str, tuple[str, ...]]:
        """What is varied beside the grid, by run; nothing if there is only the base."""
        found: dict[str, tuple[str, ...]] = {}
        if len(self.preset.levels) > 1:
            for run, label in self._planned:
                if label:
                    found[run.name] = tuple(dict.fromkeys((*found.get(run.name, ()), label)))
        return found

    @cached_property
    def _planned(self) -> list[tuple[StudyRun, str]]:
        """Runs, some of them more than once, and the level for which each is asked."""
        if not self.simulated:
            _require_different(self.synthetic)
        grid, weights = self.preset.grid, self.preset.weights
        cells = list(grid.cells())
        checksums = {name: weights_fingerprint(given) for name, given in weights.items() if given != RANDOM}
        if self.others:
            return [(run, "") for run in self._on_each_other(cells, checksums)]
        real = {count: self.real if count == "all" else self.real.with_patients(count) for count in grid.patients}
        evaluation = Evaluation(shape_from=self.recipe.shape_from)
        runs = [(StudyRun(Baseline(kind, source), evaluation), "") for source in real.values() for kind in FITS]
        for level, cell in ((one, cell) for one in self.preset.levels for cell in _cells_of(one, cells)):
            if self.recipe.has(cell.strategy, cell.prompt_set):
                evaluated = replace(evaluation, threshold=self.recipe.threshold(cell.model))
                for sources in self._sources(level, cell.strategy, real[cell.patients]):
                    specs = _with_parents(self._spec(level, cell, sources, checksums))
                    runs += [(StudyRun(spec, evaluated), level.label) for spec in specs]
        return runs

    def _on_each_other(self, cells: Sequence[GridCell], checksums: Mapping[str, str]) -> Iterator[StudyRun]:
        """The runs of each data set, and each model on the others."""
        evaluation, sets = Evaluation(shape_from=self.recipe.shape_from, probe_swapped=False), (self.real, *self.others)
        specs = [self._spec(THE_BASE, cell, {Role.REAL: source}, checksums) for source in sets for cell in cells]
        yield from (StudyRun(Baseline(kind, source), evaluation) for source in sets for kind in FITS)
        trained: list[RunSpec | Transfer] = [*specs, *transfers(specs)]
        for work in trained:
            threshold = self.recipe.threshold(work.record.model)
            yield StudyRun(work, replace(evaluation, threshold=threshold))

    def jobs(self, root: Path) -> list[Job]:
        """What an executor carries out; `root` is the folder of runs, where what is done can be seen."""
        return [Job(run.name, run.needs, partial(run.is_finished, root)) for run in self.runs]

    def _sources(self, level: Level, strategy: Strategy, real: Source) -> list[Sources]:
        """The data of a strategy: once for each synthetic set, if it reads any, or with the level's own."""
        if not uses_synthetic((strategy,)):
            return [{Role.REAL: real}]
        if self.preset.simulation is not None:
            given = level.change.get("set")
            if given is not None:
                return [{Role.REAL: real, Role.SYNTHETIC: self.synthetic[given]}]
            own = self.simulated[set_key(level.simulation(self.preset.simulation))]
            return [{Role.REAL: real, Role.SYNTHETIC: own.with_patients(level.change["patients"])}]
        return [{Role.REAL: real, Role.SYNTHETIC: one} for one in self.synthetic] or [{Role.REAL: real}]

    def _spec(self, level: Level, cell: GridCell, sources: Sources, checksums: Mapping[str, str]) -> RunSpec:
        model, stages, change = cell.model, STAGES[cell.strategy], level.change
        size = replace(self.preset, images_per_stage=change.get("images_per_stage", self.preset.images_per_stage))
        configs = {role: size.stage(self.recipe, model, _frames(sources, role)) for role in stages}
        known = checksums if change.get("weights") != RANDOM else {}
        return RunSpec(
            strategy=cell.strategy,
            sources=sources,
            training={role: level.training(config) for role, config in configs.items()},
            model=model,
            preset=self.preset.architecture(model),
            weights=self.preset.weights[model] if model in known else None,
            weights_sha256=known.get(model),
            real_share=change.get("real_share"),
            encoders=self.recipe.encoders(model, Encoders.parse(cell.encoders)),
            prompt_set=cell.prompt_set,
            synthetic_prompt_set=self.recipe.synthetic_sentences.get(cell.prompt_set),
            seed=cell.seed,
            hand_over=self.recipe.hand_over,
        )


def _cells_of(level: Level, cells: Sequence[GridCell]) -> list[GridCell]:
    """The cells of the grid, under the level's own strategies if it has any."""
    if not level.strategies:
        return list(cells)
    return list(dict.fromkeys(cell._replace(strategy=one) for cell in cells for one in level.strategies))


def _require_different(synthetic: Sequence[Source]) -> None:
    known: dict[str, Source] = {}
    for source in synthetic:
        domain = ", ".join(source.domains)
        if domain in known:
            raise ConfigError(
                "study", "synthetic", f"{known[domain].dataset.root} and {source.dataset.root}, both {domain}",
                "sets of different domains", "Compare two sets of one domain in two folders.",
            )  # fmt: skip
        known[domain] = source


def with_weights(preset: Preset, given: Mapping[str, str]) -> Preset:
    """Return the preset with the weights that each model of its grid starts from: given ones, its own, or random ones.

    Raises:
        ConfigError: the grid has a mistake; the preset wants published weights that cannot be fetched by name, and none
            are given; or some are given for a model that takes no part.
    """
    models = preset.grid.models
    preset.grid.cells()  # a mistake in the grid is told first
    if strange := sorted(given.keys() - set(models)):
        raise ConfigError("study", "weights", ", ".join(strange), f"models of the study: {', '.join(models)}")
    chosen = {model: given.get(model, preset.weights.get(model, RANDOM)) for model in models}
    for model, source in chosen.items():
        settings_of(model, preset.architecture(model))
        if not source:
            raise ConfigError(
                "study", "weights", f"none for {model}", f"{model}=FOLDER, or {model}={RANDOM}",
                "Convert the published file once with `synthboost weights convert`.",
            )  # fmt: skip
    return replace(preset, weights=chosen)


def needed_prompts(study: Study) -> list[tuple[PromptSet, PromptSet]]:
    """Return which synthetic sentences precede which real ones, in the order of the runs."""
    specs = [run.work for run in study.runs if isinstance(run.work, RunSpec)]
    synthetic = [spec for spec in specs if Role.SYNTHETIC in STAGES[spec.strategy]]
    return list(dict.fromkeys((spec.prompt_set, spec.prompt_set_of(Role.SYNTHETIC)) for spec in synthetic))


def _frames(sources: Sources, stage: Role) -> int:
    """How many frames a stage is trained on; none where its data are absent, which the run's spec refuses."""
    return sum(sources[role].record.frames for role in DATA_OF[stage] if role in sources)


def _with_parents(spec: RunSpec) -> Iterator[RunSpec]:
    if spec.parent is not None:
        yield from _with_parents(spec.parent)
    yield spec


def uses_synthetic(strategies: tuple[Strategy, ...]) -> bool:
    """Whether any of the strategies reads synthetic data."""
    return any(Role.SYNTHETIC in learns_from(strategy) for strategy in strategies)
