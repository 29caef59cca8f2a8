"""Recordings as people have them: which files are some, the reader of each kind, and labels on their grid."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from synthboost.errors import DataError, readable
from synthboost.io import dicom, film, mhd, nifti, pictures
from synthboost.io.recording import Recording, Region, Spacing, without_colour

__all__ = ["Recording", "Region", "find_recordings", "open_recording", "read_frame", "stem", "write_labels"]

READERS: dict[tuple[str, ...], Callable[[Path], Recording]] = {
    dicom.SUFFIXES: dicom.open_dicom,
    nifti.SUFFIXES: nifti.open_nifti,
    mhd.SUFFIXES: mhd.open_mhd,
    pictures.SUFFIXES: pictures.open_picture,
    film.SUFFIXES: film.open_film,
}
"""Ends of file names -> reader. A file without an ending is DICOM if it says so itself."""
SUFFIXES = tuple(suffix for suffixes in READERS for suffix in suffixes)
MARKS = (
    (0, b"\x89PNG", ".png"), (0, b"\xff\xd8\xff", ".jpg"), (0, b"GIF8", ".gif"), (0, b"BM", ".bmp"),
    (0, b"II*\0", ".tif"), (0, b"MM\0*", ".tif"), (4, b"ftyp", ".mp4"), (8, b"AVI ", ".avi"),
    (0, b"\x1aE\xdf\xa3", ".mkv"), (0, b"\0\0\1\xba", ".mpg"), (344, b"n+1\0", ".nii"),
)  # fmt: skip
"""Place and first bytes by which a file says what it is, and the ending that it should have."""
DIRECTORY = "DICOMDIR"
"""The list of a medium's DICOM files, itself in DICOM and no image."""
CLAIM, RESULT, CONTOURS = "predict.json", "result.json", "contours.json"
"""In every folder of predictions: what it was begun for; and in the folder of each recording."""


def open_recording(path: Path, whole_image: bool = False) -> Recording:
    """Open one file; its header is read, the pixels of its frames are not kept. See `open_dicom` for `whole_image`.

    Raises:
        DataError: there is no such file, it is empty or of no known kind, or as its reader says.
        ConfigError: an extra is not installed that this kind of file needs.
    """
    if not path.is_file():
        raise DataError(path, "file", "a folder" if path.is_dir() else "no such file", "a file")
    with readable(path):
        if path.stat().st_size == 0:
            raise DataError(path, "length", "0 bytes", "an image or a clip", "Copy it again.")
        is_dicom = dicom.says_dicom(path)
    if is_dicom:  # whatever it is called
        return dicom.open_dicom(path, whole_image)
    reader, inside = _reader_of(path.name), _said_inside(path)
    if inside and _reader_of(inside) is not reader:
        expected = f"that of a {path.suffix} file" if path.suffix else "a name that says so"
        name = path.stem if _reader_of(path.stem) is _reader_of(inside) else f"{stem(path)}{inside}"
        raise DataError(path, "content", f"that of a {inside} file", expected, f"Rename it to {name}.")
    if reader is None:
        raise DataError(path, "kind of file", path.suffix or "no ending", f"one of {', '.join(SUFFIXES)}")
    return reader(path)


def _reader_of(name: str) -> Callable[[Path], Recording] | None:
    return next((reader for suffixes, reader in READERS.items() if name.lower().endswith(suffixes)), None)


def _said_inside(path: Path) -> str:
    """The ending that the first bytes of a file ask for, or nothing if they say nothing."""
    with path.open("rb") as handle:
        head = handle.read(348)
    return next((ending for place, mark, ending in MARKS if head[place:].startswith(mark)), "")


def read_frame(path: Path, number: int | None = None) -> tuple[NDArray[np.generic], Spacing | None]:
    """Read one frame (H, W) as `Recording.source` has it, and its spacing in mm, `None` if the file does not say.

    Of a clip no more is decoded than it takes, and what was decoded of the last two is kept.

    Args:
        path: of the recording.
        number: of the frame, from 0; `None` if the recording must have one.

    Raises:
        DataError: as `open_recording` and `Recording.only`; or the recording has no such frame.
    """
    with readable(path):
        stat = path.stat()
    if number is None:
        recording = open_recording(path)
        return recording.region.crop(recording.only()), recording.spacing_mm
    # By process: a file that is half read must not be gone on with in a fork of this one.
    return _clip(path, stat.st_mtime_ns, stat.st_size, os.getpid()).read(number)


