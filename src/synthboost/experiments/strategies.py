"""The strategies as lists of stages: which data, and whose weights come first (the paper's Figure 3)."""

from __future__ import annotations

from enum import StrEnum

from synthboost.domain import Strategy


class Role(StrEnum):
    """What a stage's training set is to the study; the name of the stage."""

    REAL = "real"
    """The target domain. In the demo it is simulated, and called so."""
    SYNTHETIC = "synthetic"
    """Images that nobody had to annotate one by one: simulated, or made by a diffusion model."""


STAGES: dict[Strategy, tuple[Role, ...]] = {
    Strategy.ZERO_SHOT: (),
    Strategy.REAL: (Role.REAL,),
    Strategy.SYNTHETIC: (Role.SYNTHETIC,),
    Strategy.SYNTHETIC_THEN_REAL: (Role.SYNTHETIC, Role.REAL),
}
"""Each stage starts from the weights of the one before, with a fresh optimiser; the first from the initial weights."""

PARENTS: dict[Strategy, Strategy] = {Strategy.SYNTHETIC_THEN_REAL: Strategy.SYNTHETIC}
"""A strategy whose first stages are another strategy's run takes that run's weights: it is trained once."""
