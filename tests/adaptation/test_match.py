from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from synthboost.adaptation.match import choose, in_style, match, style_of
from synthboost.data import open_dataset
from synthboost.data.simulated_set import write_dataset
from synthboost.data.source import Source
from synthboost.data.splits import make_split
from synthboost.domain import Domain, Phase, SplitPart
from synthboost.errors import ConfigError, DataError, OutputError
from synthboost.simulator.settings import SimulationSettings


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Three simulated patients, and three of another seed in the place of real ones."""
    root = tmp_path_factory.mktemp("match")
    write_dataset(root / "simulated", SimulationSettings(patients=3, size=64))
    write_dataset(root / "like", SimulationSettings(patients=4, size=64, seed=1, split_counts=(2, 1, 1)))
    return root / "simulated", root / "like"


def run(images: Path, like: Path, out: Path, seed: int = 0, shard: tuple[int, int] = (1, 1)) -> int:
    simulated, other = (Source(d, make_split("official", d)) for d in (open_dataset(images), open_dataset(like)))
    return match(simulated, other, out, seed, shard)


def pixels(root: Path) -> dict[str, bytes]:
    files = sorted((root / "database_nifti").rglob("*.nii.gz"))
    return {file.name: file.read_bytes() for file in files}


@pytest.fixture(scope="module")
def made(sets: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("match") / "out"
    assert run(*sets, out) == 3
    return out


def test_the_same_hearts_with_other_pixels_and_masks_untouched(sets: tuple[Path, Path], made: Path) -> None:
    before, after = open_dataset(sets[0]), open_dataset(made)
    assert after.frames == before.frames  # names, release, attributes with the ejection fraction, domain
    assert after.official == before.official
    for info in before.frames:
        old, new = before.load(info), after.load(info)
        np.testing.assert_array_equal(new.label_map, old.label_map)
        assert new.spacing_mm == old.spacing_mm
        assert (new.image != old.image).any()
    lines = (made / "frames.csv").read_text().splitlines()
    assert len(lines) == 13
    assert lines[1] == "patient0001_2CH_ED,simulated,,,synthboost.match,1,0,simulated-4-camus-seed0"


def test_every_frame_names_a_training_frame_of_its_view(sets: tuple[Path, Path], made: Path) -> None:
    training = {str(p) for p in open_dataset(sets[1]).official[SplitPart.TRAINING]}
    for record in (made / "database_nifti").rglob("match.json"):
        for name, note in json.loads(record.read_text())["frames"].items():
            patient, view, phase = note["like"].split()
            assert patient in training
            assert f"_{view}_" in name
            assert phase in set(Phase)
            assert 0.5 <= note["speckle"] <= 2


def test_label_files_of_the_images_to_be_like_may_be_absent_or_garbage_and_held_out_ones_have_no_say(
    sets: tuple[Path, Path], made: Path, tmp_path: Path
) -> None:
    garbage = tmp_path / "garbage"
    shutil.copytree(sets[1], garbage)
    for path in garbage.rglob("*_gt.nii.gz"):
        path.write_bytes(b"nobody reads this")
    run(sets[0], garbage, tmp_path / "one")
    for path in garbage.rglob("*_gt.nii.gz"):
        path.unlink()
    for name in ("patient0003", "patient0004"):  # validation and testing
        for path in (garbage / "database_nifti" / name).glob("*.nii.gz"):
            path.write_bytes(b"nor this")
    run(sets[0], garbage, tmp_path / "other")
    assert pixels(tmp_path / "one") == pixels(tmp_path / "other") == pixels(made)


def test_shares_make_the_same_set_and_what_is_missing_is_made_again(
    sets: tuple[Path, Path], made: Path, tmp_path: Path
) -> None:
    assert run(*sets, tmp_path / "out", shard=(2, 2)) == 1
    assert not (tmp_path / "out" / "frames.csv").exists()
    assert run(*sets, tmp_path / "out", shard=(1, 2)) == 2
    assert pixels(tmp_path / "out") == pixels(made)
    assert (tmp_path / "out" / "frames.csv").read_bytes() == (made / "frames.csv").read_bytes()
    shutil.rmtree(tmp_path / "out" / "database_nifti" / "patient0002")
    assert run(*sets, tmp_path / "out") == 1
    assert pixels(tmp_path / "out") == pixels(made)


def test_another_seed_makes_another_set_and_is_refused_in_the_same_folder(
    sets: tuple[Path, Path], made: Path, tmp_path: Path
) -> None:
    with pytest.raises(OutputError, match="seed: not as the folder was begun with"):
        run(*sets, made, seed=1)
    run(*sets, tmp_path / "out", seed=1)
    assert pixels(tmp_path / "out") != pixels(made)


def test_images_of_patients_are_refused(sets: tuple[Path, Path], tiny_camus: Path, tmp_path: Path) -> None:
    assert {info.domain for info in open_dataset(tiny_camus).frames} == {Domain.REAL}
    with pytest.raises(DataError, match="domain of 16 frames: .*expected simulated frames only"):
        run(tiny_camus, sets[1], tmp_path / "out")


def test_the_choice_hangs_on_name_and_seed_and_meets_every_frame(
    sets: tuple[Path, Path], make_tiny_camus: Callable[..., Path]
) -> None:
    frames = open_dataset(sets[1]).frames
    names = [f"patient{n:04d}_2CH_ED" for n in range(300)]
    assert {choose(name, frames, 0) for name in names} == set(frames)
    assert [choose(n, frames, 0) for n in names] == [choose(n, frames, 0) for n in names]
    assert [choose(n, frames, 0) for n in names] != [choose(n, frames, 1) for n in names]


def test_a_seed_below_zero_is_refused(sets: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="seed"):
        run(*sets, tmp_path / "out", seed=-1)


SPACING = (1.0, 1.0)
EVERYWHERE = np.ones((32, 32), dtype=bool)


def speckled(seed: int, middle: float, sd: float) -> np.ndarray:
    """A slope from left to right with noise on it."""
    noise = np.random.default_rng(seed).normal(0, sd, (32, 32))
    return np.clip(middle + np.linspace(-30, 30, 32)[None, :] + noise, 0, 255).astype(np.uint8)


def test_four_pixels_get_the_four_levels_in_their_own_order() -> None:
    image = np.array([[10, 40], [30, 20]], dtype=np.uint8)
    other = np.array([[200, 80], [50, 100]], dtype=np.uint8)
    inside = np.ones((2, 2), dtype=bool)
    alike, _ = in_style(image, inside, SPACING, style_of(other, inside, SPACING))
    np.testing.assert_array_equal(alike, [[50, 200], [100, 80]])


def test_equal_pixels_stay_equal_at_the_middle_of_their_ranks() -> None:
    image = np.array([[0, 0, 0, 9]], dtype=np.uint8)
    other = np.array([[10, 20, 30, 40]], dtype=np.uint8)
    inside = np.ones((1, 4), dtype=bool)
    only_levels = (1.0, 1.0)  # else the slope of the local mean would tell the three apart
    alike, _ = in_style(image, inside, SPACING, style_of(other, inside, SPACING), only_levels)
    np.testing.assert_array_equal(alike, [[20, 20, 20, 40]])


def test_an_image_is_alike_itself() -> None:
    image = speckled(0, 120, 12)
    alike, factor = in_style(image, EVERYWHERE, SPACING, style_of(image, EVERYWHERE, SPACING))
    np.testing.assert_array_equal(alike, image)
    assert factor == pytest.approx(1.0)


def test_grey_levels_are_the_others_and_its_contrast_of_speckle_comes_near() -> None:
    smooth, rough = speckled(1, 90, 4), speckled(2, 150, 16)
    style = style_of(rough, EVERYWHERE, SPACING)
    alike, factor = in_style(smooth, EVERYWHERE, SPACING, style)
    again = style_of(alike, EVERYWHERE, SPACING)
    # Grey levels are exact but for pixels that were equal before.
    assert np.quantile(alike, [0.1, 0.5, 0.9]) == pytest.approx(np.quantile(rough, [0.1, 0.5, 0.9]), abs=1)
    assert 1 < factor <= 2
    bare, _ = in_style(smooth, EVERYWHERE, SPACING, style, (1.0, 1.0))
    before = style_of(bare, EVERYWHERE, SPACING).contrast
    assert before < again.contrast
    assert abs(again.contrast - style.contrast) < abs(before - style.contrast)


def test_the_factor_stays_within_its_bounds() -> None:
    smooth, rough = speckled(1, 120, 1), speckled(2, 120, 25)
    tight = (0.9, 1.1)
    styles = [style_of(image, EVERYWHERE, SPACING) for image in (smooth, rough)]
    assert in_style(smooth, EVERYWHERE, SPACING, styles[1], tight)[1] == 1.1
    assert in_style(rough, EVERYWHERE, SPACING, styles[0], tight)[1] == 0.9


def test_what_lies_outside_the_sector_has_no_say_and_is_black() -> None:
    sector = np.tri(32, dtype=bool)
    image, other = speckled(1, 90, 4), speckled(2, 150, 16)
    style = style_of(other, sector, SPACING)
    marked = np.where(sector, other, 255).astype(np.uint8)
    same = style_of(marked, sector, SPACING)
    assert same.contrast == style.contrast
    np.testing.assert_array_equal(same.levels, style.levels)
    assert style.levels.sum() == sector.sum()
    alike, _ = in_style(image, sector, SPACING, style)
    assert not alike[~sector].any()


def test_the_scale_is_in_mm_on_each_axis() -> None:
    """Every pixel twice along the rows, at half the spacing, is the same image in mm."""
    image = speckled(3, 120, 10)
    tall = np.repeat(image, 2, axis=0)
    one = style_of(image, EVERYWHERE, (1.0, 1.0)).contrast
    other = style_of(tall, np.ones((64, 32), dtype=bool), (0.5, 1.0)).contrast
    assert other == pytest.approx(one, rel=0.05)


def test_pixels_too_coarse_to_smooth_are_refused() -> None:
    with pytest.raises(DataError, match=r"spacing: 5 mm; expected at most 4 mm"):
        style_of(speckled(0, 100, 5), EVERYWHERE, (1.0, 5.0))
