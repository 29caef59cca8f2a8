"""What a study says before it starts: its runs, what is shared, what is finished, time and disk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from shutil import disk_usage

from synthboost.records.study_folder import StudyPaths
from synthboost.studies.spec import RunSpec
from synthboost.studies.study import Study, StudyRun, needed_prompts
from synthboost.studies.study_estimate import Estimate, cache_groups
from synthboost.studies.study_run import duration


def plan_text(study: Study, expected: Estimate, root: Path, workers: int) -> str:
    """Return the plan, in paragraphs."""
    runs = StudyPaths(root).runs
    finished = {run.name for run in study.runs if run.is_finished(runs)}
    done = f", {len(finished)} of them finished" if finished else ""
    lines = [f"{len(study.runs)} runs{done}:", *(_run(run, finished, expected) for run in study.runs)]
    costs = _costs(expected, root, workers) if len(finished) < len(study.runs) else ["everything is finished"]
    paragraphs = [_head(study), lines, _shared(study, finished), costs]
    return "\n\n".join("\n".join(lines) for lines in paragraphs if lines)


def _head(study: Study) -> list[str]:
    recipe, preset, grid = study.recipe, study.preset, study.grid
    pairs = [f"{own} after {first}" for own, first in needed_prompts(study) if own != first]
    return [
        f"study: preset {preset.name}, recipe {recipe.name} (--recipe-differences says what that means)",
        f"real data: {study.real.dataset.root} ({study.real.split.name} split)",
        *(f"synthetic data: {source.dataset.root} ({source.split.name} split)" for source in study.synthetic),
        *(f"{model} starts from: {source} ({preset.architecture(model)})" for model, source in study.weights.items()),
        f"grid: models {_words(grid.models)}; strategies {_words(grid.strategies)}; encoders {_words(grid.encoders)}; "
        f"prompt sets {_words(grid.prompts)}; seeds {_words(grid.seeds)}; "
        f"real training patients {_words('all' if n is None else n for n in grid.patients)}",
        "sentences: synthetic and real images get the same set"
        + (f", but {', '.join(pairs)} for the synthetic images" if pairs else ""),
        *(f"encoders of {model} do not learn in this recipe, whatever is asked for" for model in recipe.never_learn),
        "chosen on validation patients only: the epoch. Fixed before training: the sentences, and the thresholds "
        + _words(f"{model} {recipe.threshold(model):g}" for model in grid.models)
        + ". Test patients choose nothing.",
    ]


def _run(run: StudyRun, finished: set[str], expected: Estimate) -> str:
    state = "finished" if run.name in finished else f"at most {duration(expected.seconds[run.name])}"
    encoders = f", {run.work.encoders_label}" if isinstance(run.work, RunSpec) else ""
    patients = "" if run.patients is None else f", {run.patients} real patients"
    needs = f", starts from {run.needs[0]}" if run.needs else ""
    return f"  {run.name}: {state}{encoders}{patients}{needs}"


def _shared(study: Study, finished: set[str]) -> list[str]:
    children = Counter(need for run in study.runs for need in run.needs)
    groups = cache_groups(run for run in study.runs if run.name not in finished)
    lines = [
        *(f"  {parent}: trained once, for itself and {count} more" for parent, count in children.items()),
        *(
            f"  features of the frozen image encoder of {name}: computed once for {len(group)} runs"
            for name, group in groups.items()
            if len(group) > 1
        ),
    ]
    return ["shared:", *lines] if lines else []


def _costs(expected: Estimate, root: Path, workers: int) -> list[str]:
    seconds = sum(expected.seconds.values())
    spread = f", about {duration(seconds / workers)} with {workers} at a time" if workers > 1 else ""
    source = f" (by {' and '.join(expected.sources)})" if expected.sources else ""
    free = disk_usage(next(folder for folder in (root, *root.resolve().parents) if folder.is_dir())).free
    return [
        f"time: at most {duration(seconds)} on one process{spread}{source}; training may stop earlier",
        f"disk: {expected.bytes / 1e9:.2f} GB more, {free / 1e9:.0f} GB free",
    ]


def _words(values: Iterable[object]) -> str:
    return ", ".join(map(str, values))
