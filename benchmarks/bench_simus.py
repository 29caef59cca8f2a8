"""Seconds per frame of the simulator against SIMUS, which computes the echo of every scatterer on every element.

    pip install --no-deps PyMUST tqdm
    OMP_NUM_THREADS=1 python benchmarks/bench_simus.py --transmits 5

SIMUS (Garcia, Comput Methods Programs Biomed 218:106726, 2022; PyMUST) is the named alternative with real physics: a
64-element cardiac probe, diverging waves of several tilts, beamformed on 256 x 256 samples of the same sector. Its
scatterers follow one of our frames, as its own examples follow photographs of hearts: on average one for each shortest
wavelength. Nothing is extrapolated: as many waves are computed as asked for, and none is focused. A sector of focused
beams, which clinical images are, would take one such wave per beam. CPU time of this process and of any it starts.
"""

from __future__ import annotations

import argparse
import os
import sys

import numpy as np

SIZE = 256
OPENING_DEG = 75.0
DYNAMIC_RANGE_DB = 60


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--transmits", type=int, default=5, help="diverging waves that are compounded")
    parser.add_argument("--frames", type=int, default=4, help="of ours: one patient has four")
    parser.add_argument("--picture", help="a PNG of both, side by side")
    options = parser.parse_args()
    try:
        import pymust
    except ImportError:
        sys.exit("PyMUST is absent: pip install --no-deps PyMUST tqdm")
    ours, seconds = simulate_ours(options.frames)
    image, depth_m = ours
    began = cpu()
    theirs, scatterers = simulate_theirs(pymust, image, depth_m, options.transmits)
    slow = cpu() - began
    print(f"{scatterers} scatterers, {options.transmits} diverging waves, {SIZE} x {SIZE} samples, one frame of SIMUS")
    print("| | CPU s per frame |\n|---|---|")
    print(f"| simulator, {SIZE} px | {seconds:.3f} |\n| SIMUS, {options.transmits} waves | {slow:.1f} |")
    print(f"| ratio | {slow / seconds:.0f} |")
    if options.picture:
        from PIL import Image

        height = image.shape[0]
        other = Image.fromarray(theirs).resize((round(theirs.shape[1] * height / theirs.shape[0]), height))
        Image.fromarray(np.hstack([image, np.asarray(other)])).save(options.picture)


def simulate_ours(frames: int) -> tuple[tuple[np.ndarray, float], float]:
    """One frame with its depth in metres, and the seconds per frame."""
    from synthboost.simulator.render import simulate_patient
    from synthboost.simulator.settings import SimulationSettings

    settings = SimulationSettings(patients=2 + frames // 4, size=SIZE)
    simulate_patient(1, settings)  # imports and caches
    began = cpu()
    patients = [simulate_patient(number, settings) for number in settings.patient_numbers[1 : 1 + -(-frames // 4)]]
    seconds = (cpu() - began) / (4 * len(patients))
    frame = next(iter(patients[0].frames.values()))
    return (frame.image, frame.image.shape[0] * frame.spacing_mm[0] / 1000.0), seconds


def simulate_theirs(pymust, image: np.ndarray, depth_m: float, transmits: int) -> tuple[np.ndarray, int]:
    """A grey image, scan-converted, and how many scatterers it took."""
    param = pymust.getparam("P4-2v")
    param.fs = 4 * param.fc
    xs, _, zs, reflection = pymust.genscat(np.array([np.nan, depth_m]), param, image, DYNAMIC_RANGE_DB)
    opening = np.deg2rad(OPENING_DEG)
    x, z = pymust.impolgrid(np.array([SIZE, SIZE]), depth_m, opening, param)
    total = np.zeros((SIZE, SIZE), dtype=complex)
    for tilt in np.deg2rad(np.linspace(-20.0, 20.0, transmits)):
        delays = pymust.txdelayCircular(param, tilt, opening)
        echoes, _ = pymust.simus(xs, zs, reflection, delays, param)
        quadrature = pymust.rf2iq(echoes, param)
        matrix = pymust.dasmtx(quadrature, x, z, delays, param)
        total += (matrix @ quadrature.flatten(order="F")).reshape(x.shape, order="F")
    return to_frame(np.asarray(pymust.bmode(total, DYNAMIC_RANGE_DB)), x, z, depth_m), len(xs)


def to_frame(grey: np.ndarray, x: np.ndarray, z: np.ndarray, depth_m: float) -> np.ndarray:
    """Scan conversion of samples along beams."""
    from scipy.interpolate import griddata

    half = depth_m * np.sin(np.deg2rad(OPENING_DEG) / 2)
    across, down = np.meshgrid(np.linspace(-half, half, SIZE), np.linspace(0, depth_m, SIZE))
    values = griddata((x.ravel(), z.ravel()), grey.astype(float).ravel(), (across, down), fill_value=0.0)
    return np.round(values).astype(np.uint8)


def cpu() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


if __name__ == "__main__":
    main()
