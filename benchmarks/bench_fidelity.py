"""What the fidelity report says of sets of which one knows what is wrong with them.

Run `OMP_NUM_THREADS=1 python benchmarks/bench_fidelity.py CAMUS [--simulated FOLDER]`. Training patients are learned
from, validation patients held out; judged are other real patients, the same blurred, copies of the training images with
a little noise, and a simulated set.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy import ndimage

from synthboost.data import make_split, open_dataset
from synthboost.domain import SplitPart
from synthboost.evaluation.fidelity.echo_set import EchoSet
from synthboost.evaluation.fidelity.measure import measure_fidelity
from synthboost.inference.fidelity import read_echo_set


def blurred(images: EchoSet, width: float) -> EchoSet:
    smooth = ndimage.gaussian_filter(images.images.astype(float), (0, width, width))
    return replace(images, images=np.rint(smooth).astype(np.uint8))


def copied(images: EchoSet) -> EchoSet:
    """Noise of at most two grey values inside the sector."""
    noise = np.random.default_rng(0).integers(-2, 3, images.images.shape) * images.sectors
    pixels = np.clip(images.images.astype(int) + noise, 0, 255).astype(np.uint8)
    return replace(images, images=pixels, names=tuple(f"copy of {name}" for name in images.names))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("--simulated", type=Path, default=None)
    parser.add_argument("--size", type=int, default=80)
    parser.add_argument("--patients", type=int, default=100, help="training patients, and as many others")
    options = parser.parse_args()
    dataset = open_dataset(options.data, allow_missing=True)
    split = make_split("official", dataset)

    def read(part: SplitPart, first: int, last: int | None) -> EchoSet:
        patients = set(split.parts[part][first:last])
        return read_echo_set(dataset, [i for i in dataset.frames if i.patient in patients], options.size)

    n = options.patients
    training, others = read(SplitPart.TRAINING, 0, n), read(SplitPart.TRAINING, n, 2 * n)
    held_out = read(SplitPart.VALIDATION, 0, None)
    sets = {"other real": others, "the same, blurred 0.8 px": blurred(others, 0.8), "training": training}
    sets["copies of training"] = copied(training)
    if options.simulated is not None:
        simulated = open_dataset(options.simulated)
        sets["simulated"] = read_echo_set(simulated, simulated.frames, options.size)
    print("| set | FRD | KID | density | coverage | ratio px | ratio radiomic | m MYO | grain MYO (px) | s |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for name, images in sets.items():
        start = time.process_time()
        found = measure_fidelity(training, images, held_out)
        seconds = time.process_time() - start
        ratios = [f"{m['ratio']:.2f}" for m in found["memorisation"].values()]
        myo = {c["statistic"]: c["synthetic"]["mean"] for c in found["speckle"] if c["region"] == "MYO"}
        grain = f"{myo['axial_length']:.2f} x {myo['lateral_length']:.2f}"
        cells = [
            f"{found['frechet']['value']:.1f}",
            f"{found['kernel']['value']:.2f} [{found['kernel']['low']:.2f}, {found['kernel']['high']:.2f}]",
            f"{found['density']['value']:.2f}", f"{found['coverage']['value']:.2f}", *ratios,
            f"{myo['nakagami_m']:.2f}", grain,
        ]  # fmt: skip
        print(f"| {name} | {' | '.join(cells)} | {seconds:.0f} |", flush=True)
    f = found["frechet"]
    real = {c["statistic"]: c["real"]["mean"] for c in found["speckle"] if c["region"] == "MYO"}
    print(
        f"floor: FRD {f['floor']:.1f} [{f['floor_low']:.1f}, {f['floor_high']:.1f}] of {f['images']} images,", end=" "
    )
    print(f"density {found['density']['floor']:.2f}, coverage {found['coverage']['floor']:.2f};", end=" ")
    print(f"held-out m MYO {real['nakagami_m']:.2f}, grain {real['axial_length']:.2f} x {real['lateral_length']:.2f}")


if __name__ == "__main__":
    main()
