"""What a diffusion network of ours is made of, the presets, and how one is trained."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Annotated, Literal

from tyro.conf import Suppress

from synthboost.domain import Phase, Quality, View
from synthboost.errors import require_fields

ATTRIBUTES: dict[str, tuple[str, ...]] = {"view": tuple(View), "phase": tuple(Phase), "quality": tuple(Quality)}
"""What conditions a network besides the map. Code 0 is unknown, the others follow in this order."""


class Objective(StrEnum):
    """What the network's output means."""

    NOISE = "noise"
    """The noise in x_t = sqrt(a_t) x_0 + sqrt(1 - a_t) noise, with t = 0 ... 999 (arXiv 2006.11239)."""
    FLOW = "flow"
    """The velocity noise - x_0 of x_t = (1 - t) x_0 + t noise, t from 0 to 1 (rectified flow, arXiv 2209.03003)."""


class NoiseSpacing(StrEnum):
    """How noise grows with the steps."""

    COSINE = "cosine"
    """arXiv 2102.09672; Echo from Noise."""
    LINEAR = "linear"
    """arXiv 2006.11239; the public SDM."""


@dataclass(frozen=True)
class DiffusionSettings:
    """Sizes of a semantic diffusion network. The defaults are those published for echo (arXiv 2305.05424)."""

    size: int = 256
    """Square images in pixels; divisible by `patch`, and the quotient by 2 for every level but the first."""
    channels: int = 3
    """Of an image: 1 or 3."""
    patch: int = 1
    """Pixels per side that the network folds into the channels of one position and unfolds again at its end. With 2 the
    same network draws images twice as wide and high, at the same cost (the idea is in arXiv 2301.11093)."""
    width: int = 256
    """Channels of the first level; the others have `multipliers` times as many."""
    multipliers: tuple[int, ...] = (1, 1, 2, 2, 4, 4)
    """One per level; each level has half the resolution of the one before."""
    blocks: int = 2
    """Residual blocks in each level of the encoder; the decoder has one more."""
    attention: tuple[int, ...] = (32, 16, 8)
    """Resolutions, in positions per side, at which these attend to each other; the deepest level always has one
    attention."""
    head_width: int = 64
    """Channels per attention head."""
    groups: int = 32
    """Of the normalisations."""
    spade_width: int = 128
    """Channels between a map and the scale and shift that it dictates."""
    classes: int = 5
    """Of the condition map: outside the sector, tissue, left ventricular cavity, myocardium, left atrium cavity."""
    null_label: bool = False
    """Whether "no label here" has weights of its own. Without, it is a map of zeros, as published for guidance."""
    attributes: bool = False
    """Whether view, phase and quality are embedded beside the time."""
    learned_sigma: bool = True
    """Whether the variances of the reverse steps are predicted too; for `Objective.NOISE` only."""
    objective: Objective = Objective.NOISE
    spacing: NoiseSpacing = NoiseSpacing.COSINE
    """Of the noise that it was trained with; ignored if it is a flow."""

    def __post_init__(self) -> None:
        """Refuse sizes that cannot form a network."""
        require_fields(
            self,
            ("multipliers", len(self.multipliers) > 0 and min(self.multipliers) > 0, "1 or more, for each level"),
            ("patch", self.patch > 0, "1 or more"),
        )
        require_fields(
            self,
            ("size", self.size > 0 and self.size % self.stride == 0, f"a multiple of {self.stride}"),
            ("channels", self.channels in (1, 3), "1 or 3"),
            *(
                (name, getattr(self, name) > 0, "1 or more")
                for name in ("width", "blocks", "head_width", "groups", "spade_width", "classes")
            ),
        )
        levels = [self.side(level) for level in range(len(self.multipliers))]
        known = set(self.attention) <= set(levels)
        attended = {self.width * self.multipliers[levels.index(side)] for side in self.attention if known}
        widths = sorted(attended | {self.deepest_width})
        require_fields(
            self,
            ("width", self.width % 2 == 0, "an even number"),
            ("groups", self.width % self.groups == 0, f"a divisor of width {self.width}"),
            ("attention", known, f"some of {levels}, the levels' resolutions"),
            ("head_width", all(width % self.head_width == 0 for width in widths), f"a divisor of {widths}"),
            ("objective", self.objective in tuple(Objective), " or ".join(Objective)),
            ("learned_sigma", not (self.learned_sigma and self.objective == Objective.FLOW), "false for a flow"),
        )

    @property
    def stride(self) -> int:
        """Pixels of the image per position of the deepest level."""
        return self.patch << (len(self.multipliers) - 1)

    def side(self, level: int) -> int:
        """Positions per side of a level, counted from 0."""
        return self.size // self.patch >> level

    @property
    def deepest_width(self) -> int:
        """Channels of the deepest level."""
        return self.width * self.multipliers[-1]

    @property
    def null(self) -> int:
        """The number that stands for "no label here" in a condition map."""
        return self.classes


TINY = DiffusionSettings(
    size=64, channels=1, width=16, multipliers=(1, 2, 2, 4), blocks=1, attention=(8,), head_width=32, groups=8,
    spade_width=16, null_label=True, attributes=True, learned_sigma=False, objective=Objective.FLOW,
)  # fmt: skip
"""For two CPU cores: a training step of eight images in less than half a second."""

COMPACT = replace(TINY, size=128, patch=2, width=32, spade_width=32)
"""For two CPU cores and an hour or two."""
SMALL = replace(TINY, size=128, width=64, blocks=2, attention=(16,), head_width=64, groups=32, spade_width=64)
"""For a small GPU."""
PRESETS = {"tiny": TINY, "compact": COMPACT, "small": SMALL, "sdm256": DiffusionSettings()}
"""Architectures by name, with random weights; `sdm256` is the published one (652 M parameters)."""


@dataclass(frozen=True)
class DiffusionTraining:
    """How a semantic diffusion network is trained (arXiv 2305.05424 and its code; differences are marked)."""

    steps: int = 50_000
    """Optimiser steps, as published."""
    batch: int = 12
    """Images per step and process; published: 12 on each of eight GPUs."""
    learning_rate: float = 1e-4
    """AdamW's, falling linearly to zero over `steps`, as published."""
    warm_up: Annotated[int, Suppress] = 100
    """Steps over which the rate rises from zero; ours."""
    ema_decay: float = 0.9999
    """The decay of the averaged weights used for sampling; it starts smaller, so that short trainings work."""
    precision: Annotated[Literal["auto", "no", "bf16"], Suppress] = "auto"
    """`auto`: bf16 on a GPU that has it, on a CPU that has it if the model is not tiny; full precision elsewhere."""
    threads: Annotated[int | None, Suppress] = None
    """CPU threads of torch; by default one for a tiny network, else torch's choice."""
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse values that cannot work, naming the field."""
        require_fields(
            self,
            *((name, getattr(self, name) >= 1, "1 or more") for name in ("steps", "batch")),
            ("learning_rate", 0 < self.learning_rate < math.inf, "a positive number"),
            *((name, getattr(self, name) >= 0, "zero or more") for name in ("warm_up", "seed")),
            ("ema_decay", 0 <= self.ema_decay < 1, "0 or more, below 1"),
            ("precision", self.precision in ("auto", "no", "bf16"), "auto, no or bf16"),
            ("threads", self.threads is None or self.threads >= 1, "1 or more"),
        )

    def rate_at(self, step: int) -> float:
        """Return the learning rate of a step, counted from 0."""
        rise = min(1.0, (step + 1) / self.warm_up) if self.warm_up else 1.0
        return self.learning_rate * rise * (1 - step / self.steps)
