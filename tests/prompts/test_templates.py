"""Clauses that no golden sentence has."""

from __future__ import annotations

from itertools import product

import pytest

from synthboost.domain import STRUCTURES, Attributes, Domain, FrameInfo, PatientId, Phase, PromptSet, Quality, Sex, View
from synthboost.errors import PromptError
from synthboost.prompts import SHAPE_WORDS, Degree, build_prompt, fraction_degree, split_words, vocabulary, wall_degree
from synthboost.prompts.templates import age_in_words, domain_clause


def test_the_domain_is_that_of_the_pixels_whoever_drew_the_masks() -> None:
    assert domain_clause(Domain.SIMULATED) == ", in a simulated image"
    assert domain_clause(Domain.PSEUDO_LABELLED) == domain_clause(Domain.REAL) == ", in a real image"
    assert domain_clause(Domain.REFINED) == domain_clause(Domain.DIFFUSION) == ", in a diffusion image"


@pytest.mark.parametrize(
    ("age", "words"),
    [
        (0, "zero"),
        (1, "one"),
        (18, "eighteen"),
        (40, "forty"),
        (73, "seventy-three"),
        (100, "one hundred"),
        (101, "one hundred and one"),
        (120, "one hundred and twenty"),
    ],
)
def test_an_age_is_spelled_with_hyphens_and_and(age: int, words: str) -> None:
    assert age_in_words(age) == words


@pytest.mark.parametrize("age", [-3, 121, 560, 56.5, True, "56", float("nan")])
def test_what_is_no_age_is_refused_and_named(age: object) -> None:
    with pytest.raises(PromptError, match=r"age: .*0 to 120"):
        age_in_words(age)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("percent", "man", "woman"),
    [
        (75.0, Degree.NORMAL, Degree.NORMAL),  # above the normal range nothing is reduced
        (54.0, Degree.NORMAL, Degree.NORMAL),
        (53.0, Degree.NORMAL, Degree.MILDLY),
        (52.0, Degree.NORMAL, Degree.MILDLY),
        (51.5, Degree.NORMAL, Degree.MILDLY),  # rounds to 52
        (51.4, Degree.MILDLY, Degree.MILDLY),
        (41.0, Degree.MILDLY, Degree.MILDLY),
        (40.0, Degree.MODERATELY, Degree.MODERATELY),
        (30.0, Degree.MODERATELY, Degree.MODERATELY),
        (29.4, Degree.SEVERELY, Degree.SEVERELY),
        (0.0, Degree.SEVERELY, Degree.SEVERELY),
    ],
)
def test_ejection_fractions_are_graded_as_in_table_4(percent: float, man: Degree, woman: Degree) -> None:
    assert fraction_degree(percent, Sex.MALE) is man
    assert fraction_degree(percent, Sex.FEMALE) is woman


@pytest.mark.parametrize(
    ("thickness_mm", "man", "woman"),
    [
        (5.0, Degree.NORMAL, Degree.NORMAL),  # thin is not thick
        (9.4, Degree.NORMAL, Degree.NORMAL),
        (10.0, Degree.NORMAL, Degree.MILDLY),
        (10.5, Degree.MILDLY, Degree.MILDLY),  # rounds to 11
        (13.0, Degree.MILDLY, Degree.MODERATELY),
        (14.0, Degree.MODERATELY, Degree.MODERATELY),
        (16.0, Degree.MODERATELY, Degree.SEVERELY),
        (17.0, Degree.SEVERELY, Degree.SEVERELY),
    ],
)
def test_walls_are_graded_by_sex(thickness_mm: float, man: Degree, woman: Degree) -> None:
    assert wall_degree(thickness_mm, Sex.MALE) is man
    assert wall_degree(thickness_mm, Sex.FEMALE) is woman


def test_without_a_sex_only_what_both_sexes_agree_on_is_known() -> None:
    assert fraction_degree(45.0, None) is Degree.MILDLY
    assert fraction_degree(53.0, None) is None
    assert wall_degree(8.0, None) is Degree.NORMAL
    assert wall_degree(10.0, None) is None


def test_without_a_number_there_is_no_degree() -> None:
    assert fraction_degree(None, Sex.MALE) is None
    assert wall_degree(None, Sex.FEMALE) is None


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
