"""The program's outputs: one that is closed, full, or cannot show a letter costs no work."""

from __future__ import annotations

import os
import sys
from typing import Any


class Stream:
    """A text stream that never stops the program, unless its reader has left (`| head`) and `ends` it."""

    def __init__(self, stream: Any, ends: bool) -> None:
        """Take over a stream."""
        self.stream, self.ends = stream, ends
        self.error: OSError | None = None
        """Why something could not be written, if that happened."""

    def write(self, text: str) -> int:
        """Write as much as can be; letters that the stream does not know become escapes such as `\\xb1`."""
        try:
            self.stream.write(text)
        except UnicodeEncodeError:
            return self.write(text.encode("ascii", "backslashreplace").decode())
        except OSError as error:
            self._note(error)
        return len(text)

    def flush(self) -> None:
        """Write what is waiting."""
        try:
            self.stream.flush()
        except OSError as error:
            self._note(error)

    def _note(self, error: OSError) -> None:
        if self.ends and isinstance(error, BrokenPipeError):
            raise error
        self.error = error

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


def open_closed_streams() -> None:
    """Let outputs that were closed before the start (`2>&-`) lead nowhere: else a file of ours gets their number."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115


def lead_nowhere(number: int) -> None:
    """Let an output lead nowhere from now on, so that Python can end without an error in it."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), number)
