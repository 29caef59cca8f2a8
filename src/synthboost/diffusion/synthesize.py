"""Synthetic images from masks, written as a data set in CAMUS' layout: perturbed masks in, image and mask out.

A synthetic patient is one copy of a source patient: all of its frames with masks perturbed anew. It stands in the part
of its source, so that no mask of a validation or test patient ever feeds a training image.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from synthboost.data import Dataset, Split
from synthboost.data.camus_layout import IMAGES, Listed, write_frames, write_frames_csv, write_split_lists
from synthboost.data.sector import find_sector
from synthboost.diffusion.condition import condition_map, label_map_of
from synthboost.diffusion.image_batches import ImageBatches
from synthboost.diffusion.network import SemanticUNet
from synthboost.diffusion.perturbation import PerturbationSettings, perturb, perturbation_rng
from synthboost.diffusion.sampling import Schedule, default_schedule, sample_images, to_grey
from synthboost.diffusion.training_data import frame_codes
from synthboost.domain import Domain, Frame, FrameInfo, PatientId, SplitPart
from synthboost.errors import ConfigError, DataError
from synthboost.evaluation.metrics.resample import spacing_on_grid
from synthboost.io.atomic import recover, whole_folder, write_json
from synthboost.io.claim import claim
from synthboost.io.lock import exclusive
from synthboost.progress import Progress

GENERATOR = "synthboost.diffusion"
GENERATOR_VERSION = "1"
RECORD = "synthesis.json"
"""At the root: what was asked for. A folder that was begun otherwise is refused."""
MOST_COPIES = 99
"""A copy's number takes the last two digits of a synthetic patient's."""


@dataclass(frozen=True)
class SynthesisSettings:
    """What is made of every mask."""

    copies: int = 5
    """Synthetic patients for each source patient; Echo from Noise makes 5."""
    perturbation: PerturbationSettings | None = field(default_factory=PerturbationSettings)
    """`None` leaves the masks as they are: only the noise differs between copies."""
    guidance: float = 1.0
    """How far images are pushed towards their map; 1 is not."""
    seed: int = 0
    batch: int = 16
    """Images made together; halved by itself when memory runs out. Without influence on any image but for rounding."""

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        for name, holds, expected in (
            ("copies", 1 <= self.copies <= MOST_COPIES, f"1 to {MOST_COPIES}"),
            ("guidance", self.guidance >= 0, "zero or more"),
            ("seed", self.seed >= 0, "zero or more"),
            ("batch", self.batch >= 1, "1 or more"),
        ):
            if not holds:
                raise ConfigError("SynthesisSettings", name, getattr(self, name), expected)


@dataclass(frozen=True)
class Copy:
    """One synthetic patient to be."""

    source: PatientId
    number: int
    """Of the copy, from 0."""
    part: SplitPart

    @property
    def name(self) -> str:
        """E.g. `patient001203`: the fourth copy of patient0012."""
        return f"{self.source.name}{self.number:02d}"


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
    if not 1 <= shard[0] <= shard[1]:
        raise ConfigError("synthesize", "shard", f"{shard[0]}/{shard[1]}", "i/n with i from 1 to n")
    chosen = schedule or default_schedule(network.settings)
    release = f"diffusion-{weights_sha256[:8]}-seed{settings.seed}"
    copies = planned_copies(dataset, split, settings)
    _claim(out, release, dataset, split, settings, chosen)
    own = copies[shard[0] - 1 :: shard[1]]
    with exclusive(out / f".shard-{shard[0]}-of-{shard[1]}"):
        if shard[1] == 1:
            recover(out / IMAGES, held=True)
        missing = [copy for copy in own if not (out / IMAGES / copy.name).is_dir()]
        maker = _Maker(network, dataset, settings, chosen)
        frames = {p: [i for i in dataset.frames if i.patient == p] for p in {copy.source for copy in missing}}
        total = sum(len(frames[copy.source]) for copy in missing)
        with Progress("sampling", total, "image") as bar:
            for copy in missing:
                made = maker.make(copy, frames[copy.source])
                _write_patient(out / IMAGES / copy.name, copy, made, settings.seed)
                bar.advance(len(made))
    if all((out / IMAGES / copy.name).is_dir() for copy in copies):
        _write_lists(out, copies, dataset, release, settings)
    return len(missing)


def planned_copies(dataset: Dataset, split: Split, settings: SynthesisSettings) -> list[Copy]:
    """Return every synthetic patient, in the order of parts, sources and copies."""
    return [
        Copy(patient, number, part)
        for part in (SplitPart.TRAINING, SplitPart.VALIDATION)
        for patient in split.parts[part]
        if any(info.patient == patient and dataset.has_annotation(info) for info in dataset.frames)
        for number in range(settings.copies)
    ]


@dataclass(frozen=True, eq=False)
class Made:
    """One synthetic frame."""

    frame: Frame
    """(S, S), over the source frame's extent; what is known is what is known of the source."""
    note: str
    """Why the mask is not a perturbed one, if it is not."""


