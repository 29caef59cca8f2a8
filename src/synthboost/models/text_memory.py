"""Cache of frozen text features: each distinct sentence is encoded once."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from synthboost.models.base import Features, Segmenter

MOST_SENTENCES = 20_000
"""Kept at most; P5 has 4,300 distinct sentences for CAMUS. Beyond, the cache starts anew."""


class TextMemory:
    """Features by sentence, on the model's device."""

    def __init__(self, model: Segmenter, one_at_a_time: bool = False) -> None:
        """Remember for `model`, in evaluation mode or with a frozen text encoder, which must not change any more.

        With `one_at_a_time` a CPU encodes every sentence alone, so that no bit depends on its neighbours: a resumed
        training batches them differently.
        """
        self._model, self._one_at_a_time = model, one_at_a_time
        self._known: dict[str, Features] = {}

    @torch.no_grad()
    def recall(self, sentences: Sequence[str]) -> Features:
        """Return the text features of M sentences; those that are new are encoded."""
        if len(self._known) > MOST_SENTENCES:
            self._known.clear()
        if new := [sentence for sentence in dict.fromkeys(sentences) if sentence not in self._known]:
            device = next(self._model.parameters()).device
            alone = self._one_at_a_time and device.type == "cpu"
            for batch in [[sentence] for sentence in new] if alone else [new]:
                features = self._model.encode_text(self._model.tokenize(batch).to(device))
                for row, sentence in enumerate(batch):
                    self._known[sentence] = tuple(tensor[row : row + 1] for tensor in features)
        return self._model.join_text([self._known[sentence] for sentence in sentences])
