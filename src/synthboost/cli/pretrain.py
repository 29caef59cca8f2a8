"""`synthboost pretrain`: weights of a language-guided U-Net from simulated frames."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from synthboost.training.config import PretrainSettings


@dataclass(frozen=True, kw_only=True)
class Pretrain:
    """Train `textunet` on simulated frames, which are rendered while it trains; nothing but weights is stored.

    No patient's image takes part, so weights that begin with random ones may be given to anybody. The same command
    resumes.
    """

    out: Path
    """The folder of the model: `checkpoint/` with `training.json`, which says how it was trained, and `log.csv`."""
    settings: PretrainSettings = field(default_factory=PretrainSettings)

    def run(self) -> None:
        """Train, and print the Dice on simulated patients that were held out, and where the weights are."""
        from synthboost.training.pretrain import pretrain
        from synthboost.training.recipe import WEIGHTS

        record = pretrain(self.settings, self.out)
        dice = ", ".join(f"{name} {100 * value:.1f}" for name, value in record.held_out_dice.items())
        print(f"Dice on {record.held_out_patients} simulated patients held out: {dice}")
        print(f"weights: {self.out / WEIGHTS}")
