"""End of diastole and of systole in a clip: where the left ventricle is largest and smallest."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

SMOOTHED_SECONDS = 0.1
"""Length of the moving average; a guess: an eighth of a beat, long enough to even out single frames."""
SMOOTHED_FRAMES = 3
"""The same where the frame rate is unknown; also the least."""
FEWEST_FRAMES = 5
"""Shorter clips are not smoothed."""


def find_phases(
    areas: Sequence[float], frame_seconds: float | None = None
) -> tuple[int, int, NDArray[np.float64]] | None:
    """Find ED and ES as the largest and the smallest area of the left ventricular cavity, smoothed over time.

    A centred moving average, at the ends of the clip over its mirror image. Frames in which no ventricle is seen
    (area 0) are filled in between their neighbours, and never chosen themselves; among equals the first is.

    Args:
        areas: of each frame, in any unit.
        frame_seconds: between two frames.

    Returns:
        Frames of ED and ES, counted from 0, and the smoothed curve (T,) whose largest and smallest values these are;
        `None` if there are fewer than two frames with a ventricle, or if its area never changes.
    """
    seen = np.flatnonzero(np.array(areas) > 0)
    if len(seen) < 2:
        return None
    curve = smoothed(areas, frame_seconds)
    largest, smallest = seen[curve[seen].argmax()], seen[curve[seen].argmin()]
    return None if largest == smallest else (int(largest), int(smallest), curve)


def smoothed(values: Sequence[float], frame_seconds: float | None = None) -> NDArray[np.float64]:
    """The moving average (T,) of a number of each frame, at least one above 0; see `find_phases`."""
    curve = np.array(values, dtype=np.float64)
    seen = np.flatnonzero(curve > 0)
    curve = np.interp(np.arange(len(curve)), seen, curve[seen])
    if len(curve) >= FEWEST_FRAMES:
        curve = uniform_filter1d(curve, _window(len(curve), frame_seconds), mode="reflect")
    return curve


def _window(frames: int, frame_seconds: float | None) -> int:
    wanted = SMOOTHED_FRAMES if frame_seconds is None else round(SMOOTHED_SECONDS / frame_seconds)
    odd = max(SMOOTHED_FRAMES, wanted // 2 * 2 + 1)
    return min(odd, (frames - 1) // 2 * 2 + 1)
