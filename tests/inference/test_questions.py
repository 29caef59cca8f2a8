from __future__ import annotations

import pytest

from synthboost.domain import View
from synthboost.errors import ConfigError, PromptError
from synthboost.inference.questions import ask_sentences, ask_structures


def test_names_become_the_papers_sentences_and_camus_labels() -> None:
    questions = ask_structures(["LA", "myo"])
    assert [(q.name, q.sentence, q.label) for q in questions] == [
        ("LA", "Left atrium cavity of the heart.", 3),
        ("MYO", "Myocardium of the heart.", 2),
    ]


def test_a_view_and_a_domain_are_said_where_they_are_known() -> None:
    (question,) = ask_structures(["lv"], View.TWO_CHAMBER, name_domain=True)
    assert question.sentence == "Left ventricular cavity in two-chamber view of the heart, in a real image."


def test_an_unknown_name_and_one_that_comes_twice_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"'aorta'; expected among lv, left-ventricle"):
        ask_structures(["aorta"])
    with pytest.raises(ConfigError, match="each structure once"):
        ask_structures(["myo", "myocardium"])


def test_sentences_are_numbered_and_cleaned() -> None:
    assert [(q.name, q.sentence) for q in ask_sentences([" The  wall. ", "Blood."])] == [
        ("1", "The wall."),
        ("2", "Blood."),
    ]
    with pytest.raises(PromptError):
        ask_sentences(["\u200b"])
