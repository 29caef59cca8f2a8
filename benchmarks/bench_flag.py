"""How often "this may be no apical heart" is wrong: in simulated hearts, and in pictures of other things.

    OMP_NUM_THREADS=1 python benchmarks/bench_flag.py --patients 50 --each 40

Prints the flagged share of each kind of picture, and quantiles of `unclarity`, which `inference/doubts.py` limits: the
limit belongs beyond what 95 to 98 % of hearts have. Photographs and fields of heights are matplotlib's samples.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.cbook import get_sample_data
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

from synthboost.cli.options import SENTENCES
from synthboost.data import open_dataset
from synthboost.domain import GreyImage
from synthboost.inference import doubts
from synthboost.inference.predictor import Predictor
from synthboost.models.catalogue import DEFAULT
from synthboost.simulator.priors import PriorName
from synthboost.simulator.render import simulate_patient
from synthboost.simulator.settings import SimulationSettings

SIZE = 192
FIRST_PATIENT = 20_000_000
"""Beyond those that any training draws."""
BATCH = 8
QUANTILES = (0.05, 0.5, 0.95, 0.98)
Rng = np.random.Generator


@cache
def hearts(patient: int) -> tuple[GreyImage, ...]:
    """The four frames of a simulated patient."""
    settings = SimulationSettings(size=SIZE, prior=PriorName.LITERATURE)
    return tuple(frame.image for frame in simulate_patient(FIRST_PATIENT + patient, settings).frames.values())


@cache
def photographs() -> list[GreyImage]:
    """A portrait, a package, a logo, a slice of magnetic resonance, a mountain and a sea floor."""
    found = []
    for name in ("grace_hopper.jpg", "Minduka_Present_Blue_Pack.png", "logo2.png"):
        with get_sample_data(name) as file, Image.open(file) as image:
            found.append(np.asarray(image.convert("RGB").convert("L")))
    with get_sample_data("s1045.ima.gz") as file:
        found.append(_grey(np.frombuffer(file.read(), np.uint16).reshape(256, 256)))
    for name, field in (("jacksboro_fault_dem.npz", "elevation"), ("topobathy.npz", "topo")):
        found.append(_grey(np.nan_to_num(get_sample_data(name)[field])))
    return found


def blank(rng: Rng) -> GreyImage:
    return np.full((SIZE, SIZE), rng.choice([0, 3, 128, 255]), np.uint8)


def noise(rng: Rng) -> GreyImage:
    return _grey(ndimage.gaussian_filter(rng.normal(size=(SIZE, SIZE)), rng.choice([0.01, 1, 4, 16])))


def gradient(rng: Rng) -> GreyImage:
    row, column = np.mgrid[:SIZE, :SIZE] / SIZE
    angle, place = rng.uniform(0, 2 * np.pi), rng.random(2)
    along = np.cos(angle) * row + np.sin(angle) * column
    return _grey(along if rng.random() < 0.5 else np.hypot(row - place[0], column - place[1]))


def checker(rng: Rng) -> GreyImage:
    row, column = np.mgrid[:SIZE, :SIZE] // rng.integers(4, 40)
    return np.where((row + column) % 2, 230, 20).astype(np.uint8)


def words(rng: Rng) -> GreyImage:
    paper = int(rng.choice([0, 255]))
    image = Image.new("L", (SIZE, SIZE), paper)
    for _ in range(rng.integers(8, 30)):
        text, place = "".join(map(chr, rng.integers(65, 91, 12))), tuple(map(int, rng.integers(0, SIZE, 2)))
        ImageDraw.Draw(image).text(place, text, fill=255 - paper, font_size=int(rng.integers(8, 30)))
    return np.asarray(image)


def photograph(rng: Rng) -> GreyImage:
    whole = photographs()[rng.integers(len(photographs()))]
    side = int(min(whole.shape) * rng.uniform(0.5, 1))
    top, left = (int(rng.integers(length - side + 1)) for length in whole.shape)
    part = np.ascontiguousarray(whole[top : top + side, left : left + side])
    return np.asarray(Image.fromarray(part).resize((SIZE, SIZE)))


def upside_down(rng: Rng) -> GreyImage:
    return np.ascontiguousarray(_heart(rng)[::-1])


def on_its_side(rng: Rng) -> GreyImage:
    return np.ascontiguousarray(np.rot90(_heart(rng), rng.choice([1, 3])))


def texture_in_a_fan(rng: Rng) -> GreyImage:
    """A heart's fan and spectrum, with phases drawn anew."""
    image = _heart(rng).astype(np.float64)
    spectrum = np.fft.rfft2(image)
    phases = np.exp(2j * np.pi * rng.random(spectrum.shape))
    phases[0, 0] = 1
    drawn = np.fft.irfft2(np.abs(spectrum) * phases, image.shape).clip(0, 255)
    return np.where(ndimage.binary_fill_holes(image > 4), drawn, 0).astype(np.uint8)


