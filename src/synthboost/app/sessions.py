"""What the server remembers of each visitor: the image, its features, and the predictions; bounded."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synthboost.app.beat import ClipBeats
from synthboost.app.images import OpenedImage
from synthboost.inference.predictor import THRESHOLD, EncodedImages, Prediction, Predictor

MAX_SESSIONS = 16
MAX_FRAMES_ENCODED = 8
MAX_PREDICTIONS = 32
MAX_PREDICTED_PIXELS = 64_000_000
"""Of all predictions of a visitor, 4 bytes each; those of the last sentences are always kept."""


class Session:
    """One visitor and one image. An image is encoded once, a sentence about it is decoded once."""

    def __init__(self, image: OpenedImage) -> None:
        """Keep the image; nothing is encoded yet."""
        self.image = image
        self.sentences: tuple[str, ...] = ()
        """Those whose masks are on show."""
        self.beat: tuple[tuple[str, ...], ClipBeats | None] | None = None
        """Of a clip, and the sentences that it was found with."""
        self._encoded: OrderedDict[int, EncodedImages] = OrderedDict()
        self._predicted: OrderedDict[tuple[int, str], NDArray[np.float32]] = OrderedDict()

    def predict(
        self, predictor: Predictor, sentences: Sequence[str], frame: int = 0, threshold: float = THRESHOLD
    ) -> Prediction:
        """Predict what N sentences (0 or more) name in a frame; only what is not known yet is computed.

        Raises:
            PromptError: a sentence is too long for the model.
        """
        if not sentences:
            return Prediction((), np.zeros((0, *self.image.frames[frame].shape), dtype=np.float32), threshold)
        new = [sentence for sentence in dict.fromkeys(sentences) if (frame, sentence) not in self._predicted]
        if new:
            (prediction,) = predictor.predict_encoded(self._encode(predictor, frame), [new])
            for sentence, probability in zip(new, prediction.probability, strict=True):
                self._predicted[frame, sentence] = probability
        for sentence in sentences:
            self._predicted.move_to_end((frame, sentence))
        found = np.stack([self._predicted[frame, sentence] for sentence in sentences])
        _shorten(self._predicted, max(len(found), min(MAX_PREDICTIONS, MAX_PREDICTED_PIXELS // found[0].size)))
        return Prediction(tuple(sentences), found, threshold, predictor.refused(sentences))

    def _encode(self, predictor: Predictor, frame: int) -> EncodedImages:
        if frame not in self._encoded:
            self._encoded[frame] = predictor.encode_images([self.image.frames[frame]])
            _shorten(self._encoded, MAX_FRAMES_ENCODED)
        self._encoded.move_to_end(frame)
        return self._encoded[frame]


class Sessions:
    """The visitors who were here last; older ones are forgotten."""

    def __init__(self, most: int = MAX_SESSIONS) -> None:
        """Begin with none."""
        self._most = most
        self._sessions: OrderedDict[str, Session] = OrderedDict()
        self._lock = threading.Lock()

    def put(self, key: str, session: Session) -> None:
        """Give a visitor a new image; what was known of the last one is dropped."""
        with self._lock:
            self._sessions[key] = session
            self._sessions.move_to_end(key)
            _shorten(self._sessions, self._most)

    def get(self, key: str) -> Session | None:
        """Return a visitor's session, or `None` when there is none any more."""
        with self._lock:
            if key in self._sessions:
                self._sessions.move_to_end(key)
            return self._sessions.get(key)

    def forget(self, key: str) -> None:
        """Drop everything of a visitor."""
        with self._lock:
            self._sessions.pop(key, None)


def _shorten(kept: OrderedDict[Any, Any], most: int) -> None:
    while len(kept) > most:
        kept.popitem(last=False)
