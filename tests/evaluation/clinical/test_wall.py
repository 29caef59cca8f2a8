"""The thickness of rings and half rings."""

from __future__ import annotations

import numpy as np
import pytest

from synthboost.domain import LabelMap, Structure
from synthboost.errors import DataError
from synthboost.evaluation.clinical.chamber import Scale
from synthboost.evaluation.clinical.wall import mean_wall_thickness

GRIDS = pytest.mark.parametrize("spacing", [(0.4, 0.4), (0.308, 0.154), (0.75, 0.9), (1.5, 1.2)])


def ring(spacing: tuple[float, float], inner: float, outer: float, below: float = np.inf) -> LabelMap:
    """Radii in mm around the middle of 100 mm x 100 mm; nothing lower than `below` mm under the middle."""
    rows, columns = np.mgrid[: int(100 / spacing[0]), : int(100 / spacing[1])]
    down, right = (rows + 0.5) * spacing[0] - 50, (columns + 0.5) * spacing[1] - 50
    radius = np.hypot(down, right)
    labels = np.zeros(rows.shape, dtype=np.uint8)
    labels[(radius < outer) & (down < below)] = Structure.MYOCARDIUM
    labels[(radius < inner) & (down < below)] = Structure.LEFT_VENTRICULAR_CAVITY
    return labels


@GRIDS
@pytest.mark.parametrize("thickness", [6.0, 10.0, 18.0])
def test_a_closed_ring_is_as_thick_as_its_radii_differ(spacing: tuple[float, float], thickness: float) -> None:
    labels = ring(spacing, 25, 25 + thickness)
    # Area pi (R2 - r2) over centre line pi (R + r) is R - r.
    assert mean_wall_thickness(labels, Scale.of(spacing, labels.shape)) == pytest.approx(thickness, rel=0.02)


@GRIDS
def test_a_half_ring_open_at_the_valve_is_as_thick_as_the_whole(spacing: tuple[float, float]) -> None:
    labels = ring(spacing, 25, 35, below=0.0)
    assert mean_wall_thickness(labels, Scale.of(spacing, labels.shape)) == pytest.approx(10, rel=0.03)


def test_without_spacing_the_thickness_is_in_pixels() -> None:
    labels = ring((0.5, 0.5), 25, 35)
    assert mean_wall_thickness(labels, Scale.of(None, labels.shape)) == pytest.approx(20, rel=0.02)


@pytest.mark.parametrize("absent", [Structure.LEFT_VENTRICULAR_CAVITY, Structure.MYOCARDIUM])
def test_a_missing_structure_is_named(absent: Structure) -> None:
    labels = ring((0.5, 0.5), 25, 35)
    labels[labels == absent] = 0
    with pytest.raises(DataError, match=f"{absent.name.lower().replace('_', ' ')}: absent"):
        mean_wall_thickness(labels, Scale.of((0.5, 0.5), labels.shape))
