"""Films (MP4, AVI and the like) through PyAV, which brings FFmpeg's libraries; frame after frame, nothing kept."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synthboost.errors import DataError, extra
from synthboost.io.recording import MAX_PIXELS, Recording, Region, check_length, check_pixels

SUFFIXES = (".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".wmv", ".mpg", ".mpeg")
COVER = 1 << 10
"""FFmpeg's mark of a still picture that adorns a film."""
_CONTAINERS = ("mov", "mp4", "avi", "matroska", "webm", "asf", "mpeg")
"""Names of FFmpeg's formats; others (play lists, network protocols) would open further files."""


def open_film(path: Path) -> Recording:
    """Open a film, turned as its container says; its first video stream is meant, its sound is not read.

    All frames are decoded once, because only that tells how many there are: films that were cut without encoding them
    again hold more than they show, and others leave numbers out. Their times are their own time stamps.

    Raises:
        ConfigError: PyAV is not installed.
        DataError: no film, no video stream, too large or too long, turned by no quarter, or cut off.
    """
    times, shape = list[float | None](), (0, 0)
    for frame in _decoded(path):
        shape = shape if times else _upright(path, frame, np.empty((frame.height, frame.width), np.bool_)).shape
        times.append(frame.time)
        check_length(path, len(times), shape)
    stamps = [time for time in times if time is not None]
    steady = len(stamps) == len(times) and all(a < b for a, b in pairwise(stamps))
    seconds = tuple(time - stamps[0] for time in stamps) if steady else None
    return Recording(path, "video", len(times), Region.whole(shape), shape, None, seconds, lambda: film_frames(path))


def film_frames(path: Path) -> Iterator[NDArray[np.uint8]]:
    """Yield the frames (H, W, 3) one after the other, without counting them first; errors as of `open_film`."""
    for frame in _decoded(path):
        yield np.ascontiguousarray(_upright(path, frame, frame.to_ndarray(format="rgb24")))


def _decoded(path: Path) -> Iterator[Any]:
    """Yield the frames as PyAV has them; one film that ends before its header says so is an error."""
    av = _library()
    try:
        with _open(av, path) as container:
            stream = _stream(path, container)
            shape = int(stream.codec_context.height), int(stream.codec_context.width)
            check_pixels(path, *shape)
            check_length(path, max(1, stream.frames), shape)
            stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
            stream.thread_type = "NONE"  # frames of a damaged film come in the order and number that they have
            stamps, duration, key, frames = list[int](), 0, None, 0
            for packet in container.demux(stream):
                if packet.size and key is None and packet.is_keyframe:
                    key = packet.pts or 0
                if packet.size and not packet.is_discard:
                    stamps.append(packet.pts or 0)
                    duration = max(duration, packet.duration or 0)
                try:
                    decoded = packet.decode()
                except av.error.InvalidDataError:
                    if key is not None:
                        raise
                    continue  # a film that was cut may begin with what refers to what is gone
                for frame in decoded:
                    check_pixels(path, frame.height, frame.width)
                    whole = key is not None and (frame.pts is None or frame.pts >= key)
                    if frame.is_corrupt and whole:
                        raise _bad(path, f"damaged after {frames} frames")
                    if not frame.is_corrupt:
                        frames += whole
                        yield frame
            _require_all(path, stream, sorted(stamps), duration, key or 0, frames)
            if container.duration and "matroska" in container.format.name and len(container.streams) == 1:
                _require_end(path, float(container.duration / av.time_base), [s * stream.time_base for s in stamps])
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise _bad(path, getattr(error, "strerror", None) or type(error).__name__) from error


def _require_all(path: Path, stream: Any, stamps: list[int], duration: int, key: int, frames: int) -> None:
    """Refuse a film that ends before its header says so, or lost frames after its first key; if frames are counted.

    AVI counts numbers that it leaves out, so that only an early end tells that it is cut off.
    """
    if stream.frames == 0:
        return
    last = max(duration, min((b - a for a, b in pairwise(stamps) if a < b), default=0))
    ends_early = stamps[-1:] < [(stream.start_time or 0) + (stream.duration or 0) - last]
    if (len(stamps) < stream.frames and ends_early) or frames < sum(stamp >= key for stamp in stamps):
        raise _bad(path, f"{frames} frames can be read of {stream.frames}")


def _require_end(path: Path, seconds: float, stamps: list[Any]) -> None:
    """Refuse a film of one stream, whose frames nobody counts, that lacks more of its stated length than a frame."""
    stamps.sort()
    longest = max((b - a for a, b in pairwise(stamps)), default=seconds)
    if stamps and stamps[-1] + 2 * longest < seconds:
        raise _bad(path, f"ends after {float(stamps[-1]):.3g} of {seconds:.3g} s")


def _bad(path: Path, reason: str) -> DataError:
    return DataError(path, "film", reason, "a readable film", "It may be cut off or damaged: copy it again.")


def _upright(path: Path, frame: Any, pixels: Any) -> Any:
    """Turn and mirror (H, W, ...) by the display matrix (a, b, _, c, d ...): (x, y) goes to a x + c y, b x + d y."""
    stated = next((data for data in frame.side_data if data.type.name == "DISPLAYMATRIX"), None)
    if stated is None:
        return pixels
    a, b, _, c, d = np.frombuffer(stated, "=i4")[:5]
    if (a == d == 0) == (b == c == 0):
        raise DataError(path, "display matrix", f"{a}, {b}, {c}, {d}", "quarter turns", "Save the film upright.")
    across, down = (c, b) if a == 0 else (a, d)
    return (pixels.swapaxes(0, 1) if a == 0 else pixels)[:: -1 if down < 0 else 1, :: -1 if across < 0 else 1]


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
    for stream in container.streams.video:
        if stream.codec_context is not None and not stream.disposition & COVER:
            return stream
    raise _bad(path, "no video that can be decoded")
