"""The settings of one training stage, with the paper's defaults where it states them; and those of pretraining.

Those marked `Suppress` are set from Python alone, not on the command line.
"""

from __future__ import annotations

import math
import shlex
from dataclasses import dataclass
from itertools import product
from typing import Annotated, Literal, get_args, get_origin, get_type_hints

from tyro.conf import Suppress

from synthboost.errors import require_fields
from synthboost.models.catalogue import entry_of, settings_of
from synthboost.simulator.appearance import AppearanceName
from synthboost.simulator.priors import PriorName
from synthboost.simulator.settings import SimulationSettings

STRONGEST_AUGMENTATION = 2.0
PRETRAINED_MODEL = "textunet"
APPEARANCES = (AppearanceName.CLINICAL, AppearanceName.CLINICAL, AppearanceName.WILD)
"""Of simulated frames, in turn: what clinical scanners give, and now and then the widest range."""


@dataclass(frozen=True)
class TrainingConfig:
    """How one stage is trained (arXiv 2309.12829, section on implementation; what it does not state is marked)."""

    epochs: int = 100
    """The maximum; early stopping usually ends sooner. Not stated in the paper."""
    batch_images: int = 32
    """Images per optimiser step; each brings all its sentences. The paper draws 128 single pairs for CLIPSeg."""
    learning_rate: float | None = None
    """By default the paper's for published weights, 1e-3 for the U-Net; CRIS from random weights needs e.g. 2e-3."""
    layer_decay: Annotated[float, Suppress] = 1.0
    """Each encoder block's rate relative to the block above, the last one's to the decoder; the paper has 1."""
    encoder_rate: Annotated[float, Suppress] = 1.0
    """A further factor on the encoders' learning rate. CRIS was published with 0.1, the paper trained it with 1."""
    cross_entropy_weight: Annotated[float, Suppress] = 0.25
    """The text's value. In the published code this term was identically zero (`docs/method.md`)."""
    schedule: Literal["plateau", "one-cycle"] = "plateau"
    """`plateau` (the paper's) lowers the rate when validation stalls; `one-cycle` spans `epochs` (short trainings)."""
    augmentation: float = 0.0
    """Strength 0-2 of random affine and grey-level changes, beyond 1 with shading and noise; the paper uses none."""
    precision: Literal["auto", "no", "bf16", "fp16"] = "auto"
    """`auto`: bf16 on a GPU that has it, on a CPU that has it if the model is not tiny; full precision elsewhere."""
    feature_cache: Literal["auto", "disk", "memory", "off"] = "auto"
    """Where to cache features of a frozen image encoder; `auto`: on disk, else in memory, else nowhere."""
    compile: Annotated[Literal["auto", "on", "off"], Suppress] = "auto"
    """torch.compile. `auto`: on a GPU, for trainings of 1,000 batches or more."""
    recompute_activations: Annotated[bool, Suppress] = False
    """Recompute the encoders' activations for the gradient: a third more arithmetic, several times less memory."""
    workers: int | None = None
    """Processes that prepare batches (by default 0, with a GPU up to 8) and compute metrics (by default all cores)."""
    threads: Annotated[int | None, Suppress] = None
    """CPU threads of torch; by default one for a tiny model, else torch's choice. The last bits depend on it."""
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse invalid values, naming the field."""
        choices = {n: get_args(t) for n, t in get_type_hints(type(self)).items() if get_origin(t) is Literal}
        require_fields(
            self,
            *((name, getattr(self, name) >= 1, "1 or more") for name in ("epochs", "batch_images")),
            *(
                (name, (value := getattr(self, name)) is None or 0 < value < math.inf, "a positive number")
                for name in ("learning_rate", "layer_decay", "encoder_rate")
            ),
            ("layer_decay", self.layer_decay <= 1, "above 0, at most 1"),
            *(
                (name, 0 <= getattr(self, name) < math.inf, "zero or more")
                for name in ("cross_entropy_weight", "augmentation")
            ),
            ("augmentation", self.augmentation <= STRONGEST_AUGMENTATION, "0 to 2"),
            ("workers", self.workers is None or self.workers >= 0, "zero or more"),
            ("threads", self.threads is None or self.threads >= 1, "1 or more"),
            ("seed", self.seed >= 0, "zero or more"),
            *((name, getattr(self, name) in known, f"one of {', '.join(known)}") for name, known in choices.items()),
        )

    def rate_for(self, model: str) -> float:
        """Return the learning rate with which a model is trained.

        Raises:
            ConfigError: none is given, and there is no such model.
        """
        return entry_of(model).rate if self.learning_rate is None else self.learning_rate


@dataclass(frozen=True, kw_only=True)
class PretrainSettings:
    """What decides pretrained weights, apart from the last bits, which depend on machine and threads."""

    prior: tuple[PriorName, ...] = (PriorName.LITERATURE,)
    """The hearts: `literature`, without any annotation, `camus`, fitted to annotations of CAMUS, or both in turn."""
    steps: int = 1000
    """Batches of 16 frames; one takes about a second of one core."""
    seed: int = 0
    """Of initial weights, hearts, augmentation and sentences."""
    weights: str | None = None
    """Weights of `textunet` to begin with instead of random ones, e.g. `lite0-minilm`: encoders that were pretrained on
    photographs and English (the extra `pretrained`). The text encoder then stays as it is."""
    preset: Annotated[str, Suppress] = "base"
    """Of `textunet`, from random weights."""
    batch: Annotated[int, Suppress] = 16
    """Frames."""

    def __post_init__(self) -> None:
        """Refuse invalid values, naming the field."""
        settings_of(PRETRAINED_MODEL, self.preset)
        require_fields(
            self,
            ("prior", 1 <= len(self.prior) == len(set(self.prior)), f"one or more of {', '.join(PriorName)}, once"),
            *((name, getattr(self, name) >= 1, "1 or more") for name in ("steps", "batch")),
            ("seed", self.seed >= 0, "zero or more"),
        )

    @property
    def simulations(self) -> tuple[SimulationSettings, ...]:
        """What is simulated, in turn."""
        kinds = product(self.prior, APPEARANCES)
        return tuple(SimulationSettings(seed=self.seed, prior=prior, appearance=look) for prior, look in kinds)

    @property
    def command(self) -> str:
        """The command that repeats it."""
        words = ["--prior", *self.prior, "--steps", str(self.steps), "--seed", str(self.seed)]
        words += [] if self.weights is None else ["--weights", self.weights]
        return shlex.join(["synthboost", "pretrain", "--out", "FOLDER", *words])
