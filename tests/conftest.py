"""For all tests: data sets made of ellipses, the real ones if this machine has them, and a model of milliseconds."""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import settings as hypothesis_settings

from synthboost.processes import NEW_OBJECTS

if TYPE_CHECKING:  # torch is loaded by the tests that ask for a model, and by no other
    from synthboost.models.clipseg.model import ClipSeg
    from synthboost.models.clipseg.settings import ClipSegSettings

pytest_plugins = ["image_files", "recording_files"]
hypothesis_settings.register_profile("patient", deadline=None)
hypothesis_settings.load_profile("patient")
os.environ.setdefault("ACCELERATE_USE_CPU", "1")  # what must be equal bit for bit is promised for the CPU
os.environ.setdefault("OMP_NUM_THREADS", "1")  # the tests run side by side: a thread each is faster than two
os.fsync = lambda file: None  # what a kill leaves is asked, not what a power cut leaves: a flush takes milliseconds
gc.set_threshold(NEW_OBJECTS)
signal.signal(signal.SIGINT, signal.default_int_handler)  # in the background it is ignored, by children too
_frozen = 0

LONG_FILES = {
    "test_adapt.py", "test_demo.py", "test_docs.py", "test_examples.py", "test_feature_cache.py", "test_flag.py",
    "test_freezing_policies.py", "test_gpu.py", "test_hardware.py", "test_loop.py", "test_onnx_export.py",
    "test_pretrain.py", "test_processes.py", "test_pseudo_labels.py", "test_records.py", "test_render.py",
    "test_run.py", "test_simulated_set.py", "test_study.py", "test_study_page.py", "test_study_run.py",
    "test_transfer.py", "test_weights.py",
}  # fmt: skip
ROWS, COLUMNS = 64, 48
SPACING_MM = (0.8, 1.0)  # (rows, columns)
SHARED = Path(__file__).parents[2] / "shared" / "data"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put files of ten seconds and more first, so that no process ends long before another."""
    items.sort(key=lambda item: item.path.name not in LONG_FILES)


def pytest_collection_finish() -> None:
    """Leave what was imported out of the collections of garbage from here on."""
    _freeze()


def pytest_runtest_logfinish() -> None:
    """The same where a test imported much: each training ends with a collection."""
    if len(sys.modules) > _frozen + 100:
        gc.collect()
        _freeze()


def _freeze() -> None:
    global _frozen
    gc.freeze()
    _frozen = len(sys.modules)


@pytest.fixture(scope="session")
def make_tiny_camus() -> Callable[..., Path]:
    """A function (root, patients=4, first=1) -> root that writes a data set in the layout of CAMUS' NIfTI release."""
    return write_tiny_camus


@pytest.fixture
def tiny_camus(tmp_path: Path) -> Path:
    """Four annotated patients of 64 x 48 px; the last two in the lists validate and test."""
    return write_tiny_camus(tmp_path / "tiny_camus")


@pytest.fixture(scope="session")
def tiny_settings() -> ClipSegSettings:
    """The smallest CLIPSeg with all parts: 32 px in, 16 px out, 0.1 M parameters."""
    import torch

    from synthboost.models.clipseg.settings import TINY

    torch.set_num_threads(1)
    return replace(
        TINY, input_size=32, patch_size=8, vision_width=32, vision_layers=3, vision_positions=32,
        text_width=32, text_layers=1, text_length=48, head_width=16, projection_width=32, extract_layers=(0, 1, 2),
        reduce_width=32, decoder_mlp=32, conditional_layer=2, initial_std=(0.5, 0.2, 0.05),
    )  # fmt: skip


@pytest.fixture
def make_tiny_model(tiny_settings: ClipSegSettings) -> Callable[..., ClipSeg]:
    """A function (seed=0, **changed settings) -> model with random weights, in evaluation mode."""
    import torch

    from synthboost.models.clipseg.model import ClipSeg

    def make(seed: int = 0, **changes: object) -> ClipSeg:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return ClipSeg.from_settings(replace(tiny_settings, **changes)).eval()  # type: ignore[arg-type]

    return make


