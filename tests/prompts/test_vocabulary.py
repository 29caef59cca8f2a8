"""The vocabulary covers every sentence, and holds nothing else."""

from __future__ import annotations

from itertools import product

from synthboost.domain import STRUCTURES, Attributes, Domain, FrameInfo, PatientId, Phase, PromptSet, Quality, Sex, View
from synthboost.prompts import SHAPE_WORDS, build_prompt, split_words, vocabulary


def test_the_words_of_all_sentences_are_the_vocabulary() -> None:
    patient = PatientId("camus-nifti", "database_nifti", "patient0001")
    words: set[str] = set()
    for age in range(121):
        fraction, wall = float(20 + 10 * (age % 4)), float(8 + 3 * (age // 4 % 4))
        person = Attributes(list(Sex)[age % 2], age, list(Quality)[age % 3], fraction, wall)
        domain = list(Domain)[age % 3]
        info = FrameInfo(patient, list(View)[age % 2], list(Phase)[age // 2 % 2], person, domain)
        shape = SHAPE_WORDS[age % len(SHAPE_WORDS)]
        for prompt_set, structure, paraphrase in product(PromptSet, STRUCTURES, (0, 1)):
            words.update(
                split_words(
                    build_prompt(
                        prompt_set, structure, info, shape=shape, paraphrase=paraphrase, name_domain=bool(age % 5)
                    ).text
                )
            )
    assert words == {*vocabulary(tuple(PromptSet))}
    assert len(words) == len(vocabulary(tuple(PromptSet)))


def test_words_of_ours_come_only_with_the_set_that_says_them() -> None:
    ours = (
        "ejection", "fraction", "mildly", "moderately", "normal", "reduced", "severely", "thickened", "wall"
    )  # fmt: skip
    assert vocabulary(tuple(PromptSet)) == vocabulary([PromptSet.P6, PromptSet.P6_FUNCTION]) == (*vocabulary(), *ours)
    assert vocabulary([p for p in PromptSet if p is not PromptSet.P6_FUNCTION]) == vocabulary()


def test_words_are_lower_case_without_hyphens_or_stops() -> None:
    assert split_words("Left atrium in two-chamber view.") == ("left", "atrium", "in", "two", "chamber", "view")
    assert split_words("") == ()


def test_the_vocabulary_is_small_and_sorted() -> None:
    words = vocabulary()
    assert words == tuple(sorted(set(words)))
    assert len(words) == 70
