"""The option `--shard i/n`."""

from __future__ import annotations

from pathlib import Path

from synthboost.errors import ConfigError


def parse_shard(verb: str, text: str) -> tuple[int, int]:
    """Return (i, n).

    Raises:
        ConfigError: the text is not `i/n` with i from 1 to n.
    """
    first, slash, last = text.partition("/")
    if slash and first.isdecimal() and last.isdecimal() and 1 <= int(first) <= int(last):
        return int(first), int(last)
    raise ConfigError(verb, "shard", text, "i/n with i from 1 to n, such as 3/16")


def still_to_come(out: Path) -> str:
    """Return what to add to the last line: nothing once the lists are written, which the last share does."""
    from synthboost.data.lists import FRAMES_CSV  # here: it loads what reads images, which no help needs

    return "" if (out / FRAMES_CSV).is_file() else "; other shards are still to come"
