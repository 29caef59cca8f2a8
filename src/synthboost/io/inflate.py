"""Decompress gzip step by step, never more than asked for, and check what gzip's checksum covers.

Python's `gzip` does the same in small steps, which is slower.
"""

from __future__ import annotations

import zlib

_GZIP = 31
"""zlib's window code for "gzip, largest window"."""


class Inflater:
    """The decompressed content of gzip data, read from front to back."""

    def __init__(self, data: bytes) -> None:
        self._rest = data
        self._member = zlib.decompressobj(_GZIP)

    def read(self, count: int) -> bytes:
        """The next `count` bytes, or all that are left if they are fewer.

        Raises:
            EOFError: the data end before their own end mark.
            zlib.error: they are damaged; the checksum is compared when the end is reached.
        """
        parts: list[bytes] = []
        while count > 0 and self._enter_member():
            part = self._member.decompress(self._rest, count)
            self._rest = self._member.unconsumed_tail
            if not part and not self._member.eof and not self._rest:
                raise EOFError
            parts.append(part)
            count -= len(part)
        return b"".join(parts)

    def _enter_member(self) -> bool:
        """Go on to the next gzip member if this one is over (parallel compressors write several); False at the end."""
        if self._member.eof:
            self._rest = self._member.unused_data.lstrip(b"\0")
            if not self._rest:
                return False
            self._member = zlib.decompressobj(_GZIP)
        return True
