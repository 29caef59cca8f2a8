"""Train the tiny CLIPSeg on the patients of example 01, and evaluate it on held-out ones."""

from pathlib import Path

import tyro

from synthboost.data.source import open_source
from synthboost.domain import PromptSet, Strategy
from synthboost.records.run_folder import read_run
from synthboost.records.run_record import Evaluation
from synthboost.studies.results import dice_line
from synthboost.studies.run import execute
from synthboost.studies.spec import Role, RunSpec
from synthboost.training.config import TrainingConfig


def main(folder: Path = Path("example"), epochs: int = 10) -> None:
    spec = RunSpec(
        strategy=Strategy.REAL,  # its role in the study; every row records that it is simulated
        sources={Role.REAL: open_source(folder / "simulated")},
        training={Role.REAL: TrainingConfig(epochs=epochs, batch_images=8, learning_rate=1e-3, schedule="one-cycle")},
        prompt_set=PromptSet.P1,
    )
    run = read_run(execute(spec, folder / "runs", Evaluation()).root)

    for line in run.log[:: max(1, len(run.log) // 5)]:
        print(f"epoch {line.epoch}: training loss {line.training_loss:.3f}, validation Dice {line.validation_dice:.3f}")
    print(dice_line(run.rows))
    print(f"run: {run.root}")


if __name__ == "__main__":
    tyro.cli(main)
