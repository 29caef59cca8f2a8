"""What a study says before it starts: its runs, what is shared, what is finished, time and disk; how recipes differ."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from shutil import disk_usage
from typing import Any

from synthboost.errors import people
from synthboost.models.freezing import Encoders
from synthboost.records.run_record import BASE
from synthboost.records.study_folder import StudyPaths, StudyRecord
from synthboost.studies.recipes import RECIPES, Preset, Recipe
from synthboost.studies.spec import Role, RunSpec
from synthboost.studies.study import Study, StudyRun, needed_prompts
from synthboost.studies.study_estimate import Estimate, cache_groups
from synthboost.studies.transfer import Transfer

LISTED = (
    ("epoch that is kept", "best Dice on the test set", "best on validation", "best on validation"),
    ("batch", "128 image-sentence pairs, drawn singly", "128 pairs", "32 images with their three sentences"),
    ("paraphrase in evaluation", "not said", "one of two, drawn at random, not recorded", "always the first"),
    ("shape word", "question-answering on a box around the true mask", "the same, also in testing", "a geometric rule"),
    ("frozen encoder of CRIS", "frozen", "its normalisation statistics drift", "frozen"),
    ("resizing", "not said", "without a low-pass filter", "with one"),
    ("zero-shot CRIS reads", "not said", "17 tokens, so P3 to P6 are one sentence", "the whole sentence"),
)
"""What all recipes do as `ours`: what it is, as written, as run, ours."""


def plan_text(study: Study, expected: Estimate, root: Path, workers: int) -> str:
    """Return the plan, in paragraphs."""
    runs = StudyPaths(root).runs
    finished = {run.name for run in study.runs if run.is_finished(runs)}
    levels = study.levels
    done = f", {len(finished)} of them finished" if finished else ""
    each = (_run(run, finished, expected, _data(study, run), levels.get(run.name, ())) for run in study.runs)
    lines = [f"{len(study.runs)} runs{done}:", *each]
    costs = _costs(expected, root, workers) if len(finished) < len(study.runs) else ["everything is finished"]
    paragraphs = [_head(study), lines, _shared(study, finished), costs]
    return "\n\n".join("\n".join(lines) for lines in paragraphs if lines)


def _head(study: Study) -> list[str]:
    recipe, preset = study.recipe, study.preset
    grid = preset.grid
    pairs = [f"{own} after {first}" for own, first in needed_prompts(study) if own != first]
    return [
        f"study: preset {preset.name}, recipe {recipe.name} (--recipe differences says what that means)",
        *(f"real data: {source.dataset.root} ({source.split.name} split)" for source in (study.real, *study.others)),
        *(f"synthetic data: {source.dataset.root} ({source.split.name} split)" for source in study.synthetic),
        *(f"{model} starts from: {source} ({preset.architecture(model)})" for model, source in preset.weights.items()),
        f"grid: models {_words(grid.models)}; strategies {_words(grid.strategies)}; encoders {_words(grid.encoders)}; "
        f"prompt sets {_words(grid.prompts)}; seeds {_words(grid.seeds)}; "
        f"real training patients {_words(grid.patients)}",
        *(f"varied, {text}" for text in _varied(preset)),
        "sentences: synthetic and real images get the same set"
        + (f", but {', '.join(pairs)} for the synthetic images" if pairs else ""),
        *(f"encoders of {model} do not learn in this recipe, whatever is asked for" for model in recipe.never_learn),
        "chosen on validation patients only: the epoch. Fixed before training: the sentences, and the thresholds "
        + _words(f"{model} {recipe.threshold(model):g}" for model in grid.models)
        + ". Test patients choose nothing.",
    ]


def _varied(preset: Preset) -> Iterator[str]:
    """The factors beside the grid, each with its levels."""
    for factor in dict.fromkeys(level.factor for level in preset.levels if level.factor != BASE):
        yield f"{factor}: {_words(level.value for level in preset.levels if level.factor == factor)}"


def _run(run: StudyRun, finished: set[str], expected: Estimate, data: str, levels: Iterable[str]) -> str:
    state = "finished" if run.name in finished else f"at most {duration(expected.seconds[run.name])}"
    encoders = f", {run.work.encoders_label}" if isinstance(run.work, RunSpec) else ""
    count = run.work.record.real_patients
    patients = "" if count is None else f", {people(count, 'real')}"
    needs = f", starts from {run.needs[0]}" if run.needs else ""
    return f"  {run.name}: {state}{encoders}{patients}{data}{needs}{''.join(f', {level}' for level in levels)}"


def _data(study: Study, run: StudyRun) -> str:
    """Where there are several real sets: which a run is trained on, and which it is adapted to or evaluated on."""
    if not study.others:
        return ""
    work = run.work
    target = work.sources[Role.REAL].dataset.root.name
    if not isinstance(work, Transfer):
        return f", trained on {target}"
    own = work.parent.sources[Role.REAL].dataset.root.name
    return f", trained on {own}, {'adapted to and ' if work.adapted else ''}evaluated on {target}"


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


def words_of(study: StudyRecord) -> dict[str, Any]:
    """What a report says of a study that its runs do not: the recipe's differences from the paper, and the levels."""
    recipe = str(study.terms.recipe["name"])
    differences = ((what, by["as-written"], instead or by[recipe]) for what, by, instead in recipe_differences())
    return {"recipe": tuple(line for line in differences if line[1] != line[2]), "levels": study.levels}


