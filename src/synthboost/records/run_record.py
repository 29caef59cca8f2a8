"""What a run's JSON files hold: `spec.json`, `manifest.json` and `evaluation.json`, written and read by these types."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from synthboost.domain import SplitPart
from synthboost.errors import require_fields

BASELINE_MODEL = "baseline"
"""The model's name of constant predictors, which neither see the image nor read the sentence."""
RANDOM_WEIGHTS = "random weights"
"""The `encoders` of a zero-shot run whose model was never trained by anybody."""
NOTHING_TRAINED = "none"
"""The `encoders` of a zero-shot run with pretrained weights, and of a baseline."""
ADAPTED = ", adapted"
"""Ends the strategy of a run that was adapted to the images that it is evaluated among."""
OF_ALL_ROWS = ("model", "strategy", "encoders", "seed")
"""Columns of the rows that are the same in all of a run, and fields of its `Spec`."""
BASE = "base"
"""What a study calls the runs that others differ from in one thing."""
CONTROL = "real at equal steps"
"""What a study calls runs that see as many real images as others see of both kinds."""
ShapeFrom: TypeAlias = Literal["unknown", "ground-truth", "prediction"]


@dataclass(frozen=True)
class DataSet:
    """A data set as a run used it."""

    name: str
    """Of its folder."""
    release: str
    domain: str
    """The domains of its images, e.g. `diffusion, simulated`."""
    split: str
    patients: int
    """That train; in an evaluation, those evaluated on."""
    frames: int
    fingerprint: str
    """SHA-256 of its files."""


@dataclass(frozen=True)
class Stage:
    """One stage of training."""

    role: str
    """Of its training set: `real`, `synthetic`, `mixed`."""
    training: Mapping[str, Any]
    """The settings that can change a result (`TrainingConfig`)."""
    prompt_set: str | None = None
    """Of its sentences, where it is not the run's."""


@dataclass(frozen=True)
class Spec:
    """What was trained on what: `spec.json`. `None` stands for what does not apply or nobody recorded."""

    name: str
    """Of the run; ends in its identity, the hash of all other fields but the names of folders, and but preset and
    architecture of given weights, which their checksum stands for."""
    model: str
    preset: str | None
    """Of the architecture; of given weights the one that has their sizes, if any."""
    architecture: Mapping[str, Any] | None
    """The sizes."""
    weights: str | None
    """What training began from instead: SHA-256, or the name on the hub."""
    strategy: str
    encoders: str
    """What learned in them; `RANDOM_WEIGHTS` or `NOTHING_TRAINED` when there was no training."""
    prompt_set: str
    domain_named: bool
    """Whether every sentence names the domain of its frame."""
    real_share: float | None
    """Of `mixed`: the share of real images in an epoch."""
    seed: int | None
    stages: tuple[Stage, ...] | None
    data: Mapping[str, DataSet]
    """By role: `real`, `synthetic`, `evaluation`."""
    hand_over: str | None = None
    """What a stage takes from the one before, if not the weights alone."""

    def trains_on(self, role: str) -> bool:
        """Whether a stage of the run, or of its ancestors, learns from the data of this role."""
        if self.model == BASELINE_MODEL:
            return role == "real"  # a constant predictor is fitted on the real label maps
        return any(stage.role in (role, "mixed") for stage in self.stages or ())

    @property
    def synthetic(self) -> str:
        """The domains of the synthetic images that took part in training; empty when none did."""
        return self.data["synthetic"].domain if "synthetic" in self.data and self.trains_on("synthetic") else ""

    @property
    def real_patients(self) -> int | None:
        """How many real patients took part in training; `None` when none did."""
        return self.data["real"].patients if "real" in self.data and self.trains_on("real") else None

    @property
    def starts_at_random(self) -> bool:
        """Whether the weights that training began from are known to be random ones."""
        return self.weights is None and self.preset is not None


@dataclass(frozen=True)
class Versions:
    """The software that made something."""

    synthboost: str
    python: str
    packages: Mapping[str, str | None]
    commit: str | None
    """`None` for an installed package."""


@dataclass(frozen=True)
class Parameters:
    """Numbers of weights, and their precision."""

    total: int
    trained: int
    precision: str = "fp32"
    """In which they were trained."""


@dataclass(frozen=True)
class Manifest:
    """The circumstances of a run: `manifest.json`."""

    versions: Versions
    threads: int
    device: str
    cpu_capability: str
    wall_seconds: float
    evaluated: str
    """When its rows were made (UTC)."""
    seed: int
    data: Mapping[str, str]
    """Role -> fingerprint of the data set."""
    parent: str | None
    """The run whose weights this one began with."""
    precision: str | None = None
    mask_patients: int = 0
    """Of how many patients the diffusion images that it learned from carry the annotated masks."""
    parameters: Parameters | None = None
    """Of the network; `None` where there is none, or its training is not ours."""


@dataclass(frozen=True)
class Evaluation:
    """How rows are made: `evaluation.json`. It is no part of a run's identity.

    For masks that were drawn earlier, what concerns their drawing is `None`.
    """

    part: SplitPart = SplitPart.TESTING
    """Of the real data set."""
    threshold: float | None = 0.5
    """A pixel is inside when its probability is larger."""
    shape_from: ShapeFrom | None = "prediction"
    """Where the shape word of P7 comes from."""
    paraphrase: int | None = 0
    probe_swapped: bool | None = True
    """Also score the masks that another structure's sentence draws."""
    grid: tuple[int, int] | None = None
    """(rows, columns) that masks are scored on; `None`: each image's own."""

    def __post_init__(self) -> None:
        """Refuse values that cannot work, naming the field."""
        require_fields(
            self,
            ("threshold", self.threshold is None or 0 < self.threshold < 1, "a number between 0 and 1"),
            ("paraphrase", self.paraphrase in (None, 0, 1), "0 (of the heart) or 1 (in the cardiac ultrasound)"),
            ("grid", self.grid is None or min(self.grid) >= 1, "rows and columns from 1 on"),
        )
