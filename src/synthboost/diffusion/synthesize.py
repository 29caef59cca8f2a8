"""Synthetic images from masks, written as a data set in CAMUS' layout: perturbed masks in, image and mask out.

A synthetic patient is one copy of a source patient: all of its frames with masks perturbed anew. It stands in the part
of its source, so that no mask of a validation or test patient ever feeds a training image.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from synthboost.data import Dataset, Split
from synthboost.data.dataset import unmeasured
from synthboost.data.sector import find_sector
from synthboost.data.writer import MadePatient, NewPatient, Origin, make_dataset
from synthboost.diffusion.condition import condition_map, label_map_of
from synthboost.diffusion.network import SemanticUNet
from synthboost.diffusion.perturbation import PerturbationSettings, perturb, perturbation_rng
from synthboost.diffusion.sampling import Schedule, default_schedule, sample_images, to_grey
from synthboost.diffusion.training_data import frame_codes
from synthboost.domain import Domain, Frame, FrameInfo, SplitPart
from synthboost.errors import DataError, lacks_memory, require_fields
from synthboost.evaluation.metrics.resample import spacing_on_grid

GENERATOR = "synthboost.diffusion"
GENERATOR_VERSION = "1"
RECORD = "synthesis.json"
"""At the root: the settings. A folder that was begun otherwise is refused."""
MOST_COPIES = 99
"""A copy's number takes the last two digits of a synthetic patient's."""


@dataclass(frozen=True)
class SynthesisSettings:
    """What is made of every mask."""

    copies: int = 5
    """Synthetic patients for each source patient; Echo from Noise makes 5."""
    perturbation: PerturbationSettings | None = field(default_factory=PerturbationSettings)
    """`None` leaves the masks as they are: only the noise differs between copies."""
    seed: int = 0
    batch: int = 16
    """Images made together; halved by itself when memory runs out. Without influence on any image but for rounding."""

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        require_fields(
            self,
            ("copies", 1 <= self.copies <= MOST_COPIES, f"1 to {MOST_COPIES}"),
            ("seed", self.seed >= 0, "zero or more"),
            ("batch", self.batch >= 1, "1 or more"),
        )


def synthesize(
    network: SemanticUNet,
    weights_sha256: str,
    dataset: Dataset,
    split: Split,
    out: Path,
    settings: SynthesisSettings,
    schedule: Schedule | None = None,
    shard: tuple[int, int] = (1, 1),
) -> int:
    """Write the synthetic data set, or the share of one worker, or what is missing of it.

    Args:
        network: in evaluation mode, on the device that samples.
        weights_sha256: of its weights; part of the set's release name.
        dataset: where the masks come from: real, or simulated.
        split: parts of `dataset`; training and validation patients are copied, test patients never.
        out: a new or empty folder, or one that was begun with the same settings.
        settings: what to make.
        schedule: of sampling; `None` is the network's default.
        shard: (i, n): every n-th synthetic patient, the i-th first. Shards may run at the same time, on any machine
            that sees `out`; the last to finish writes the lists.

    Returns:
        How many synthetic patients were made now.

    Raises:
        ConfigError: the shard is none.
        DataError: a mask or a sector cannot be used, naming the frame.
        OutputError: the folder holds something else, or cannot be written.
    """
    chosen = schedule or default_schedule(network.settings)
    release = f"diffusion-{weights_sha256[:8]}-seed{settings.seed}"
    origin = Origin(Domain.DIFFUSION, GENERATOR, GENERATOR_VERSION, settings.seed, release, RECORD)
    wanted = {
        "release": release,
        "masks": dataset.fingerprint(),
        "split": split.name,
        "settings": {name: value for name, value in asdict(settings).items() if name != "batch"},
        "schedule": asdict(chosen),
    }
    copies = planned_copies(dataset, split, settings)
    if not copies:
        raise DataError(dataset.root, "annotated frames", 0, "at least one in the training or validation part")
    maker = _Maker(network, dataset, settings, chosen)
    return make_dataset(out, origin, wanted, copies, maker.make, "sampling", shard)


def planned_copies(dataset: Dataset, split: Split, settings: SynthesisSettings) -> list[NewPatient]:
    """Return every synthetic patient, in the order of parts, sources and copies: `patient001203` is a fourth copy."""
    annotated = {info.patient for info in dataset.frames if dataset.has_annotation(info)}
    return [
        NewPatient(f"{source.name}{number:02d}", part, source)
        for part in (SplitPart.TRAINING, SplitPart.VALIDATION)
        for source in split.parts[part]
        if source in annotated
        for number in range(settings.copies)
    ]


class _Maker:
    def __init__(
        self, network: SemanticUNet, dataset: Dataset, settings: SynthesisSettings, schedule: Schedule
    ) -> None:
        self.network, self.dataset, self.settings, self.schedule = network, dataset, settings, schedule
        self.batches = ImageBatches(settings.batch)

    def make(self, patient: NewPatient) -> MadePatient:
        """Make one copy of a patient, all frames together."""
        infos = [info for info in self.dataset.frames if info.patient == patient.source]
        number = int(patient.name[-2:])
        prepared = [self._prepare(number, info) for info in infos if self.dataset.has_annotation(info)]
        maps = np.stack([condition for _, condition, _ in prepared])
        codes = np.array([frame_codes(frame) for frame, _, _ in prepared])
        names = [f"{patient.name}_{frame.info.view}_{frame.info.phase}" for frame, _, _ in prepared]
        images = self.batches.make(len(names), lambda some: self._sample_batch(maps[some], codes[some], names[some]))
        made = [
            Frame(
                unmeasured(frame.info),
                image,
                label_map_of(condition),
                spacing_on_grid(frame.spacing_mm, frame.image.shape, image.shape),
            )
            for image, (frame, condition, _) in zip(images, prepared, strict=True)
        ]
        notes = {f"{frame.info.view}_{frame.info.phase}": note for frame, _, note in prepared if note}
        seed = self.settings.seed
        return MadePatient(made, {"source": str(patient.source), "copy": number, "seed": seed, "notes": notes})

    def _prepare(self, number: int, info: FrameInfo) -> tuple[Frame, NDArray[np.uint8], str]:
        """A frame, the map that its image is made from, and why its mask is not a perturbed one, if it is not."""
        frame = self.dataset.load(info)
        assert frame.label_map is not None
        sector = find_sector(frame.image, info.name).mask(frame.image.shape)
        label_map, note = frame.label_map, ""
        if self.settings.perturbation is not None:
            rng = perturbation_rng(self.settings.seed, str(info.patient) + info.name, number)
            found = perturb(label_map, sector, self.settings.perturbation, rng, info.name)
            label_map, note = found.label_map, found.note
        return frame, condition_map(label_map, sector, self.network.settings.size), note

    def _sample_batch(self, maps: NDArray[np.uint8], codes: NDArray[np.int64], names: list[str]) -> NDArray[np.uint8]:
        attributes = torch.from_numpy(codes) if self.network.settings.attributes else None
        labels = torch.from_numpy(maps).long()
        grey = to_grey(sample_images(self.network, labels, attributes, names, self.schedule, self.settings.seed))
        grey[maps == 0] = 0  # outside the sector there is nothing, and a real frame is black there
        return grey


@dataclass
class ImageBatches:
    """How many images are made together; remembers what turned out to be too many."""

    size: int

    def make(self, count: int, images_of: Callable[[slice], NDArray[np.uint8]]) -> NDArray[np.uint8]:
        """Return (count, S, S) images.

        Args:
            count: of images, at least one.
            images_of: from positions to their images; called again with half as many when memory was lacking.
        """
        made: list[NDArray[np.uint8]] = []
        first = 0
        while first < count:
            last = min(first + self.size, count)
            try:
                made.append(images_of(slice(first, last)))
                first = last
            except (MemoryError, RuntimeError) as error:
                if self.size == 1 or not lacks_memory(error):
                    raise
                self.size //= 2
                print(f"memory ran out: {self.size} images at a time from here on", file=sys.stderr, flush=True)
        return np.concatenate(made)
