"""The folder that uploads pass through: the page's own, emptied after every request, gone at the end."""

from __future__ import annotations

import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

LEFT_BEHIND_SECONDS = 120.0
"""An upload that no request took by then (the visitor went away) is removed."""


class Uploads:
    """A temporary folder; use it as a context manager."""

    def __init__(self) -> None:
        """Make the folder, for this user alone."""
        self.folder = Path(tempfile.mkdtemp(prefix="synthboost-serve-")).resolve()
        self._end = threading.Event()

    def __enter__(self) -> Uploads:
        """Begin to sweep what nobody took."""
        threading.Thread(target=self._sweep_for_ever, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        """Remove the folder with everything in it."""
        self._end.set()
        shutil.rmtree(self.folder, ignore_errors=True)

    @contextmanager
    def taken(self, path: Path) -> Iterator[Path]:
        """Yield an uploaded file, and remove it whatever happens.

        Raises:
            ValueError: the path is not in the folder; it is then left alone.
        """
        real = path.resolve()
        if self.folder not in real.parents:
            raise ValueError("not an upload")
        try:
            yield path
        finally:
            self._remove(real)

    def sweep(self, older_than_seconds: float = LEFT_BEHIND_SECONDS) -> None:
        """Remove files that were written longer ago than this."""
        for path in list(self.folder.rglob("*")):
            with suppress(OSError):
                if path.is_file() and time.time() - path.stat().st_mtime > older_than_seconds:
                    self._remove(path)

    def _remove(self, path: Path) -> None:
        with suppress(OSError):
            path.unlink(missing_ok=True)
            if path.parent != self.folder:
                path.parent.rmdir()

    def _sweep_for_ever(self) -> None:
        while not self._end.wait(LEFT_BEHIND_SECONDS / 4):
            self.sweep()
