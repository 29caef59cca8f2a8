"""The weights that ship: how fast they predict, and the figures of their model card.

    python benchmarks/bench_box.py
    python benchmarks/bench_box.py --evaluated scores --measured measured --scores docs/box-scores.json

The first form only prints. `--evaluated` and `--measured` take folders that `evaluate` and `clinical` wrote with these
weights. `--scores` writes all tables there, and the model card beside the weights anew.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import torch
from bench_flag import flagged_shares, table
from harness import Clock, load
from PIL import Image

from synthboost.cli.options import SENTENCES
from synthboost.domain import Phase, Structure, View
from synthboost.errors import CheckpointError
from synthboost.inference.predictor import Predictor
from synthboost.io.atomic import write_json, write_text
from synthboost.io.typed_json import read_json
from synthboost.models import registry
from synthboost.models.catalogue import DEFAULT
from synthboost.models.registry import weights_fingerprint
from synthboost.models.weights_folder import TRAINING_FILE
from synthboost.records.rows import read_rows
from synthboost.reports.box_card import BOX_CARD, box_card
from synthboost.simulator.render import simulate_patient
from synthboost.simulator.settings import SimulationSettings

SIZE = 512
LOADED_S, COLD_S = 0.060, 2.5
"""Targets: processor seconds of a prediction after loading, and seconds of the command from a cold start."""


def speed(rounds: int) -> list[dict[str, str]]:
    """A prediction of one image and three structures on one core, and the whole command."""
    image = simulate_patient(1, SimulationSettings(size=SIZE)).frames[View.FOUR_CHAMBER, Phase.END_DIASTOLE].image
    predictor, clocks, commands = Predictor.default("cpu"), [], []
    predictor.predict(image, SENTENCES)
    for _ in range(rounds):
        clocks.append(Clock())
        with clocks[-1].running(torch.device("cpu")):
            predictor.predict(image, SENTENCES)
    with tempfile.TemporaryDirectory() as folder:
        Image.fromarray(image).save(f"{folder}/echo.png")
        for number in range(max(1, rounds // 5)):
            out = ["--checkpoint", str(registry.BOX), "--out", f"{folder}/out{number}"]
            command = [sys.executable, "-m", "synthboost.cli.main", "predict", f"{folder}/echo.png", *out]
            commands.append(_seconds(command))
    found = {
        f"three structures, {SIZE} px, loaded": ([(one.wall_s, one.cpu_s) for one in clocks], LOADED_S),
        "`synthboost predict` of a picture, cold": (commands, COLD_S),
    }
    return [
        {
            "what": what,
            "seconds, median": f"{median(wall for wall, _ in times):.3f}",
            "CPU seconds, median": f"{median(cpu for _, cpu in times):.3f}",
            "least": f"{min(cpu for _, cpu in times):.3f}",
            "target": f"{target:g}",
        }
        for what, (times, target) in found.items()
    ]


def evaluated(folder: Path) -> dict[str, Any]:
    """Dice of the rows that `evaluate` wrote."""
    _require_ours(folder, read_json(folder / "evaluate.json")["sha256"])
    spec, rows = read_json(folder / "spec.json"), read_rows(folder / "rows.csv")
    data = spec["data"]["evaluation"]
    own = rows[(rows.probe == "") & rows.dice.notna()]
    lines = []
    for name, of_structure in [(s.short, own[own.structure == s.short]) for s in Structure] + [("mean", own)]:
        dice = 100 * of_structure.dice
        lines.append({"structure": name, "Dice, %": f"{dice.mean():.1f}", "median": f"{dice.median():.1f}",
                      "masks": str(len(dice))})  # fmt: skip
    (part,), (grid,) = own.part.unique(), own.grid.unique()
    title = (
        f"{data['domain']} images of {data['name']}, {part} patients, sentences of {spec['prompt_set']}, {grid} size"
    )
    command = (
        f"synthboost evaluate --data {data['name']} --split {data['split']} --prompts {spec['prompt_set']} --out ..."
    )
    return {title: {"command": command, "rows": lines}}


def measured(folder: Path) -> dict[str, Any]:
    """Agreement of the ejection fraction with what the data set states, as `clinical` wrote it."""
    record = read_json(folder / "agreement.json")
    _require_ours(folder, record["model"].split()[1])
    lines = [
        {
            "ejection fraction": one["first"],
            "patients": str(one["measured"]),
            "bias, points": f"{one['agreement']['bias']['value']:.1f}",
            "mean absolute error": f"{one['agreement']['mean_absolute_error']:.1f}",
        }
        for one in record["compared"]
        if one["name"] == "EF" and one["agreement"]
    ]
    title = f"Ejection fraction, {record['domain']} images of {record['data']}"
    command = f"synthboost clinical --data {record['data']} --split {record['split']} --out ..."
    return {title: {"command": command, "rows": lines}} if lines else {}


def _require_ours(folder: Path, found: str) -> None:
    own = weights_fingerprint(DEFAULT)
    if not own.startswith(found):
        raise CheckpointError(folder, "weights", found[:12], f"{own[:12]}, those that ship", "Evaluate them again.")


def _seconds(command: list[str]) -> tuple[float, float]:
    """Seconds by the clock and of the processor that a command takes."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.monotonic() - began, cpu


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--evaluated", type=Path, nargs="*", default=[])
    parser.add_argument("--measured", type=Path, nargs="*", default=[])
    parser.add_argument("--scores", type=Path, help="a JSON file for all tables")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--patients", type=int, default=50, help="simulated, to be flagged by mistake")
    parser.add_argument("--each", type=int, default=40, help="pictures of each kind without a heart")
    options = parser.parse_args()
    torch.set_num_threads(1)
    this, before = "python benchmarks/bench_box.py", load()
    scores: dict[str, Any] = {}
    for read, folders in ((evaluated, options.evaluated), (measured, options.measured)):
        for folder in folders:
            scores |= read(folder)
    predictor = Predictor.default("cpu")
    scores["Flagged as no apical heart"] = {
        "command": this, "rows": flagged_shares(predictor, options.patients, options.each)
    }  # fmt: skip
    scores[f"Speed on one core, machine with {before}"] = {"command": this, "rows": speed(options.rounds)}
    for title, found in scores.items():
        print(f"{title}:\n\n{table(found['rows'])}")
    if options.scores:
        write_json(options.scores, {"weights_sha256": weights_fingerprint(DEFAULT), "tables": scores})
        training = json.loads((registry.BOX / TRAINING_FILE).read_text())
        write_text(registry.BOX / BOX_CARD, box_card(training, scores))


if __name__ == "__main__":
    main()
