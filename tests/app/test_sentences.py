from __future__ import annotations

import pytest

from synthboost.app.sentences import (
    MAX_SENTENCES,
    NO_WORDS,
    file_name_of,
    read_lines,
    sentences_of,
    structure_named,
)  # fmt: skip
from synthboost.domain import Attributes, FrameInfo, PatientId, Phase, PromptSet, Structure, View
from synthboost.errors import PromptError

BOTH = (Structure.LEFT_VENTRICULAR_CAVITY, Structure.MYOCARDIUM)


INFO = FrameInfo(PatientId("page", "page", "image"), View.TWO_CHAMBER, Phase.END_DIASTOLE, Attributes())


def test_every_structure_has_its_sentence() -> None:
    assert sentences_of(BOTH, PromptSet.P2, INFO, None, False) == (
        "Left ventricular cavity in two-chamber view of the heart.",
        "Myocardium in two-chamber view of the heart.",
    )


def test_the_empty_sentence_is_shown_once_and_read_back_as_empty() -> None:
    assert sentences_of(BOTH, PromptSet.P0, INFO, None, False) == (NO_WORDS,)
    assert read_lines(NO_WORDS) == ("",)


def test_no_structure_is_a_mistake_of_the_visitor() -> None:
    with pytest.raises(PromptError, match="structures"):
        sentences_of((), PromptSet.P1, INFO, None, False)


def test_lines_are_sentences_without_empty_ones_and_repetitions() -> None:
    assert read_lines("one\n\n  \ntwo\none") == ("one", "two")


@pytest.mark.parametrize("text", ["", " \n ", "\n".join(map(str, range(MAX_SENTENCES + 1)))])
def test_nothing_and_too_much_are_refused(text: str) -> None:
    with pytest.raises(PromptError):
        read_lines(text)


def test_a_mask_is_called_after_a_structure_but_never_after_typed_words() -> None:
    assert structure_named("myocardium of the heart") is Structure.MYOCARDIUM
    assert file_name_of("Left atrium cavity.", 2) == "mask2_LA"
    assert file_name_of("../../<script>", 3) == "mask3"
