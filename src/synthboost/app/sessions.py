"""What the server remembers of each visitor: the image, what the model saw in it, and the answers; bounded."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synthboost.app.intake import Intake
from synthboost.domain import Domain
from synthboost.inference.predictor import EncodedImages, Predictor

MAX_SESSIONS = 16
MAX_FRAMES_ENCODED = 8
MAX_ANSWERS = 32
MAX_ANSWER_PIXELS = 64_000_000
"""Of all answers of a visitor, 4 bytes each; the last question is always kept."""


class Session:
    """One visitor and one image. An image is encoded once, a sentence about it is decoded once."""

    def __init__(self, intake: Intake, domain: Domain = Domain.REAL) -> None:
        """Keep the image; nothing is encoded yet."""
        self.intake, self.domain = intake, domain
        self.asked: tuple[str, ...] = ()
        """The sentences whose answers are on show."""
        self._encoded: OrderedDict[int, EncodedImages] = OrderedDict()
        self._answers: OrderedDict[tuple[int, str], NDArray[np.float32]] = OrderedDict()

    def probabilities(self, predictor: Predictor, sentences: Sequence[str], frame: int = 0) -> NDArray[np.float32]:
        """Return (N, H, W) for N sentences, 0-1; only what was never asked is computed.

        Raises:
            PromptError: a sentence is too long for the model.
        """
        new = [sentence for sentence in dict.fromkeys(sentences) if (frame, sentence) not in self._answers]
        if new:
            (prediction,) = predictor.predict_encoded(self._encode(predictor, frame), [new])
            for sentence, probability in zip(new, prediction.probability, strict=True):
                self._answers[frame, sentence] = probability
        for sentence in sentences:
            self._answers.move_to_end((frame, sentence))
        found = np.stack([self._answers[frame, sentence] for sentence in sentences])
        _shorten(self._answers, max(len(found), min(MAX_ANSWERS, MAX_ANSWER_PIXELS // found[0].size)))
        return found

    def _encode(self, predictor: Predictor, frame: int) -> EncodedImages:
        if frame not in self._encoded:
            self._encoded[frame] = predictor.encode_images([self.intake.frames[frame]])
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
