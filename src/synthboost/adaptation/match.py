"""Simulated frames with the grey levels and the speckle contrast of real, unannotated ones.

That is what differs between scanners, not hearts. Both are measured inside the sector; no network, no annotation: the
cheapest way from simulated images towards a scanner's. Masks stay as they are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, stats

from synthboost.data.sector import find_sector
from synthboost.data.source import Source
from synthboost.data.writer import MadePatient, Origin, remake_dataset
from synthboost.domain import Domain, Frame, FrameInfo, GreyImage, Mask, SplitPart
from synthboost.errors import ConfigError, DataError

Numbers = NDArray[np.float64]
SPECKLE_MM = 2.0
"""Standard deviation of the Gaussian that takes speckle away; a guess."""
FACTORS = (0.5, 2.0)
"""Smallest and largest factor on the speckle's contrast; guesses."""
FINEST = 0.5
"""Smallest standard deviation of the smoothing in pixels; with less it smooths nothing, and no speckle is left over."""
GENERATOR, GENERATOR_VERSION = "synthboost.match", "1"
RECORD = "match.json"


def match(simulated: Source, like: Source, out: Path, seed: int = 0, shard: tuple[int, int] = (1, 1)) -> int:
    """Write the matched data set, or the shard of one worker, or what is missing of it.

    Args:
        simulated: with masks.
        like: the images to match. Their label files are not opened; only training patients are used.
        out: a new or empty folder, or one that was begun with the same images and seed.
        seed: decides, with a frame's name, which frame it is matched to; zero or more.
        shard: see `make_dataset`; returns how many patients were matched now.

    Raises:
        ConfigError: the shard is none, or the seed is negative.
        DataError: frames are not simulated, a view has no frame to match, or no sector can be found.
        OutputError: the folder holds something else, or cannot be written.
    """
    if seed < 0:
        raise ConfigError("match", "seed", seed, "zero or more")
    images = like.without_annotations()
    candidates = images.frames(SplitPart.TRAINING, "images", unannotated=True).infos
    views = {info.view for info in simulated.dataset.frames}
    of_view = {view: [info for info in candidates if info.view == view] for view in views}
    for view, found in of_view.items():
        if not found:
            raise DataError(images.dataset.root, f"{view} frames", 0, "at least one in the training part")

    @cache
    def style(info: FrameInfo) -> ImageStyle:
        return style_of(*_parts(images.dataset.load(info)))

    def remake(infos: Sequence[FrameInfo]) -> MadePatient:
        made, notes = [], {}
        for info in infos:
            frame, chosen = simulated.dataset.load(info), choose(info.name, of_view[info.view], seed)
            image, factor = in_style(*_parts(frame), style(chosen))
            made.append(Frame(info, image, frame.label_map, frame.spacing_mm))
            notes[info.name] = {"like": f"{chosen.patient} {chosen.view} {chosen.phase}", "speckle": round(factor, 4)}
        return MadePatient(made, {"frames": notes})

    origin = Origin(Domain.SIMULATED, GENERATOR, GENERATOR_VERSION, seed, simulated.dataset.release, RECORD)
    wanted = {
        "scale_mm": SPECKLE_MM, "least": FACTORS[0], "most": FACTORS[1], "like": images.dataset.fingerprint(),
        "like_split": like.split.name,
    }  # fmt: skip
    return remake_dataset(out, simulated.dataset, simulated.split, origin, wanted, remake, "matching", shard)


def choose(name: str, frames: Sequence[FrameInfo], seed: int) -> FrameInfo:
    """Return one of the frames, by the name of the frame that it is for: no order of work changes it."""
    digest = hashlib.sha256(f"{seed}/{name}".encode()).digest()
    return frames[int(np.random.default_rng(int.from_bytes(digest[:8], "big")).integers(len(frames)))]


def _parts(frame: Frame) -> tuple[GreyImage, Mask, tuple[float, float]]:
    """Image, sector and spacing."""
    return frame.image, find_sector(frame.image, frame.info.name).mask(frame.image.shape), frame.spacing_mm


