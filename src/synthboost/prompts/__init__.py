"""From what is known of a frame to the sentence that names a structure in it: the paper's prompt sets P0-P7."""

from synthboost.prompts.build import (
    MAXIMUM_CHARACTERS,
    build_prompt,
    clean_sentence,
    seeded_omissions,
    seeded_paraphrase,
    spell_out,
)
from synthboost.prompts.shape import shape_word
from synthboost.prompts.templates import (
    PARAPHRASES,
    PROMPT_SETS,
    SHAPE_WORDS,
    Attribute,
    Degree,
    fraction_degree,
    split_words,
    vocabulary,
    wall_degree,
)

__all__ = [
    "MAXIMUM_CHARACTERS",
    "PARAPHRASES",
    "PROMPT_SETS",
    "SHAPE_WORDS",
    "Attribute",
    "Degree",
    "build_prompt",
    "clean_sentence",
    "fraction_degree",
    "seeded_omissions",
    "seeded_paraphrase",
    "shape_word",
    "spell_out",
    "split_words",
    "vocabulary",
    "wall_degree",
]
