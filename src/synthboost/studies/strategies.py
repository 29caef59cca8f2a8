"""The strategies as lists of stages: which data, and whose weights come first (the paper's Figure 3).

`mixed`, both data in one stage with the domain named in the sentence, is the paper's proposed future work."""

from __future__ import annotations

from enum import StrEnum

from synthboost.domain import Strategy


class Role(StrEnum):
    """What a stage's training set is to the study; the name of the stage."""

    REAL = "real"
    """The target domain. In the demo it is simulated, and called so."""
    SYNTHETIC = "synthetic"
    """Images that nobody had to annotate one by one: simulated, or made by a diffusion model."""
    MIXED = "mixed"
    """Both together: of a stage, never of a data set."""


STAGES: dict[Strategy, tuple[Role, ...]] = {
    Strategy.ZERO_SHOT: (),
    Strategy.REAL: (Role.REAL,),
    Strategy.SYNTHETIC: (Role.SYNTHETIC,),
    Strategy.SYNTHETIC_THEN_REAL: (Role.SYNTHETIC, Role.REAL),
    Strategy.MIXED: (Role.MIXED,),
}
"""Each stage starts from the weights of the one before, with a fresh optimiser; the first from the initial weights."""

DATA_OF: dict[Role, tuple[Role, ...]] = {
    Role.REAL: (Role.REAL,),
    Role.SYNTHETIC: (Role.SYNTHETIC,),
    Role.MIXED: (Role.REAL, Role.SYNTHETIC),
}
"""Whose training frames a stage is trained on; the validation frames of the first choose its epoch."""

NAMES_DOMAIN = frozenset({Strategy.MIXED})
"""Strategies whose sentences say the frame's domain, in training and whenever the model is asked."""

PARENTS: dict[Strategy, Strategy] = {Strategy.SYNTHETIC_THEN_REAL: Strategy.SYNTHETIC}
"""A strategy whose first stages are another strategy's run takes that run's weights: it is trained once."""


def learns_from(strategy: Strategy) -> frozenset[Role]:
    """Return whose images take part in training."""
    return frozenset(role for stage in STAGES[strategy] for role in DATA_OF[stage])


def data_roles(strategy: Strategy) -> tuple[Role, ...]:
    """Return whose data a run needs: those it is trained on, and always the real ones, on which it is evaluated."""
    return tuple(sorted({Role.REAL, *learns_from(strategy)}))
