"""One fully specified run: its strategy as stages (the paper's Figure 3), and its identity, the hash of what can change
its result."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from typing import Any

from synthboost.data.source import Source
from synthboost.domain import Domain, PromptSet, Strategy
from synthboost.errors import ConfigError
from synthboost.io.typed_json import to_json
from synthboost.models.catalogue import settings_of
from synthboost.models.freezing import Encoders
from synthboost.prompts.templates import domain_clause
from synthboost.records.run_record import NOTHING_TRAINED, RANDOM_WEIGHTS, Spec, Stage
from synthboost.studies.recipes import HandOver
from synthboost.training.config import TrainingConfig


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


def require_data(strategy: Strategy, roles: Collection[Role], real_share: float | None = None) -> None:
    """Refuse a strategy whose data are not all there, or that has no use for a share of real images.

    Raises:
        ConfigError: as said, or there is no such strategy.
    """
    if strategy not in STAGES:
        raise ConfigError("run", "strategy", strategy, f"one of {', '.join(STAGES)}")
    if absent := set(data_roles(strategy)) - set(roles):
        raise ConfigError("run", "sources", f"no {', '.join(absent)} data", f"data for {strategy}",
                          "Give --synthetic FOLDER; `simulate` makes one.")  # fmt: skip
    if real_share is not None and Role.MIXED not in STAGES[strategy]:
        raise ConfigError(
            "run", "real_share", real_share, "none: only the mixed strategy has two kinds of images at once"
        )
    if real_share is not None and not 0 < real_share < 1:
        raise ConfigError("run", "real_share", real_share, "a number above 0, below 1")


WITHOUT_INFLUENCE = (
    "workers",
    "feature_cache",
    "compile",
    "recompute_activations",
    "seed",
)
"""Settings of training that change nothing that comes out, rounding apart; of the seeds it is the run's own that
counts."""

REAL_TWINS = {PromptSet.P6_SDM: PromptSet.P6}
"""A synthetic run trained on sentences made for diffusion images is evaluated on real ones with these."""


@dataclass(frozen=True)
class RunSpec:
    """A training and its evaluation."""

    strategy: Strategy
    sources: dict[Role, Source] = field(repr=False)
    """The data of every role that a stage, or the evaluation (always `real`), reads."""
    training: dict[Role, TrainingConfig]
    """How each stage is trained."""
    model: str = "clipseg"
    preset: str = "tiny"
    """The architecture when training starts from random weights."""
    weights: str | None = None
    """A folder of weights or a hub name to start from instead; `preset` then has no influence."""
    weights_sha256: str | None = None
    """The one checksum of what `weights` holds, so that the run's identity does not hang on a path."""
    encoders: Encoders = Encoders.TRAINED
    prompt_set: PromptSet = PromptSet.P6
    synthetic_prompt_set: PromptSet | None = None
    """The sentences of the synthetic stage where they are others: the paper pairs P6 and P7 with P6-SDM."""
    seed: int = 0
    real_share: float | None = None
    """Of `mixed`: the share of real images in an epoch, above 0, below 1; `None` shows every image once."""
    hand_over: HandOver = "weights"
    """What a stage takes from the one before: its weights alone, or optimiser, learning rate, epoch and patience too,
    which is resuming and not fine-tuning, as the published code does."""

    def __post_init__(self) -> None:
        """Refuse a run whose data or settings are not all given."""
        require_data(self.strategy, self.sources, self.real_share)
        if absent := set(STAGES[self.strategy]) - self.training.keys():
            raise ConfigError("run", "training", f"no settings for {', '.join(absent)}", "settings for every stage")
        if Role.REAL not in learns_from(self.strategy):
            sources = {**self.sources, Role.REAL: self.sources[Role.REAL].for_evaluation}
            object.__setattr__(self, "sources", sources)
        if Role.SYNTHETIC not in STAGES[self.strategy] or self.synthetic_prompt_set == self.prompt_set:
            object.__setattr__(self, "synthetic_prompt_set", None)
        if self.strategy not in PARENTS and self.strategy not in PARENTS.values():
            object.__setattr__(self, "hand_over", "weights")

    @property
    def encoders_label(self) -> str:
        """What tables say of the encoders; a run without training says whether anybody trained before it."""
        if STAGES[self.strategy]:
            return str(self.encoders)
        return RANDOM_WEIGHTS if self.weights is None else NOTHING_TRAINED

    @property
    def parent(self) -> RunSpec | None:
        """The run whose weights this one starts from, if the strategy has one."""
        strategy = PARENTS.get(self.strategy)
        if strategy is None:
            return None
        own = self.synthetic_prompt_set
        return replace(self, strategy=strategy, prompt_set=REAL_TWINS.get(own, own) if own else self.prompt_set)

    @property
    def names_domain(self) -> bool:
        """Whether every sentence says the domain of its frame: not where both sets would be called the same."""
        domains = (Domain(one) for role in data_roles(self.strategy) for one in self.sources[role].domains)
        return self.strategy in NAMES_DOMAIN and len(set(map(domain_clause, domains))) > 1

    @property
    def own_stages(self) -> tuple[Role, ...]:
        """The stages that this run trains itself, after its parent's."""
        inherited = len(STAGES[PARENTS[self.strategy]]) if self.strategy in PARENTS else 0
        return STAGES[self.strategy][inherited:]

    def prompt_set_of(self, role: Role) -> PromptSet:
        """The sentences that a stage is trained on."""
        return (role is Role.SYNTHETIC and self.synthetic_prompt_set) or self.prompt_set

    @cached_property
    def record(self) -> Spec:
        """What `spec.json` holds."""
        unnamed = Spec(
            name="",
            model=self.model,
            preset=self.preset if self.weights is None else None,
            architecture=asdict(settings_of(self.model, self.preset)) if self.weights is None else None,
            weights=self.weights_sha256 or self.weights,
            strategy=str(self.strategy),
            encoders=self.encoders_label,
            prompt_set=str(self.prompt_set),
            domain_named=self.names_domain,
            real_share=self.real_share,
            seed=self.seed,
            stages=tuple(map(self._stage, STAGES[self.strategy])),
            data={str(role): self.sources[role].record for role in data_roles(self.strategy)},
            hand_over=None if self.hand_over == "weights" else self.hand_over,
        )
        strategy = str(self.strategy).replace(":", "-")
        name = f"{self.model}-{strategy}-{self.prompt_set}-seed{self.seed}-{identity_of(to_json(unnamed))}"
        return replace(unnamed, name=name)

    @property
    def name(self) -> str:
        """A readable folder name that ends in the identity, e.g. `clipseg-real-P6-seed0-1a2b3c4d5e6f`."""
        return self.record.name

    @property
    def identity(self) -> str:
        """Twelve hexadecimal digits: the hash of `record`, names excluded."""
        return self.name.rpartition("-")[2]

    def _stage(self, role: Role) -> Stage:
        config, said = self.training[role], self.prompt_set_of(role)
        values = {**asdict(config), "learning_rate": config.rate_for(self.model)}
        settings = {name: value for name, value in values.items() if name not in WITHOUT_INFLUENCE}
        return Stage(str(role), settings, None if said == self.prompt_set else str(said))


def identity_of(values: Any) -> str:
    """Return twelve hexadecimal digits: the hash of plain values, but of names of folders, on which nothing depends."""
    return hashlib.sha256(json.dumps(_without_names(values), sort_keys=True).encode()).hexdigest()[:12]


def _without_names(values: Any) -> Any:
    if isinstance(values, dict):
        return {key: _without_names(value) for key, value in values.items() if key != "name"}
    return [_without_names(value) for value in values] if isinstance(values, list) else values
