"""`synthboost train`: one run - a strategy, a model, a prompt set - from data to per-image rows."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

from synthboost.domain import PromptSet, SplitOptions, SplitPart, Strategy
from synthboost.models.freezing import Encoders
from synthboost.training.config import TrainingConfig

if TYPE_CHECKING:
    from synthboost.studies.spec import RunSpec

TrainableStrategy: TypeAlias = Literal[
    Strategy.ZERO_SHOT, Strategy.REAL, Strategy.SYNTHETIC, Strategy.SYNTHETIC_THEN_REAL, Strategy.MIXED
]
"""Those with stages (`experiments.strategies.STAGES`): only what works is offered."""


@dataclass(frozen=True)
class Train:
    """Train a model under one of the strategies and score it on patients it has not seen.

    The run gets a folder of its own under `out`. The same command resumes it after an interruption and returns at
    once when it is finished.
    """

    data: Path
    """The data set to train on and to be judged on."""
    out: Path = Path("runs")
    """The folder of runs."""
    synthetic: Path | None = None
    """A synthetic data set (see `simulate` and `synthesize`), for the strategies that train on one."""
    strategy: TrainableStrategy = Strategy.REAL
    """Which data train the model, and in which order; `mixed` trains on both at once and names the domain of each
    image in its sentence."""
    real_share: float | None = None
    """Of `mixed`: the share of real images in an epoch, e.g. 0.5; absent: every image once."""
    model: str = "clipseg"
    """The architecture: `clipseg`, `cris`, or `unet`, a supervised baseline without text."""
    preset: str = "tiny"
    """Its size, when training starts from random weights: `tiny`, or the full size: `rd64` of CLIPSeg and `rn50` of
    CRIS, as published, `unet256` of the U-Net."""
    weights: str | None = None
    """Start from these weights instead: a folder, a run's folder, or a hub name (CIDAS/clipseg-rd64-refined)."""
    encoders: str = "trained"
    """What learns in the image and text encoders: `trained`, `frozen`, `last-3` (blocks), `lora-8` (rank), or one for
    each, as `vision=last-3,text=frozen`. The decoder always learns."""
    prompts: PromptSet = PromptSet.P6
    """Which sentences."""
    splitting: SplitOptions = field(default_factory=SplitOptions)
    patients: int | None = None
    """Train on the first so many real patients only."""
    evaluate_on: SplitPart = SplitPart.TESTING
    """The part of `data` that is scored at the end."""
    shape_from: Literal["unknown", "ground-truth", "prediction"] = "prediction"
    """Where the shape word of P7 comes from when the run is judged; `ground-truth` leaks the answer, as the paper
    does, and is marked in every row."""
    training: TrainingConfig = field(default_factory=TrainingConfig)
    scoring_workers: int = os.cpu_count() or 1
    """Processes that score masks."""

    def run(self) -> None:
        """Execute the run and print where it is and what came out."""
        from synthboost.records.rows import read_rows
        from synthboost.records.run_record import Evaluation
        from synthboost.studies.run import execute
        from synthboost.studies.summary import dice_line
        from synthboost.training.processes import this_process

        evaluation = Evaluation(part=self.evaluate_on, shape_from=self.shape_from)
        paths = execute(self._spec(), self.out, evaluation, self.scoring_workers)
        if this_process().is_main_process:
            print(f"{dice_line(read_rows(paths.rows))}\nrun: {paths.root}")

    def _spec(self) -> RunSpec:
        from synthboost.data.source import open_source
        from synthboost.models.registry import weights_fingerprint
        from synthboost.studies.spec import RunSpec
        from synthboost.studies.strategies import STAGES, Role

        sources = {Role.REAL: open_source(self.data, self.splitting, self.patients)}
        if self.synthetic is not None:
            sources[Role.SYNTHETIC] = open_source(self.synthetic, made_from=sources[Role.REAL].split)
        return RunSpec(
            strategy=self.strategy,
            sources=sources,
            training=dict.fromkeys(STAGES.get(self.strategy, ()), self.training),
            model=self.model,
            preset=self.preset,
            weights=self.weights,
            weights_sha256=None if self.weights is None else weights_fingerprint(self.weights),
            encoders=Encoders.parse(self.encoders),
            prompt_set=self.prompts,
            seed=self.training.seed,
            real_share=self.real_share,
        )
