"""Which files are recordings, and the reader of each kind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from synthboost.errors import DataError
from synthboost.io.recordings import dicom, medical, pictures, video
from synthboost.io.recordings.recording import Recording

READERS: dict[tuple[str, ...], Callable[[Path], Recording]] = {
    dicom.SUFFIXES: dicom.open_dicom,
    medical.SUFFIXES: medical.open_medical,
    pictures.SUFFIXES: pictures.open_picture,
    video.SUFFIXES: video.open_video,
}
"""Ends of file names -> reader. A file without an ending is DICOM if it says so itself."""
SUFFIXES = tuple(suffix for suffixes in READERS for suffix in suffixes)


def open_recording(path: Path) -> Recording:
    """Open one file; its header is read, its frames are not.

    Raises:
        DataError: there is no such file, it is empty or of no known kind, or as its reader says.
        ConfigError: an extra is not installed that this kind of file needs.
    """
    if not path.is_file():
        raise DataError(path, "file", "a folder" if path.is_dir() else "no such file", "a file")
    try:
        if path.stat().st_size == 0:
            raise DataError(path, "length", "0 bytes", "an image or a clip", "Copy it again.")
        if dicom.says_dicom(path):  # whatever it is called
            return dicom.open_dicom(path)
    except OSError as error:
        raise DataError(path, "file", error.strerror or error, "a readable file") from error
    for suffixes, reader in READERS.items():
        if path.name.lower().endswith(suffixes):
            return reader(path)
    raise DataError(path, "kind of file", path.suffix or "no ending", f"one of {', '.join(SUFFIXES)}")


def find_recordings(path: Path) -> list[Path]:
    """Return the file itself, or the recordings in a folder and its folders, sorted.

    Annotations (`..._gt.*`), hidden files and what no reader knows are left out.

    Raises:
        DataError: there is nothing there, or nothing of a known kind.
    """
    if path.is_file():
        return [path]
    found = sorted(file for file in path.rglob("*") if _is_recording(file, path))
    if not found:
        there = "none" if path.is_dir() else "no such file or folder"
        raise DataError(path, "images", there, f"files {', '.join(SUFFIXES)}")
    return found


def stem(path: Path) -> str:
    """A file's name without the ending of its kind."""
    ending = _ending(path)
    return path.name[: len(path.name) - len(ending)]


def _ending(path: Path) -> str:
    return max((s for s in SUFFIXES if path.name.lower().endswith(s)), key=len, default="")


def _is_recording(file: Path, root: Path) -> bool:
    hidden = any(part.startswith(".") for part in file.relative_to(root).parts)
    if hidden or not (file.is_file() or _ending(file)):  # a folder called x.dcm is a mistake worth a line
        return False
    if file.is_dir():
        return file.suffix.lower() in dicom.SUFFIXES
    if _ending(file):
        return not stem(file).endswith("_gt")
    return not file.suffix and dicom.says_dicom(file)