class _Maker:
    def __init__(
        self, network: SemanticUNet, dataset: Dataset, settings: SynthesisSettings, schedule: Schedule
    ) -> None:
        self.network, self.dataset, self.settings, self.schedule = network, dataset, settings, schedule
        self.batches = ImageBatches(settings.batch)

    def make(self, copy: Copy, infos: list[FrameInfo]) -> list[Made]:
        prepared = [self._prepare(copy, info) for info in infos if self.dataset.has_annotation(info)]
        maps = np.stack([condition for _, condition, _ in prepared])
        codes = np.array([frame_codes(frame) for frame, _, _ in prepared])
        names = [f"{copy.name}{frame.info.name.removeprefix(copy.source.name)}" for frame, _, _ in prepared]
        images = self.batches.make(len(names), lambda some: self._sample_batch(maps[some], codes[some], names[some]))
        return [
            Made(
                Frame(
                    frame.info,
                    image,
                    label_map_of(condition),
                    spacing_on_grid(frame.spacing_mm, frame.image.shape, image.shape),
                ),
                note,
            )
            for image, (frame, condition, note) in zip(images, prepared, strict=True)
        ]

    def _prepare(self, copy: Copy, info: FrameInfo) -> tuple[Frame, NDArray[np.uint8], str]:
        frame = self.dataset.load(info)
        assert frame.label_map is not None
        sector = find_sector(frame.image, info.name).mask(frame.image.shape)
        label_map, note = frame.label_map, ""
        if self.settings.perturbation is not None:
            rng = perturbation_rng(self.settings.seed, str(info.patient) + info.name, copy.number)
            found = perturb(label_map, sector, self.settings.perturbation, rng, info.name)
            label_map, note = found.label_map, found.note
        return frame, condition_map(label_map, sector, self.network.settings.size, "majority"), note

    def _sample_batch(self, maps: NDArray[np.uint8], codes: NDArray[np.int64], names: list[str]) -> NDArray[np.uint8]:
        attributes = torch.from_numpy(codes) if self.network.settings.attributes else None
        labels = torch.from_numpy(maps).long()
        images = sample_images(
            self.network, labels, attributes, names, self.schedule, self.settings.seed, self.settings.guidance
        )
        grey = to_grey(images)
        grey[maps == 0] = 0  # outside the sector there is nothing, and a real frame is black there
        return grey


def _write_patient(folder: Path, copy: Copy, made: list[Made], seed: int) -> None:
    with whole_folder(folder) as temporary:
        write_frames(temporary, copy.name, [one.frame for one in made])
        notes = {f"{one.frame.info.view}_{one.frame.info.phase}": one.note for one in made if one.note}
        write_json(temporary / RECORD, {"source": str(copy.source), "copy": copy.number, "seed": seed, "notes": notes})


def _claim(
    out: Path, release: str, dataset: Dataset, split: Split, settings: SynthesisSettings, schedule: Schedule
) -> None:
    wanted: dict[str, Any] = {
        "generator": GENERATOR,
        "generator_version": GENERATOR_VERSION,
        "release": release,
        "masks": dataset.fingerprint(),
        "split": split.name,
        "settings": {name: value for name, value in asdict(settings).items() if name != "batch"},
        "schedule": {**asdict(schedule), "method": str(schedule.method), "spacing": str(schedule.spacing)},
    }
    claim(out / RECORD, wanted, same="the same weights, masks and settings", begun_by="`synthesize`")


def _write_lists(out: Path, copies: list[Copy], dataset: Dataset, release: str, settings: SynthesisSettings) -> None:
    write_split_lists(out, {part: [copy.name for copy in copies if copy.part == part] for part in SplitPart})
    frames = [
        Listed(f"{copy.name}_{info.view}_{info.phase}", release, str(copy.source), copy.part)
        for copy in copies
        for info in dataset.frames
        if info.patient == copy.source and dataset.has_annotation(info)
    ]
    if not frames:
        raise DataError(dataset.root, "annotated frames", 0, "at least one in the training or validation part")
    write_frames_csv(out, frames, Domain.DIFFUSION, GENERATOR, GENERATOR_VERSION, settings.seed)
