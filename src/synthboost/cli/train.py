"""`synthboost train`: one run - a strategy, a model, a prompt set - from data to per-image rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

from synthboost.cli.options import require_different
from synthboost.domain import PromptSet, SplitOptions, SplitPart, Strategy
from synthboost.models.freezing import Encoders
from synthboost.processes import available_cores
from synthboost.training.config import TrainingConfig

TrainableStrategy: TypeAlias = Literal[
    Strategy.ZERO_SHOT, Strategy.REAL, Strategy.SYNTHETIC, Strategy.SYNTHETIC_THEN_REAL, Strategy.MIXED
]
"""The strategies with stages (`studies.spec.STAGES`)."""


@dataclass(frozen=True, kw_only=True)
class Train(SplitOptions):
    """Train a model under one of the strategies and evaluate it on held-out patients.

    The run gets its own folder under `out`. The same command resumes it, and returns at once when it is finished.
    """

    data: Path
    """The real data set, for training and evaluation."""
    out: Path = Path("runs")
    """The folder for runs."""
    synthetic: Path | None = None
    """A synthetic data set (see `simulate` and `synthesize`), for strategies that train on one."""
    strategy: TrainableStrategy = Strategy.REAL
    """Which data to train on, in which order; `mixed` trains on both and names each image's domain in its sentence."""
    real_share: float | None = None
    """For `mixed`: the share of real images in an epoch, e.g. 0.5; by default every image once."""
    model: str = "clipseg"
    """The architecture: `clipseg`, `cris`, `dual`, `medclipseg`, `sam3`, `textunet`, or, without text, `unet`."""
    preset: str = "tiny"
    """The size from random weights: `tiny`, `rd64` (CLIPSeg), `rn50` (CRIS), `base`, `lite0-minilm` (TextUNet) ..."""
    weights: str | None = None
    """Initial weights: a run's folder, a folder of weights, a hub name, or `lite0-minilm` (`weights list`)."""
    encoders: str = "trained"
    """What to train: `trained`, `frozen`, `last-3` (blocks), `lora-8` (rank), or e.g. `vision=last-3,text=frozen`."""
    prompts: PromptSet = PromptSet.P6
    """The prompt set."""
    allow_missing: bool = False
    """Continue when listed patients or files are absent."""
    patients: int | None = None
    """Train on the first N real patients only."""
    evaluate_on: SplitPart = SplitPart.TESTING
    """The part of `data` to evaluate on."""
    training: TrainingConfig = field(default_factory=TrainingConfig)

    def run(self) -> None:
        """Execute the run and print its Dice and its folder."""
        from synthboost.data.source import open_source
        from synthboost.models.catalogue import settings_of
        from synthboost.models.registry import weights_fingerprint
        from synthboost.records.rows import read_rows
        from synthboost.records.run_record import Evaluation
        from synthboost.studies.results import dice_line
        from synthboost.studies.run import execute
        from synthboost.studies.spec import STAGES, Role, RunSpec, require_data
        from synthboost.training.hardware import this_process

        require_different(self.data, self.synthetic)
        encoders, weights = Encoders.parse(self.encoders), None
        evaluation = Evaluation(part=self.evaluate_on)
        roles = {Role.REAL} if self.synthetic is None else {Role.REAL, Role.SYNTHETIC}
        require_data(self.strategy, roles, self.real_share)
        if self.weights is None:
            settings_of(self.model, self.preset)
        else:
            weights = weights_fingerprint(self.weights)
        real = open_source(self.data, self, self.patients, allow_missing=self.allow_missing, images=False)
        sources = {Role.REAL: real}
        if self.synthetic is not None:
            sources[Role.SYNTHETIC] = open_source(
                self.synthetic, made_from=real.split, allow_missing=self.allow_missing, images=False
            )
        spec = RunSpec(
            strategy=self.strategy,
            sources=sources,
            training=dict.fromkeys(STAGES[self.strategy], self.training),
            model=self.model,
            preset=self.preset,
            weights=self.weights,
            weights_sha256=weights,
            encoders=encoders,
            prompt_set=self.prompts,
            seed=self.training.seed,
            real_share=self.real_share,
        )
        real.evaluation_frames(self.evaluate_on)
        for source in sources.values():
            source.check_images()
        workers = available_cores() if self.training.workers is None else self.training.workers
        paths = execute(spec, self.out, evaluation, workers)
        if this_process().is_main_process:
            print(f"{dice_line(read_rows(paths.rows))}\nrun: {paths.root}")
