"""Sentences of P0-P7: the published wording to the byte, and what happens when something is unknown."""

from __future__ import annotations

import subprocess
import sys
import unicodedata
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthboost.domain import (
    STRUCTURES,
    Attributes,
    Domain,
    FrameInfo,
    PatientId,
    Phase,
    PromptSet,
    Quality,
    Sex,
    Structure,
    View,
)
from synthboost.errors import PromptError
from synthboost.prompts import (
    MAXIMUM_CHARACTERS,
    PROMPT_SETS,
    Attribute,
    build_prompt,
    clean_sentence,
    seeded_omissions,
    seeded_paraphrase,
)
from synthboost.prompts.templates import domain_clause

GOLDEN = Path(__file__).with_name("golden_sentences.txt")
LV = Structure.LEFT_VENTRICULAR_CAVITY
PEOPLE = (
    Attributes(sex=Sex.MALE, age=73, quality=Quality.GOOD),
    Attributes(sex=Sex.FEMALE, age=101, quality=Quality.POOR),
    Attributes(sex=Sex.MALE, age=18, quality=None),
    Attributes(sex=Sex.FEMALE, age=None, quality=Quality.MEDIUM),
    Attributes(sex=None, age=40, quality=Quality.GOOD),
    Attributes(),
)


def frame(attributes: Attributes, view: View = View.TWO_CHAMBER, phase: Phase = Phase.END_DIASTOLE) -> FrameInfo:
    return FrameInfo(PatientId("camus-nifti", "database_nifti", "patient0001"), view, phase, attributes)


def sentence(prompt_set: PromptSet, attributes: Attributes = PEOPLE[0], **options: object) -> str:
    return build_prompt(prompt_set, LV, frame(attributes), **options).text  # type: ignore[arg-type]


MEASURED = Attributes(sex=Sex.MALE, age=73, quality=Quality.GOOD, ejection_fraction=45.0, wall_thickness_mm=9.3)
ON_FILE = [prompt_set for prompt_set in PromptSet if prompt_set not in (PromptSet.P6_FUNCTION, PromptSet.P7_ANY)]
"""The paper's: each sentence is the published one, or has a published grammar."""


def golden_lines() -> list[str]:
    lines = []
    for person, prompt_set, structure, view, phase, paraphrase in product(
        PEOPLE, ON_FILE, STRUCTURES, View, Phase, (0, 1)
    ):
        prompt = build_prompt(prompt_set, structure, frame(person, view, phase), shape="oval", paraphrase=paraphrase)
        key = f"{person.sex or '-'} {person.age or '-'} {person.quality or '-'} {prompt_set} {structure.short} {view}"
        lines.append(f"{key} {phase} {paraphrase} | {prompt.text} | {','.join(prompt.dropped)}")
    return lines


def test_every_sentence_is_the_one_on_file() -> None:
    assert golden_lines() == GOLDEN.read_text(encoding="utf-8").splitlines()


def test_the_published_example_is_built_to_the_byte() -> None:
    prompt = build_prompt(PromptSet.P7, LV, frame(PEOPLE[0]), shape="oval", paraphrase=1)
    assert prompt.text == (
        "Left ventricular cavity of oval shape in two-chamber view in the cardiac ultrasound at end of the diastole "
        "cycle of a seventy-three-year-old male with good image quality."
    )
    assert prompt.dropped == ()


