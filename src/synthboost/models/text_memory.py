"""What a text encoder that does not learn says of each sentence, computed when the sentence first comes and kept."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from synthboost.models.base import Features, Segmenter

MOST_SENTENCES = 20_000
"""Kept at most; all sentences of P5 for CAMUS are 4,300. Beyond, the memory starts anew."""


class TextMemory:
    """Features by sentence, on the model's device."""

    def __init__(self, model: Segmenter, one_at_a_time: bool = False) -> None:
        """Remember for `model`, whose text encoder must not change any more.

        Args:
            model: in evaluation mode, or with a frozen text encoder.
            one_at_a_time: encode every sentence alone on a CPU, so that no bit depends on its neighbours: a training
                that is resumed meets the sentences in another company than before.
        """
        self._model, self._one_at_a_time = model, one_at_a_time
        self._known: dict[str, Features] = {}

    def recall(self, sentences: Sequence[str]) -> Features:
        """Return the text features of M sentences; those that are new are encoded."""
        if len(self._known) > MOST_SENTENCES:
            self._known.clear()
        if new := [sentence for sentence in dict.fromkeys(sentences) if sentence not in self._known]:
            alone = self._one_at_a_time and self._device.type == "cpu"
            at_once = 1 if alone else len(new)
            for first in range(0, len(new), at_once):
                self._learn(new[first : first + at_once])
        return self._model.join_text([self._known[sentence] for sentence in sentences])

    @torch.no_grad()
    def _learn(self, sentences: Sequence[str]) -> None:
        features = self._model.encode_text(self._model.tokenize(sentences).to(self._device))
        for position, sentence in enumerate(sentences):
            self._known[sentence] = tuple(tensor[position : position + 1] for tensor in features)

    @property
    def _device(self) -> torch.device:
        return next(self._model.parameters()).device
