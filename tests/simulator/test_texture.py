"""Texture between two frames: theirs at either end, of the same statistics between."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from synthboost.simulator.fan import Fan, PolarGrid, fill_polygon
from synthboost.simulator.priors import stream
from synthboost.simulator.texture import Canvas, OwnTexture, TextureBetween

SHAPE = (120, 90)
UNMOVED = np.arange(120 * 90).reshape(SHAPE)


def drawn(name: str) -> OwnTexture:
    texture = OwnTexture(stream(0, 0, name), SHAPE)
    texture.field((4.0, 2.0), still=False)
    texture.grains(0.35)
    texture.scatterers(None)
    texture.noise(lasting=True)
    texture.noise(lasting=False)
    return texture


def between(share: float, moved: int = 0) -> TextureBetween:
    order = stream(0, 0, "order").random(SHAPE, dtype=np.float32)
    gather = np.roll(UNMOVED, moved, axis=0)
    return TextureBetween(drawn("first"), drawn("last"), share, gather, gather, order, stream(0, 0, "flow"))


@pytest.mark.parametrize(("share", "name"), [(0.0, "first"), (1.0, "last")])
def test_at_either_end_it_is_that_frames_own(share: float, name: str) -> None:
    texture, own = between(share), drawn(name).drawn
    assert np.array_equal(texture.field((4.0, 2.0), still=False), own[0])
    assert np.array_equal(texture.grains(0.35), own[1])
    assert np.array_equal(texture.scatterers(np.full(SHAPE, 0.5, np.float32)), own[2])
    assert np.array_equal(texture.noise(lasting=True), own[3])
    assert np.array_equal(texture.noise(lasting=False), own[4])


def test_half_way_the_statistics_are_those_of_a_frame() -> None:
    texture = between(0.5)
    assert texture.field((4.0, 2.0), still=False).std() == pytest.approx(1.0, abs=0.15)
    assert texture.grains(0.35).mean() == pytest.approx(1.0, abs=0.1)
    assert np.square(np.abs(texture.scatterers(None))).mean() == pytest.approx(1.0, abs=0.05)


def test_half_way_half_of_the_scatterers_are_replaced_with_their_grains() -> None:
    texture, first = between(0.5), drawn("first").drawn
    texture.field((4.0, 2.0), still=False)
    kept = texture.grains(0.35) == first[1]
    assert kept.mean() == pytest.approx(0.5, abs=0.02)
    assert np.array_equal(texture.scatterers(None) == first[2], kept)


def test_tissue_moves_and_blood_flows_on() -> None:
    texture, first = between(1e-9, moved=3), drawn("first").drawn
    texture.field((4.0, 2.0), still=False)
    texture.grains(0.35)
    blood = np.zeros(SHAPE, dtype=np.float32)
    blood[:, :40] = 1.0
    found = texture.scatterers(blood)
    assert np.array_equal(found[:, 40:], np.roll(first[2], 3, axis=0)[:, 40:])
    assert not (found[:, :40] == np.roll(first[2], 3, axis=0)[:, :40]).any()
    assert np.array_equal(texture.noise(lasting=True), first[3])  # the probe's own does not move
    assert not (texture.noise(lasting=False) == first[4]).any()


@pytest.mark.parametrize("centre", [(0.0, 60.0), (-35.0, 50.0), (4.0, 99.0), (0.0, 3.0), (200.0, 50.0)])
def test_a_blur_around_a_polygon_is_that_of_the_whole_grid(centre: tuple[float, float]) -> None:
    """In the middle, over each edge of the fan, and beside it."""
    canvas = Canvas(PolarGrid(Fan(40.0, 100.0), 0.4, 0.01), stream(0, 0, "canvas"))
    angle = np.linspace(0.0, 2.0 * np.pi, 40)
    polygon = np.asarray(centre) + 12.0 * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    index, sigma = canvas.grid.to_index(polygon), canvas.samples(3.5, 2.0)
    mask = fill_polygon(index, canvas.grid.shape).astype(np.float32)
    window, blurred = canvas._blurred(mask, index, sigma, truncate=3.0)
    whole = ndimage.gaussian_filter(mask, sigma, truncate=3.0)
    assert np.array_equal(whole[window], blurred)
    assert np.count_nonzero(whole) == np.count_nonzero(blurred)
