"""What another protocol or machine does to a frame: twelve changes, five severities each, worst last.

Grey values are taken as `DISPLAY_DB` of log-compressed echo. Positions in the fan are a depth (0 probe, 1 arc) and an
angle (0 left edge, 1 right edge). The levels are guesses of what occurs, fixed before any model was evaluated.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from io import BytesIO
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from synthboost.data.sector import find_sector
from synthboost.domain import Frame, Mask, Structure, mirror_image
from synthboost.errors import ConfigError

DISPLAY_DB = 60.0
"""Between black and white; a usual setting."""
GRAIN_MM = (0.7, 1.6)
"""Standard deviation of a speckle grain along and across the beams, before it grows."""
HAZE_REACH = 0.35
"""Of the depth: where haze has fallen to 1/e."""
SHADOW_FROM, SHADOW_WIDTH = 0.08, 0.09
"""Of the depth, and of the angle: a rib in front of a part of the fan."""
UNCHANGED = "unchanged"
Floats = NDArray[np.floating[Any]]


class FanPixels(NamedTuple):
    """A frame's grey values and each pixel's place in the fan."""

    frame: Frame
    grey: Floats
    inside: Mask
    depth: Floats
    angle: Floats


class Change(NamedTuple):
    """One kind of change."""

    says: str
    """What the level is."""
    levels: tuple[float, ...]
    """From the mildest on."""
    apply: Callable[[FanPixels, float, Generator], Frame]


def shifted(frame: Frame, change: str, severity: int) -> Frame:
    """Return an annotated frame as another protocol would show it; masks move and are cut with the image.

    Args:
        frame: annotated.
        change: a key of `CHANGES`, or `UNCHANGED`.
        severity: 1 to the number of its levels.

    Raises:
        ConfigError: there is no such change or severity.
        DataError: the frame shows no sector.
    """
    if change == UNCHANGED:
        return frame
    if change not in CHANGES or not 1 <= severity <= len(CHANGES[change].levels):
        raise ConfigError("shift", "change", f"{change} {severity}", f"one of {', '.join(CHANGES)}, from 1 on")
    own = zlib.crc32(f"{frame.info.patient}/{frame.info.view}/{change}".encode())  # both phases alike
    return CHANGES[change].apply(_fan(frame), CHANGES[change].levels[severity - 1], np.random.default_rng(own))


def _fan(frame: Frame) -> FanPixels:
    sector = find_sector(frame.image, frame.info.name)
    down, right = (np.arange(n, dtype=np.float64) for n in frame.image.shape)
    below, aside = down[:, None] - sector.apex[0], right[None, :] - sector.apex[1]
    left, span = sector.slopes[0], sector.slopes[1] - sector.slopes[0]
    depth = np.hypot(below / sector.radii[0], aside / sector.radii[1])
    angle = (aside / np.maximum(below, 1e-6) - left) / span
    inside = sector.mask((frame.image.shape[0], frame.image.shape[1]))
    return FanPixels(frame, frame.image.astype(np.float64), inside, depth, angle)


def _with(fan: FanPixels, grey: Floats) -> Frame:
    """The frame with other grey values in the fan, 1-255."""
    image = np.where(fan.inside, grey.round().clip(1, 255), fan.frame.image).astype(np.uint8)
    return replace(fan.frame, image=image)


def _steps(decibel: Floats | float) -> Any:
    return np.asarray(decibel) * 255 / DISPLAY_DB


def _gain(fan: FanPixels, decibel: float, rng: Generator) -> Frame:
    return _with(fan, fan.grey + _steps(decibel))


def _dynamic_range(fan: FanPixels, decibel: float, rng: Generator) -> Frame:
    return _with(fan, 255 + (fan.grey - 255) * DISPLAY_DB / decibel)


def _cropped(fan: FanPixels, kept: Mask) -> Frame:
    """What is kept of the fan, in the smallest picture that holds it; masks outside are cut away."""
    frame = fan.frame
    assert frame.label_map is not None
    rows, columns = (np.flatnonzero(kept.any(axis=axis)) for axis in (1, 0))
    box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    image, labels = (np.where(kept, values, 0)[box].astype(np.uint8) for values in (frame.image, frame.label_map))
    return replace(frame, image=image, label_map=labels)


def _depth(fan: FanPixels, share: float, rng: Generator) -> Frame:
    return _cropped(fan, fan.inside & (fan.depth <= share))


def _angle(fan: FanPixels, share: float, rng: Generator) -> Frame:
    return _cropped(fan, fan.inside & (np.abs(fan.angle - 0.5) <= share / 2))


def _speckle(fan: FanPixels, times: float, rng: Generator) -> Frame:
    sigma = [times * grain / mm for grain, mm in zip(GRAIN_MM, fan.frame.spacing_mm, strict=True)]
    smooth = ndimage.gaussian_filter(fan.grey, sigma)
    contrast = np.sqrt(ndimage.gaussian_filter((fan.grey - smooth) ** 2, sigma))
    noise = ndimage.gaussian_filter(rng.standard_normal(fan.grey.shape), sigma)
    return _with(fan, smooth + contrast * noise / noise.std())


def _haze(fan: FanPixels, decibel: float, rng: Generator) -> Frame:
    echo = 10 ** ((fan.grey / 255 - 1) * DISPLAY_DB / 10)
    sigma = [grain / mm for grain, mm in zip(GRAIN_MM, fan.frame.spacing_mm, strict=True)]
    parts = [ndimage.gaussian_filter(rng.standard_normal(fan.grey.shape), sigma) for _ in range(2)]
    speckle = parts[0] ** 2 + parts[1] ** 2
    clutter = 10 ** (decibel / 10) * np.exp(-fan.depth / HAZE_REACH) * speckle / speckle.mean()
    return _with(fan, 255 * (1 + 10 * np.log10(echo + clutter) / DISPLAY_DB))


def _shadow(fan: FanPixels, decibel: float, rng: Generator) -> Frame:
    across = np.exp(-(np.abs((fan.angle - rng.uniform(0.2, 0.8)) / SHADOW_WIDTH) ** 4))
    reach = np.clip((fan.depth - SHADOW_FROM) / 0.04, 0, 1)
    return _with(fan, fan.grey - _steps(decibel * across * reach))


def _dropout(fan: FanPixels, decibel: float, rng: Generator) -> Frame:
    """The wall right of the cavity: lateral in 4CH, anterior in 2CH."""
    assert fan.frame.label_map is not None
    cavity = np.argwhere(fan.frame.label_map == int(Structure.LEFT_VENTRICULAR_CAVITY))
    wall = fan.frame.label_map == int(Structure.MYOCARDIUM)
    if len(cavity):
        wall[:, : int(cavity[:, 1].mean())] = False
    soft = ndimage.gaussian_filter(wall.astype(np.float64), [1.5 / mm for mm in fan.frame.spacing_mm])
    return _with(fan, fan.grey - _steps(decibel * soft))


def _resolution(fan: FanPixels, pixels: float, rng: Generator) -> Frame:
    picture = Image.fromarray(fan.frame.image)
    factor = min(1.0, pixels / max(picture.size))
    small = picture.resize((max(1, round(factor * picture.width)), max(1, round(factor * picture.height))))
    return replace(fan.frame, image=np.asarray(small.resize(picture.size, Image.Resampling.BICUBIC)))


def _jpeg(fan: FanPixels, quality: float, rng: Generator) -> Frame:
    stream = BytesIO()
    Image.fromarray(fan.frame.image).save(stream, format="JPEG", quality=round(quality))
    return replace(fan.frame, image=np.asarray(Image.open(stream).convert("L")))


def _burned_in(fan: FanPixels, share: float, rng: Generator) -> Frame:
    """Lines of text from the upper left corner on, and an electrocardiogram along the bottom, each of that height."""
    picture = Image.fromarray(fan.frame.image)
    draw, high = ImageDraw.Draw(picture), share * picture.height
    size = max(6.0, min(high, 0.04 * picture.height))
    lines = ("MI 1.2  TIS 0.7", "68 bpm", "2.5 MHz  60 dB", "16 cm", "LVIVO 4V1c")[: max(1, round(high / size))]
    draw.text((2, 2), "\n".join(lines), fill=255, font=ImageFont.load_default(size))
    x = np.arange(picture.width)
    beat = np.exp(-0.5 * ((x % (picture.width / 3) - 0.12 * picture.width) / (0.008 * picture.width)) ** 2)
    draw.line([*zip(x.tolist(), (picture.height - 3 - high * beat).tolist(), strict=True)], fill=255, width=2)
    return replace(fan.frame, image=np.asarray(picture))


def mirrored(frame: Frame) -> Frame:
    """Left and right exchanged, as some machines show them."""
    labels = None if frame.label_map is None else mirror_image(frame.label_map)
    return replace(frame, image=mirror_image(frame.image), label_map=labels)


CHANGES: Mapping[str, Change] = MappingProxyType(
    {
        "gain": Change("dB more", (4, 8, 12, 16, 20), _gain),
        "low gain": Change("dB less", (-4, -8, -12, -16, -20), _gain),
        "dynamic range": Change(f"dB instead of {DISPLAY_DB:g}", (50, 42, 35, 28, 22), _dynamic_range),
        "depth": Change("of the depth", (0.95, 0.9, 0.85, 0.8, 0.75), _depth),
        "sector angle": Change("of the angle", (0.9, 0.8, 0.7, 0.6, 0.5), _angle),
        "speckle": Change("times the grain", (1, 1.5, 2, 3, 4), _speckle),
        "haze": Change("dB near the probe", (-30, -24, -18, -12, -6), _haze),
        "rib shadow": Change("dB less in a part of the fan", (6, 12, 18, 24, 30), _shadow),
        "lateral dropout": Change("dB less in the right-hand wall", (6, 12, 18, 24, 30), _dropout),
        "resolution": Change("pixels of the longer side", (256, 192, 128, 96, 64), _resolution),
        "JPEG": Change("quality", (50, 30, 20, 10, 5), _jpeg),
        "text and ECG": Change("of the height each", (0.04, 0.08, 0.12, 0.16, 0.2), _burned_in),
        "mirrored": Change("left and right exchanged", (1,), lambda fan, level, rng: mirrored(fan.frame)),
    }
)
"""By name."""