def tiles_in_disorder(rng: Rng) -> GreyImage:
    image, count = _heart(rng), 6
    height, width = (length // count for length in image.shape)
    places = [(row * height, column * width) for row in range(count) for column in range(count)]
    tiles = [image[row : row + height, column : column + width] for row, column in places]
    order = rng.permutation(count * count).reshape(count, count)
    return np.block([[tiles[number] for number in row] for row in order])


def phantom(rng: Rng) -> GreyImage:
    """Speckle in a fan, with up to three round cysts or bright lesions."""
    row, column = np.mgrid[:SIZE, :SIZE]
    depth, angle = np.hypot(row, column - SIZE / 2), np.arctan2(column - SIZE / 2, row + 1)
    grey = ndimage.gaussian_filter(rng.rayleigh(size=(SIZE, SIZE)), (0.7, 1.6))
    grey *= 180 / grey.max()
    for _ in range(rng.integers(0, 4)):
        place, radius = rng.uniform((0.3, 0.35), (0.85, 0.65)) * SIZE, rng.uniform(0.03, 0.12) * SIZE
        grey[np.hypot(row - place[0], column - place[1]) < radius] *= rng.choice([0.15, 1.4])
    return np.where((np.abs(angle) < 0.65) & (depth < 0.97 * SIZE), grey.clip(0, 255), 0).astype(np.uint8)


NOT_HEARTS: dict[str, Callable[[Rng], GreyImage]] = {
    one.__name__.replace("_", " "): one
    for one in (
        blank, noise, gradient, checker, words, photograph, upside_down, on_its_side, texture_in_a_fan,
        tiles_in_disorder, phantom,
    )
}  # fmt: skip


def pictures(patients: int, each: int, seed: int = 0) -> Iterator[tuple[str, GreyImage]]:
    """Four frames of each of `patients` simulated patients, kind `heart`, and `each` pictures of every other kind."""
    for patient in range(patients):
        yield from (("heart", image) for image in hearts(patient))
    for number in range(each):
        for place, (kind, draw) in enumerate(NOT_HEARTS.items()):
            yield kind, draw(np.random.default_rng([seed, number, place]))


def probabilities(predictor: Predictor, images: Sequence[GreyImage]) -> Iterator[NDArray[np.float32]]:
    """(3, H, W) of each image, for the structures' names."""
    for first in range(0, len(images), BATCH):
        lot = images[first : first + BATCH]
        yield from (one.probability for one in predictor.predict_batch(lot, [SENTENCES] * len(lot)))


def _grey(values: NDArray[Any]) -> GreyImage:
    lowest = float(values.min())
    return np.round(255 * (values - lowest) / max(float(values.max()) - lowest, 1e-9)).astype(np.uint8)


def _heart(rng: Rng) -> GreyImage:
    return hearts(int(rng.integers(1000, 1010)))[rng.integers(4)]


def flagged_shares(predictor: Predictor, patients: int, each: int) -> list[dict[str, str]]:
    """One row for hearts and one for each other kind of picture."""
    kinds, images = map(list, zip(*pictures(patients, each), strict=True))
    return summary(kinds, images, list(probabilities(predictor, images)))


def summary(
    kinds: list[str], images: list[GreyImage], found: list[NDArray[np.float32]], quantiles: bool = False
) -> list[dict[str, str]]:
    """One row of each kind and one of all but hearts, on request with quantiles of `unclarity`."""
    reasons = [doubts.reasons_against_heart(*pair) for pair in zip(images, found, strict=True)]
    unclarity = np.array([doubts.unclarity(*pair) for pair in zip(images, found, strict=True)])
    masks = {kind: np.array([one == kind for one in kinds]) for kind in dict.fromkeys(kinds)}
    masks["all but hearts"] = np.isin(kinds, list(NOT_HEARTS))
    rows = []
    for kind, mask in masks.items():
        own = [one for one, inside in zip(reasons, mask, strict=True) if inside]
        row = {"picture": kind, "number": str(len(own)), "flagged, %": _percent(map(bool, own))}
        for name, reason in (("no sector", doubts.NO_SECTOR), ("unclear", doubts.UNCLEAR)):
            row[f"{name}, %"] = _percent(reason in one for one in own)
        if quantiles and own:
            values = np.quantile(unclarity[mask], QUANTILES)
            row |= {f"{100 * q:g} %": f"{value:.2f}" for q, value in zip(QUANTILES, values, strict=True)}
        rows.append(row)
    return rows


def _percent(values: Iterable[bool]) -> str:
    return f"{100 * np.mean(list(values)):.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", default=DEFAULT)
    parser.add_argument("--patients", type=int, default=50)
    parser.add_argument("--each", type=int, default=40, help="pictures of each other kind")
    parser.add_argument("--data", type=Path, help="also all frames of this data set, which shows hearts")
    options = parser.parse_args()
    torch.set_num_threads(1)
    kinds, images = map(list, zip(*pictures(options.patients, options.each), strict=True))
    if options.data:
        dataset = open_dataset(options.data, allow_missing=True)
        images += [dataset.load(info).image for info in dataset.frames]
        kinds += ["heart of the data set"] * len(dataset.frames)
    found = list(probabilities(Predictor.from_pretrained(options.checkpoint, "cpu"), images))
    print(table(summary(kinds, images, found, quantiles=True)))


def table(rows: list[dict[str, str]]) -> str:
    """Rows in Markdown."""
    lines = [list(rows[0]), ["---"] * len(rows[0]), *(list(row.values()) for row in rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines) + "\n"


if __name__ == "__main__":
    main()
