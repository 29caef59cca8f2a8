"""`synthboost prompts`."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

P6 = (
    "Myocardium in two-chamber view of the heart at end of the diastole cycle of a seventy-three-year-old male "
    "with good image quality."
)


def _rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_prompts_prints_all_sets_of_the_example_frame(synthboost: Callable[..., Any]) -> None:
    rows = _rows(synthboost("prompts").out)
    assert len(rows) == 11 * 3
    of_myocardium = {row["prompt_set"]: row["sentence"] for row in rows if row["structure"] == "MYO"}
    assert of_myocardium["P0"] == ""
    assert of_myocardium["P1"] == "Myocardium of the heart."
    assert of_myocardium["P6"] == P6
    assert of_myocardium["P6-FUNCTION"] == P6[:-1] + ", with a mildly reduced ejection fraction and a normal wall."


def test_the_second_paraphrase_names_the_ultrasound(synthboost: Callable[..., Any]) -> None:
    (first, *_) = _rows(synthboost("prompts", "--sets", "P1", "--paraphrase", 1).out)
    assert first["sentence"] == "Left ventricular cavity in the cardiac ultrasound."


def test_prompts_of_a_data_set_name_no_shape_and_say_so(synthboost: Callable[..., Any], tiny_camus: Path) -> None:
    rows = _rows(synthboost("prompts", "--data", tiny_camus, "--sets", "P7").out)
    assert len(rows) == 16 * 3
    assert {row["left_out"] for row in rows} == {"shape"}
    # patient0001: number 1 of the fixture is a man of 41 years, images of medium quality.
    assert rows[0]["sentence"] == (
        "Left ventricular cavity in two-chamber view of the heart at end of the diastole cycle of a "
        "forty-one-year-old male with medium image quality."
    )


def test_the_domain_is_named_on_request(synthboost: Callable[..., Any]) -> None:
    (first, *_) = _rows(synthboost("prompts", "--sets", "P1", "--name-domain").out)
    assert first["sentence"] == "Left ventricular cavity of the heart, in a real image."