def recipe_differences() -> list[tuple[str, dict[str, str], str]]:
    """Return all differences: those between the recipes as they are, then those that are only listed.

    Returns:
        What differs; recipe -> what is done, or was done; and what all recipes do instead, empty where each is carried
        out.
    """
    say: dict[str, Callable[[Recipe], str]] = {
        "weight of the cross-entropy": lambda r: f"{r.cross_entropy_weight:g}",
        "threshold": lambda r: _by_model(lambda m: f"{r.threshold(m):g}"),
        "encoders that are trained when asked to": lambda r: _by_model(
            lambda m: "both" if r.encoders(m, Encoders.TRAINED) == Encoders.TRAINED else "none"
        ),
        "sentences of the synthetic stage": lambda r: (
            ", ".join(f"{own} with {first}" for own, first in r.synthetic_sentences.items())
            or "the same set; what is unknown is left out"
        ),
        "synthetic alone with": lambda r: "P0 to P6" if r.without_synthetic else "P0 to P7",
        "shape word in evaluation": lambda r: (
            "from the true mask" if r.shape_from == "ground-truth" else "from a first mask"
        ),
        "fine-tuning starts from": lambda r: (
            "the pretrained weights, everything else fresh"
            if r.hand_over == "weights"
            else "the whole checkpoint: optimiser, learning rate, epoch, patience"
        ),
        "split": lambda r: r.split,
    }
    lines = [(what, {name: text(build()) for name, build in RECIPES.items()}, "") for what, text in say.items()]
    listed = [(what, dict(zip(RECIPES, done, strict=True)), done[-1]) for what, *done in LISTED]
    return [line for line in lines if len(set(line[1].values())) > 1] + listed


def _by_model(say: Callable[[str], str]) -> str:
    values = {model: say(model) for model in ("clipseg", "cris")}
    if len(set(values.values())) == 1:
        return values["cris"]
    return ", ".join(f"{model} {value}" for model, value in values.items())


def differences_text() -> str:
    """Return the list as text, one block per difference."""
    blocks = []
    for what, by_recipe, instead in recipe_differences():
        said = [f"  {name:<11}{value}" for name, value in by_recipe.items()]
        listed = f" (listed only; all recipes: {instead})" if instead else ""
        blocks.append("\n".join([f"{what}{listed}", *said]))
    return "\n".join(blocks)


def duration(seconds: float) -> str:
    """Return e.g. `40 s`, `12 min` or `5.2 h`."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 100 * 60 else f"{seconds / 3600:.1f} h"
