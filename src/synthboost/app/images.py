"""What the page shows: an uploaded image or clip, or a simulated example, behind which there is no patient.

Uploads pass through a folder of the page's own, which is emptied after every request and gone at the end."""

from __future__ import annotations

import shutil
import tempfile
import threading
import time
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

from synthboost.domain import Attributes, Domain, GreyImage, Mask, Phase, View
from synthboost.errors import ConfigError, DataError
from synthboost.inference.doubts import has_sector
from synthboost.io.dicom import says_dicom
from synthboost.io.recordings import SUFFIXES as READABLE
from synthboost.io.recordings import Recording, open_recording
from synthboost.simulator.render import SimulatedPatient, simulate_patient
from synthboost.simulator.settings import SimulationSettings

SUFFIXES = tuple(suffix for suffix in READABLE if not suffix.startswith((".mhd", ".mha")))
"""No MHD: its header names a second file, and a page takes one."""
MAX_UPLOAD_BYTES = 64 * 2**20
MAX_FRAMES = 200
"""Of a clip: what is kept in memory for each visitor; a guess."""
MAX_PIXELS, MAX_CLIP_PIXELS = 16_000_000, 128_000_000
"""Of a frame, for which 32 predictions of 4 bytes a pixel are kept, and of a clip; guesses."""
LEFT_BEHIND_SECONDS = 3600.0
"""An upload that no request took by then (the visitor went away) is removed; others wait their turn."""
MAX_FOLDER_BYTES = 2**30
"""Of all uploads that wait; of more, the oldest are removed."""
LONGEST_NAME = 60
"""Characters of a file's name that are shown."""
SEED, SIZE = 2026, 256
"""Of the simulated examples."""
CLIP = "Heart 1, four-chamber view, clip from ED to ES"
BETWEEN = 8
"""Frames of the simulated clip beside those of ED and ES."""
EXAMPLES: dict[str, tuple[int, View, Phase | None]] = {
    f"Heart {number}, {'two' if view is View.TWO_CHAMBER else 'four'}-chamber view, {phase}": (number, view, phase)
    for number in (1, 2, 3)
    for view in (View.FOUR_CHAMBER, View.TWO_CHAMBER)
    for phase in Phase
} | {CLIP: (1, View.FOUR_CHAMBER, None)}
"""Name on the page -> patient number, view, phase; without a phase the clip."""


@dataclass(frozen=True, eq=False)
class OpenedImage:
    """The image or clip that a visitor has open."""

    name: str
    """For people: never used as a path."""
    frames: tuple[GreyImage, ...]
    """At least one, (H, W) uint8, the probe on top; all of one size."""
    spacing_mm: tuple[float, float] | None
    """(rows, columns), or `None` when the file does not say."""
    domain: Domain = Domain.REAL
    frame_seconds: float | None = None
    """Of a clip, if the file says it."""
    coloured: tuple[Mask | None, ...] = ()
    """Of each frame of an upload what is black only because it was in colour; see `without_colour`."""

    @cached_property
    def has_sector(self) -> bool:
        """Whether its first frame shows the fan of an ultrasound probe."""
        return has_sector(self.frames[0])


def read_upload(path: Path) -> OpenedImage:
    """Read an uploaded file.

    Raises:
        DataError: empty, of another kind than its ending says, damaged, or too large; the message does not hold the
            folder in which the upload lies.
    """
    name = shown_name(path.name)
    try:
        _require_kind(path, name)
        recording = _opened(path, name)
        frames, coloured = zip(*recording.frames_and_colour(), strict=True)
    except (DataError, ConfigError) as error:
        value = error.value.replace(str(path), name).replace(str(path.parent), "")
        raise DataError(name, error.field, value, error.expected, error.remedy) from error
    return OpenedImage(name, frames, recording.spacing_mm, frame_seconds=recording.frame_seconds, coloured=coloured)


def example(name: str) -> tuple[OpenedImage, Attributes]:
    """Return the example and what is known of it; `name` is a key of `EXAMPLES`."""
    number, view, phase = EXAMPLES[name]
    patient = _simulated(number, 0 if phase else BETWEEN)
    frames = (patient.frames[view, phase],) if phase else patient.clips[view]
    images = tuple(frame.image for frame in frames)
    image = OpenedImage(f"Simulated: {name}", images, frames[0].spacing_mm, Domain.SIMULATED)
    return image, patient.attributes[view]


def shown_name(name: str) -> str:
    """A file's name for people: no folders, no control or direction characters, not too long."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    visible = "".join(c for c in last if unicodedata.category(c) not in ("Cc", "Cf", "Cs"))
    return visible if len(visible) <= LONGEST_NAME else f"{visible[: LONGEST_NAME - 13]}…{visible[-12:]}"


@lru_cache(maxsize=4)
def _simulated(number: int, between: int) -> SimulatedPatient:
    return simulate_patient(number, SimulationSettings(seed=SEED, size=SIZE, phases_between=between))


def _opened(path: Path, name: str) -> Recording:
    recording = open_recording(path)
    rows, columns = recording.whole_shape
    if recording.length > MAX_FRAMES:
        raise DataError(name, "frames", recording.length, f"at most {MAX_FRAMES}", "Cut the clip.")
    if rows * columns > MAX_PIXELS or recording.length * rows * columns > MAX_CLIP_PIXELS:
        size = f"{recording.length} x {columns} x {rows}"
        expected = f"at most {MAX_PIXELS} pixels a frame and {MAX_CLIP_PIXELS} together"
        raise DataError(name, "size", size, expected, "Make it smaller.")
    return recording


def _require_kind(path: Path, name: str) -> None:
    if not path.name.lower().endswith(SUFFIXES) and not says_dicom(path):
        raise DataError(name, "kind of file", path.suffix or "no ending", f"one of {', '.join(SUFFIXES)}, or DICOM")
    size = path.stat().st_size
    if size > MAX_UPLOAD_BYTES:
        raise DataError(name, "length", f"{size} bytes", f"at most {MAX_UPLOAD_BYTES}")


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

    def sweep(self, older_than_seconds: float = LEFT_BEHIND_SECONDS, most_bytes: int = MAX_FOLDER_BYTES) -> None:
        """Remove files that were written longer ago than this, and the oldest of what is more than so many bytes."""
        found: list[tuple[float, int, Path]] = []
        for path in self.folder.rglob("*"):
            with suppress(OSError):  # taken meanwhile
                if path.is_file():
                    found.append((path.stat().st_mtime, path.stat().st_size, path))
        total = 0
        for written, size, path in sorted(found, reverse=True):
            total += size
            if time.time() - written > older_than_seconds or total > most_bytes:
                self._remove(path)

    def _remove(self, path: Path) -> None:
        with suppress(OSError):
            path.unlink(missing_ok=True)
            if path.parent != self.folder:
                path.parent.rmdir()

    def _sweep_for_ever(self) -> None:
        while not self._end.wait(30.0):
            self.sweep()
