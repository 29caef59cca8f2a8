"""The option `--shard i/n`."""

from __future__ import annotations

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