@pytest.fixture
def tiny_model(make_tiny_model: Callable[..., ClipSeg]) -> ClipSeg:
    return make_tiny_model()


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small TextUNet with random weights in the place of the weights that ship with the package."""
    from synthboost.models import registry

    folder = tmp_path / "box"
    registry.build_segmenter("textunet", "tiny").save_pretrained(folder)
    monkeypatch.setattr(registry, "BOX", folder)
    return folder


@pytest.fixture
def clip_folder(tmp_path: Path) -> Path:
    """A byte-pair tokenizer in CLIP's two files: 62 tokens, of which the last ends a sentence."""
    folder = tmp_path / "clip"
    folder.mkdir()
    letters = "abcdefghijklmnopqrstuvwxyz.,-"
    symbols = [*letters, *(f"{c}</w>" for c in letters), "th", "the</w>", "<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({symbol: number for number, symbol in enumerate(symbols)}))
    (folder / "merges.txt").write_text("#version: 0.2\nt h\nth e</w>\n")
    return folder


@pytest.fixture(scope="session")
def real_camus() -> Path:
    return _real("SYNTHBOOST_CAMUS", "camus")


@pytest.fixture(scope="session")
def real_camus_mhd() -> Path:
    return _real("SYNTHBOOST_CAMUS_MHD", "camus_mhd")


@pytest.fixture
def published_scores(tmp_path: Path) -> Path:
    """Scores in the layout in which the paper's authors published theirs: 3 strategies, 2 models, P0, P1, P2, P5."""
    folder = tmp_path / "metrics"
    for strategy, shift in {"camus": 0, "sdm_camus": -5, "pt_on_sdm_camus_ft_on_camus": 1}.items():
        for model in ("clip_seg_bs_128", "cris"):
            for number, prompt in enumerate(("p0", "p1", "p2", "p5")):
                path = folder / f"{strategy}_metrics_reduce_lr" / model / prompt / "metrics.csv"
                write_published_scores(path, shift + 0.1 * number)
    return folder


@pytest.fixture(scope="session")
def authors_scores() -> Path:
    """The folder `metrics` of the authors' repository, if this machine has it."""
    path = os.environ.get("SYNTHBOOST_AUTHORS_METRICS")
    if path is None:
        pytest.skip("SYNTHBOOST_AUTHORS_METRICS does not name the folder `metrics` of the authors' repository")
    return Path(path)


def write_published_scores(path: Path, shift: float = 0.0) -> None:
    """Four patients in one view and phase, Dice from 80 % upwards plus `shift`; the true masks cover a tenth."""
    lines = ["filename,iou,dice,hausdorff_distance,ones_dice_diff,zeros_dice_diff"]
    for patient in range(4):
        for label in (1, 2, 3):
            dice = 80 + 2 * patient + label + shift * (1 + 0.1 * patient)
            name = f"/somewhere/mask_{label}/patient{patient + 1:04}_2CH_ED_gt.png"
            iou, over_ones = 100 * dice / (200 - dice), dice - 100 * 0.2 / 1.1
            lines.append(f"{name},{iou:.4f},{dice:.4f},1431.7821,{over_ones:.4f},{dice:.4f}")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")


def _real(variable: str, folder: str) -> Path:
    path = Path(os.environ.get(variable, SHARED / folder))
    if not path.is_dir():
        pytest.skip(f"no real data at {path}; set {variable} to the folder of the release")
    return path


def write_tiny_camus(root: Path, patients: int = 4, first: int = 1) -> Path:
    names = [f"patient{number:04d}" for number in range(first, first + patients)]
    for number, name in enumerate(names, start=first):
        _write_patient(root / "database_nifti" / name, name, number)
    parts = {"training": names[:-2], "validation": names[-2:-1], "testing": names[-1:]}
    (root / "database_split").mkdir(parents=True)
    for part, listed in parts.items():
        (root / "database_split" / f"subgroup_{part}.txt").write_text("\n".join(listed) + "\n")
    return root


def _write_patient(folder: Path, name: str, number: int) -> None:
    folder.mkdir(parents=True)
    for file, content in _files_of_patient(name, number).items():
        (folder / file).write_bytes(content)


@cache
def _files_of_patient(name: str, number: int) -> dict[str, bytes]:
    files = {}
    with TemporaryDirectory() as folder:
        for view in ("2CH", "4CH"):
            quality = ("Good", "Medium", "Poor")[number % 3]
            files[f"Info_{view}.cfg"] = (
                f"ED: 1\nES: 10\nNbFrame: 20\nSex: {'FM'[number % 2]}\nAge: {40 + number}\n"
                f"ImageQuality: {quality}\nEF: {50 + number}\nFrameRate: 50.5\n"
            ).encode()
            for phase in ("ED", "ES"):
                labels = _ellipses(number, wide=view == "4CH", small=phase == "ES")
                seed = [number, view == "4CH", phase == "ES"]
                for ending, pixels in (("", _echo(labels, seed)), ("_gt", labels)):
                    image = sitk.GetImageFromArray(pixels)
                    image.SetSpacing(SPACING_MM[::-1])  # SimpleITK counts columns first
                    path = Path(folder, f"{name}_{view}_{phase}{ending}.nii.gz")
                    sitk.WriteImage(image, str(path))
                    files[path.name] = path.read_bytes()
    return files


def _ellipses(number: int, wide: bool, small: bool) -> np.ndarray:
    """Atrium under a cavity in a wall, all a little different between patients, views and phases."""
    row, column = np.mgrid[:ROWS, :COLUMNS].astype(float)
    scale = (0.85 if small else 1.0) * (1 + 0.02 * (number % 5))
    middle = COLUMNS / 2 + (2 if wide else -1)

    def inside(centre: float, height: float, width: float) -> np.ndarray:
        return ((row - centre) / (height * scale)) ** 2 + ((column - middle) / (width * scale)) ** 2 < 1

    labels = np.zeros((ROWS, COLUMNS), np.uint8)
    labels[inside(30, 18, 13 + wide)] = 2
    labels[inside(30, 14, 8 + wide)] = 1
    labels[(row > 43) & inside(50, 9, 9)] = 3
    return labels


def _echo(labels: np.ndarray, seed: list[int]) -> np.ndarray:
    """Grey values: a sector with its apex on top, bright wall, dark cavities, some noise."""
    row, column = np.mgrid[:ROWS, :COLUMNS]
    sector = np.abs(column - COLUMNS / 2) <= 1 + 0.7 * row
    grey = np.array([70, 30, 140, 40])[labels] + np.random.default_rng(seed).integers(0, 40, labels.shape)
    return np.where(sector, grey, 0).astype(np.uint8)
