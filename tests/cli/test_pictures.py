"""A plain folder of pictures goes where a data set goes whose annotations are not read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from synthboost.data import open_dataset
from synthboost.domain import Domain, SplitPart
from synthboost.records.run_folder import read_run
from synthboost.simulator.render import simulate_patient
from synthboost.simulator.settings import SimulationSettings

Run = Callable[..., Any]
SAID = ("--pictures", "spacing-mm=1.5")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """PNGs of four simulated hearts, named as people name them: `heart1_2CH_ED.png`."""
    root = tmp_path_factory.mktemp("plain") / "pictures"
    root.mkdir()
    for number in range(1, 5):
        patient = simulate_patient(number, SimulationSettings(seed=7, size=64))
        for (view, phase), frame in patient.frames.items():
            Image.fromarray(frame.image).save(root / f"heart{number}_{view}_{phase}.png")
    return root


@pytest.fixture(scope="module")
def annotated(pictures: Path, synthboost: Run, trained_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the tiny model draws in them, whatever it looks like."""
    out = tmp_path_factory.mktemp("plain") / "pseudo"
    careless = ("--keep-implausible", "--least-confidence", 0)
    answer = synthboost("pseudo-label", pictures, "--checkpoint", trained_run, "--out", out, *careless, *SAID)
    assert answer.code == 0, answer.err
    assert answer.out == f"16 of 16 frames annotated and kept in {out}\n"
    return out


def test_pictures_become_a_data_set_with_a_models_masks(pictures: Path, annotated: Path) -> None:
    made = open_dataset(annotated)
    assert len(made.patients) == 4
    assert {info.domain for info in made.frames} == {Domain.PSEUDO_LABELLED}
    assert [p.name for p in made.official[SplitPart.VALIDATION]] == ["patient0004"]
    assert made.release.startswith("pictures-")
    frame = made.load(made.frames[0])
    assert frame.label_map is not None
    assert frame.spacing_mm == pytest.approx((1.5, 1.5))
    np.testing.assert_array_equal(frame.image, np.array(Image.open(pictures / "heart1_2CH_ED.png")))
    assert (annotated / "pictures.csv").read_text().splitlines()[1] == "patient0001_2CH_ED,heart1_2CH_ED.png"


def test_a_model_is_trained_on_them(synthboost: Run, simulated: Path, annotated: Path, tmp_path: Path) -> None:
    answer = synthboost(
        "train", "--data", simulated, "--synthetic", annotated, "--strategy", "synthetic", "--prompts", "P1",
        "--out", tmp_path, "--epochs", 1, "--batch-images", 4, "--workers", 0,
    )  # fmt: skip
    assert answer.code == 0, answer.err
    (run,) = (path for path in tmp_path.iterdir() if path.name.startswith("clipseg-synthetic"))
    assert len(read_run(run).log) == 1


def test_what_the_names_do_not_tell_has_to_be_said(
    synthboost: Run, trained_run: Path, pictures: Path, tmp_path: Path
) -> None:
    call = ("pseudo-label", pictures, "--checkpoint", trained_run, "--out", tmp_path / "out")
    answer = synthboost(*call)
    assert answer.code == 2
    assert "pixel spacing: not stated" in answer.err
    assert "--pictures spacing-mm" in answer.err
    assert not (tmp_path / "out").exists()


def test_a_data_set_tells_its_own(synthboost: Run, trained_run: Path, simulated: Path, tmp_path: Path) -> None:
    answer = synthboost(
        "pseudo-label", simulated, "--checkpoint", trained_run, "--out", tmp_path / "out", "--pictures", "view=4CH"
    )
    assert answer.code == 2
    assert "none of them for a data set" in answer.err


def test_pictures_have_no_masks_to_learn_from(synthboost: Run, pictures: Path, tmp_path: Path) -> None:
    answer = synthboost("synthesize", "train", "--data", pictures, "--out", tmp_path / "model", *SAID)
    assert answer.code == 2
    assert "add --unannotated" in answer.err


def test_match_takes_pictures_to_be_alike(synthboost: Run, simulated: Path, pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "matched"
    answer = synthboost("match", "--images", simulated, "--like", pictures, "--out", out, *SAID)
    assert answer.out == f"3 patients matched now: {out}\n", answer.err


def test_diffusion_learns_from_pictures_without_masks(synthboost: Run, pictures: Path, tmp_path: Path) -> None:
    answer = synthboost(
        "synthesize", "train", "--data", pictures, "--unannotated", "--out", tmp_path / "model", "--preset", "tiny",
        "--steps", 1, "--batch", 2, *SAID,
    )  # fmt: skip
    assert answer.code == 0, answer.err
    assert "weights: " in answer.out
