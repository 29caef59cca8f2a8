"""A study as a plan: which runs there are, which needs which, and which of them are finished."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import product
from pathlib import Path

from synthboost.data.source import Source
from synthboost.domain import PromptSet, SplitPart, Strategy
from synthboost.errors import ConfigError
from synthboost.models.freezing import Encoders
from synthboost.models.registry import weights_fingerprint
from synthboost.records.run_folder import RunPaths
from synthboost.records.run_record import Evaluation
from synthboost.studies.baselines import FITS, baseline_name, execute_baseline
from synthboost.studies.executors.base import Job
from synthboost.studies.recipes import RANDOM, Grid, Preset, Recipe
from synthboost.studies.run import execute, is_finished
from synthboost.studies.spec import RunSpec
from synthboost.studies.strategies import DATA_OF, STAGES, Role, learns_from

Sources = dict[Role, Source]


@dataclass(frozen=True)
class Baseline:
    """A constant predictor, which is fitted to the training masks of the real data."""

    kind: str
    source: Source


@dataclass(frozen=True)
class StudyRun:
    """One run of a study."""

    work: RunSpec | Baseline
    evaluation: Evaluation

    @cached_property
    def name(self) -> str:
        """Its folder's name; it ends in its identity."""
        return self.work.name if isinstance(self.work, RunSpec) else baseline_name(self.work.kind, self.work.source)

    @cached_property
    def needs(self) -> tuple[str, ...]:
        """The run whose weights it starts from, if any."""
        parent = self.work.parent if isinstance(self.work, RunSpec) else None
        return () if parent is None else (parent.name,)

    @property
    def patients(self) -> int | None:
        """How many real patients it learnt from; `None` when it learnt from none."""
        if isinstance(self.work, RunSpec):
            return self.work.real_patients
        return self.work.source.frames(SplitPart.TRAINING, "real").patients

    @property
    def stages(self) -> tuple[Role, ...]:
        """The stages that it trains itself."""
        return self.work.own_stages if isinstance(self.work, RunSpec) else ()

    def execute(self, root: Path) -> RunPaths:
        """Do it, or return at once when it is done; see `execute` and `execute_baseline`."""
        if isinstance(self.work, RunSpec):
            return execute(self.work, root, self.evaluation)
        return execute_baseline(self.work.kind, self.work.source, root, self.evaluation)

    def is_finished(self, root: Path) -> bool:
        """Whether it is done and judged as asked."""
        return is_finished(RunPaths(root / self.name), self.evaluation)


@dataclass(frozen=True)
class Study:
    """All runs of a study, each once, those that others need before them."""

    runs: tuple[StudyRun, ...]

    def jobs(self, root: Path) -> list[Job]:
        """What an executor carries out; `root` is the folder of runs, where what is done can be seen."""
        return [Job(run.name, run.needs, partial(run.is_finished, root)) for run in self.runs]

    def __getitem__(self, name: str) -> StudyRun:
        return self._by_name[name]

    @cached_property
    def _by_name(self) -> dict[str, StudyRun]:
        return {run.name: run for run in self.runs}


def plan_study(
    recipe: Recipe, preset: Preset, grid: Grid, sources: Sources, weights: Mapping[str, str], evaluation: Evaluation
) -> Study:
    """Combine everything in `grid`; a run that several combinations ask for is one run.

    Args:
        recipe: how.
        preset: architectures and training settings.
        grid: what.
        sources: the real data, whole, and the synthetic data if a strategy asks for them.
        weights: model -> what it starts from; see `initial_weights`.
        evaluation: the part that is judged; thresholds and shape words are the recipe's.

    Raises:
        ConfigError: a strategy's data are not given, or a model, preset or policy is unknown.
        SplitError: there are fewer training patients than asked for.
    """
    evaluation = replace(evaluation, shape_from=recipe.shape_from)
    real = {count: _real(sources, count) for count in grid.patients}
    runs = [StudyRun(Baseline(kind, source), evaluation) for source in real.values() for kind in FITS]
    checksums = {name: weights_fingerprint(given) for name, given in weights.items() if given != RANDOM}
    for count, prompt_set, encoders, seed, model, strategy in product(
        grid.patients, grid.prompts, grid.encoders, grid.seeds, grid.models, grid.strategies
    ):
        if not recipe.has(strategy, prompt_set):
            continue
        own = {**sources, Role.REAL: real[count]}
        given = weights[model] if model in checksums else None
        spec = RunSpec(
            strategy=strategy,
            sources=own,
            training={role: preset.stage(recipe, model, _frames(own, role)) for role in STAGES[strategy]},
            model=model,
            preset=preset.architecture(model),
            weights=given,
            weights_sha256=checksums.get(model),
            encoders=recipe.encoders(model, Encoders.parse(encoders)),
            prompt_set=prompt_set,
            synthetic_prompt_set=recipe.synthetic_sentences.get(prompt_set),
            seed=seed,
            hand_over=recipe.hand_over,
        )
        judged = replace(evaluation, threshold=recipe.threshold(model))
        runs += [StudyRun(one, judged) for one in _with_parents(spec)]
    return without_repeats(runs)


def without_repeats(runs: Iterable[StudyRun]) -> Study:
    """Return the runs as a study, each once, in the order of their first appearance."""
    return Study(tuple({run.name: run for run in runs}.values()))


def initial_weights(preset: Preset, models: tuple[str, ...], given: Mapping[str, str]) -> dict[str, str]:
    """Return what each model starts from: what is given, or what the preset names, or random weights.

    Raises:
        ConfigError: the preset wants published weights that cannot be fetched by name, and none are given; or some
            are given for a model that takes no part.
    """
    if strange := sorted(given.keys() - set(models)):
        raise ConfigError("study", "weights", ", ".join(strange), f"models of the study: {', '.join(models)}")
    chosen = {model: given.get(model, preset.weights.get(model, RANDOM)) for model in models}
    for model, source in chosen.items():
        if not source:
            raise ConfigError(
                "study", "weights", f"none for {model}", f"{model}=FOLDER, or {model}={RANDOM}",
                "Convert the published file once with `synthboost weights convert`.",
            )  # fmt: skip
    return chosen


def needed_prompts(study: Study) -> list[tuple[PromptSet, PromptSet]]:
    """Return which synthetic sentences precede which real ones, in the order of the runs."""
    pairs = {
        (run.work.prompt_set, run.work.prompt_set_of(Role.SYNTHETIC)): None
        for run in study.runs
        if isinstance(run.work, RunSpec) and Role.SYNTHETIC in STAGES[run.work.strategy]
    }
    return list(pairs)


def _real(sources: Sources, count: int | None) -> Source:
    return sources[Role.REAL] if count is None else sources[Role.REAL].with_patients(count)


def _frames(sources: Sources, stage: Role) -> int:
    """How many frames a stage learns from; none where its data are absent, which the run's spec refuses."""
    return sum(len(sources[role].frames(SplitPart.TRAINING, "training")) for role in DATA_OF[stage] if role in sources)


def _with_parents(spec: RunSpec) -> Iterator[RunSpec]:
    if spec.parent is not None:
        yield from _with_parents(spec.parent)
    yield spec


def uses_synthetic(strategies: tuple[Strategy, ...]) -> bool:
    """Whether any of the strategies reads synthetic data."""
    return any(Role.SYNTHETIC in learns_from(strategy) for strategy in strategies)
