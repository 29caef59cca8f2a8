"""What a recording is asked: structures by name, or free sentences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from synthboost.domain import Attributes, Domain, FrameInfo, PatientId, Phase, PromptSet, Structure, View
from synthboost.errors import ConfigError
from synthboost.prompts import build_prompt, clean_sentence

NAMES = {
    "lv": Structure.LEFT_VENTRICULAR_CAVITY,
    "left-ventricle": Structure.LEFT_VENTRICULAR_CAVITY,
    "myo": Structure.MYOCARDIUM,
    "myocardium": Structure.MYOCARDIUM,
    "la": Structure.LEFT_ATRIUM_CAVITY,
    "left-atrium": Structure.LEFT_ATRIUM_CAVITY,
}
"""What a structure may be called."""


@dataclass(frozen=True)
class Question:
    """One thing to draw."""

    name: str
    """In file names: `LV`, `MYO`, `LA`, or the sentence's number."""
    sentence: str
    label: int
    """In the label map: CAMUS' label of a structure, or the sentence's number."""
    structure: Structure | None = None


def ask_structures(names: Sequence[str], view: View | None = None, name_domain: bool = False) -> tuple[Question, ...]:
    """Turn names into the sentences of prompt set P1, or P2 when the view is known.

    The sets beyond say the phase, which a clip's frames do not share, and what nobody knows of a stranger's image.

    Args:
        names: see `NAMES`; capitals do not matter.
        view: of the recordings, all of them.
        name_domain: end each sentence with `..., in a real image`, as models of the `mixed` strategy learnt it.

    Raises:
        ConfigError: a name is unknown, or comes twice.
    """
    structures = [_structure(name) for name in names]
    if len(set(structures)) < len(structures):
        raise ConfigError("predict", "structures", " ".join(names), "each structure once")
    stranger = FrameInfo(
        PatientId("", "", "stranger"), view or View.FOUR_CHAMBER, Phase.END_DIASTOLE, Attributes(), Domain.REAL
    )
    prompt_set = PromptSet.P1 if view is None else PromptSet.P2
    return tuple(
        Question(
            structure.short,
            build_prompt(prompt_set, structure, stranger, name_domain=name_domain).text,
            int(structure),
            structure,
        )
        for structure in structures
    )


def ask_sentences(sentences: Sequence[str]) -> tuple[Question, ...]:
    """Number free sentences from 1; see `clean_sentence`.

    Raises:
        PromptError: a sentence has nothing visible, or is too long.
        ConfigError: more than 255 sentences, which no label map could hold.
    """
    if len(sentences) > 255:
        raise ConfigError("predict", "sentences", len(sentences), "at most 255")
    return tuple(Question(str(number), clean_sentence(text), number) for number, text in enumerate(sentences, start=1))


def _structure(name: str) -> Structure:
    if name.lower() not in NAMES:
        raise ConfigError(
            "predict",
            "structures",
            repr(name),
            f"among {', '.join(NAMES)}",
            "Anything else is a sentence: --sentences.",
        )
    return NAMES[name.lower()]
