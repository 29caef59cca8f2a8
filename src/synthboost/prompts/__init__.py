"""From what is known of a frame to the sentence that names a structure in it: the paper's prompt sets P0-P7."""

from synthboost.prompts.build import build_prompt, seeded_paraphrase
from synthboost.prompts.clean import MAXIMUM_CHARACTERS, clean_sentence
from synthboost.prompts.degrees import Degree, fraction_degree, wall_degree
from synthboost.prompts.shape import GeometricShape, ShapeNamer, shape_word
from synthboost.prompts.templates import PARAPHRASES, PROMPT_SETS, SHAPE_WORDS, Attribute
from synthboost.prompts.vocabulary import split_words, vocabulary

__all__ = [
    "MAXIMUM_CHARACTERS",
    "PARAPHRASES",
    "PROMPT_SETS",
    "SHAPE_WORDS",
    "Attribute",
    "Degree",
    "GeometricShape",
    "ShapeNamer",
    "build_prompt",
    "clean_sentence",
    "fraction_degree",
    "seeded_paraphrase",
    "shape_word",
    "split_words",
    "vocabulary",
    "wall_degree",
]
