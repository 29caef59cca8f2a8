"""Sentences that are wrong on purpose, each in one respect: what a model draws for them tells what it reads."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from synthboost.domain import STRUCTURES, FrameInfo, Phase, PromptSet, Quality, Sex, Structure, View
from synthboost.prompts.build import build_prompt

TRUE_SHAPE, LANGUAGE, UNRELATED = "true shape", "in German", "unrelated"
IN_GERMAN = {
    Structure.LEFT_VENTRICULAR_CAVITY: "Hohlraum der linken Herzkammer.",
    Structure.MYOCARDIUM: "Herzmuskel.",
    Structure.LEFT_ATRIUM_CAVITY: "Hohlraum des linken Vorhofs.",
}
NO_HEART = "The weather is fine today."
_OTHER_QUALITY = {Quality.GOOD: Quality.POOR, Quality.MEDIUM: Quality.POOR, Quality.POOR: Quality.GOOD}


class Counterfactual(NamedTuple):
    """A sentence, and what it is compared with."""

    text: str
    named: Structure | None
    """The structure that it names; `None` if it names none."""
    like: str
    """The sentence that differs from it in one respect, and is right."""


def counterfactuals(
    structure: Structure, info: FrameInfo, shape: str | None, true_shape: str | None
) -> dict[str, Counterfactual]:
    """Return sentences of one structure of a frame by what is wrong with them.

    They are P7's, but for the German ones, which say what P1 does. What is not known cannot be wrong: it is left out.

    Args:
        structure, info: what the right sentence names, and where.
        shape: the word of the right sentence.
        true_shape: that of the true mask. It is not wrong: what it gains is what the truth leaks.
    """
    say = partial(build_prompt, PromptSet.P7, shape=shape)
    of, right = info.attributes, say(structure, info).text
    view = View.FOUR_CHAMBER if info.view is View.TWO_CHAMBER else View.TWO_CHAMBER
    phase = Phase.END_SYSTOLE if info.phase is Phase.END_DIASTOLE else Phase.END_DIASTOLE
    texts = {
        "wrong view": say(structure, replace(info, view=view)).text,
        "wrong phase": say(structure, replace(info, phase=phase)).text,
    }
    if of.sex is not None:
        other = Sex.FEMALE if of.sex is Sex.MALE else Sex.MALE
        texts["wrong sex"] = say(structure, replace(info, attributes=replace(of, sex=other))).text
    if of.quality is not None:
        changed = replace(of, quality=_OTHER_QUALITY[of.quality])
        texts["wrong quality"] = say(structure, replace(info, attributes=changed)).text
    if shape is not None:
        texts["wrong shape"] = say(structure, info, shape="circle" if shape == "triangle" else "triangle").text
    if true_shape is not None:
        texts[TRUE_SHAPE] = say(structure, info, shape=true_shape).text
    texts["misspelt"] = misspelt(right)
    other_structure = STRUCTURES[(STRUCTURES.index(structure) + 1) % len(STRUCTURES)]
    return {
        **{name: Counterfactual(text, structure, right) for name, text in texts.items()},
        LANGUAGE: Counterfactual(IN_GERMAN[structure], structure, build_prompt(PromptSet.P1, structure, info).text),
        "wrong structure": Counterfactual(say(other_structure, info).text, other_structure, right),
        UNRELATED: Counterfactual(NO_HEART, None, right),
    }


def misspelt(sentence: str) -> str:
    """Swap the second and third letter of every word of five or more: `Left ventricular` becomes `Left vnetricular`."""
    return re.sub(r"\b(\w)(\w)(\w)(?=\w\w)", r"\1\3\2", sentence)
