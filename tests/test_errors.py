"""Errors: one line for the reader, and whole again after a trip between processes."""

from __future__ import annotations

import pickle

import pytest

from synthboost import errors
from synthboost.errors import SynthboostError

KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, SynthboostError)]


def test_a_message_says_where_what_which_value_what_was_expected_and_what_to_do() -> None:
    error = SynthboostError("a.cfg", "Age", 130, "0 to 120 years", "Correct the file.")
    assert str(error) == "a.cfg: Age: 130; expected 0 to 120 years. Correct the file."


def test_without_a_remedy_the_message_ends_after_the_expectation() -> None:
    assert str(SynthboostError("a.cfg", "Age", 130, "0 to 120 years")) == "a.cfg: Age: 130; expected 0 to 120 years"


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_survives_the_trip_from_a_worker_process(kind: type[SynthboostError]) -> None:
    error = pickle.loads(pickle.dumps(kind("a.cfg", "Age", 130, "0 to 120", "Correct it.")))
    assert type(error) is kind
    assert (error.where, error.field, error.value, error.expected, error.remedy) == (
        "a.cfg", "Age", "130", "0 to 120", "Correct it.",
    )  # fmt: skip


def test_the_message_is_one_line_even_if_a_path_holds_a_line_break() -> None:
    message = str(SynthboostError("odd\nname\r\n.png", "file", "no\u2028such", "a picture"))
    assert message == "odd name .png: file: no such; expected a picture"


def test_every_error_is_caught_as_a_synthboost_error() -> None:
    assert len(KINDS) == 8
    assert all(issubclass(kind, SynthboostError) for kind in KINDS)
