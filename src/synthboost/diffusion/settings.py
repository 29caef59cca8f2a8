"""What a diffusion network of ours is made of, and the presets."""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum

from synthboost.domain import Phase, Quality, View
from synthboost.errors import ConfigError

ATTRIBUTES: dict[str, tuple[str, ...]] = {"view": tuple(View), "phase": tuple(Phase), "quality": tuple(Quality)}
"""What a network is told beside the map. Code 0 is unknown, the others follow in this order."""


class Objective(StrEnum):
    """What the network's output means."""

    NOISE = "noise"
    """The noise in x_t = sqrt(a_t) x_0 + sqrt(1 - a_t) noise, with t = 0 ... 999 (arXiv 2006.11239)."""
    FLOW = "flow"
    """The velocity noise - x_0 of x_t = (1 - t) x_0 + t noise, t from 0 to 1 (rectified flow, arXiv 2209.03003)."""


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
    dropout: float = 0.0

    def __post_init__(self) -> None:
        """Refuse sizes that cannot form a network."""
        self._require(
            "multipliers", len(self.multipliers) > 0 and min(self.multipliers) > 0, "1 or more, for each level"
        )
        self._require("patch", self.patch > 0, "1 or more")
        self._require("size", self.size > 0 and self.size % self.stride == 0, f"a multiple of {self.stride}")
        self._require("channels", self.channels in (1, 3), "1 or 3")
        for name in ("width", "blocks", "head_width", "groups", "spade_width", "classes"):
            self._require(name, getattr(self, name) > 0, "1 or more")
        self._require("width", self.width % 2 == 0, "an even number")
        self._require("groups", self.width % self.groups == 0, f"a divisor of width {self.width}")
        levels = [self.side(level) for level in range(len(self.multipliers))]
        self._require("attention", set(self.attention) <= set(levels), f"some of {levels}, the levels' resolutions")
        attended = {self.width * self.multipliers[levels.index(side)] for side in self.attention} | {self.deepest_width}
        self._require("head_width", all(c % self.head_width == 0 for c in attended), f"a divisor of {sorted(attended)}")
        self._require("objective", self.objective in tuple(Objective), " or ".join(Objective))
        self._require(
            "learned_sigma", not self.learned_sigma or self.objective == Objective.NOISE,
            "false, for a flow has no variances",
        )  # fmt: skip
        self._require("dropout", 0 <= self.dropout < 1, "0 or more, below 1")

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

    def _require(self, name: str, holds: bool, expected: str) -> None:
        assert name in {field.name for field in fields(self)}
        if not holds:
            raise ConfigError("DiffusionSettings", name, getattr(self, name), expected)


TINY = DiffusionSettings(
    size=64, channels=1, width=16, multipliers=(1, 2, 2, 4), blocks=1, attention=(8,), head_width=32, groups=8,
    spade_width=16, null_label=True, attributes=True, learned_sigma=False, objective=Objective.FLOW,
)  # fmt: skip
"""For two CPU cores: a training step of eight images in less than half a second."""

COMPACT = DiffusionSettings(
    size=128, channels=1, patch=2, width=32, multipliers=(1, 2, 2, 4), blocks=1, attention=(8,), head_width=32,
    groups=8, spade_width=32, null_label=True, attributes=True, learned_sigma=False, objective=Objective.FLOW,
)  # fmt: skip
"""For two CPU cores and an hour or two."""

SMALL = DiffusionSettings(
    size=128, channels=1, width=64, multipliers=(1, 2, 2, 4), blocks=2, attention=(16,), head_width=64, groups=32,
    spade_width=64, null_label=True, attributes=True, learned_sigma=False, objective=Objective.FLOW,
)  # fmt: skip
"""For a small GPU."""

PRESETS: dict[str, DiffusionSettings] = {
    "tiny": TINY,
    "compact": COMPACT,
    "small": SMALL,
    "sdm256": DiffusionSettings(),
}
"""Architectures by name, with random weights; `sdm256` is the published one (652 M parameters)."""
