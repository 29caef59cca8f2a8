"""Segment several structures in one image with the model of example 02, with one sentence each."""

from pathlib import Path

import tyro

from synthboost.data import open_dataset
from synthboost.inference.overlay import write_overlay
from synthboost.inference.predictor import Predictor

SENTENCES = (
    "Left ventricular cavity of the heart.",
    "Myocardium of the heart.",
    "Left atrium cavity in the cardiac ultrasound.",
)


def main(folder: Path = Path("example")) -> None:
    run = next(path.parent for path in sorted((folder / "runs").glob("*/DONE")))
    predictor = Predictor.from_pretrained(run)
    dataset = open_dataset(folder / "simulated")
    frame = dataset.load(dataset.frames[-1])

    prediction = predictor.predict(frame.image, SENTENCES)  # the image is encoded once
    for sentence, mask in zip(prediction.sentences, prediction.masks, strict=True):
        print(f"{mask.mean():6.1%} of {frame.info.name}: {sentence}")
    overlay = folder / f"{frame.info.name}_predicted.png"
    write_overlay(overlay, frame.image, prediction.masks, frame.spacing_mm)
    print(f"drawn: {overlay}")


if __name__ == "__main__":
    tyro.cli(main)
