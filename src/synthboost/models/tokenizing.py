"""Sentences into token numbers with a tokenizer of transformers, and where a folder keeps that tokenizer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import CLIPTokenizer

from synthboost.errors import CheckpointError, PromptError

TOKENIZER_FILES = (("tokenizer.json",), ("vocab.json", "merges.txt"))
"""A folder holds the one or the other."""


def tokenize(tokenizer: Any, sentences: Sequence[str], limit: int) -> Tensor:
    """Turn sentences into token numbers (N, L), start and end included, padded to the longest.

    Raises:
        PromptError: a sentence has more than `limit` tokens; nothing is cut silently.
    """
    numbers = tokenizer(list(sentences), add_special_tokens=True)["input_ids"]
    for sentence, tokens in zip(sentences, numbers, strict=True):
        if len(tokens) > limit:
            raise PromptError(
                "sentence", "length", f"{len(tokens)} tokens: {sentence[:80]!r}",
                f"at most {limit} tokens, start and end included", "Shorten the sentence.",
            )  # fmt: skip
    longest = max(len(tokens) for tokens in numbers)
    padding = tokenizer.pad_token_id
    return torch.tensor([tokens + [padding] * (longest - len(tokens)) for tokens in numbers])


def unknown_words(tokenizer: Any, sentence: str) -> tuple[str, ...]:
    """Return the words outside the vocabulary; none with CLIP's tokenizer, which spells them."""
    unknown = tokenizer.unk_token_id
    words = re.findall(r"\w+", sentence)
    return tuple(w for w in words if unknown in tokenizer(w, add_special_tokens=False)["input_ids"])


def require_tokenizer_files(folder: Path) -> None:
    """Refuse a folder without a tokenizer; the library would make up one that knows no word.

    Raises:
        CheckpointError: there is none.
    """
    if not any(all((folder / name).is_file() for name in names) for names in TOKENIZER_FILES):
        raise CheckpointError(folder, "tokenizer", "absent", "tokenizer.json, or vocab.json and merges.txt")


def clip_tokenizer(source: str | Path) -> Any:
    """Load CLIP's tokenizer from a folder, or from a model on the hub by its name.

    Raises:
        CheckpointError: the folder has none, or the hub cannot be reached.
    """
    folder = Path(source)
    if folder.is_dir():
        require_tokenizer_files(folder)
    elif isinstance(source, Path) or source.count("/") != 1 or source.startswith((".", "/", "~")):
        raise CheckpointError(source, "tokenizer", "absent", "a folder, or a hub name like owner/name")
    try:
        return CLIPTokenizer.from_pretrained(source, local_files_only=folder.is_dir())
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise CheckpointError(
            source, "tokenizer", f"{type(error).__name__}: {error}", "CLIP's tokenizer, in a folder or on the hub",
            "Where there is no network, give a folder with tokenizer.json, or vocab.json and merges.txt.",
        ) from error  # fmt: skip
