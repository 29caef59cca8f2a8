"""The paper's prompt sets as one table: which attributes a set names, the clause of each, and every word they can say.

A sentence is the clauses of the set's attributes, in the order of `Attribute`, and a full stop. Wording, order and
grammar ("at end of the systole cycle of a eighteen-year-old male") are those of the authors' published prompt files
for arXiv 2309.12829, to the byte. Ours are the clause of the domain, which the `mixed` strategy alone uses, and those
of the ejection fraction and the wall, which `P6-FUNCTION` alone uses.

Their degrees follow from measured numbers by guidelines. Ejection fraction: Lang et al., J Am Soc
Echocardiogr 28:1-39, 2015 (ASE/EACVI), table 4, by sex. Wall: the normal ranges of the septum in table 6 there, by sex;
that edition has no steps beyond them, so these are those of the edition before (Lang et al., J Am Soc Echocardiogr
18:1440-1463, 2005, table 4), which has the same normal ranges. The rule is the guidelines', the numbers may be others
than theirs: a data set's ejection fraction follows the set's own convention, and the mean wall of apical label maps
includes trabeculae, which the septum in a parasternal view does not.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Iterable
from enum import StrEnum
from functools import cache
from itertools import product
from types import MappingProxyType

from synthboost.domain import OLDEST, Domain, Phase, PromptSet, Quality, Sex, Structure, View
from synthboost.errors import PromptError


class Attribute(StrEnum):
    """Something that a sentence can say; the order is the order of the clauses."""

    STRUCTURE = "structure"
    SHAPE = "shape"
    VIEW = "view"
    PHASE = "phase"
    AGE = "age"
    SEX = "sex"
    QUALITY = "quality"
    EJECTION_FRACTION = "ejection-fraction"
    WALL = "wall"
    DOMAIN = "domain"


class Degree(StrEnum):
    """How far from normal a finding is."""

    NORMAL = "normal"
    MILDLY = "mildly"
    MODERATELY = "moderately"
    SEVERELY = "severely"


_P1 = frozenset({Attribute.STRUCTURE})
_P2 = _P1 | {Attribute.VIEW}
_P3 = _P2 | {Attribute.PHASE}
_P4 = _P3 | {Attribute.SEX}
_P5 = _P4 | {Attribute.AGE}
_P6 = _P5 | {Attribute.QUALITY}

PROMPT_SETS = {
    PromptSet.P0: frozenset[Attribute](), PromptSet.P1: _P1, PromptSet.P2: _P2, PromptSet.P3: _P3,
    PromptSet.P4: _P4, PromptSet.P5: _P5, PromptSet.P6: _P6, PromptSet.P7: _P6 | {Attribute.SHAPE},
    PromptSet.P6_SDM: _P5 | {Attribute.SHAPE},
    PromptSet.P6_FUNCTION: _P6 | {Attribute.EJECTION_FRACTION, Attribute.WALL},
    PromptSet.P7_ANY: _P6 | {Attribute.SHAPE},
}  # fmt: skip
"""Which attributes each set names. P0 is the empty sentence. `prompts/own.py` adds to it."""
OWN_SENTENCES: dict[PromptSet, str] = {}
"""Sets of the user's own, and their sentences; see `prompts/own.py`."""
SLOT = re.compile(r"\{([\w-]+)\}")
"""Of such a sentence, where the words of an attribute go."""

PARAPHRASES: tuple[str, ...] = ("of the heart", "in the cardiac ultrasound")
"""Where the structure is to be looked for, after the view in every sentence: all in which the paraphrases differ."""

STRUCTURE_NAMES = MappingProxyType(
    {
        Structure.LEFT_VENTRICULAR_CAVITY: "Left ventricular cavity",
        Structure.MYOCARDIUM: "Myocardium",
        Structure.LEFT_ATRIUM_CAVITY: "Left atrium cavity",
    }
)
CHAMBERS = MappingProxyType({View.TWO_CHAMBER: "two", View.FOUR_CHAMBER: "four"})
CYCLES = MappingProxyType({Phase.END_DIASTOLE: "diastole", Phase.END_SYSTOLE: "systole"})
SEXES = MappingProxyType({Sex.FEMALE: "female", Sex.MALE: "male"})
SHAPE_CLAUSE, VIEW_CLAUSE, PHASE_CLAUSE = " of {} shape", " in {}-chamber view", " at end of the {} cycle"
SHAPE_WORDS: tuple[str, ...] = ("circle", "oval", "rectangle", "rectangular", "square", "triangle", "triangular")
"""The seven words in the authors' files; theirs came from a question-answering model, hence the two spellings."""
NORMAL_FRACTION_FROM = MappingProxyType({Sex.MALE: 52, Sex.FEMALE: 54})
"""Percent. Fractions above the normal range (72, 74) count as normal: nothing is reduced."""
MILDLY_REDUCED_FROM, MODERATELY_REDUCED_FROM = 41, 30
WALL_UP_TO_MM = MappingProxyType({Sex.MALE: (10, 13, 16), Sex.FEMALE: (9, 12, 15)})
"""The thickest normal, mildly and moderately thickened wall. A thin wall is not thickened: normal."""


