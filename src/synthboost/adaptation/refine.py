"""Simulated frames, refined by a diffusion model of real ones: SDEdit (Meng et al. 2021, arXiv 2108.01073).

Each frame is mixed with noise up to a time, and the model removes the noise from there. What the noise hid, fine
texture first, is drawn anew; what stood out of the noise stays, and so do the masks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from synthboost.data import Dataset
from synthboost.data.sector import find_sector
from synthboost.data.source import Source
from synthboost.data.writer import MadePatient, Origin, remake_dataset
from synthboost.diffusion.condition import ConditionClass, condition_map, label_map_of
from synthboost.diffusion.network import SemanticUNet
from synthboost.diffusion.sampling import Schedule, Start, default_schedule, sample_images, to_grey
from synthboost.diffusion.settings import DiffusionSettings
from synthboost.diffusion.synthesize import ImageBatches
from synthboost.diffusion.training import read_training_record
from synthboost.diffusion.training_data import frame_codes
from synthboost.domain import Domain, Frame, FrameInfo
from synthboost.errors import ConfigError, require_fields
from synthboost.evaluation.metrics.resample import spacing_on_grid
from synthboost.training.frame_stream import shrunk_image

GENERATOR, GENERATOR_VERSION = "synthboost.refine", "1"
RECORD = "refinement.json"


class MapCondition(StrEnum):
    """What conditions the network besides a frame's attributes; never its labels.

    `sector`: the frame's sector without a heart in it, for a network that was trained on unannotated images. `null`: no
    map at all, for a network that was trained with hidden maps.
    """

    SECTOR, NULL = "sector", "null"


@dataclass(frozen=True)
class RefineSettings:
    """How frames are refined."""

    strength: float = 0.4
    """How far a frame goes towards noise and back: 0 leaves it as it is, 1 keeps nothing. The default is a guess."""
    condition: MapCondition = MapCondition.SECTOR
    seed: int = 0
    batch: int = 16
    """Images made together; halved by itself when memory runs out. Without influence on any image but for rounding."""

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        require_fields(
            self,
            ("strength", 0 <= self.strength <= 1, "0 to 1"),
            ("condition", self.condition in tuple(MapCondition), " or ".join(MapCondition)),
            ("seed", self.seed >= 0, "zero or more"),
            ("batch", self.batch >= 1, "1 or more"),
        )


def refine(
    network: SemanticUNet,
    weights_sha256: str,
    simulated: Source,
    out: Path,
    settings: RefineSettings,
    schedule: Schedule | None = None,
    shard: tuple[int, int] = (1, 1),
) -> int:
    """Write the refined data set, or the shard of one worker, or what is missing of it.

    Frames and masks get the network's size. Pixels outside the sector are 0.

    Args:
        network: in evaluation mode, on the device that samples.
        weights_sha256: of its weights.
        simulated: with masks.
        out: a new or empty folder, or one that was begun with the same weights, images and settings.
        settings: how.
        schedule: of sampling; `None` is the network's default. Refining takes `strength` of its steps.
        shard: see `make_dataset`; returns how many patients were refined now.

    Raises:
        ConfigError: the network has no weights for "no label", or the shard is none.
        DataError: frames are not simulated, or no sector can be found, naming the frame.
        OutputError: the folder holds something else, or cannot be written.
    """
    if settings.condition is MapCondition.NULL and not network.settings.null_label:
        raise ConfigError(
            "refine", "condition", settings.condition, f"{MapCondition.SECTOR}: it has no weights for null"
        )
    chosen = schedule or default_schedule(network.settings)
    version = f"{GENERATOR_VERSION}, weights {weights_sha256[:8]}"
    origin = Origin(Domain.REFINED, GENERATOR, version, settings.seed, simulated.dataset.release, RECORD)
    wanted = {
        "weights": weights_sha256,
        "strength": settings.strength,
        "condition": settings.condition,
        "schedule": asdict(chosen),
    }
    refiner = _Refiner(network, simulated.dataset, settings, chosen)
    return remake_dataset(out, simulated.dataset, simulated.split, origin, wanted, refiner.remake, "refining", shard)


def condition_of(model: Path, settings: DiffusionSettings) -> MapCondition:
    """Choose what conditions a model that shall not see labels: what it was trained with beside them.

    Args:
        model: its folder, or the `checkpoint/` in it. `training.json` says how it was trained; a model without that
            file, such as a published one, counts as trained with labels.
        settings: of its network.

    Raises:
        ConfigError: the model was trained with labels and cannot do without them.
        DataError: `training.json` cannot be read.
    """
    record = read_training_record(model)
    if record is not None and record.unannotated:
        return MapCondition.SECTOR
    if not settings.null_label:
        raise ConfigError(
            "refine", "condition", MapCondition.NULL, "a model that can do without labels",
            "This one has no weights for that. Train another, best with --unannotated.",
        )  # fmt: skip
    return MapCondition.NULL


class _Refiner:
    def __init__(self, network: SemanticUNet, dataset: Dataset, settings: RefineSettings, schedule: Schedule) -> None:
        self.network, self.dataset, self.settings, self.schedule = network, dataset, settings, schedule
        self.batches = ImageBatches(settings.batch)

    def remake(self, infos: Sequence[FrameInfo]) -> MadePatient:
        frames = [self.dataset.load(info) for info in infos]
        sectors = [find_sector(frame.image, frame.info.name).mask(frame.image.shape) for frame in frames]
        size = self.network.settings.size
        images = np.stack([shrunk_image(frame.image, size) for frame in frames])
        pairs = list(zip(frames, sectors, strict=True))
        fans = np.stack([condition_map(np.zeros_like(f.image), s, size) for f, s in pairs])
        codes = np.array([frame_codes(frame) for frame in frames])
        names = [info.name for info in infos]
        refined = self.batches.make(
            len(frames), lambda some: self._refine(images[some], fans[some], codes[some], names[some])
        )
        made = []
        for (frame, sector), image in zip(pairs, refined, strict=True):
            assert frame.label_map is not None
            label_map = label_map_of(condition_map(frame.label_map, sector, size))
            spacing_mm = spacing_on_grid(frame.spacing_mm, frame.image.shape, image.shape)
            made.append(Frame(frame.info, image, label_map, spacing_mm))
        return MadePatient(made, {"strength": self.settings.strength, "condition": str(self.settings.condition)})

    def _refine(
        self, images: NDArray[np.uint8], fans: NDArray[np.uint8], codes: NDArray[np.int64], names: list[str]
    ) -> NDArray[np.uint8]:
        network, settings = self.network.settings, self.settings
        grey = torch.from_numpy(images).float()[:, None] / 127.5 - 1
        start = Start(grey.expand(-1, network.channels, -1, -1), settings.strength)
        labels = torch.from_numpy(fans).long()
        if settings.condition is MapCondition.NULL:
            labels = torch.full_like(labels, network.null)
        attributes = torch.from_numpy(codes) if network.attributes else None
        drawn = sample_images(self.network, labels, attributes, names, self.schedule, settings.seed, start=start)
        made = to_grey(drawn)
        made[fans == ConditionClass.BACKGROUND] = 0  # as `sample` does: a real frame is black there
        return made