@pytest.mark.parametrize(
    ("prompt_set", "expected"),
    [
        (PromptSet.P0, ""),
        (PromptSet.P1, "Left ventricular cavity of the heart."),
        (PromptSet.P2, "Left ventricular cavity in two-chamber view of the heart."),
        (PromptSet.P3, "Left ventricular cavity in two-chamber view of the heart at end of the diastole cycle."),
        (
            PromptSet.P4,
            "Left ventricular cavity in two-chamber view of the heart at end of the diastole cycle of a male.",
        ),
        (
            PromptSet.P5,
            "Left ventricular cavity in two-chamber view of the heart at end of the diastole cycle"
            " of a seventy-three-year-old male.",
        ),
        (
            PromptSet.P6,
            "Left ventricular cavity in two-chamber view of the heart at end of the diastole cycle"
            " of a seventy-three-year-old male with good image quality.",
        ),
        (
            PromptSet.P6_SDM,
            "Left ventricular cavity of oval shape in two-chamber view of the heart at end of the diastole cycle"
            " of a seventy-three-year-old male.",
        ),
    ],
)
def test_each_set_reads_as_published(prompt_set: PromptSet, expected: str) -> None:
    assert sentence(prompt_set, shape="oval") == expected


def test_the_papers_article_before_a_vowel_is_kept() -> None:
    assert sentence(PromptSet.P5, Attributes(sex=Sex.MALE, age=18)).endswith(" of a eighteen-year-old male.")


def test_p5_without_an_age_reads_as_p4_and_says_so() -> None:
    person = Attributes(sex=Sex.MALE)
    prompt = build_prompt(PromptSet.P5, LV, frame(person))
    assert prompt.text == sentence(PromptSet.P4, person)
    assert prompt.dropped == ("age",)


def test_an_age_without_a_sex_is_dropped_with_it() -> None:
    prompt = build_prompt(PromptSet.P6, LV, frame(PEOPLE[4]))
    assert prompt.text == (
        "Left ventricular cavity in two-chamber view of the heart at end of the diastole cycle with good image quality."
    )
    assert prompt.dropped == ("age", "sex")


def test_a_p7_of_which_nothing_is_known_reads_as_p3() -> None:
    prompt = build_prompt(PromptSet.P7, LV, frame(Attributes()))
    assert prompt.text == sentence(PromptSet.P3)
    assert prompt.dropped == ("shape", "age", "sex", "quality")


@pytest.mark.parametrize("domain", Domain)
def test_a_named_domain_ends_the_sentence_and_changes_nothing_before_it(domain: Domain) -> None:
    info = replace(frame(MEASURED), domain=domain)
    for prompt_set in set(PromptSet) - {PromptSet.P0}:
        without, named = (build_prompt(prompt_set, LV, info, shape="oval", name_domain=n) for n in (False, True))
        assert named.text == f"{without.text.removesuffix('.')}{domain_clause(domain)}."
        assert named.dropped == without.dropped == ()


def test_the_empty_sentence_names_no_domain() -> None:
    assert build_prompt(PromptSet.P0, LV, frame(PEOPLE[0]), name_domain=True).text == ""


def test_p6_sdm_never_asks_for_quality() -> None:
    assert build_prompt(PromptSet.P6_SDM, LV, frame(PEOPLE[2]), shape="square").dropped == ()


def test_ground_truth_is_confessed_only_when_the_sentence_says_it() -> None:
    told = build_prompt(PromptSet.P7, LV, frame(PEOPLE[0]), shape="oval", shape_uses_ground_truth=True)
    silent = build_prompt(PromptSet.P6, LV, frame(PEOPLE[0]), shape="oval", shape_uses_ground_truth=True)
    dropped = build_prompt(PromptSet.P7, LV, frame(PEOPLE[0]), shape=None, shape_uses_ground_truth=True)
    assert (told.uses_ground_truth, silent.uses_ground_truth, dropped.uses_ground_truth) == (True, False, False)


@pytest.mark.parametrize("paraphrase", [2, -1])
def test_an_unknown_paraphrase_is_refused(paraphrase: int) -> None:
    with pytest.raises(PromptError, match="paraphrase"):
        sentence(PromptSet.P1, paraphrase=paraphrase)


def test_an_unknown_shape_word_is_refused_and_the_known_ones_listed() -> None:
    with pytest.raises(PromptError, match=r"'blob'.*circle, oval"):
        sentence(PromptSet.P7, shape="blob")


