from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from synthboost.adaptation.refine import MapCondition, RefineSettings, refine
from synthboost.data import open_dataset
from synthboost.data.sector import find_sector
from synthboost.data.simulated_set import write_dataset
from synthboost.data.source import Source
from synthboost.data.splits import make_split
from synthboost.diffusion.condition import condition_map
from synthboost.diffusion.network import SemanticUNet
from synthboost.diffusion.settings import TINY, DiffusionSettings
from synthboost.domain import Domain
from synthboost.errors import ConfigError, DataError, OutputError
from synthboost.simulator.settings import SimulationSettings
from synthboost.training.frame_stream import shrunk_image

SMALL = replace(TINY, size=32, width=8, multipliers=(1, 2), attention=(16,), head_width=8, groups=4, spade_width=6)
SETTINGS = RefineSettings()


def make(settings: DiffusionSettings = SMALL) -> SemanticUNet:
    torch.set_num_threads(1)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = SemanticUNet(settings).eval()
        for parameter in network.parameters():
            nn.init.normal_(parameter, std=0.1)
    return network


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("refine") / "simulated"
    write_dataset(root, SimulationSettings(patients=3, size=64))
    return root


def run(
    images: Path, out: Path, settings: RefineSettings = SETTINGS, shard: tuple[int, int] = (1, 1),
    network: SemanticUNet | None = None,
) -> int:  # fmt: skip
    dataset = open_dataset(images)
    return refine(
        network or make(), "0" * 64, Source(dataset, make_split("official", dataset)), out, settings, None, shard
    )


@pytest.fixture(scope="module")
def refined(simulated: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("refine") / "out"
    assert run(simulated, out) == 3
    return out


def test_the_set_has_the_hearts_of_the_simulated_one_at_the_networks_size(simulated: Path, refined: Path) -> None:
    before, after = open_dataset(simulated), open_dataset(refined)
    assert after.frames == tuple(replace(info, domain=Domain.REFINED) for info in before.frames)
    assert after.official == before.official
    for info, old_info in zip(after.frames, before.frames, strict=True):
        old, new = before.load(old_info), after.load(info)
        assert old.label_map is not None
        sector = find_sector(old.image).mask(old.image.shape)
        labels = condition_map(old.label_map, sector, 32)
        assert new.label_map is not None
        assert new.image.shape == (32, 32)
        np.testing.assert_array_equal(new.label_map, np.array([0, 0, 1, 2, 3])[labels])
        extent = [mm * n for mm, n in zip(old.spacing_mm, old.image.shape, strict=True)]
        assert [mm * 32 for mm in new.spacing_mm] == pytest.approx(extent, rel=1e-4)
    lines = (refined / "frames.csv").read_text().splitlines()
    assert lines[1] == 'patient0001_2CH_ED,refined,,,synthboost.refine,"1, weights 00000000",0,simulated-4-camus-seed0'


def test_strength_zero_only_shrinks_and_the_rim_is_black_at_every_strength(
    simulated: Path, refined: Path, tmp_path: Path
) -> None:
    run(simulated, tmp_path / "out", RefineSettings(strength=0.0))
    before, after, other = open_dataset(simulated), open_dataset(tmp_path / "out"), open_dataset(refined)
    for old_info, info in zip(before.frames, after.frames, strict=True):
        old = before.load(old_info)
        fan = condition_map(np.zeros_like(old.image), find_sector(old.image).mask(old.image.shape), 32) > 0
        np.testing.assert_array_equal(after.load(info).image, np.where(fan, shrunk_image(old.image, 32), 0))
        changed = other.load(info).image
        assert (changed != after.load(info).image).any()
        assert not changed[~fan].any()


def test_an_image_depends_on_its_name_and_neither_on_batches_nor_on_shares(
    simulated: Path, refined: Path, tmp_path: Path
) -> None:
    assert run(simulated, tmp_path / "out", replace(SETTINGS, batch=1), (2, 2)) == 1
    assert not (tmp_path / "out" / "frames.csv").exists()
    assert run(simulated, tmp_path / "out", replace(SETTINGS, batch=3), (1, 2)) == 2
    whole, parts = open_dataset(refined), open_dataset(tmp_path / "out")
    for info in whole.frames:
        difference = whole.load(info).image.astype(int) - parts.load(info).image
        assert abs(difference).max() <= 1  # batches of another size round otherwise
    shutil.rmtree(tmp_path / "out" / "database_nifti" / "patient0003")
    assert run(simulated, tmp_path / "out") == 1


def test_a_folder_begun_with_another_strength_is_refused(simulated: Path, refined: Path) -> None:
    with pytest.raises(OutputError, match="settings: not as the folder was begun with"):
        run(simulated, refined, RefineSettings(strength=0.5))


def test_without_a_map_other_pixels_come_out_and_a_network_that_needs_maps_says_so(
    simulated: Path, refined: Path, tmp_path: Path
) -> None:
    told_nothing = RefineSettings(condition=MapCondition.NULL)
    run(simulated, tmp_path / "out", told_nothing)
    one, other = open_dataset(refined), open_dataset(tmp_path / "out")
    assert (one.load(one.frames[0]).image != other.load(other.frames[0]).image).any()
    with pytest.raises(ConfigError, match="condition: null; expected sector"):
        run(simulated, tmp_path / "new", told_nothing, network=make(replace(SMALL, null_label=False)))


def test_images_of_patients_are_refused(tiny_camus: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="expected simulated frames only"):
        run(tiny_camus, tmp_path / "out")


@pytest.mark.parametrize(("field", "value"), [("strength", 1.1), ("strength", -0.1), ("seed", -1), ("batch", 0)])
def test_settings_that_cannot_be_are_refused(field: str, value: float) -> None:
    with pytest.raises(ConfigError, match=field):
        RefineSettings(**{field: value})  # type: ignore[arg-type]
