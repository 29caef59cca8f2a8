"""Random sentences in people's words, to train a model on: that name a structure, or none of the three."""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Sequence
from functools import cache
from typing import TypeVar

import numpy as np

from synthboost.domain import Attributes, Domain, FrameInfo, PatientId, Phase, PromptSet, Quality, Sex, Structure, View
from synthboost.prompts.build import build_prompt
from synthboost.prompts.phrases import GRAMMAR, NAMES, SYLLABLES
from synthboost.prompts.templates import OWN_SENTENCES, PARAPHRASES, SHAPE_WORDS, STRUCTURE_NAMES, split_words

T = TypeVar("T")

PAPER, NAMED_OTHERWISE = 0.2, 0.1
"""Shares of the paper's sentences word for word, and of its sentences around another name."""
NAMELESS, EMPTY = 0.35, 0.02
"""Of the sentences that name none: how many mention no other thing either, and how many are empty."""
SLIPS, CHARACTERS_PER_SLIP, SHORTEST_SLIP = 0.35, 12, 4
"""Share of sentences with slips of the pen, at most one in so many characters, in words of at least so many letters."""
CASES: tuple[Callable[[str], str], ...] = (
    str, str, str, str.lower, str.lower, str.capitalize, str.upper, str.title,
)  # fmt: skip
_SLOT = re.compile(r"\{(\w+)\}")
_WORD = re.compile(r"[^\W\d_]+")
_KEYS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_NOBODY = PatientId("wordings", "wordings", "nobody")
_SETS = tuple(
    prompt_set for prompt_set in PromptSet if prompt_set not in (PromptSet.P0, PromptSet.P7_ANY, *OWN_SENTENCES)
)


def draw_wording(rng: np.random.Generator, structure: Structure | None) -> str:
    """Draw a sentence that names `structure` in one of many ways, or none of the three.

    Among them are the paper's sentences word for word. A sentence that names two structures, or one that is denied
    ("not the left ventricle", "everything but the left atrium"), counts as naming none: nobody knows what to draw.

    Args:
        rng: what it depends on.
        structure: what the sentence names; `None` for other anatomy, everyday things, nonsense, or the empty sentence.
    """
    kind = rng.random()
    if kind < PAPER and structure is not None:
        return _paper_sentence(rng, structure)
    if structure is None and kind < EMPTY:
        return ""
    if kind < PAPER + NAMED_OTHERWISE:
        said = _pick(rng, tuple(STRUCTURE_NAMES))
        sentence = _paper_sentence(rng, said).replace(STRUCTURE_NAMES[said], "{it}")
    elif structure is None and kind > 1 - NAMELESS:
        sentence = "{nothing}"
    else:
        sentence = "{around}"
    return _carelessly(rng, _expand(rng, sentence, NAMES[structure]))


def _paper_sentence(rng: np.random.Generator, structure: Structure) -> str:
    """A sentence of P1 to P7, or of a set of ours, about a random frame."""
    attributes = Attributes(
        sex=_pick(rng, tuple(Sex)),
        age=int(rng.integers(18, 100)),
        quality=_pick(rng, tuple(Quality)),
        ejection_fraction=rng.uniform(20, 70),
        wall_thickness_mm=rng.uniform(6, 18),
    )
    view, phase, domain = _pick(rng, tuple(View)), _pick(rng, tuple(Phase)), _pick(rng, tuple(Domain))
    return build_prompt(
        _pick(rng, _SETS),
        structure,
        FrameInfo(_NOBODY, view, phase, attributes, domain),
        shape=_pick(rng, SHAPE_WORDS),
        paraphrase=int(rng.integers(len(PARAPHRASES))),
        name_domain=rng.random() < 0.3,
    ).text


def _expand(rng: np.random.Generator, sentence: str, name: str) -> str:
    """Fill every slot of a sentence, `{it}` with `name`, until none is left."""
    while slot := _SLOT.search(sentence):
        if slot[1] == "it":
            phrase = name
        elif slot[1] == "letters":
            phrase = "".join(_pick(rng, string.ascii_lowercase + string.digits) for _ in range(rng.integers(3, 12)))
        elif slot[1] == "word":
            phrase = "".join(_pick(rng, SYLLABLES) for _ in range(rng.integers(2, 5)))
        else:
            phrase = _pick(rng, GRAMMAR[slot[1]])
        sentence = sentence[: slot.start()] + phrase + sentence[slot.end() :]
    return sentence


def _carelessly(rng: np.random.Generator, sentence: str) -> str:
    """Write a sentence as people type it: articles, stops, hyphens and capitals as they like, and slips of the pen."""
    if rng.random() < 0.2:
        sentence = re.sub(r"\b(the|an?) ", "", sentence)
    if rng.random() < SLIPS:
        sentence = _with_slips(rng, sentence)
    marks = rng.random()
    if marks < 0.1:
        sentence = re.sub(r"[-,.:?]+", " ", sentence).strip()
    elif marks < 0.3:
        sentence += _pick(rng, (".", ".", "!", "?", " .", "...", ","))
    return _pick(rng, CASES)(sentence)


def _with_slips(rng: np.random.Generator, sentence: str) -> str:
    """Put slips of the pen into a few of the long words, one in each."""
    words = [word for word in _WORD.finditer(sentence) if len(word[0]) >= SHORTEST_SLIP]
    most = min(len(words), max(len(sentence) // CHARACTERS_PER_SLIP, 1))
    if most == 0:
        return sentence
    chosen = rng.permutation(len(words))[: 1 + int(rng.integers(most))]
    for number in sorted(chosen, reverse=True):  # from the end, so that the places of the others stay
        word = words[number]
        sentence = sentence[: word.start()] + _slip(rng, word[0]) + sentence[word.end() :]
    return sentence


def _slip(rng: np.random.Generator, word: str) -> str:
    """Swap, drop, double or mistype a letter of a word, unless that makes a word that means something here."""
    place = int(rng.integers(len(word) - 1))
    before, letter, after = word[:place], word[place], word[place + 1 :]
    slipped = _pick(
        rng,
        (
            before + after[0] + letter + after[1:],
            before + after,
            before + letter + letter + after,
            before + _neighbour(rng, letter) + after,
        ),
    )
    return word if slipped.casefold() in _meaningful() else slipped


def _neighbour(rng: np.random.Generator, letter: str) -> str:
    """The letter on the key to the left or to the right, or the letter itself where there is none."""
    for row in _KEYS:
        place = row.find(letter.lower())
        if place >= 0:
            return _pick(rng, row[max(place - 1, 0) : place] + row[place + 1 : place + 2])
    return letter


@cache
def _meaningful() -> frozenset[str]:
    """Every word of every phrase, lower-case."""
    return frozenset(word for phrases in GRAMMAR.values() for phrase in phrases for word in split_words(phrase))


def _pick(rng: np.random.Generator, options: Sequence[T]) -> T:
    return options[int(rng.integers(len(options)))]
