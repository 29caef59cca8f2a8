"""The model card of adapted weights: what they began with, what they were trained on, and how they did."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from synthboost.reports.table import markdown_line


def adapted_card(record: Mapping[str, Any]) -> str:
    """Return the card as text.

    Args:
        record: what `training.json` beside the weights holds.
    """
    scores = {"before": record["before"], **{stage["name"]: stage["score"] for stage in record["stages"]}}
    names = [*(record["before"].get("dice") or ["plausible"])]
    rows = [[name, *_values(score), "kept" if name == record["kept"] else ""] for name, score in scores.items()]
    facts = {
        "trained on": record["trained_on"],
        "data": f"{record['data']} ({record['release']}, split {record['split']})",
        "annotated patients": record["annotated_patients"],
        "unannotated patients": record["unannotated_patients"],
        "patients held out": record["held_out_patients"],
        "seed": record["seed"],
    }
    return "\n".join([
        "---", "library_name: synthboost", "pipeline_tag: image-segmentation", "license: other",
        "license_name: terms-of-the-training-data", "---", "# Adapted by `synthboost adapt`", "",
        "**Research software, not a medical device.** The terms of the images below hold for these weights.", "",
        "| | |", "|---|---|", *(markdown_line([name, str(fact)]) for name, fact in facts.items()), "",
        "On frames held out, at the network's size, in %. They chose the weights: evaluate on others.", "",
        *map(markdown_line, (["after", *names, ""], ["---"] * (len(names) + 2), *rows)), "",
    ])  # fmt: skip


def _values(score: Mapping[str, Any]) -> list[str]:
    found = [*(score.get("dice") or {"plausible": score.get("plausible")}).values()]
    return [f"{100 * value:.1f}" for value in found]
