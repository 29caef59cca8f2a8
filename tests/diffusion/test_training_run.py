"""A diffusion model of unannotated frames: no label file is needed, none is opened, and its folder says so."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from synthboost.adaptation.refine import MapCondition, condition_of
from synthboost.data.simulated_set import write_dataset
from synthboost.data.source import open_source
from synthboost.diffusion.settings import TINY, DiffusionTraining
from synthboost.diffusion.training import DiffusionRecord, train_diffusion_on
from synthboost.diffusion.training_data import make_examples
from synthboost.domain import SplitPart
from synthboost.errors import ConfigError, DataError, OutputError
from synthboost.io.typed_json import write_record
from synthboost.records.run_record import DataSet
from synthboost.simulator.settings import SimulationSettings

SMALL = replace(TINY, size=32, width=8, multipliers=(1, 2), attention=(16,), head_width=8, groups=4, spade_width=6)
QUICK = DiffusionTraining(steps=2, batch=2, threads=1)


@pytest.fixture(scope="module")
def hearts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("diffusion") / "set"
    write_dataset(root, SimulationSettings(patients=3, size=64))
    return root


def train(root: Path, out: Path, unannotated: bool = True) -> bytes:
    folder = train_diffusion_on(open_source(root), SMALL, QUICK, out, unannotated)
    return next(folder.glob("*.safetensors")).read_bytes()


def test_label_files_may_be_absent_and_are_not_opened_if_they_are_there(hearts: Path, tmp_path: Path) -> None:
    bare, garbage = tmp_path / "bare", tmp_path / "garbage"
    for copy in (bare, garbage):
        shutil.copytree(hearts, copy)
    for path in bare.rglob("*_gt.nii.gz"):
        path.unlink()
    for path in garbage.rglob("*_gt.nii.gz"):
        path.write_bytes(b"nobody reads this")
    with_labels, without = train(hearts, tmp_path / "a"), train(bare, tmp_path / "b")
    assert with_labels == without == train(garbage, tmp_path / "c")
    records = [json.loads((tmp_path / name / "training.json").read_text()) for name in "abc"]
    for record in records:
        record["data"].pop("name")
    assert records[0] == records[1] == records[2]
    assert records[0]["unannotated"] is True
    assert (records[0]["data"]["patients"], records[0]["data"]["frames"]) == (1, 4)
    with pytest.raises(DataError, match="at least one annotated frame"):
        train(bare, tmp_path / "d", unannotated=False)


def test_the_maps_hold_the_sector_alone_and_the_attributes_stay(hearts: Path) -> None:
    source = open_source(hearts)
    labelled = make_examples(source.frames(SplitPart.TRAINING, "hearts"), 32)
    bare = make_examples(source.without_annotations().frames(SplitPart.TRAINING, "hearts", unannotated=True), 32, True)
    assert set(np.unique(labelled.conditions)) == {0, 1, 2, 3, 4}
    assert set(np.unique(bare.conditions)) == {0, 1}
    np.testing.assert_array_equal(bare.images, labelled.images)
    np.testing.assert_array_equal(bare.codes, labelled.codes)
    assert (bare.codes > 0).all()


@pytest.mark.parametrize(("first", "words"), [(False, "False, now True"), (True, "True, now False")])
def test_neither_kind_of_training_goes_on_in_the_others_folder(
    hearts: Path, tmp_path: Path, first: bool, words: str
) -> None:
    train(hearts, tmp_path / "out", first)
    before = (tmp_path / "out" / "training.json").read_text()
    assert json.loads(before)["unannotated"] is first
    with pytest.raises(OutputError, match=f"unannotated: {words}"):
        train(hearts, tmp_path / "out", not first)
    assert (tmp_path / "out" / "training.json").read_text() == before
    train(hearts, tmp_path / "out", first)


def test_a_model_is_told_what_it_learned_and_asked_for_nothing_else(tmp_path: Path) -> None:
    def record(name: str, unannotated: bool) -> Path:
        data = DataSet("camus", "release", "real", "official", 1, 4, "f00d")
        write_record(tmp_path / name / "training.json", DiffusionRecord(data, {}, {}, unannotated))
        (tmp_path / name / "checkpoint").mkdir()
        return tmp_path / name

    unannotated, labelled = record("u", unannotated=True), record("l", unannotated=False)
    assert condition_of(unannotated, SMALL) is condition_of(unannotated / "checkpoint", SMALL) is MapCondition.SECTOR
    assert condition_of(labelled, SMALL) is MapCondition.NULL
    (tmp_path / "published").mkdir()
    assert condition_of(tmp_path / "published", SMALL) is MapCondition.NULL
    with pytest.raises(ConfigError, match="has no weights for that"):
        condition_of(tmp_path / "published", replace(SMALL, null_label=False))