def test_an_impossible_age_is_refused_and_not_spelled() -> None:
    with pytest.raises(PromptError, match="560"):
        sentence(PromptSet.P5, Attributes(sex=Sex.MALE, age=560))


def test_the_drawn_paraphrase_is_the_same_in_another_process() -> None:
    drawn = [seeded_paraphrase(7, epoch, f"patient{epoch:04}_2CH_ED", LV) for epoch in range(12)]
    program = (
        "from synthboost.prompts import seeded_paraphrase as p; from synthboost.domain import Structure as S;"
        "print([p(7, e, f'patient{e:04}_2CH_ED', S(1)) for e in range(12)])"
    )
    environment = {"PYTHONHASHSEED": "123"}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(drawn)


def test_both_paraphrases_are_drawn_about_equally_often_whatever_varies() -> None:
    by_frame = sum(seeded_paraphrase(0, 0, f"patient{n:04}_4CH_ES", LV) for n in range(1000))
    by_epoch = sum(seeded_paraphrase(0, n, "patient0001_4CH_ES", LV) for n in range(1000))
    by_seed = sum(seeded_paraphrase(n, 0, "patient0001_4CH_ES", LV) for n in range(1000))
    # Four standard deviations of 1000 fair draws are 63.
    assert all(437 <= ones <= 563 for ones in (by_frame, by_epoch, by_seed))


def test_p6_function_adds_the_ejection_fraction_and_the_wall_to_p6() -> None:
    p6 = sentence(PromptSet.P6, MEASURED)
    assert sentence(PromptSet.P6_FUNCTION, MEASURED) == (
        f"{p6[:-1]}, with a mildly reduced ejection fraction and a normal wall."
    )


@pytest.mark.parametrize(
    ("fraction", "wall", "clause", "dropped"),
    [
        (60.0, 17.0, ", with a normal ejection fraction and a severely thickened wall", ()),
        (35.0, None, ", with a moderately reduced ejection fraction", ("wall",)),
        (None, 12.0, ", with a mildly thickened wall", ("ejection-fraction",)),
        (None, None, "", ("ejection-fraction", "wall")),
    ],
)
def test_what_is_unknown_of_the_function_is_left_out(
    fraction: float | None, wall: float | None, clause: str, dropped: tuple[str, ...]
) -> None:
    person = replace(MEASURED, ejection_fraction=fraction, wall_thickness_mm=wall)
    prompt = build_prompt(PromptSet.P6_FUNCTION, LV, frame(person))
    assert prompt.text == f"{sentence(PromptSet.P6, person)[:-1]}{clause}."
    assert prompt.dropped == dropped
    assert prompt.uses_ground_truth == bool(clause)


def test_the_function_stands_before_the_domain() -> None:
    prompt = build_prompt(PromptSet.P6_FUNCTION, LV, frame(MEASURED), name_domain=True)
    assert prompt.text.endswith("ejection fraction and a normal wall, in a real image.")


def test_no_other_set_says_the_function() -> None:
    plain = replace(MEASURED, ejection_fraction=None, wall_thickness_mm=None)
    for prompt_set in ON_FILE:
        assert build_prompt(prompt_set, LV, frame(MEASURED)) == build_prompt(prompt_set, LV, frame(plain))


def test_a_sentence_of_the_paper_comes_back_unchanged() -> None:
    sentence = "Myocardium of triangle shape in four-chamber view of the heart at end of the systole cycle of a male."
    assert clean_sentence(sentence) == sentence


