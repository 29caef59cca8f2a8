"""The circumstances of a run: versions, commit, threads, device, data, wall time."""

from __future__ import annotations

import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

import synthboost
from synthboost.models.base import Segmenter
from synthboost.studies.spec import RunSpec
from synthboost.studies.strategies import STAGES, Role, learns_from
from synthboost.training.hardware import choose_precision

PACKAGES = ("torch", "transformers", "accelerate", "safetensors", "tokenizers", "numpy", "scipy", "nibabel", "pillow")


def make_manifest(spec: RunSpec, model: Segmenter, judged: datetime, wall_seconds: float) -> dict[str, Any]:
    """Collect what `manifest.json` holds; see `records.run_folder`."""
    stages = STAGES[spec.strategy]
    precision = choose_precision(spec.training[stages[-1]].precision) if stages else "no"
    parent = spec.parent
    made = spec.sources.get(Role.SYNTHETIC) if Role.SYNTHETIC in learns_from(spec.strategy) else None
    return {
        **circumstances(judged, wall_seconds),
        "seed": spec.seed,
        "precision": "fp32" if precision == "no" else precision,
        "data": {str(role): source.fingerprint for role, source in spec.sources.items()},
        "mask_patients": made.mask_patients if made is not None else 0,
        "parent": None if parent is None else parent.name,
        "parameters": _parameters(model, bool(stages)),
    }


def circumstances(judged: datetime, wall_seconds: float) -> dict[str, Any]:
    """Collect what is true of any work of this program, here and now."""
    return {
        **versions(),
        "threads": torch.get_num_threads(),
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else f"CPU {platform.machine()}",
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "wall_seconds": round(wall_seconds, 1),
        "judged": judged.astimezone(UTC).isoformat(timespec="seconds"),
    }


def versions() -> dict[str, Any]:
    """Collect what this program is, and what it runs on."""
    return {
        "synthboost": synthboost.__version__,
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
        "commit": _commit(),
    }


def _parameters(model: Segmenter, is_trained: bool) -> dict[str, int]:
    parameters = list(model.parameters())
    return {
        "total": sum(p.numel() for p in parameters),
        "trained": sum(p.numel() for p in parameters if p.requires_grad) if is_trained else 0,
    }


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
