"""Fuzzing of a parser: seeded mutations of sound files, of which none may do more than be refused.

A case fails when anything but a `SynthboostError` of one printable line leaves the parser, when it takes more than 2 s
of the processor or 500 MB, or when a `check` of what was accepted does not hold. The file of the failed case stays.

    def test_lists(tmp_path):
        fuzz(tmp_path / "training.txt", [b"patient0001\\n"], read_list, mutate=mutated_text)

`SYNTHBOOST_FUZZ=5000` asks for that many cases per parser, `SYNTHBOOST_FUZZ_SEED=3` for others.
"""

from __future__ import annotations

import os
import re
import resource
import signal
import struct
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random
from types import FrameType
from typing import Any

from synthboost.errors import SynthboostError

SEED = int(os.environ.get("SYNTHBOOST_FUZZ_SEED", "0"))
MOST_SECONDS, MOST_BYTES = 2.0, 500 * 2**20
HEADER = 512
"""Half of all changes are made in so many bytes at the beginning, where formats keep their sizes."""
INTEGERS = tuple(
    value.to_bytes(size, order, signed=value < 0)  # type: ignore[arg-type]
    for size in (1, 2, 4, 8)
    for order in ("little", "big")
    for value in (0, 1, 2 ** (8 * size - 1) - 1, -(2 ** (8 * size - 1)), -1, 2 ** (8 * size) // 3)
)
FLOATS = tuple(
    struct.pack(form, value)
    for form in ("<f", ">f", "<d", ">d")
    for value in (float("nan"), float("inf"), -1.0, 0.0, 1e-30, 1e30)
)
NUMBERS = (
    "0", "-1", "1.5", "nan", "inf", "-inf", "1e999", "-1e999", "1e-999", "2147483648", "-9223372036854775809",
    "9" * 400, "9" * 5000, "0x10", "1_000", "+1", "", "true", "null", "[]", "\u0663",
)  # fmt: skip
WORDS = (
    "", "\0", "\x1b[2J", "\r", "\n", "\u202e", "\ufeff", "=1+1", "../../etc/passwd", "'", '"', ",", "[" * 20_000,
    '{"a":' * 20_000, "#" * 70_000, "\udcff", "None", "Infinity",
)  # fmt: skip


class TookTooLong(BaseException):
    """No `Exception`, so that no parser catches it."""


def cases(usual: int = 200) -> int:
    """How many cases a parser gets: `usual`, or as many as the environment asks for."""
    return int(os.environ.get("SYNTHBOOST_FUZZ", usual))


def fuzz(
    path: Path,
    sound: Sequence[bytes],
    parse: Callable[[Path], Any],
    *,
    mutate: Callable[[bytes, Random, Sequence[bytes]], bytes] | None = None,
    wrap: Callable[[bytes], bytes] = bytes,
    check: Callable[[Any, bytes], None] | None = None,
    usual: int = 200,
) -> int:
    """Write mutations to `path` one after the other and parse each; return how many were accepted.

    Args:
        path: the file; its name chooses the format. Other files of a folder may lie beside it.
        sound: contents that are accepted, unmutated.
        parse: called with `path`; reads all there is to read.
        mutate: by default `mutated_bytes`; `mutated_text` for text.
        wrap: after the mutation, e.g. `gzip.compress`: else most cases only break a checksum.
        check: called with what was parsed and the content; asserts what must hold of all that is accepted.
        usual: cases in a normal run.
    """
    accepted = 0
    for content in sound:
        path.write_bytes(wrap(content))
        result = parse(path)
        if check is not None:
            check(result, content)
    for number in range(cases(usual)):
        random = Random(f"{SEED} {path.name} {number}")  # another file for every case, whatever ran before
        content = (mutate or mutated_bytes)(random.choice(sound), random, sound)
        path.write_bytes(wrap(content))
        try:
            with _bounded():
                result = parse(path)
        except SynthboostError as error:
            _require_one_line(str(error))
        except BaseException as error:
            error.add_note(f"case {number} of seed {SEED}: {path}")
            raise
        else:
            accepted += 1
            if check is not None:
                check(result, content)
    return accepted


def mutated_bytes(content: bytes, random: Random, others: Sequence[bytes] = ()) -> bytes:
    """One to four changes: bits, bytes, numbers at their extremes, spans removed, doubled, moved, zeroed, cut off."""
    data = bytearray(content)
    for _ in range(random.choice((1, 1, 2, 4))):
        size = len(data) or 1
        at = random.randrange(min(size, HEADER) if random.random() < 0.5 else size)
        span = min(random.choice((1, 2, 4, 8, 64, 512)), size)
        match random.randrange(9):
            case 0 if data:
                data[at] ^= 1 << random.randrange(8)
            case 1:
                data[at : at + span] = random.randbytes(span)
            case 2 | 3:
                value = random.choice(INTEGERS if random.random() < 0.7 else FLOATS)
                data[at : at + len(value)] = value
            case 4:
                del data[at : size if random.random() < 0.5 else at + span]
            case 5:
                data[at:at] = data[at : at + span] * random.choice((1, 1, 2, 100))
            case 6:
                source = random.choice(others or (content,))
                begin = random.randrange(len(source) or 1)
                data[at : at + span] = source[begin : begin + span]
            case 7:
                data[at : at + span] = bytes([random.choice((0, 0, 255))]) * span
            case _:
                data += random.randbytes(span) if random.random() < 0.5 else bytes(data[:span])
    return bytes(data)


def mutated_text(content: bytes, random: Random, others: Sequence[bytes] = ()) -> bytes:
    """One to three changes: numbers, words and lines replaced, moved, doubled or removed; at times bytes as well."""
    text = content.decode("utf-8", errors="surrogateescape")
    for _ in range(random.choice((1, 1, 2, 3))):
        numbers = [match.span() for match in re.finditer(r"-?\d[\d.eE+-]*", text)]
        words = [match.span() for match in re.finditer(r"\w+|[^\w\s]", text)]
        lines = text.splitlines(keepends=True)
        match random.randrange(7):
            case 0 | 1 if numbers:
                begin, end = random.choice(numbers)
                text = text[:begin] + random.choice(NUMBERS) + text[end:]
            case 2 if words:
                begin, end = random.choice(words)
                text = text[:begin] + random.choice(WORDS) + text[end:]
            case 3 if words:
                (begin, end), (first, last) = random.choice(words), random.choice(words)
                text = text[:begin] + text[first:last] + text[end:]
            case 4 if lines:
                del lines[random.randrange(len(lines))]
                text = "".join(lines)
            case 5 if lines:
                lines.insert(random.randrange(len(lines)), random.choice(lines))
                text = "".join(lines)
            case _:
                at = random.randrange(len(text) + 1)
                text = text[:at] + random.choice((*WORDS, *NUMBERS)) + text[at:]
    data = text.encode("utf-8", errors="surrogateescape")
    return mutated_bytes(data, random, others) if random.random() < 0.2 else data


def _require_one_line(message: str) -> None:
    assert message.isprintable(), repr(message)


@contextmanager
def _bounded() -> Iterator[None]:
    """Raise in the block after `MOST_SECONDS` of the processor, and after it when it took more than `MOST_BYTES`."""
    can_time = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGPROF, _too_long) if can_time else None
    held = _begin_peak()
    try:
        if can_time:
            signal.setitimer(signal.ITIMER_PROF, MOST_SECONDS)
        yield
    finally:
        if can_time:
            signal.setitimer(signal.ITIMER_PROF, 0)
            signal.signal(signal.SIGPROF, before)
        peak = _memory("VmHWM") - held
    assert peak <= MOST_BYTES, f"took {peak / 2**20:.0f} MB"


def _too_long(number: int, frame: FrameType | None) -> None:
    raise TookTooLong(f"more than {MOST_SECONDS:g} s")


def _begin_peak() -> int:
    """Forget the highest use of memory so far, where the system can; return what is used now."""
    if sys.platform == "linux":
        try:
            Path("/proc/self/clear_refs").write_text("5")
        except OSError:
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return _memory("VmRSS")


def _memory(field: str) -> int:
    if sys.platform != "linux":
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    status = Path("/proc/self/status").read_text()
    return int(re.search(rf"{field}:\s*(\d+)", status)[1]) * 1024  # type: ignore[index]
