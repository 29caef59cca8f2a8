"""Prompt sets of the user's own; each test adds them in a process of its own, since they stay."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from forked import in_forks

from synthboost.domain import Attributes, FrameInfo, PatientId, Phase, PromptSet, Sex, Structure, View
from synthboost.errors import PromptError
from synthboost.prompts import build_prompt, vocabulary
from synthboost.prompts.own import add_prompt_set

PATIENT = PatientId("here", "here", "anna")
FULL = FrameInfo(PATIENT, View.TWO_CHAMBER, Phase.END_SYSTOLE, Attributes(sex=Sex.FEMALE, age=30))
SENTENCE = "kindly outline the {structure}[ in {view}-chamber view][ of a {age}-year-old {sex}]."


def _use(_: int) -> None:
    own = add_prompt_set("OWN-ASK", SENTENCE)
    assert own in list(PromptSet)
    assert pickle.loads(pickle.dumps(own)) is PromptSet("OWN-ASK") is own
    full = build_prompt(own, Structure.MYOCARDIUM, FULL, name_domain=True)
    assert (
        full.text == "Kindly outline the myocardium in two-chamber view of a thirty-year-old female, in a real image."
    )
    bare = build_prompt(own, Structure.MYOCARDIUM, FrameInfo(PATIENT, None, None))
    assert (bare.text, bare.dropped) == ("Kindly outline the myocardium.", ("view", "age", "sex"))
    assert vocabulary() == vocabulary((PromptSet.P7,))
    assert vocabulary((own,)) == (*vocabulary(), "kindly", "outline")
    with pytest.raises(PromptError, match="OWN-ASK; expected a new one"):
        add_prompt_set("OWN-ASK", SENTENCE)


def test_a_set_says_its_sentence_and_leaves_out_what_is_unknown(tmp_path: Path) -> None:
    in_forks(_use, tmp_path)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("P8", "{structure}"), ("OWN-1", "the heart"), ("OWN-1", "{structure} in {view}-chamber view"),
        ("OWN-1", "{structure}[ of {colour}]"),
    ],
)  # fmt: skip
def test_what_cannot_work_is_refused_and_adds_nothing(name: str, sentence: str) -> None:
    before = list(PromptSet)
    with pytest.raises(PromptError, match="hyphen|square brackets"):
        add_prompt_set(name, sentence)
    assert list(PromptSet) == before
