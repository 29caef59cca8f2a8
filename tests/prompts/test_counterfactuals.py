"""Sentences that are wrong in one respect."""

from __future__ import annotations

from synthboost.domain import Attributes, FrameInfo, PatientId, Phase, Quality, Sex, Structure, View
from synthboost.prompts.counterfactuals import counterfactuals, misspelt

PATIENT = PatientId("camus-nifti", "database_nifti", "patient0001")
KNOWN = FrameInfo(PATIENT, View.TWO_CHAMBER, Phase.END_SYSTOLE, Attributes(Sex.MALE, 40, Quality.GOOD))
UNKNOWN = FrameInfo(PATIENT, View.FOUR_CHAMBER, Phase.END_DIASTOLE)
RIGHT = (
    "Myocardium of oval shape in two-chamber view of the heart at end of the systole cycle of a forty-year-old male "
    "with good image quality."
)


def test_each_differs_from_the_right_sentence_in_one_respect() -> None:
    found = counterfactuals(Structure.MYOCARDIUM, KNOWN, "oval", "triangle")
    changes = {
        "wrong view": ("two-chamber", "four-chamber"), "wrong phase": ("systole", "diastole"),
        "wrong sex": (" male", " female"), "wrong quality": ("good", "poor"), "wrong shape": ("oval", "triangle"),
        "true shape": ("oval", "triangle"), "wrong structure": ("Myocardium", "Left atrium cavity"),
    }  # fmt: skip
    for name, (right, wrong) in changes.items():
        assert found[name].like == RIGHT
        assert found[name].text == RIGHT.replace(right, wrong)
    assert found["wrong structure"].named is Structure.LEFT_ATRIUM_CAVITY
    assert (found["unrelated"].named, found["unrelated"].like) == (None, RIGHT)
    assert found["in German"].text == "Herzmuskel."
    assert found["in German"].like == "Myocardium of the heart."


def test_what_is_not_known_cannot_be_wrong() -> None:
    names = set(counterfactuals(Structure.MYOCARDIUM, UNKNOWN, None, None))
    assert names == {"wrong view", "wrong phase", "wrong structure", "misspelt", "in German", "unrelated"}


def test_a_misspelt_sentence_has_two_letters_swapped_in_every_longer_word() -> None:
    assert misspelt("Left atrium cavity of the heart.") == "Left artium cvaity of the haert."
