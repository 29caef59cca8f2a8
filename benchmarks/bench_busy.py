"""How much longer a demo-like study takes beside busy loops than on a quiet machine.

    python benchmarks/bench_busy.py --loops 2

Its runs stand side by side with one thread each. A tiny model whose every small operation waits for a second thread,
which is not scheduled while others use the cores, took up to fifty times as long. With as many loops as cores, half of
the machine is left: twice as long is the least that can be hoped for.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

TARGET = 2.5
SYNTHBOOST = (sys.executable, "-m", "synthboost.cli.main")
GRID = ("--models", "clipseg", "cris", "--strategies", "zero-shot", "real", "synthetic", "synth-PT:real-FT",
        "--encoders", "trained", "--prompts", "P6")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--loops", type=int, default=2, help="busy processes beside the study")
    parser.add_argument("--images", type=int, default=600, help="images that each stage sees")
    parser.add_argument("--patients", type=int, default=16, help="of each set")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for seed, name in enumerate(("target", "source")):
            size = ("--patients", str(options.patients), "--size", "128", "--seed", str(seed))
            subprocess.run([*SYNTHBOOST, "simulate", "--out", name, *size], cwd=folder, check=True, capture_output=True)
        quiet = seconds(Path(folder), "quiet", options.images, 0)
        busy = seconds(Path(folder), "busy", options.images, options.loops)
    print(f"quiet {quiet:.0f} s, beside {options.loops} busy loops {busy:.0f} s: {busy / quiet:.2f} times", end=" ")
    print(f"(at most {TARGET:g}): {'held' if busy <= TARGET * quiet else 'MISSED'}")


def seconds(folder: Path, name: str, images: int, loops: int) -> float:
    """Run the study beside so many loops, and return what the clock says."""
    command = [*SYNTHBOOST, "study", "paper", "--data", "target", "--synthetic", "source", "--out", name, *GRID]
    with ExitStack() as stack:
        for _ in range(loops):
            loop = stack.enter_context(subprocess.Popen([sys.executable, "-c", "while True: pass"]))
            stack.callback(loop.kill)
        began = time.monotonic()
        subprocess.run([*command, "--images-per-stage", str(images)], cwd=folder, check=True, capture_output=True)
        return time.monotonic() - began


if __name__ == "__main__":
    main()
