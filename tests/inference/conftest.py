"""Frames of the tiny data set and masks predicted for them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from synthboost.data import open_dataset
from synthboost.data.source import FrameSet
from synthboost.domain import PromptSet
from synthboost.inference.predict_dataset import write_predictions
from synthboost.inference.predictor import Predictor
from synthboost.inference.sentences import EvaluationSentences
from synthboost.models.clipseg.model import ClipSeg
from synthboost.records.run_record import Spec

SPEC = Spec(
    "run", "clipseg", "tiny", None, None, "real", "trained", "P6", domain_named=False, real_share=None, seed=0,
    stages=None, data={},
)  # fmt: skip


@pytest.fixture
def spec() -> Spec:
    return SPEC


@pytest.fixture
def open_frames(tiny_camus: Path) -> Callable[[], FrameSet]:
    """A function that opens the last patient's four frames afresh, as the files are by then."""

    def open_them() -> FrameSet:
        dataset = open_dataset(tiny_camus)
        return FrameSet("tiny testing", [(dataset, info) for info in dataset.frames[-4:]])

    return open_them


@pytest.fixture
def frames(open_frames: Callable[[], FrameSet]) -> FrameSet:
    return open_frames()


@pytest.fixture
def predictor(tiny_model: ClipSeg) -> Predictor:
    return Predictor(tiny_model, "cpu")


@pytest.fixture
def masks(predictor: Predictor, frames: FrameSet, tmp_path: Path) -> Path:
    folder = tmp_path / "masks"
    write_predictions(predictor, frames, EvaluationSentences(PromptSet.P1), folder, probe_swapped=True)
    return folder
