"""Which samples of a grid lie inside a polygon."""

from __future__ import annotations

import numpy as np

from synthboost.domain import Mask
from synthboost.simulator.sector import Points


def fill_polygon(vertices: Points, shape: tuple[int, int]) -> Mask:
    """Fill a polygon by the even-odd rule, sampled exactly at the grid's points.

    Two polygons that share an edge therefore neither overlap along it nor leave a gap.

    Args:
        vertices: (N, 2) as (row, column) in index units; the last is joined to the first; may leave the grid.
        shape: of the grid, (rows, columns).
    """
    rows, columns = shape
    start, end = vertices, np.roll(vertices, -1, axis=0)
    upper, lower = np.where(start[:, :1] <= end[:, :1], start, end), np.where(start[:, :1] <= end[:, :1], end, start)
    # Each edge owns the rows in [upper, lower): a vertex that lies on a row is counted once.
    first = np.clip(np.ceil(upper[:, 0]), 0, rows).astype(np.intp)
    last = np.clip(np.ceil(lower[:, 0]), 0, rows).astype(np.intp)
    count = last - first
    edge = np.repeat(np.arange(len(vertices)), count)
    row = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count) + first[edge]
    along = (row - upper[edge, 0]) / (lower[edge, 0] - upper[edge, 0])
    crossing = upper[edge, 1] + along * (lower[edge, 1] - upper[edge, 1])
    column = np.clip(np.ceil(crossing), 0, columns).astype(np.intp)
    toggles = np.zeros((rows, columns + 1), dtype=np.int32)
    np.add.at(toggles, (row, column), 1)
    return np.asarray((np.cumsum(toggles[:, :columns], axis=1) & 1).astype(bool))
