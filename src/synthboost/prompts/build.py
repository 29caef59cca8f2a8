"""Build the sentence that names one structure in one frame; make a sentence that a person typed safe."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from hashlib import blake2b

from synthboost.domain import FrameInfo, Prompt, PromptSet, Structure
from synthboost.errors import PromptError
from synthboost.prompts import templates
from synthboost.prompts.own import fill
from synthboost.prompts.phrases import ABBREVIATIONS
from synthboost.prompts.templates import (
    OWN_SENTENCES,
    PARAPHRASES,
    PROMPT_SETS,
    SHAPE_WORDS,
    Attribute,
    age_in_words,
    fraction_degree,
    wall_degree,
)

MEASURED_ON_MASKS = frozenset({Attribute.EJECTION_FRACTION, Attribute.WALL})
"""Numbers that were read off the true masks, of CAMUS and of the simulator: they tell something of the answer."""
MAXIMUM_CHARACTERS = 1000
"""A guess that is generous: the paper's longest sentence has about 190, and CLIP reads 77 tokens."""

_LONGEST_FIRST = sorted(ABBREVIATIONS, key=len, reverse=True)
_ABBREVIATION = re.compile(
    rf"\b(?:{'|'.join(map('[.]'.join, _LONGEST_FIRST))})(?:[.]|\b)|\b(?:{'|'.join(_LONGEST_FIRST)})\b", re.IGNORECASE
)
_INVISIBLE = ("Cc", "Cf")
_LONE_SURROGATE = "Cs"


def build_prompt(
    prompt_set: PromptSet,
    structure: Structure,
    info: FrameInfo,
    *,
    shape: str | None = None,
    shape_uses_ground_truth: bool = False,
    paraphrase: int = 0,
    name_domain: bool = False,
    without: Collection[Attribute] = (),
) -> Prompt:
    """Build the sentence of `prompt_set` for one structure of one frame.

    The clause of an unknown attribute is left out and the attribute is named in `Prompt.dropped`:

    - shape or quality unknown: only that clause goes (P6 reads as P5, P7 as P6, P6-SDM as P5).
    - ejection fraction or wall unknown, or without a sex between the two sexes' limits: only that part goes.
    - age unknown, sex known: "of a male", as in P4.
    - sex unknown, age known: the paper has no wording for an age alone, so both go, and both are named.
    - view or phase unknown: only that clause goes.
    - structure and domain are always known: a frame cannot exist without them.

    Clauses `without` which the sentence is to be are left out and named likewise; the sex alone, or the structure, can
    be among them: "In two-chamber view of the heart at end of the systole cycle of a seventy-three-year-old."

    Args:
        prompt_set: what the sentence should say; P0 gives the empty sentence.
        structure: what the sentence names.
        info: where view, phase, sex, age and quality come from.
        shape: one of `SHAPE_WORDS`, or `None` when unknown; ignored by the sets that do not name a shape.
        shape_uses_ground_truth: whether `shape` was derived from the true mask (as the authors' words were).
        paraphrase: 0 "... of the heart ...", 1 "... in the cardiac ultrasound ...".
        name_domain: end the sentence with the frame's domain ("..., in a real image."); the empty sentence stays empty.
        without: clauses to leave out.

    Raises:
        PromptError: the paraphrase is not 0 or 1, the age is not 0-120, or the shape word is not a known one.
    """
    if paraphrase not in range(len(PARAPHRASES)):
        raise PromptError(info.name, "paraphrase", paraphrase, "0 (of the heart) or 1 (in the cardiac ultrasound)")
    wanted = PROMPT_SETS[prompt_set]
    if not wanted:
        return Prompt("", prompt_set, paraphrase)
    if Attribute.SHAPE in wanted and shape not in (None, *SHAPE_WORDS):
        raise PromptError(
            info.name, "shape", repr(shape), f"one of {', '.join(SHAPE_WORDS)}",
            "Map the word to one of these, or pass None: the clause is then dropped.",
        )  # fmt: skip
    if name_domain:
        wanted |= {Attribute.DOMAIN}
    said = (wanted & _known(info, shape)).difference(without)
    return Prompt(
        text=(
            _own_sentence(OWN_SENTENCES[prompt_set], said, structure, info, shape)
            if prompt_set in OWN_SENTENCES
            else _sentence(said, structure, info, shape, paraphrase)
        ),
        prompt_set=prompt_set,
        paraphrase=paraphrase,
        dropped=tuple(str(a) for a in Attribute if a in wanted - said),
        uses_ground_truth=(shape_uses_ground_truth and Attribute.SHAPE in said) or bool(MEASURED_ON_MASKS & said),
    )


def seeded_paraphrase(seed: int, epoch: int, frame_name: str, structure: Structure) -> int:
    """Draw a paraphrase, 0 or 1, that depends on nothing but the arguments.

    The same on every machine, in every process, whatever the order of the frames; the authors drew one of the two at
    random for every triplet, in testing too.
    """
    key = f"{seed}\n{epoch}\n{frame_name}\n{int(structure)}"
    return blake2b(key.encode(), digest_size=1).digest()[0] % len(PARAPHRASES)


