"""Only on demand (`make torture`): minutes of kills. A model of random weights, and what it predicts in."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from synthboost.cli.main import main


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    if not os.environ.get("SYNTHBOOST_TORTURE"):
        for item in items:
            if item.path.parent == Path(__file__).parent and item.path.name != "test_killing.py":
                item.add_marker(pytest.mark.skip(reason="SYNTHBOOST_TORTURE is not set"))


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from synthboost.models.registry import build_segmenter

    folder = tmp_path_factory.mktemp("torture") / "model"
    build_segmenter("clipseg", "tiny").save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def textunet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from synthboost.models.registry import build_segmenter

    folder = tmp_path_factory.mktemp("torture") / "textunet"
    build_segmenter("textunet", "tiny").save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def diffusion(simulated: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("torture") / "diffusion"
    arguments = ["--data", simulated, "--preset", "tiny", "--steps", 2, "--batch", 2, "--out", out]
    main(["synthesize", "train", *map(str, arguments)])
    return out


@pytest.fixture(scope="session")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight patients of 96 px: five train, one validates, two test."""
    return _simulate(tmp_path_factory.mktemp("torture") / "simulated", 0)


@pytest.fixture(scope="session")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another set, to pretrain on."""
    return _simulate(tmp_path_factory.mktemp("torture") / "other", 1)


@pytest.fixture(scope="session")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty clips of six frames and of two patients."""
    root, random = tmp_path_factory.mktemp("torture") / "recordings", np.random.default_rng(0)
    for number in range(20):
        folder = root / f"patient{number % 2}"
        folder.mkdir(parents=True, exist_ok=True)
        first, *others = (Image.fromarray(one) for one in random.integers(0, 256, (6, 96, 96), dtype=np.uint8))
        first.save(folder / f"clip{number}.tif", save_all=True, append_images=others)
    return root


def _simulate(root: Path, seed: int) -> Path:
    main(["simulate", "--out", str(root), "--patients", "8", "--size", "96", "--seed", str(seed)])
    return root
