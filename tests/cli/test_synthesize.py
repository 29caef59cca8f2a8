"""`synthboost synthesize`: from a simulated set to a diffusion set and back into training."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from synthboost.data import open_dataset
from synthboost.diffusion import settings as presets
from synthboost.diffusion import synthesize
from synthboost.domain import Domain

Run = Callable[..., Any]


@pytest.fixture(scope="module")
def model(synthboost: Run, simulated: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A diffusion model of 32 px after two steps."""
    patch = pytest.MonkeyPatch()
    small = replace(presets.TINY, size=32, width=8, multipliers=(1, 2), attention=(16,), head_width=8, groups=4)
    patch.setitem(presets.PRESETS, "tiny", small)
    out = tmp_path_factory.mktemp("diffusion") / "model"
    answer = synthboost("synthesize", "train", "--data", simulated, "--out", out, "--preset", "tiny", "--steps", 2,
                        "--batch", 4)  # fmt: skip
    assert answer.code == 0, answer.err
    assert f"weights: {out / 'checkpoint'}" in answer.out
    again = synthboost("synthesize", "train", "--data", simulated, "--out", out, "--preset", "tiny", "--steps", 2,
                       "--batch", 4)  # fmt: skip
    assert "finished before" in again.out
    other = synthboost("synthesize", "train", "--data", simulated, "--out", out, "--preset", "tiny", "--steps", 3,
                       "--batch", 4)  # fmt: skip
    assert other.code == 2
    assert "training.steps: 2, now 3" in other.err
    patch.undo()
    return out


def sample(synthboost: Run, model: Path, masks: Path, out: Path, *options: object) -> Any:
    return synthboost("synthesize", "sample", "--model", model, "--masks", masks, "--out", out, "--copies", 2,
                      "--steps", 1, *options)  # fmt: skip


