"""`synthboost adapt`: from the weights that ship with the package to a user's own model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import tyro

from synthboost.cli.options import Unannotated, WithModel

if TYPE_CHECKING:
    from synthboost.adaptation.adapt import AdaptationRecord


@dataclass(frozen=True, kw_only=True)
class Adapt(WithModel, Unannotated):
    """Adapt `textunet` to your own images, of which all, some or none are annotated.

    It is fine-tuned on annotated training patients, then self-trained on the others; the weights that do best on
    patients held out are kept. Test patients are not used. The same command resumes.
    """

    data: tyro.conf.Positional[Path]
    """A data set, or a plain folder of pictures."""
    out: Path
    """The folder of the model, new or begun by the same command: `checkpoint/`, and `adapt.json`, what was done."""
    patients: int | None = None
    """Use annotations of the first N training patients only, and the others' images without; 0: of nobody."""
    seed: int = 0

    def run(self) -> None:
        """Adapt, and print the scores on patients held out, and where the weights are."""
        from synthboost.adaptation.adapt import AdaptSettings, adapt
        from synthboost.training.recipe import WEIGHTS

        settings = AdaptSettings(checkpoint=self.checkpoint, patients=self.patients, seed=self.seed)
        record = adapt(self.open(self.data, images=False), settings, self.out)
        print(_table(record))
        print(f"weights: {self.out / WEIGHTS}")


def _table(record: AdaptationRecord) -> str:
    from synthboost.errors import people

    held = people(record.held_out_patients)
    if record.before.dice is None:
        head, what = ["plausible"], f"share of plausible predictions on {held} held out, %"
    else:
        head, what = [*record.before.dice, "mean"], f"Dice on {held} held out, %"
    lines = [what, f"{'':12s}" + "".join(f"{name:>10s}" for name in head)]
    for name, score in record.scores.items():
        values = [*(score.dice or {}).values(), score.value]
        mark = "  kept" if name == record.kept else ""
        lines.append(f"{name:12s}" + "".join(f"{100 * value:10.1f}" for value in values) + mark)
    return "\n".join(lines)
