"""Speckled discs: sets of images whose texture one chooses."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy import ndimage

from synthboost.evaluation.fidelity.echo_set import EchoSet

SIDE = 48


def make_echo(
    patients: int = 8, each: int = 4, seed: int = 0, blur: float = 0.0, prefix: str = "p", gain: float = 0.0
) -> EchoSet:
    """Log-compressed Rayleigh speckle (60 dB), per patient a heart of another size; `blur` in pixels before the log."""
    rng = np.random.default_rng(seed)
    row, column = np.mgrid[:SIDE, :SIDE].astype(float)
    images, labels, names, whose = [], [], [], []
    for patient in range(patients):
        size = 1 + 0.03 * rng.normal()
        bright = 6 * rng.normal(size=4)
        for number in range(each):
            label = np.zeros((SIDE, SIDE), np.uint8)
            label[((row - 20) / (15 * size)) ** 2 + ((column - 24) / (12 * size)) ** 2 < 1] = 2
            label[((row - 20) / (11 * size)) ** 2 + ((column - 24) / (8 * size)) ** 2 < 1] = 1
            label[((row - 40) / (6 * size)) ** 2 + ((column - 24) / (8 * size)) ** 2 < 1] = 3
            field = rng.normal(size=(2, SIDE, SIDE))
            power = (ndimage.gaussian_filter(field, (0, blur, blur)) ** 2).sum(axis=0)
            level = np.array([140, 80, 170, 85])[label] + bright[label] + gain
            grey = level + 255 / 60 * 10 * np.log10(power / power.mean())
            images.append(np.clip(np.rint(grey), 1, 255).astype(np.uint8))
            labels.append(label)
            whose.append(f"{prefix}{patient}")
            names.append(f"{prefix}{patient}-{number}")
    maps = np.stack(labels)
    return EchoSet(np.stack(images), maps, np.ones(maps.shape, bool), tuple(whose), tuple(names))


@pytest.fixture(scope="session")
def echo() -> Callable[..., EchoSet]:
    return make_echo
