"""`synthboost demo`, with fewer and smaller data than its defaults."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
from in_process import Here

import synthboost.studies.demo as demo
from synthboost.diffusion.settings import TINY, DiffusionTraining
from synthboost.models.catalogue import MODELS
from synthboost.models.clipseg.settings import ClipSegSettings
from synthboost.records.rows import read_rows
from synthboost.studies import recipes
from synthboost.studies.executors import local

PRESET = replace(recipes.demo(), images_per_stage=8, least_epochs=1)
SMALL = partial(
    demo.DemoSettings,
    source=replace(demo.SOURCE, size=48, patients=3, split_counts=(2, 1, 0)),
    target=replace(demo.TARGET, size=48, patients=5, split_counts=(2, 1, 2)),
    diffusion=replace(TINY, size=32, width=8, multipliers=(1, 2), attention=(16,), head_width=8, groups=4),
    diffusion_training=DiffusionTraining(steps=2, batch=2),
    diffusion_copies=1,
)


@pytest.fixture(scope="module")
def finished(
    synthboost: Callable[..., Any], tiny_settings: ClipSegSettings, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Any, Path]:
    """What the demo answers, and the folder that it left."""
    out = tmp_path_factory.mktemp("demo") / "demo"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(demo, "DemoSettings", SMALL)
        patch.setattr(recipes, "demo", lambda: PRESET)
        patch.setattr(demo, "LocalExecutor", lambda workers: Here())
        patch.setitem(MODELS["clipseg"].presets, "tiny", tiny_settings)
        return synthboost("demo", "--out", out), out


def test_the_demo_trains_both_models_under_four_strategies_beside_two_baselines_and_writes_a_page(
    finished: tuple[Any, Path],
) -> None:
    answer, out = finished
    assert answer.code == 0, answer.err
    runs = {folder.name.split("-P6-")[0] for folder in (out / "runs").iterdir()}
    strategies = ("real", "synth-PT-real-FT", "synthetic", "zero-shot")
    trained = {f"{model}-{strategy}" for model in ("clipseg", "cris") for strategy in strategies}
    assert trained <= runs
    rows = [row for folder in (out / "runs").iterdir() for row in read_rows(folder / "rows.csv").itertuples()]
    assert {(row.strategy, row.synthetic) for row in rows if row.model == "cris"} == {
        ("zero-shot", ""), ("real", ""), ("synthetic", "simulated"), ("synthetic", "diffusion"),
        ("synth-PT:real-FT", "simulated"), ("synth-PT:real-FT", "diffusion"),
    }  # fmt: skip
    assert sorted(run.rsplit("-", 1)[0] for run in runs - trained) == ["baseline-image-blind", "baseline-text-blind"]
    page = (out / "report.html").read_text()
    assert "simulated" in page
    assert "cris, synth-PT:real-FT" in page
    assert answer.out == f"report: {(out / 'report.html').resolve()}\n"


def test_one_model_can_be_chosen_and_an_unknown_one_costs_no_waiting(
    synthboost: Callable[..., Any], finished: tuple[Any, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "DemoSettings", SMALL)
    only = replace(PRESET.grid, strategies=PRESET.grid.strategies[:1])
    monkeypatch.setattr(recipes, "demo", lambda: replace(PRESET, grid=only))
    monkeypatch.setattr(demo, "local_workers", lambda: 1)
    monkeypatch.setattr(local, "get_context", lambda _: get_context("fork"))  # it starts at once
    answer = synthboost("demo", "--model", "vnet", "--out", tmp_path / "demo")
    assert answer.code == 2
    assert "model: vnet; expected one of clipseg, cris, dual, medclipseg, sam3, textunet, unet" in answer.err
    assert not (tmp_path / "demo").exists()
    for made in ("data", "diffusion"):  # what is made need not be made again
        shutil.copytree(finished[1] / made, tmp_path / "demo" / made)
    assert synthboost("demo", "--model", "cris", "--out", tmp_path / "demo").code == 0
    assert len(list((tmp_path / "demo" / "runs").iterdir())) == 3
