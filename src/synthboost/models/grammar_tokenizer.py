"""A word-level tokenizer made from the sentence grammar, for presets that are not pretrained."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from synthboost.prompts import vocabulary

PAD, UNKNOWN, START, END = "<pad>", "<unknown>", "<start>", "<end>"
SPECIAL_TOKENS = (PAD, UNKNOWN, START, END)
"""In this order, so that `<end>` is not number 2: CLIP's text encoder takes that for an outdated configuration."""


def grammar_tokenizer(extra: Sequence[str] = ()) -> PreTrainedTokenizerFast:
    """Build the tokenizer: one token per word or punctuation mark, `<unknown>` for any word outside the grammar.

    Args:
        extra: words beyond the grammar's, numbered after them, so that these keep their numbers.
    """
    words = sorted({part for word in vocabulary() for part in re.findall(r"[a-z]+", word)})
    numbers = {token: number for number, token in enumerate([*SPECIAL_TOKENS, ".", ",", "-", *words, *extra])}
    tokenizer = Tokenizer(models.WordLevel(numbers, unk_token=UNKNOWN))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"\w+|[^\w\s]"), behavior="removed", invert=True)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{START} $A {END}", special_tokens=[(START, numbers[START]), (END, numbers[END])]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token=PAD, unk_token=UNKNOWN, bos_token=START, eos_token=END
    )