def person_clause(sex: Sex | None, age_words: str | None) -> str:
    """e.g. ` of a male`, or ` of a seventy-three-year-old male`; the article stays "a" before a vowel, as published.

    Without a sex, which only sentences with dropped clauses have: ` of a seventy-three-year-old`.
    """
    said = [*([] if age_words is None else [f"{age_words}-year-old"]), *([] if sex is None else [SEXES[sex]])]
    return f" of a {' '.join(said)}"


def quality_clause(quality: Quality) -> str:
    """e.g. ` with good image quality`."""
    return f" with {quality.lower()} image quality"


def function_clause(fraction: Degree | None, wall: Degree | None) -> str:
    """e.g. `, with a mildly reduced ejection fraction and a normal wall`; what is `None` is not said."""
    said = [
        f"a {degree if degree is Degree.NORMAL else f'{degree} {change}'} {what}"
        for degree, change, what in ((fraction, "reduced", "ejection fraction"), (wall, "thickened", "wall"))
        if degree is not None
    ]
    return f", with {' and '.join(said)}" if said else ""


_WORD = re.compile(r"[^\W_]+")
SAME_PIXELS = {Domain.PSEUDO_LABELLED: Domain.REAL, Domain.REFINED: Domain.DIFFUSION}
"""Domains whose images look as another's: a sentence speaks of the image, not of who drew the masks."""


def domain_clause(domain: Domain) -> str:
    """e.g. `, in a real image`: at the end of a sentence that says where the pixels come from."""
    return f", in a {SAME_PIXELS.get(domain, domain)} image"


@cache
def age_in_words(age: int) -> str:
    """Spell an age: 73 is `seventy-three`, 101 is `one hundred and one`.

    Args:
        age: whole years, 0-120.

    Raises:
        PromptError: the age is not a whole number of years from 0 to 120.
    """
    if isinstance(age, bool) or not isinstance(age, int) or not 0 <= age <= OLDEST:
        raise PromptError(
            "frame", "age", repr(age), f"a whole number of years from 0 to {OLDEST}",
            "Correct the patient's file, or leave the age out: its clause is then dropped.",
        )  # fmt: skip
    from num2words import num2words  # here, because it loads all its languages

    return str(num2words(age))


def fraction_degree(percent: float | None, sex: Sex | None) -> Degree | None:
    """By which degree an ejection fraction is reduced, after rounding to whole percent.

    Without a sex: the degree if it is the same for both; else it is unknown, as it is without a fraction.
    """
    limits = {of: (normal, MILDLY_REDUCED_FROM, MODERATELY_REDUCED_FROM) for of, normal in NORMAL_FRACTION_FROM.items()}
    return _agreed(percent, sex, lambda number, of: sum(number < limit for limit in limits[of]))


def wall_degree(thickness_mm: float | None, sex: Sex | None) -> Degree | None:
    """By which degree the wall at end diastole is thickened, after rounding to whole mm; `None` as for fractions."""
    return _agreed(thickness_mm, sex, lambda number, of: sum(number > limit for limit in WALL_UP_TO_MM[of]))


def _agreed(value: float | None, sex: Sex | None, passed: Callable[[int, Sex], int]) -> Degree | None:
    """The degree after so many passed limits, if it is the same for every sex in question."""
    if value is None:
        return None
    found = {passed(math.floor(value + 0.5), of) for of in (Sex if sex is None else (sex,))}
    return tuple(Degree)[found.pop()] if len(found) == 1 else None


def vocabulary(prompt_sets: Collection[PromptSet] = ()) -> tuple[str, ...]:
    """List every lower-case word of the paper's sentences, sorted, then those that `prompt_sets` say beyond them.

    Ages 0-120 and the domain are among the first. The small models' tokenizers, and with them their random weights,
    begin with that list: it stays as it is.
    """
    asked = frozenset[Attribute]().union(*(PROMPT_SETS[prompt_set] for prompt_set in prompt_sets))
    said = _words_of(SLOT.sub(" ", OWN_SENTENCES[own]) for own in prompt_sets if own in OWN_SENTENCES)
    if asked & {Attribute.EJECTION_FRACTION, Attribute.WALL}:
        said |= _words_of(function_clause(fraction, wall) for fraction, wall in product(Degree, repeat=2))
    return (*_paper_words(), *sorted(said - set(_paper_words())))


def split_words(sentence: str) -> tuple[str, ...]:
    """Split into lower-case words: runs of letters and digits; hyphens, stops and spaces only separate.

    `Two-chamber view.` gives `("two", "chamber", "view")`.
    """
    return tuple(_WORD.findall(sentence.lower()))


@cache
def _paper_words() -> tuple[str, ...]:
    clauses = [
        *STRUCTURE_NAMES.values(),
        *map(SHAPE_CLAUSE.format, SHAPE_WORDS),
        *map(VIEW_CLAUSE.format, CHAMBERS.values()),
        *PARAPHRASES,
        *map(PHASE_CLAUSE.format, CYCLES.values()),
        *(person_clause(sex, age_in_words(age)) for sex in SEXES for age in range(OLDEST + 1)),
        *map(quality_clause, Quality),
        *map(domain_clause, Domain),
    ]
    return tuple(sorted(_words_of(clauses)))


def _words_of(clauses: Iterable[str]) -> set[str]:
    return {word for clause in clauses for word in split_words(clause)}
