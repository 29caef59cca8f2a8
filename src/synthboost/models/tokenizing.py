"""Tokenizers: the grammar's own for presets that are not pretrained, and CLIP's."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import AutoTokenizer, CLIPTokenizer, PreTrainedTokenizerFast

from synthboost.domain import PromptSet
from synthboost.errors import CheckpointError, first_words
from synthboost.models.weights_folder import is_hub_name
from synthboost.prompts import vocabulary

TOKENIZER_FILES = (("tokenizer.json",), ("vocab.json", "merges.txt"))
"""A folder holds the one or the other."""
PAD, UNKNOWN, START, END = "<pad>", "<unknown>", "<start>", "<end>"
SPECIAL_TOKENS = (PAD, UNKNOWN, START, END)
"""In this order, so that `<end>` is not number 2: CLIP's text encoder takes that for an outdated configuration."""


def grammar_tokenizer(prompt_sets: Collection[PromptSet] = ()) -> PreTrainedTokenizerFast:
    """Build the word-level tokenizer of the sentence grammar, `<unknown>` for any word outside it.

    Args:
        prompt_sets: whose words come after those of the paper's sentences, so that these keep their numbers.
    """
    tokens = [*SPECIAL_TOKENS, ".", ",", "-", *vocabulary(prompt_sets)]
    numbers = {token: number for number, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.WordLevel(numbers, unk_token=UNKNOWN))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"\w+|[^\w\s]"), behavior="removed", invert=True)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{START} $A {END}", special_tokens=[(START, numbers[START]), (END, numbers[END])]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token=PAD, unk_token=UNKNOWN, bos_token=START, eos_token=END
    )


def read_tokenizer(folder: Path, ends: bool = True) -> Any:
    """Read the tokenizer that a folder of weights holds; with `ends`, one whose sentences end in a token of their own.

    Raises:
        CheckpointError: there is none, or it is damaged.
    """
    _require_files(folder)
    with _refusing_damage(folder, "the files of a tokenizer"):
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        tokenizer(["heart"], add_special_tokens=True)  # some damage shows in use only
    if tokenizer.pad_token_id is None or (ends and tokenizer.eos_token_id is None):
        raise CheckpointError(folder, "tokenizer", "no padding or no end", "a tokenizer with tokens for both")
    return tokenizer


def clip_tokenizer(source: str | Path) -> Any:
    """Load CLIP's tokenizer from a folder, or from a model on the hub by its name.

    Raises:
        CheckpointError: the folder has none, or the hub cannot be reached.
    """
    folder = Path(source)
    if folder.is_dir():
        _require_files(folder)
    elif not is_hub_name(source):
        raise CheckpointError(source, "tokenizer", "absent", "a folder, or a hub name like owner/name")
    with _refusing_damage(
        source, "CLIP's tokenizer, in a folder or on the hub",
        "Where there is no network, give a folder with tokenizer.json, or vocab.json and merges.txt.",
    ):  # fmt: skip
        return CLIPTokenizer.from_pretrained(source, local_files_only=folder.is_dir())


@contextmanager
def _refusing_damage(source: str | Path, expected: str, remedy: str = "") -> Iterator[None]:
    try:
        yield
    except BaseException as error:  # damaged files can raise anything, a panic of the library's Rust included
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        raise CheckpointError(source, "tokenizer", first_words(error), expected, remedy) from error


def _require_files(folder: Path) -> None:
    # Without any, the library would make up a tokenizer that knows no word.
    if not any(all((folder / name).is_file() for name in names) for names in TOKENIZER_FILES):
        raise CheckpointError(folder, "tokenizer", "absent", "tokenizer.json, or vocab.json and merges.txt")
