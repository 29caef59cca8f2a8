"""Films (MP4, AVI and the like) through PyAV, which brings FFmpeg's libraries; frame after frame, nothing kept."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from synthboost.domain import GreyImage
from synthboost.errors import DataError, extra
from synthboost.io.recording import MAX_FRAMES, Recording, Region, check_pixels, grey_of_colour

SUFFIXES = (".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".wmv", ".mpg", ".mpeg")
_CONTAINERS = ("mov", "mp4", "avi", "matroska", "webm", "asf", "mpeg")
"""Names of FFmpeg's formats; others (play lists, network protocols) would open further files."""


def open_film(path: Path) -> Recording:
    """Open a film; its first video stream is meant, its sound is not read.

    Where the header does not count the frames, they are counted without decoding them.

    Raises:
        ConfigError: PyAV is not installed.
        DataError: no film, no video stream, too large or too long, or cut off so early that it has no header.
    """
    av = _library()
    try:
        with _open(av, path) as container:
            stream = _stream(path, container)
            rows, columns = int(stream.codec_context.height), int(stream.codec_context.width)
            check_pixels(path, rows, columns)
            rate = stream.average_rate
            packets = (packet for packet in container.demux(stream) if packet.size > 0)
            length = int(stream.frames) or sum(1 for _ in islice(packets, MAX_FRAMES + 1))
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise _bad(path, error) from error
    shape = (rows, columns)
    seconds = float(1 / rate) if rate else None
    return Recording(path, "video", length, Region.whole(shape), shape, None, seconds, lambda: _frames(path))


def _frames(path: Path) -> Iterator[GreyImage]:
    av = _library()
    try:
        with _open(av, path) as container:
            stream = _stream(path, container)
            stream.thread_type = "NONE"  # frames of a damaged film come in the order and number that they have
            for frame in container.decode(stream):
                check_pixels(path, frame.height, frame.width)
                yield grey_of_colour(frame.to_ndarray(format="rgb24"))
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise _bad(path, error) from error


def _library() -> Any:
    with extra("video", "PyAV"):
        import av
    av.logging.set_level(av.logging.PANIC)  # it prints to stderr what it also raises
    return av


def _open(av: Any, path: Path) -> Any:
    # As a file object: a name could be read as a pattern or a protocol.
    container = av.open(path.open("rb"), mode="r", options={"protocol_whitelist": "file"})
    if not set(container.format.name.split(",")) & set(_CONTAINERS):
        name = container.format.name
        container.close()
        raise DataError(path, "kind of film", name, f"one of {', '.join(_CONTAINERS)}")
    return container


def _stream(path: Path, container: Any) -> Any:
    if not container.streams.video or container.streams.video[0].codec_context is None:
        raise DataError(
            path, "streams", "no video that can be decoded", "a film", "It may be cut off or damaged: copy it again."
        )
    return container.streams.video[0]


def _bad(path: Path, error: Exception) -> DataError:
    reason = getattr(error, "strerror", None) or type(error).__name__
    return DataError(path, "file", reason, "a readable film", "It may be cut off or damaged: copy it again.")
