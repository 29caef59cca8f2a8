"""The circumstances of a run: versions, commit, threads, device, data, wall time."""

from __future__ import annotations

import platform
import subprocess
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

import synthboost
from synthboost.records.run_record import Manifest, Versions

PACKAGES = ("torch", "transformers", "accelerate", "safetensors", "tokenizers", "numpy", "scipy", "nibabel", "pillow")


def make_manifest(
    began: tuple[datetime, float], seed: int, data: Mapping[str, str], parent: str | None, trained_seconds: float = 0.0
) -> Manifest:
    """Collect what is true of any work of this program, here and now.

    Args:
        began: when evaluation began, by the clock (UTC) and by `time.monotonic`.
        seed: of the training.
        data: role -> fingerprint of the data set.
        parent: the run whose weights this one began with.
        trained_seconds: wall time of training.
    """
    return Manifest(
        versions=versions(),
        threads=torch.get_num_threads(),
        device=torch.cuda.get_device_name() if torch.cuda.is_available() else f"CPU {platform.machine()}",
        cpu_capability=torch.backends.cpu.get_cpu_capability(),
        wall_seconds=round(trained_seconds + time.monotonic() - began[1], 1),
        evaluated=began[0].astimezone(UTC).isoformat(timespec="seconds"),
        seed=seed,
        data=data,
        parent=parent,
    )


def versions() -> Versions:
    """Collect what this program is, and what it runs on."""
    return Versions(
        synthboost=synthboost.__version__,
        python=platform.python_version(),
        packages={name: _version(name) for name in PACKAGES},
        commit=_commit(),
    )


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _commit() -> str | None:
    # Of the checkout the program runs from; an installed package has none.
    here = Path(synthboost.__file__).parent
    command = ["git", "-C", str(here), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip() or None