def seeded_omissions(seed: int, epoch: int, frame_name: str, structure: Structure) -> frozenset[Attribute]:
    """Draw the clauses of P7 that a sentence of `P7-ANY` leaves out, from nothing but the arguments.

    Each is left out with a probability of 1/2, the structure of 1/8, without which there is little to learn from: every
    subset of the clauses occurs.
    """
    key = f"omissions\n{seed}\n{epoch}\n{frame_name}\n{int(structure)}"
    [own, *others] = blake2b(key.encode(), digest_size=len(PROMPT_SETS[PromptSet.P7])).digest()
    clauses = [attribute for attribute in Attribute if attribute in PROMPT_SETS[PromptSet.P7] - {Attribute.STRUCTURE}]
    dropped = {clause for clause, byte in zip(clauses, others, strict=True) if byte < 128}
    return frozenset(dropped | {Attribute.STRUCTURE} if own < 32 else dropped)


def clean_sentence(text: str) -> str:
    """Normalise a sentence: NFKC, no control or format characters, single spaces, no space at either end.

    Line breaks and tabs count as spaces. Zero-width characters and changes of writing direction (RTL override)
    vanish. A sentence of this package comes back unchanged. Nothing is ever cut off.

    Raises:
        PromptError: nothing visible is left, the sentence is longer than `MAXIMUM_CHARACTERS`, or it holds half of a
            surrogate pair, which no file could store.
    """
    _require_length(text)
    spaced = " ".join(text.split())
    visible = "".join(c for c in spaced if unicodedata.category(c) not in _INVISIBLE)
    sentence = " ".join(unicodedata.normalize("NFKC", visible).split())
    _require_length(sentence)
    if not sentence:
        raise PromptError(
            "prompt", "text", ascii(text), "a sentence with at least one visible character",
            "To run without a sentence on purpose, choose prompt set P0.",
        )  # fmt: skip
    if any(unicodedata.category(c) == _LONE_SURROGATE for c in sentence):
        raise PromptError("prompt", "text", ascii(text), "valid Unicode", "Remove the half surrogate pair.")
    return sentence


def spell_out(sentence: str) -> str:
    """Replace abbreviations by what they stand for: "the LV" and "the l.v." give "the left ventricle"."""
    return _ABBREVIATION.sub(lambda found: ABBREVIATIONS[found[0].replace(".", "").upper()], sentence)


def _require_length(text: str) -> None:
    if len(text) > MAXIMUM_CHARACTERS:
        raise PromptError(
            "prompt", "length", f"{len(text)} characters", f"at most {MAXIMUM_CHARACTERS}", "Shorten the sentence."
        )


def _known(info: FrameInfo, shape: str | None) -> frozenset[Attribute]:
    of = info.attributes
    optional = {
        Attribute.VIEW: info.view,
        Attribute.PHASE: info.phase,
        Attribute.SHAPE: shape,
        Attribute.QUALITY: of.quality,
        Attribute.SEX: of.sex,
        Attribute.AGE: None if of.sex is None else of.age,  # an age needs a noun to stand before
        Attribute.EJECTION_FRACTION: fraction_degree(of.ejection_fraction, of.sex),
        Attribute.WALL: wall_degree(of.wall_thickness_mm, of.sex),
    }
    return frozenset(attribute for attribute in Attribute if optional.get(attribute, True) is not None)


def _own_sentence(
    sentence: str, said: frozenset[Attribute], structure: Structure, info: FrameInfo, shape: str | None
) -> str:
    of = info.attributes
    words = {
        Attribute.STRUCTURE: templates.STRUCTURE_NAMES[structure].lower(),
        Attribute.SHAPE: shape,
        Attribute.VIEW: info.view and templates.CHAMBERS[info.view],
        Attribute.PHASE: info.phase and templates.CYCLES[info.phase],
        Attribute.AGE: None if of.age is None else age_in_words(of.age),
        Attribute.SEX: of.sex and templates.SEXES[of.sex],
        Attribute.QUALITY: of.quality and of.quality.lower(),
    }
    text = fill(sentence, {str(slot): word for slot, word in words.items() if word and slot in said})
    return f"{text.rstrip('.')}{templates.domain_clause(info.domain)}." if Attribute.DOMAIN in said else text


def _sentence(
    said: frozenset[Attribute], structure: Structure, info: FrameInfo, shape: str | None, paraphrase: int
) -> str:
    attributes = info.attributes
    clauses = [templates.STRUCTURE_NAMES[structure]] if Attribute.STRUCTURE in said else []
    if Attribute.SHAPE in said and shape is not None:
        clauses.append(templates.SHAPE_CLAUSE.format(shape))
    if Attribute.VIEW in said and info.view is not None:
        clauses.append(templates.VIEW_CLAUSE.format(templates.CHAMBERS[info.view]))
    clauses.append(f" {PARAPHRASES[paraphrase]}")
    if Attribute.PHASE in said and info.phase is not None:
        clauses.append(templates.PHASE_CLAUSE.format(templates.CYCLES[info.phase]))
    if said & {Attribute.SEX, Attribute.AGE}:
        sex, age = (
            attributes.sex if Attribute.SEX in said else None,
            attributes.age if Attribute.AGE in said else None,
        )
        clauses.append(templates.person_clause(sex, None if age is None else age_in_words(age)))
    if Attribute.QUALITY in said and attributes.quality is not None:
        clauses.append(templates.quality_clause(attributes.quality))
    if MEASURED_ON_MASKS & said:
        fraction = attributes.ejection_fraction if Attribute.EJECTION_FRACTION in said else None
        wall = attributes.wall_thickness_mm if Attribute.WALL in said else None
        clauses.append(
            templates.function_clause(fraction_degree(fraction, attributes.sex), wall_degree(wall, attributes.sex))
        )  # fmt: skip
    if Attribute.DOMAIN in said:
        clauses.append(templates.domain_clause(info.domain))
    text = "".join(clauses).lstrip()
    return f"{text[0].upper()}{text[1:]}."
