"""Simulated frames with the grey levels and the speckle contrast of real, unannotated ones.

No network, no annotation: the cheapest way from simulated images towards a scanner's. Masks stay as they are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np

from synthboost.adaptation.style import FACTORS, SPECKLE_MM, ImageStyle, in_style, style_of
from synthboost.data import frames_of
from synthboost.data.sector import find_sector
from synthboost.data.source import Source
from synthboost.data.writer import MadePatient, Origin, remake_dataset
from synthboost.domain import Domain, Frame, FrameInfo, GreyImage, Mask, SplitPart, View
from synthboost.errors import ConfigError, DataError

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
    candidates = frames_of(images.dataset, images.split, SplitPart.TRAINING)
    of_view = {view: [info for info in candidates if info.view == view] for view in View}

    @cache
    def style(info: FrameInfo) -> ImageStyle:
        return style_of(*_parts(images.dataset.load(info)))

    def remake(infos: Sequence[FrameInfo]) -> MadePatient:
        made, notes = [], {}
        for info in infos:
            if not of_view[info.view]:
                raise DataError(images.dataset.root, f"{info.view} frames", 0, "at least one in the training part")
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