class _Clip:
    """A clip in reading: the frames so far."""

    def __init__(self, path: Path) -> None:
        self.path, self.frames, self.lock, self.spacing_mm = path, list[NDArray[np.generic]](), Lock(), None
        self.rest: Iterator[NDArray[np.generic]]
        if path.name.lower().endswith(film.SUFFIXES):
            self.rest = (without_colour(frame)[0] for frame in film.film_frames(path))
        else:
            recording = open_recording(path)
            whole = (without_colour(frame)[0] for frame in recording.source())
            self.spacing_mm, self.rest = recording.spacing_mm, map(recording.region.crop, whole)

    def read(self, number: int) -> tuple[NDArray[np.generic], Spacing | None]:
        """A frame, and the spacing."""
        with self.lock:
            while len(self.frames) <= number:
                if (frame := next(self.rest, None)) is None:
                    raise DataError(self.path, "frame", number, f"one of {len(self.frames)}, counted from 0")
                self.frames.append(frame)
        return self.frames[number], self.spacing_mm


@lru_cache(maxsize=2)
def _clip(path: Path, changed: int, size: int, process: int) -> _Clip:
    return _Clip(path)


def find_recordings(path: Path) -> list[Path]:
    """Return the file itself, or the recordings in a folder and its folders, sorted.

    Annotations (`..._gt.*`), hidden files, what no reader knows and what `predict` wrote are left out.

    Raises:
        DataError: there is nothing there, or nothing of a known kind, or it is what `predict` wrote.
    """
    every = [path] if path.is_file() else list(_walk(path, frozenset()))
    results = {folder for folder in {file.parent for file in every} if _is_result(folder)}
    found = sorted(f for f in every if f.parent not in results and (f == path or _is_recording(f, path)))
    if not found:
        if results:
            raise DataError(path, "images", "what `predict` wrote", "recordings", "Give those that it was made from.")
        there = "none" if path.is_dir() else "no such file or folder"
        raise DataError(path, "images", there, f"files {', '.join(SUFFIXES)}")
    return found


def left_out(root: Path, found: Iterable[Path]) -> list[str]:
    """Names of the files in a folder that `find_recordings` left out, without hidden ones and what `predict` wrote."""
    known = {file for path in found for file in (path, path.with_suffix(".raw"))}
    others = (file for file in _walk(root, frozenset()) if file.is_file() and file not in known)
    own = (f for f in others if not (_is_hidden(f, root) or _is_result(f.parent) or (f.parent / CLAIM).is_file()))
    return sorted(file.relative_to(root).as_posix() for file in own)


def _is_result(folder: Path) -> bool:
    """Whether a folder is that of a recording which `predict` wrote."""
    return (folder / RESULT).is_file() and (folder / CONTOURS).is_file()


def _walk(folder: Path, above: frozenset[Path]) -> Iterator[Path]:
    """What is in a folder and its folders, those that are linked included, but not in a link to a folder above."""
    if not folder.is_dir() or (real := folder.resolve()) in above:
        return
    with readable(folder):
        inside = list(folder.iterdir())
    for path in inside:
        yield path
        yield from _walk(path, above | {real})


def stem(path: Path) -> str:
    """A file's name without the ending of its kind."""
    return path.name[: len(path.name) - len(_ending(path))]


def _ending(path: Path) -> str:
    return max((s for s in SUFFIXES if path.name.lower().endswith(s)), key=len, default="")


def _is_hidden(file: Path, root: Path) -> bool:
    return any(part.startswith(".") for part in file.relative_to(root).parts)


def _is_recording(file: Path, root: Path) -> bool:
    if _is_hidden(file, root):
        return False
    if file.is_dir():  # a folder called x.dcm is a mistake worth a line
        return file.suffix.lower() in dicom.SUFFIXES
    if _ending(file):
        return not stem(file).endswith("_gt")
    return not file.suffix and file.name != DIRECTORY and dicom.says_dicom(file)


def write_labels(folder: Path, name: str, labels: Iterable[NDArray[np.uint8]], recording: Recording) -> str:
    """Write the labels (H, W) of every whole frame, one after the other; return the file's name.

    A single frame without a spacing becomes a PNG, whose grey values are the labels (one bit if there is no other label
    than 1); everything else NIfTI. Labels of a NIfTI or MHD keep its spacing and place, but none of its words; those of
    other recordings have the axes columns, rows and, if there are several, frames. Where no spacing is known, it is 1
    of an unknown unit.
    """
    if recording.spacing_mm is None and recording.length == 1:
        (only,) = labels
        pictures.write_png(folder / f"{name}.png", only if only.max() > 1 else only.astype(bool))
        return f"{name}.png"
    nifti.write_nifti(folder / f"{name}.nii.gz", labels, nifti.labels_header(recording))
    return f"{name}.nii.gz"