@dataclass(frozen=True, eq=False)
class ImageStyle:
    """Grey levels and speckle of an image, wherever the heart is in it."""

    levels: NDArray[np.int64]
    """(256,) pixels of each grey level in the sector."""
    contrast: float
    """Standard deviation of the image less its smoothed self, in grey levels."""


def style_of(image: GreyImage, sector: Mask, spacing_mm: tuple[float, float]) -> ImageStyle:
    """Measure an image (H, W) uint8 in its sector (H, W), with a spacing of (rows, columns).

    Raises:
        DataError: the shapes differ, the sector is empty, or pixels are too coarse for the scale of speckle.
    """
    _require(image, sector, spacing_mm)
    levels = np.bincount(image[sector], minlength=256)
    return ImageStyle(levels, float(_speckle(image.astype(np.float64), sector, spacing_mm)[sector].std()))


def in_style(
    image: GreyImage, sector: Mask, spacing_mm: tuple[float, float], style: ImageStyle,
    factors: tuple[float, float] = FACTORS,
) -> tuple[GreyImage, float]:  # fmt: skip
    """Give an image another one's style.

    Three steps: grey levels are replaced by those of the same rank in `style`; what the smoothing takes away is scaled
    to the contrast of `style`; and, since that moves grey levels, they are replaced once more. So the grey levels are
    those of `style`, as far as equal pixels allow it, and the contrast comes near its own.

    Args:
        image, sector, spacing_mm: as for `style_of`, errors too.
        style: of the image to match.
        factors: the smallest and the largest on the speckle's contrast.

    Returns:
        The image, 0 outside the sector, and the factor on the speckle.
    """
    _require(image, sector, spacing_mm)
    first = np.zeros(image.shape)
    first[sector] = _with_levels(image[sector].astype(np.float64), style.levels)
    speckle = _speckle(first, sector, spacing_mm)
    contrast = float(speckle[sector].std())
    factor = float(np.clip(style.contrast / contrast, *factors)) if contrast > 1e-9 else 1.0
    second = first + (factor - 1) * speckle
    styled = np.zeros(image.shape, dtype=np.uint8)
    styled[sector] = np.rint(_with_levels(second[sector], style.levels)).astype(np.uint8)
    return styled, factor


def _with_levels(values: Numbers, levels: NDArray[np.int64]) -> Numbers:
    """Return what stands at the same rank among the levels; equal values stay equal, at their middle rank."""
    ordered = np.repeat(np.arange(256.0), levels)
    ranks = (stats.rankdata(np.round(values, 6)) - 0.5) / len(values)
    return np.asarray(np.interp(ranks, (np.arange(len(ordered)) + 0.5) / len(ordered), ordered))


def _speckle(image: Numbers, sector: Mask, spacing_mm: tuple[float, float]) -> Numbers:
    """The image less its local mean over the sector; 0 outside."""
    widths = [SPECKLE_MM / mm for mm in spacing_mm]
    weight = ndimage.gaussian_filter(sector.astype(np.float64), widths)
    local = ndimage.gaussian_filter(np.where(sector, image, 0.0), widths) / np.maximum(weight, 1e-12)
    return np.asarray(np.where(sector, image - local, 0.0))


def _require(image: GreyImage, sector: Mask, spacing_mm: tuple[float, float]) -> None:
    if image.dtype != np.uint8 or sector.shape != image.shape or sector.dtype != np.bool_:
        raise DataError("style", "sector", f"{sector.dtype} {sector.shape}", f"bool {image.shape}, for a uint8 image")
    if not sector.any():
        raise DataError("style", "sector", "no pixel", "at least one")
    if FINEST * max(spacing_mm) > SPECKLE_MM:
        raise DataError(
            "style", "spacing", f"{max(spacing_mm):g} mm", f"at most {SPECKLE_MM / FINEST:g} mm", "Take finer images."
        )
