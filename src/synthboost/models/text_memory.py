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
        """Remember for `model`, whose text encoder must not change any more.

        Args:
            model: in evaluation mode, or with a frozen text encoder.
            one_at_a_time: encode every sentence alone on a CPU, so that no bit depends on its neighbours: a resumed
                training batches them differently.
        """
        self._model, self._one_at_a_time = model, one_at_a_time
        self._known: dict[str, Features] = {}

    def recall(self, sentences: Sequence[str]) -> Features:
        """Return the text features of M sentences; those that are new are encoded."""
        if len(self._known) > MOST_SENTENCES:
            self._known.clear()
        if new := [sentence for sentence in dict.fromkeys(sentences) if sentence not in self._known]:
            alone = self._one_at_a_time and self._device.type == "cpu"
            for batch in [[sentence] for sentence in new] if alone else [new]:
                self._encode(batch)
        return self._model.join_text([self._known[sentence] for sentence in sentences])

    @torch.no_grad()
    def _encode(self, sentences: Sequence[str]) -> None:
        features = self._model.encode_text(self._model.tokenize(sentences).to(self._device))
        for position, sentence in enumerate(sentences):
            self._known[sentence] = tuple(tensor[position : position + 1] for tensor in features)

    @property
    def _device(self) -> torch.device:
        return next(self._model.parameters()).device
