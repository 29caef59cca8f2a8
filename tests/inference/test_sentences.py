from __future__ import annotations

import pytest

from synthboost.data.source import FrameSet
from synthboost.domain import STRUCTURES, PromptSet, View
from synthboost.errors import ConfigError, PromptError
from synthboost.inference.sentences import EvaluationSentences, sentence_targets, structure_targets, texts_of


def test_names_become_the_papers_sentences_and_camus_labels() -> None:
    targets = structure_targets(["LA", "myo"])
    assert [(q.name, q.sentence, q.label) for q in targets] == [
        ("LA", "Left atrium cavity of the heart.", 3),
        ("MYO", "Myocardium of the heart.", 2),
    ]


def test_a_view_and_a_domain_are_said_where_they_are_known() -> None:
    (target,) = structure_targets(["lv"], View.TWO_CHAMBER, name_domain=True)
    assert target.sentence == "Left ventricular cavity in two-chamber view of the heart, in a real image."


def test_an_unknown_name_and_one_that_comes_twice_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"'aorta'; expected among lv, left-ventricle"):
        structure_targets(["aorta"])
    with pytest.raises(ConfigError, match="each structure once"):
        structure_targets(["myo", "myocardium"])


def test_sentences_are_numbered_and_cleaned() -> None:
    assert [(q.name, q.sentence) for q in sentence_targets([" The  wall. ", "Blood."])] == [
        ("1", "The wall."),
        ("2", "Blood."),
    ]
    with pytest.raises(PromptError):
        sentence_targets(["\u200b"])


def test_texts_stand_in_the_order_of_the_structures(frames: FrameSet) -> None:
    prompts = EvaluationSentences(PromptSet.P1).first(frames[0])
    backwards = dict(reversed(prompts.items()))
    assert texts_of(backwards) == tuple(prompts[structure].text for structure in STRUCTURES)
