"""The model card of a run: what was trained on what, with which sentences, how well it did, and what it is not for.

Hugging Face's form: a head in YAML, then Markdown. It is written beside the weights, so that a folder of weights that
travels says what it is.
"""

from __future__ import annotations

import json

import pandas as pd

from synthboost.domain import Domain, Quality, Structure
from synthboost.errors import counted, people, printable
from synthboost.records.run_folder import RunRecord
from synthboost.records.run_record import RANDOM_WEIGHTS
from synthboost.reports.arms import with_true_parts
from synthboost.reports.paper import model_heading
from synthboost.reports.run_facts import fact_text, parameters_text
from synthboost.reports.table import markdown_text, mean_sd

CARD = "README.md"
PAPER = "https://arxiv.org/abs/2309.12829"
RESTRICTED = (Domain.REAL, Domain.DIFFUSION, Domain.PSEUDO_LABELLED)
"""Domains whose images go back to patients: the terms of the data hold for weights trained on them."""


def model_card(run: RunRecord) -> str:
    """Return the card as text; the same run gives the same text.

    Args:
        run: a finished, evaluated run.
    """
    return "\n".join([*_head(run), "", *_what(run), "", *_numbers(run.rows), "", *_use(run), "", *_limits(run), ""])


def _head(run: RunRecord) -> list[str]:
    licence = "other" if _restricted(run) else "mit"
    return [
        "---",
        "library_name: synthboost",
        "pipeline_tag: image-segmentation",
        f"license: {licence}",
        *(["license_name: terms-of-the-training-data"] if licence == "other" else []),
        "tags: [medical, echocardiography, ultrasound, language-guided-segmentation]",
        "---",
    ]


def _what(run: RunRecord) -> list[str]:
    lines = [
        f"# {markdown_text(run.spec.name)}",
        "",
        f"{markdown_text(model_heading(run.spec.model))} draws what a sentence names in an apical echocardiogram, "
        f"after [Synthetic Boost]({PAPER}). **Research software, not a medical device.**",
        "",
        "| | |",
        "|---|---|",
        f"| strategy | {markdown_text(run.spec.strategy)} |",
        f"| encoders | {markdown_text(fact_text(run.spec.encoders))} |",
        f"| began from | {markdown_text(_start(run))} |",
        f"| parameters, trained of all | {parameters_text(run)} |",
        f"| sentences | prompt set {markdown_text(run.spec.prompt_set)} |",
        f"| seed | {fact_text(run.spec.seed)} |",
    ]
    learned = [
        f"| trained on ({role}) | {markdown_text(item.name)}: {item.domain} images, {people(item.patients)}, "
        f"{counted(item.frames, 'frame')}, split {markdown_text(item.split)} |"
        for role, item in sorted(run.spec.data.items())
        if run.spec.trains_on(role)
    ]
    return [*lines, *(learned or ["| trained on | nothing |"])]


def _numbers(rows: pd.DataFrame) -> list[str]:
    own = with_true_parts(rows[(rows.probe == "") & rows.dice.notna()])
    if own.empty:
        return ["## Numbers", "", "It was not scored."]
    parts = own[["split", "part"]].drop_duplicates().itertuples(index=False)
    lines = [
        "## Numbers",
        "",
        f"Dice in percent, mean ± standard deviation over images, on {own.patient.nunique()} patients "
        f"({', '.join(sorted(own.domain.unique()))} images; split {', '.join(sorted(', '.join(p) for p in parts))}):",
        "",
        f"| structure | all | {' | '.join(str(quality).lower() for quality in Quality)} |",
        "|---|---|---|---|---|",
    ]
    for name in (*(structure.short for structure in Structure), "all"):
        of_structure = own if name == "all" else own[own.structure == name]
        cells = [_dice(of_structure), *(_dice(of_structure[of_structure.quality == quality]) for quality in Quality)]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    if own.uses_ground_truth.any():
        lines += ["", "The sentences contain words that were derived from the true masks: the numbers are too good."]
    if (own.domain == Domain.SIMULATED).all():
        lines += ["", "The images are simulated: these numbers say nothing about patients."]
    return lines


def _dice(rows: pd.DataFrame) -> str:
    return mean_sd(rows.dice.tolist(), scale=100).text


def _use(run: RunRecord) -> list[str]:
    given = run.rows.sentence[(run.rows.sentence != "") & (run.rows.probe == "")]
    example = "Myocardium of the heart." if given.empty else given.iloc[0]
    sentence = json.dumps(printable(example))
    return [
        "## Use",
        "",
        "```python",
        "from synthboost.inference.predictor import Predictor",
        "",
        "predictor = Predictor.from_pretrained(FOLDER)  # this folder, or its name on the hub",
        f"prediction = predictor.predict(image, [{sentence}])  # image: uint8 (rows, columns), the probe on top",
        "prediction.masks  # bool (sentences, rows, columns)",
        "```",
    ]


def _limits(run: RunRecord) -> list[str]:
    lines = [
        "## Limits",
        "",
        "- For research on apical two- and four-chamber views. Not for diagnosis, not for other views or organs.",
        "- It draws something for any sentence and any image; nothing in it knows when it does not know.",
        "- Numbers hold for data like those above. Quality, scanner and population change them.",
    ]
    if _restricted(run):
        lines.append(
            "- It was trained on images of patients, or on images made from theirs: the terms of those data hold for "
            "the weights. CAMUS: CC BY-NC-SA 4.0, non-commercial scientific research only; cite Leclerc et al., IEEE "
            "TMI 38(9):2198-2210, 2019."
        )
    return lines


def _start(run: RunRecord) -> str:
    return f"{run.spec.weights or RANDOM_WEIGHTS} (preset {fact_text(run.spec.preset)})"


def _restricted(run: RunRecord) -> bool:
    domains = " ".join(item.domain for item in run.spec.data.values())
    return any(str(domain) in domains for domain in RESTRICTED)
