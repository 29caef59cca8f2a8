"""The harness finds what it is there to find."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from fuzzing import TookTooLong, fuzz, mutated_bytes, mutated_text

from synthboost.errors import DataError

SOUND = [b"one 1\ntwo 2\n"]


def _refuse(path: Path) -> None:
    raise DataError(path, "file", "mutated", "another")


def test_the_same_seed_gives_the_same_mutations_and_none_is_the_file_itself() -> None:
    for mutate in (mutated_bytes, mutated_text):
        first, again = ([mutate(SOUND[0], Random(n)) for n in range(50)] for _ in range(2))
        assert first == again
        assert len(set(first)) > 30


def test_what_is_refused_and_what_is_accepted_is_counted(tmp_path: Path) -> None:
    assert fuzz(tmp_path / "x", SOUND, lambda path: path.read_bytes()) > 0
    assert fuzz(tmp_path / "x", SOUND, lambda path: path.read_bytes() in SOUND or _refuse(path)) < 20


@pytest.mark.parametrize(
    ("fault", "seconds", "kind"),
    [
        (lambda: 1 / 0, 9, ZeroDivisionError),
        (lambda: bytearray(600 * 2**20), 9, AssertionError),
        (lambda: [None for _ in iter(int, 1)], 0.1, TookTooLong),
    ],
)
def test_an_error_of_another_kind_much_memory_and_much_time_fail_and_the_file_is_named(
    tmp_path: Path, fault, seconds: float, kind: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fuzzing.MOST_SECONDS", seconds)
    with pytest.raises(kind) as raised:
        fuzz(tmp_path / "x", SOUND, lambda path: None if path.read_bytes() in SOUND else fault())
    assert any(str(tmp_path / "x") in note for note in raised.value.__notes__)


def test_what_is_accepted_is_checked(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="changed"):
        fuzz(tmp_path / "x", SOUND, Path.read_bytes, check=lambda result, _: _require(result in SOUND))


def _require(holds: bool) -> None:
    assert holds, "changed"