@pytest.fixture(scope="module")
def made(synthboost: Run, model: Path, simulated: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("diffusion") / "set"
    answer = sample(synthboost, model, simulated, out)
    assert answer.code == 0, answer.err
    assert answer.out == f"4 synthetic patients made now: {out}\n"
    return out


def test_the_set_has_the_masks_patients_in_their_parts_and_no_test_patient(made: Path, simulated: Path) -> None:
    dataset, source = open_dataset(made), open_dataset(simulated)
    assert [patient.name for patient in dataset.patients] == [
        "patient000100", "patient000101", "patient000200", "patient000201",
    ]  # fmt: skip
    with (made / "frames.csv").open() as handle:
        rows = list(csv.DictReader(handle))
    assert len(rows) == 16
    assert {row["domain"] for row in rows} == {"diffusion"}
    parts = {row["frame"][:13]: (row["source_patient"].split("/")[-1], row["source_split"]) for row in rows}
    assert parts["patient000101"] == ("patient0001", "training")
    assert parts["patient000200"] == ("patient0002", "validation")
    assert (made / "database_split" / "subgroup_testing.txt").read_text() == ""
    for info in dataset.frames:
        frame = dataset.load(info)
        assert info.domain is Domain.DIFFUSION
        assert frame.image.shape == (32, 32)
        assert frame.label_map is not None
        assert set(np.unique(frame.label_map)) == {0, 1, 2, 3}
        [like] = [i for i in source.frames if i.patient == info.source and (i.view, i.phase) == (info.view, info.phase)]
        original = source.load(like)
        extent = [mm * n for mm, n in zip(original.spacing_mm, original.image.shape, strict=True)]
        assert [mm * 32 for mm in frame.spacing_mm] == pytest.approx(extent, rel=1e-4)
        assert (info.attributes.sex, info.attributes.age) == (like.attributes.sex, like.attributes.age)
        assert info.attributes.ejection_fraction is None


def test_copies_have_masks_of_their_own_and_nothing_outside_the_sector(made: Path) -> None:
    dataset = open_dataset(made)
    one, other = (dataset.load(i) for i in dataset.frames if i.name.endswith("2CH_ED") and "0001" in i.name)
    assert one.label_map is not None
    assert (one.label_map != other.label_map).any()
    assert (one.image != other.image).any()
    assert one.image[0, 0] == one.image[0, -1] == 0


def test_shards_give_the_same_set_and_what_is_missing_is_made_again(
    synthboost: Run, model: Path, simulated: Path, made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = synthesize.SynthesisSettings
    monkeypatch.setattr(synthesize, "SynthesisSettings", partial(settings, batch=1))
    first = sample(synthboost, model, simulated, tmp_path / "set", "--shard", "2/2")
    assert first.out.endswith("; other shards are still to come\n")
    assert not (tmp_path / "set" / "frames.csv").exists()
    monkeypatch.setattr(synthesize, "SynthesisSettings", partial(settings, batch=3))
    assert sample(synthboost, model, simulated, tmp_path / "set", "--shard", "1/2").code == 0
    assert (tmp_path / "set" / "frames.csv").read_bytes() == (made / "frames.csv").read_bytes()
    whole, parts = open_dataset(made), open_dataset(tmp_path / "set")
    for a, b in zip(whole.frames, parts.frames, strict=True):
        difference = whole.load(a).image.astype(int) - parts.load(b).image
        assert abs(difference).max() <= 1  # batches of another size round otherwise
        np.testing.assert_array_equal(whole.load(a).label_map, parts.load(b).label_map)
    shutil.rmtree(tmp_path / "set" / "database_nifti" / "patient000101")
    answer = sample(synthboost, model, simulated, tmp_path / "set")
    assert answer.out.startswith("1 synthetic patient made now")


def test_another_seed_or_folder_in_use_is_refused(
    synthboost: Run, model: Path, simulated: Path, made: Path, tmp_path: Path
) -> None:
    answer = sample(synthboost, model, simulated, made, "--seed", 1)
    assert answer.code == 2
    assert "release, settings: not as the folder was begun with" in answer.err
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("kept")
    assert "holds 'thesis.txt'" in sample(synthboost, model, simulated, tmp_path / "mine").err
    assert "shard: 3/2; expected i/n" in sample(synthboost, model, simulated, tmp_path / "new", "--shard", "3/2").err


def test_a_set_trains_a_segmenter_beside_the_data_whose_masks_it_has(
    synthboost: Run, simulated: Path, made: Path, tmp_path: Path
) -> None:
    answer = synthboost("train", "--data", simulated, "--synthetic", made, "--strategy", "synthetic", "--prompts", "P1",
                        "--epochs", 1, "--out", tmp_path / "runs", "--workers", 0)  # fmt: skip
    assert answer.code == 0, answer.err
    [run] = (tmp_path / "runs").iterdir()
    assert json.loads((run / "spec.json").read_text())["data"]["synthetic"]["domain"] == "diffusion"


def test_frames_moved_into_another_part_are_found_before_training(
    synthboost: Run, simulated: Path, made: Path, tmp_path: Path
) -> None:
    shutil.copytree(made, tmp_path / "leaky")
    lists = tmp_path / "leaky" / "database_split"
    everybody = (lists / "subgroup_training.txt").read_text() + (lists / "subgroup_validation.txt").read_text()
    (lists / "subgroup_training.txt").write_text(everybody)
    (lists / "subgroup_validation.txt").write_text("")
    answer = synthboost("train", "--data", simulated, "--synthetic", tmp_path / "leaky", "--strategy", "synthetic",
                        "--epochs", 1, "--out", tmp_path / "runs")  # fmt: skip
    assert answer.code == 2
    assert "frames made from patients of another part" in answer.err


def test_when_memory_runs_out_fewer_images_are_made_at_a_time(
    synthboost: Run, model: Path, simulated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original, sizes = synthesize.sample_images, []

    def small_machine(network: Any, labels: Any, *rest: Any) -> Any:
        sizes.append(len(labels))
        if len(labels) > 2:
            raise RuntimeError("[enforce fail at alloc_cpu.cpp] not enough memory: you tried to allocate 9 bytes")
        return original(network, labels, *rest)

    monkeypatch.setattr(synthesize, "sample_images", small_machine)
    answer = sample(synthboost, model, simulated, tmp_path / "set")
    assert answer.code == 0, answer.err
    assert sizes[:4] == [4, 4, 4, 2]
    assert "memory ran out: 2 images at a time from here on" in answer.err


def test_judging_needs_a_synthetic_set_and_enough_images(
    synthboost: Run, simulated: Path, made: Path, tmp_path: Path
) -> None:
    few = synthboost("synthesize", "fidelity", simulated, made, "--out", tmp_path / "few", "--size", 32)
    assert few.code == 2
    assert "expected at least" in few.err
    small = synthboost("synthesize", "fidelity", simulated, made, "--out", tmp_path / "small", "--size", 16)
    assert "size: 16; expected 32 pixels or more" in small.err


def test_a_model_of_unannotated_frames_refines_a_simulated_set(
    synthboost: Run, simulated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = replace(presets.TINY, size=32, width=8, multipliers=(1, 2), attention=(16,), head_width=8, groups=4)
    monkeypatch.setitem(presets.PRESETS, "tiny", small)
    model, out = tmp_path / "model", tmp_path / "refined"
    answer = synthboost("synthesize", "train", "--unannotated", "--data", simulated, "--out", model, "--preset", "tiny",
                        "--steps", 2, "--batch", 4)  # fmt: skip
    assert answer.code == 0, answer.err
    answer = synthboost("refine", "--model", model, "--images", simulated, "--out", out, "--steps", 2)
    assert answer.out == f"3 patients refined now (condition: sector): {out}\n"
    assert {info.domain for info in open_dataset(out).frames} == {Domain.REFINED}
    wrong = synthboost("refine", "--model", model, "--images", simulated, "--out", out, "--method", "ddim")
    assert wrong.code == 2
    assert "expected euler, heun" in wrong.err
