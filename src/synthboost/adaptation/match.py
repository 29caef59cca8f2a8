"""Simulated frames with the grey levels and the speckle contrast of real, unannotated ones.

No network, no annotation: the cheapest way from simulated images towards a scanner's. Masks stay as they are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from synthboost.data import Dataset, Split, frames_of, without_annotations
from synthboost.data.sector import find_sector
from synthboost.data.writer import MadePatient, Origin, remake_dataset
from synthboost.domain import Domain, Frame, FrameInfo, SplitPart, View
from synthboost.errors import ConfigError, DataError
from synthboost.simulator.likeness import LikenessSettings, Look, look_of, make_alike

GENERATOR = "synthboost.match"
GENERATOR_VERSION = "1"
RECORD = "match.json"


@dataclass(frozen=True)
class MatchSettings:
    """How frames are matched."""

    likeness: LikenessSettings = field(default_factory=LikenessSettings)
    seed: int = 0
    """Decides, with a frame's name, which frame it is made alike."""

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        if self.seed < 0:
            raise ConfigError("MatchSettings", "seed", self.seed, "zero or more")


def match(
    dataset: Dataset,
    split: Split,
    like: Dataset,
    like_split: Split,
    out: Path,
    settings: MatchSettings,
    shard: tuple[int, int] = (1, 1),
) -> int:
    """Write the matched data set, or the share of one worker, or what is missing of it.

    Args:
        dataset: simulated, with masks.
        split: of `dataset`.
        like: the images to be alike. Their label files are not opened.
        like_split: of `like`; only its training patients are looked at.
        out: a new or empty folder, or one that was begun with the same images and settings.
        settings: see there.
        shard: see `make_dataset`.

    Returns:
        How many patients were matched now.

    Raises:
        ConfigError: the shard is none.
        DataError: frames are not simulated, a view has no frame to be like, or a sector cannot be made out.
        OutputError: the folder holds something else, or cannot be written.
    """
    bare = without_annotations(like)
    origin = Origin(Domain.SIMULATED, GENERATOR, GENERATOR_VERSION, settings.seed, dataset.release, RECORD)
    asked = {**asdict(settings.likeness), "like": bare.fingerprint(), "like_split": like_split.name}
    matcher = _Matcher(dataset, bare, frames_of(bare, like_split, SplitPart.TRAINING), settings)
    return remake_dataset(out, dataset, split, origin, asked, matcher.remake, "matching", shard)


def choose(name: str, frames: Sequence[FrameInfo], seed: int) -> FrameInfo:
    """Return one of the frames, by the name of the frame that it is for: no order of work changes it."""
    digest = hashlib.sha256(f"{seed}/{name}".encode()).digest()
    return frames[int(np.random.default_rng(int.from_bytes(digest[:8], "big")).integers(len(frames)))]


class _Matcher:
    def __init__(
        self, dataset: Dataset, like: Dataset, candidates: Sequence[FrameInfo], settings: MatchSettings
    ) -> None:
        self.dataset, self.like, self.settings = dataset, like, settings
        self.candidates = {view: [info for info in candidates if info.view == view] for view in View}
        self.looks: dict[FrameInfo, Look] = {}

    def remake(self, infos: Sequence[FrameInfo]) -> MadePatient:
        made, notes = [], {}
        for info in infos:
            if not self.candidates[info.view]:
                raise DataError(self.like.root, f"{info.view} frames", 0, "at least one in the training part")
            frame, chosen = self.dataset.load(info), choose(info.name, self.candidates[info.view], self.settings.seed)
            sector = find_sector(frame.image, info.name).mask(frame.image.shape)
            image, factor = make_alike(
                frame.image, sector, frame.spacing_mm, self._look(chosen), self.settings.likeness
            )
            made.append(Frame(info, image, frame.label_map, frame.spacing_mm))
            notes[info.name] = {"like": f"{chosen.patient} {chosen.view} {chosen.phase}", "speckle": round(factor, 4)}
        return MadePatient(made, {"frames": notes})

    def _look(self, info: FrameInfo) -> Look:
        if info not in self.looks:
            frame = self.like.load(info)
            sector = find_sector(frame.image, info.name).mask(frame.image.shape)
            self.looks[info] = look_of(frame.image, sector, frame.spacing_mm, self.settings.likeness)
        return self.looks[info]