@pytest.mark.parametrize(
    ("typed", "clean"),
    [
        ("  Left\tatrium\r\ncavity ", "Left atrium cavity"),
        ("Myo\u200bcardium", "Myocardium"),
        ("\u202eMyocardium\u202c", "Myocardium"),
        ("Left\u00a0atrium", "Left atrium"),
        ("Ｌｅｆｔ ａｔｒｉｕｍ", "Left atrium"),
        ("e\u200b\u0301", "\u00e9"),
        ("My\x00o\x1b[31m", "Myo[31m"),
        ("<b>$HOME</b>", "<b>$HOME</b>"),
    ],
)
def test_what_cannot_be_seen_is_removed_and_the_rest_stays(typed: str, clean: str) -> None:
    assert clean_sentence(typed) == clean


@pytest.mark.parametrize("typed", ["", "   ", "\n\t", "\u200b\u200d", "\x00\x07", "\u202e \u2066"])
def test_a_sentence_without_anything_visible_is_refused_and_p0_offered(typed: str) -> None:
    with pytest.raises(PromptError, match="P0"):
        clean_sentence(typed)


def test_a_megabyte_is_refused_before_any_work() -> None:
    with pytest.raises(PromptError, match="1000000 characters"):
        clean_sentence("a" * 1_000_000)


def test_a_ligature_that_grows_when_normalised_is_measured_after_growing() -> None:
    with pytest.raises(PromptError, match="length"):
        clean_sentence("\ufdfa" * 100)  # one character that NFKC spells with 18
    assert len(clean_sentence("a" * MAXIMUM_CHARACTERS)) == MAXIMUM_CHARACTERS


def test_half_a_surrogate_pair_is_refused() -> None:
    with pytest.raises(PromptError, match="Unicode"):
        clean_sentence("heart \ud800")


@given(st.text(max_size=60))
def test_cleaning_twice_is_cleaning_once_and_leaves_nothing_invisible(typed: str) -> None:
    try:
        clean = clean_sentence(typed)
    except PromptError:
        return
    assert clean_sentence(clean) == clean
    assert not any(unicodedata.category(c) in ("Cc", "Cf", "Cs") for c in clean)
    assert clean == clean.strip()


@pytest.mark.parametrize(
    ("without", "text"),
    [
        ({Attribute.SEX}, "Left ventricular cavity of oval shape in two-chamber view of the heart at end of the "
         "diastole cycle of a seventy-three-year-old with good image quality."),
        ({Attribute.STRUCTURE, Attribute.SHAPE}, "In two-chamber view of the heart at end of the diastole cycle of a "
         "seventy-three-year-old male with good image quality."),
        (set(Attribute), "Of the heart."),
    ],
)  # fmt: skip
def test_clauses_that_are_left_out_leave_a_sentence(without: set[Attribute], text: str) -> None:
    prompt = build_prompt(PromptSet.P7, LV, frame(PEOPLE[0]), shape="oval", without=without)
    assert prompt.text == text
    assert set(prompt.dropped) == {str(a) for a in without & PROMPT_SETS[PromptSet.P7]}


def test_every_subset_of_the_clauses_is_drawn_and_the_structure_rarely_missing() -> None:
    drawn = [seeded_omissions(0, epoch, "patient0001_2CH_ED", LV) for epoch in range(8000)]
    assert seeded_omissions(0, 0, "patient0001_2CH_ED", LV) == drawn[0]
    assert len(set(drawn)) == 2**7
    shares = {clause: sum(clause in one for one in drawn) / 8000 for clause in PROMPT_SETS[PromptSet.P7]}
    assert shares.pop(Attribute.STRUCTURE) == pytest.approx(1 / 8, abs=0.02)
    assert all(share == pytest.approx(1 / 2, abs=0.03) for share in shares.values())


def test_the_clause_of_an_unknown_view_or_phase_is_left_out() -> None:
    info = FrameInfo(PatientId("r", "f", "p"), None, None, Attributes(sex=Sex.MALE))
    prompt = build_prompt(PromptSet.P4, LV, info)
    assert prompt.text == build_prompt(PromptSet.P1, LV, info).text.removesuffix(".") + " of a male."
    assert prompt.dropped == ("view", "phase", *(("age",) if "age" in prompt.dropped else ()))
