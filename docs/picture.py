"""Draw the picture at the top of the README: a simulated frame, three sentences, and the masks that came out.

    python docs/picture.py docs/mask.png

The weights are those that ship with the package; they have not seen this patient.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from synthboost.data import open_dataset
from synthboost.data.simulated_set import write_dataset
from synthboost.domain import Phase, View
from synthboost.inference.overlay import colours_for, draw_smooth
from synthboost.inference.predictor import Predictor
from synthboost.simulator.settings import SimulationSettings

SENTENCES = ("Left ventricle", "wall of the left ventricle", "please outline the left atrium")
SEED = 7


def draw(path: Path) -> None:
    """Write the picture."""
    with tempfile.TemporaryDirectory() as folder:
        write_dataset(Path(folder), SimulationSettings(patients=3, size=320, seed=SEED))
        dataset = open_dataset(Path(folder))
        info = next(f for f in dataset.frames if (f.view, f.phase) == (View.FOUR_CHAMBER, Phase.END_DIASTOLE))
        frame = dataset.load(info)
    prediction = Predictor.default().predict(frame.image, list(SENTENCES))
    masked = draw_smooth(frame.image, prediction, frame.spacing_mm, 0.35)
    figure, axes = plt.subplots(
        1, 3, figsize=(10, 3.4), width_ratios=(1, 0.9, 1), facecolor="black", layout="constrained"
    )
    for place in axes:
        place.axis("off")
    rows_mm, columns_mm = frame.spacing_mm or (1, 1)
    axes[0].imshow(frame.image, cmap="gray", aspect=rows_mm / columns_mm)
    axes[2].imshow(np.asarray(masked))
    for n, (sentence, colour) in enumerate(zip(SENTENCES, colours_for(SENTENCES), strict=True)):
        axes[1].text(0.5, 0.72 - 0.2 * n, f"“{sentence}”", color=np.divide(colour, 255), fontsize=13, ha="center")
    axes[1].annotate("", (1, 0.12), (0, 0.12), arrowprops={"color": "white", "arrowstyle": "->", "lw": 2})
    axes[1].text(0.5, 0.0, "simulated frame", color="0.7", fontsize=10, ha="center")
    figure.savefig(path, dpi=100, metadata={"Software": None})


if __name__ == "__main__":
    draw(Path(sys.argv[1]))
