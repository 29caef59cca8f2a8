"""The settings of training a diffusion network; the defaults are Echo from Noise's where they suit one machine."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Literal

from synthboost.errors import ConfigError


@dataclass(frozen=True)
class DiffusionTraining:
    """How a semantic diffusion network is trained (arXiv 2305.05424 and its code; what differs is said below)."""

    steps: int = 50_000
    """Optimiser steps, as published."""
    batch: int = 12
    """Images per step and process; published: 12 on each of eight GPUs."""
    learning_rate: float = 1e-4
    """Of AdamW, falling linearly to zero over `steps`, as published."""
    warm_up: int = 100
    """Steps in which the rate rises from zero; ours."""
    weight_decay: float = 0.0
    ema_decay: float = 0.9999
    """Of the average that is sampled from; it begins smaller, so short trainings forget their random start too."""
    drop_condition: float = 0.1
    """Share of images whose map is hidden (and, each on its own, of attributes), so that guidance works and images
    without masks can be sampled. Echo from Noise hides none."""
    gradient_clip: float = 1.0
    """Largest norm of the gradient; ours."""
    precision: Literal["auto", "no", "bf16"] = "auto"
    """`auto`: bf16 on a GPU that computes in it, full precision elsewhere."""
    threads: int | None = None
    """CPU threads of torch; `None` leaves its choice."""
    save_minutes: float = 10.0
    """Between two savings of the state that resuming needs."""
    log_steps: int = 100
    """Steps averaged into one line of the log."""
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse values that cannot work, naming the field."""
        for name in ("steps", "batch", "log_steps"):
            self._require(name, getattr(self, name) >= 1, "1 or more")
        for name in ("learning_rate", "gradient_clip", "save_minutes"):
            value = getattr(self, name)
            self._require(name, math.isfinite(value) and value > 0, "a positive number")
        self._require("weight_decay", math.isfinite(self.weight_decay) and self.weight_decay >= 0, "zero or more")
        self._require("warm_up", self.warm_up >= 0, "zero or more")
        for name in ("ema_decay", "drop_condition"):
            self._require(name, 0 <= getattr(self, name) < 1, "0 or more, below 1")
        self._require("precision", self.precision in ("auto", "no", "bf16"), "auto, no or bf16")
        self._require("threads", self.threads is None or self.threads >= 1, "1 or more")
        self._require("seed", self.seed >= 0, "zero or more")

    def rate_at(self, step: int) -> float:
        """Return the learning rate of a step, counted from 0."""
        rise = min(1.0, (step + 1) / self.warm_up) if self.warm_up else 1.0
        return self.learning_rate * rise * (1 - step / self.steps)

    def _require(self, name: str, holds: bool, expected: str) -> None:
        assert name in {field.name for field in fields(self)}
        if not holds:
            raise ConfigError("DiffusionTraining", name, getattr(self, name), expected)
