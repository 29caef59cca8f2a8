"""What a whole study costs: its runs together, sharing what they have in common, against every run alone.

    OMP_NUM_THREADS=1 python benchmarks/bench_study.py --images 240

The runs are those of the `smoke` preset with the sentences of P1 (all of them with `--all-prompts`), on simulated sets.

shared: the runs of `synthboost study paper` on one process: the synthetic stage trained once, an image encoded once for
its sentences, features of frozen encoders kept, torch loaded once.

alone: the original's way. Every run is a process of its own that opens the data, trains all its stages (the synthetic
one again for every synth-PT:real-FT), takes every pair of image and sentence through the whole network with sentences
padded to the encoder's length (`naive.py`), and keeps nothing.

Neither does what the other lacks: no estimate beforehand, no questions with swapped sentences, no report. What estimate
and report add to a study is printed below the ratio.

Both draw and score the same test frames with the same code, and train on the same frames for the same epochs. CPU time
is that of all processes; the clock means something only on a quiet machine.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from argparse import Namespace
from dataclasses import replace
from pathlib import Path

TARGET = 4.0


def main() -> None:
    options = parse()
    if options.act:
        acts = {"names": print_names, "shared": run_shared, "rest": run_rest, "alone": run_alone}
        acts[options.act](options, Path(options.folder))
        return
    with tempfile.TemporaryDirectory() as folder:
        simulate(options, Path(folder))
        names = ask(options, folder, "names").stdout.split()
        shared = measure(options, folder, "shared")
        rest = measure(options, folder, "rest")
        alone = [measure(options, folder, "alone", name) for name in names]
        report(options, Path(folder), names, shared, (sum(a[0] for a in alone), sum(a[1] for a in alone)))
        print(f"estimate, table and report of the study: {rest[1]:.0f} s of CPU time more")


def parse() -> Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=240, help="images that each stage sees")
    parser.add_argument("--patients", type=int, default=12, help="of each set; an eighth or more validates and tests")
    parser.add_argument("--size", type=int, default=128, help="pixels of a simulated frame")
    parser.add_argument("--all-prompts", action="store_true")
    parser.add_argument("--models", nargs="+", default=["clipseg", "cris"])
    for hidden in ("--act", "--folder", "--run"):
        parser.add_argument(hidden, help=argparse.SUPPRESS)
    return parser.parse_args()


def simulate(options: Namespace, folder: Path) -> None:
    from synthboost.data.simulated_set import write_dataset
    from synthboost.simulator.settings import SimulationSettings

    for seed, name in enumerate(("real", "synthetic")):
        write_dataset(folder / name, SimulationSettings(patients=options.patients, seed=seed, size=options.size))


def measure(options: Namespace, folder: str, act: str, run: str = "") -> tuple[float, float]:
    """Return the seconds by the clock and of the processors that one process and its children took."""
    began, before = time.perf_counter(), os.times()
    ask(options, folder, act, run)
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    print(f"{act} {run}: {cpu:.1f} s of CPU time", file=sys.stderr, flush=True)
    return time.perf_counter() - began, cpu


def ask(options: Namespace, folder: str, act: str, run: str = "") -> subprocess.CompletedProcess[str]:
    own = [argument for argument in sys.argv[1:]]
    command = [sys.executable, __file__, *own, "--act", act, "--folder", folder, "--run", run]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    if answer.returncode:
        sys.exit(answer.stderr)
    return answer


def plan(options: Namespace, folder: Path, feature_cache: str = "auto"):
    """The study, as `synthboost study paper` plans it."""
    from synthboost.data.source import open_source
    from synthboost.domain import PromptSet
    from synthboost.studies.recipes import ours, smoke
    from synthboost.studies.study import Study, with_weights

    grid = replace(smoke().grid, models=tuple(options.models))
    preset = replace(
        smoke(),
        images_per_stage=options.images,
        training=replace(smoke().training, feature_cache=feature_cache),
        grid=grid if options.all_prompts else replace(grid, prompts=(PromptSet.P1,)),
    )
    real, synthetic = open_source(folder / "real"), open_source(folder / "synthetic")
    return Study("paper", ours(), with_weights(preset, {}), real, (synthetic,))


def print_names(options: Namespace, folder: Path) -> None:
    study = plan(options, folder)
    print("\n".join(run.name for run in study.runs))


def run_shared(options: Namespace, folder: Path) -> None:
    from synthboost.records.study_folder import StudyPaths
    from synthboost.studies.executors.local import LocalExecutor
    from synthboost.studies.study_run import StudyWork, note_request, terms_of

    study = plan(options, folder)
    root = folder / "study"
    note_request(StudyPaths(root), terms_of(study), study.preset.grid, [run.name for run in study.runs])
    outcomes = []
    LocalExecutor().run(study.jobs(root / "runs"), StudyWork(study.runs, root), outcomes.append)
    assert len(outcomes) == len(study.runs)
    assert all(outcome.error is None for outcome in outcomes), outcomes


def run_rest(options: Namespace, folder: Path) -> None:
    """Estimate and report, all runs being finished."""
    from synthboost.studies.executors.local import LocalExecutor
    from synthboost.studies.study_estimate import estimate
    from synthboost.studies.study_run import run_study

    study = plan(options, folder)
    expected = estimate(study, folder / "study" / "runs")
    failures = run_study(folder / "study", study, LocalExecutor(), expected.seconds)
    assert not failures, failures


def run_alone(options: Namespace, folder: Path) -> None:
    from synthboost.records.run_folder import RunPaths
    from synthboost.studies.run import evaluate_run, train
    from synthboost.studies.spec import RunSpec

    everyone_alone()
    study = plan(options, folder, feature_cache="off")
    run, root = next(run for run in study.runs if run.name == options.run), folder / "alone" / options.run
    if not isinstance(run.work, RunSpec):
        run.execute(root)
        return
    spec, parent = run.work, None
    if spec.parent is not None:
        parent = RunPaths(root / "parent")
        train(spec.parent, parent, None)
    paths = RunPaths(root / "run")
    model, _ = train(spec, paths, parent)
    evaluate_run(spec, model, paths, run.evaluation)


def everyone_alone() -> None:
    """Let training and prediction take every pair of image and sentence through the whole network."""
    import torch
    from naive import one_row_per_pair

    from synthboost.inference.predictor import Prediction, Predictor
    from synthboost.models.base import Segmenter
    from synthboost.models.catalogue import MODELS
    from synthboost.models.registry import segmenter_class
    from synthboost.training import loop

    class NoMemory:
        """In the place of `TextMemory`: sentences are encoded every time."""

        def __init__(self, model: Segmenter, one_at_a_time: bool = False) -> None:
            self.model = model

        def recall(self, sentences):
            return self.model.tokenize(sentences)

    def forward(model, images, text, image_index, text_index=None):
        if text_index is None:  # a call of `one_row_per_pair` itself
            return Segmenter.forward(model, images, text, image_index)
        return one_row_per_pair(model, images, text, image_index, text_index)

    @torch.inference_mode()
    def predict_encoded(predictor, images, sentences):
        model, answers = predictor.model, []
        for image, own in zip(images, sentences, strict=True):
            pixels = model.preprocess(image)[None]
            first = torch.zeros(1, dtype=torch.int64)
            rows = [model(pixels, model.tokenize([sentence]), first, first) for sentence in own]
            probability = model.postprocess(torch.cat(rows), image.shape).numpy()
            answers.append(Prediction(tuple(own), probability, predictor.threshold))
        return answers

    loop.TextMemory = NoMemory
    Predictor.encode_images = lambda predictor, images: images  # to be encoded by every pair
    Predictor.predict_encoded = predict_encoded
    for model in MODELS:
        segmenter_class(model).forward = forward


def report(options: Namespace, folder: Path, names: list[str], shared, alone) -> None:
    from synthboost.records.rows import read_rows

    print(
        f"{len(names)} runs, {options.images} images per stage, load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    )
    print("| | wall s | CPU s |\n|---|---|---|")
    for name, (wall, cpu) in (("shared", shared), ("alone", alone)):
        print(f"| {name} | {wall:.0f} | {cpu:.0f} |")
    print(f"| alone / shared | {alone[0] / shared[0]:.2f} | {alone[1] / shared[1]:.2f} |")
    means = {}
    for way, pattern in (("shared", "study/runs/*/rows.csv"), ("alone", "alone/*/*/rows.csv")):
        tables = [read_rows(path) for path in folder.glob(pattern)]
        dice = [value for rows in tables for value in rows.dice[rows.probe == ""]]
        assert dice
        assert all(0 <= value <= 1 for value in dice)
        means[way] = (len(dice), sum(dice) / len(dice))
    print("; ".join(f"{way}: {count} rows, mean Dice {100 * mean:.1f} %" for way, (count, mean) in means.items()))
    ratio = alone[1] / shared[1]
    print(f"{'PASS' if ratio >= TARGET else 'FAIL'}: {ratio:.2f} of at least {TARGET:g} times less CPU time")


if __name__ == "__main__":
    main()
