"""The model card and data card of the weights that ship: how they came about, what they are for, and their figures."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from synthboost.reports.model_card import PAPER

BOX_CARD = "MODEL_CARD.md"


def box_card(training: Mapping[str, Any], scores: Mapping[str, Any] | None = None) -> str:
    """Return the card as text.

    Args:
        training: what `training.json` beside the weights holds.
        scores: what `benchmarks/bench_box.py` wrote; `None` leaves the figures out.
    """
    return "\n".join([*_head(training), "", *_use(), "", *_data(training), "", *_training(training), "",
                      *_figures(scores), "", *_limits(), ""])  # fmt: skip


def score_tables(scores: Mapping[str, Any]) -> list[str]:
    """Return each table of `scores` in Markdown, after its title and the command that made it."""
    lines = []
    for title, table in scores.items():
        columns = list(table["rows"][0])
        rows = [[str(row[column]) for column in columns] for row in table["rows"]]
        lines += ["", f"{title} (`{table['command']}`):", ""]
        lines += [f"| {' | '.join(cells)} |" for cells in (columns, ["---"] * len(columns), *rows)]
    return lines[1:]


def _head(training: Mapping[str, Any]) -> list[str]:
    return [
        "---",
        "library_name: synthboost",
        "pipeline_tag: image-segmentation",
        "license: mit",
        "tags: [medical, echocardiography, ultrasound, language-guided-segmentation, synthetic-data]",
        "---",
        "# The model in the box",
        "",
        f"`{training['model']}`, preset `{training['preset']}`: it draws what a sentence names (left ventricle, "
        f"myocardium, left atrium) in an apical echocardiogram, after [Synthetic Boost]({PAPER}). It ships with "
        "synthboost under the same licence (MIT) and is loaded where no other weights are named. **Research software, "
        "not a medical device.**",
    ]


def _use() -> list[str]:
    return [
        "## Intended use",
        "",
        "- Research: a first segmentation of apical two- and four-chamber views without any annotation, and the "
        "weights to start from when some images are annotated.",
        "- Not for diagnosis, treatment or triage, not for other views, organs or species.",
        "- The image is grey, the probe on top, and shows the whole sector.",
    ]


def _data(training: Mapping[str, Any]) -> list[str]:
    lines = [
        "## Training data",
        "",
        f"Trained on {training['trained_on']}: {training['frames']:,} frames of {training['patients']:,} simulated "
        f"patients, drawn while training (simulator version {training['simulator_version']}). No patient's image took "
        "part, nor weights trained on one. `docs/simulator.md` describes the simulator, whose ranges were chosen by "
        "hand after a look at annotated frames of CAMUS; patients took these settings in turn:",
        "",
    ]
    return lines + [f"- `{json.dumps(one, sort_keys=True)}`" for one in training["simulation"]]


def _training(training: Mapping[str, Any]) -> list[str]:
    recipe, lines = training["recipe"], ["## Training", "", "| | |", "|---|---|"]
    facts = {
        "command": f"`{training['command']}`",
        "steps, batch": f"{recipe['steps']:,}, {training['batch']}",
        "seed": recipe["seed"],
        "device, hours": f"{training['device']}, {training['wall_seconds'] / 3600:.1f}",
        "software": ", ".join(f"{name} {version}" for name, version in training["versions"].items()),
    }
    if packaging := training.get("packaging"):
        facts["calibration"] = (
            f"logits divided by {packaging['temperature']:.3f}, found on {packaging['frames']} simulated frames that "
            f"were not trained on: negative log-likelihood {packaging['likelihood_before']:.4f} before, "
            f"{packaging['likelihood_after']:.4f} after"
        )
        facts["stored as"] = f"{packaging['precision']}; computed with as float32"
    return lines + [f"| {name} | {fact} |" for name, fact in facts.items()]


def _figures(scores: Mapping[str, Any] | None) -> list[str]:
    return ["## Figures", "", *(score_tables(scores) if scores else ["Not evaluated yet."])]


def _limits() -> list[str]:
    return [
        "## Limits",
        "",
        "- It has learnt the simulator's hearts. Where real images differ (scanner, artefacts, disease, cut or "
        "foreshortened views), it is worse, and its probabilities are calibrated for simulated frames alone.",
        "- `predict` flags frames that do not look like an apical heart. The flag misses some and raises false alarms.",
        "- Ejection fractions from its masks inherit all their errors; check them against your own readings.",
    ]
