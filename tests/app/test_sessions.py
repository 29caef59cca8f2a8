from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from synthboost.app.images import OpenedImage
from synthboost.app.sessions import Session, Sessions


def _session(seed: int) -> Session:
    image = np.random.default_rng(seed).integers(0, 255, (20, 24), dtype=np.uint8)
    return Session(OpenedImage(f"{seed}.png", (image,), None))


def test_an_image_is_encoded_once_and_a_sentence_decoded_once(counting: Any) -> None:
    session = _session(0)
    first = session.predict(counting, ["one", "two"]).probability
    again = session.predict(counting, ["two", "three"]).probability
    assert (counting.encoded, counting.predicted) == (1, 3)
    assert first.shape == (2, 20, 24)
    np.testing.assert_array_equal(again[0], first[1])


def test_two_visitors_have_their_own_image_and_predictions(counting: Any) -> None:
    sessions = Sessions()
    sessions.put("one", _session(1))
    sessions.put("other", _session(2))
    one, other = sessions.get("one"), sessions.get("other")
    assert one is not None
    assert other is not None
    assert one.image.name == "1.png"
    found = [session.predict(counting, ["one"]).probability for session in (one, other)]
    assert counting.encoded == 2
    assert not np.array_equal(*found)


def test_who_left_and_who_came_first_are_forgotten() -> None:
    sessions = Sessions(most=2)
    for number in range(3):
        sessions.put(str(number), _session(number))
    assert sessions.get("0") is None
    sessions.forget("1")
    assert sessions.get("1") is None
    assert sessions.get("2") is not None


def test_old_predictions_are_dropped_but_never_the_last_ones(counting: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("synthboost.app.sessions.MAX_PREDICTIONS", 2)
    session = _session(0)
    assert len(session.predict(counting, ["a", "b", "c"]).masks) == 3
    session.predict(counting, ["d"])
    session.predict(counting, ["c"])
    assert counting.predicted == 4
    session.predict(counting, ["a"])
    assert counting.predicted == 5
