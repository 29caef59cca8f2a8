"""Data sets: text is refused or means what it says; a set whose bytes were changed gives its own frames or none."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fuzzing import fuzz, mutated_text
from PIL import Image

from synthboost.data import open_dataset
from synthboost.data.dataset import Dataset
from synthboost.data.info_cfg import info_text, read_info
from synthboost.data.lists import PATIENT_NAME, read_frames_csv, read_split_lists
from synthboost.data.picture_folder import PictureDefaults, open_pictures
from synthboost.data.simulated_set import settings_of, write_hearts, write_shards
from synthboost.domain import Attributes, FrameInfo, Phase, View
from synthboost.simulator.settings import SimulationSettings

CFG = [
    b"ED: 1\nES: 18\nNbFrame: 18\nSex: F\nAge: 56\nImageQuality: Good\nEF: 54\nFrameRate: 48.4\n",
    b"\xef\xbb\xbfES: 1\r\nED: 12\r\nLVedv: 94.0\r\nLVef: 63.2\r\nSex: M\r\nAge: N/A\r\nWallThickness: 9.5\r\n",
]
FRAMES_CSV = [
    b"frame,domain,source_patient,source_split,generator,generator_version,seed\n"
    b"patient0001_2CH_ED,diffusion,patient0002,training,sdm,1,2\n"
    b"patient0001_2CH_ES,pseudo-labelled,r/f/patient0003,testing,sdm,1,2\n",
    b"frame,domain,source_patient,source_split,generator,generator_version,seed,release\n"
    b"patient0001_4CH_ED,simulated,,,simulator,1,0,simulated-3\n",
]
SETTINGS = SimulationSettings(patients=2, size=32, spacing_mm=5.0)


def _is_believable(found: Attributes) -> None:
    assert found.age is None or (type(found.age) is int and 0 <= found.age <= 120)
    assert found.ejection_fraction is None or 0 <= found.ejection_fraction <= 100
    assert found.wall_thickness_mm is None or 1 <= found.wall_thickness_mm <= 60


def test_an_info_cfg_is_refused_or_is_read_again_from_what_was_understood(tmp_path: Path) -> None:
    def check(found: Attributes, content: bytes) -> None:
        _is_believable(found)
        again = tmp_path / "again.cfg"
        again.write_text(info_text(found))
        assert str(read_info(again)) == str(found) or f"{found.ejection_fraction:g}" != f"{found.ejection_fraction}"

    assert fuzz(tmp_path / "Info_2CH.cfg", CFG, read_info, mutate=mutated_text, check=check) > 20


def test_a_list_of_patients_gives_the_names_in_it_each_once(tmp_path: Path) -> None:
    folder = tmp_path / "database_split"
    folder.mkdir()
    for part in ("validation", "testing"):
        (folder / f"subgroup_{part}.txt").write_text("")

    def parse(path: Path) -> list[str]:
        parts, _ = read_split_lists(tmp_path, "camus-nifti", "database_nifti")
        return [patient.name for patients in parts.values() for patient in patients]

    def check(names: list[str], content: bytes) -> None:
        assert names == content.decode("utf-8-sig").split()
        assert len(set(names)) == len(names)
        assert all(map(PATIENT_NAME.fullmatch, names))

    sound = [b"patient0001\npatient0002\n", b"\xef\xbb\xbfpatient00010\r\n\r\npatient0003\r\n"]
    assert fuzz(folder / "subgroup_training.txt", sound, parse, mutate=mutated_text, check=check) > 5


def test_frames_csv_gives_no_frame_without_a_known_domain_and_source(tmp_path: Path) -> None:
    def check(found: tuple[str, dict[str, Any]], content: bytes) -> None:
        release, frames = found
        assert release.isprintable()
        for name, (domain, source) in frames.items():
            patient, view, phase = name.split("_")
            assert PATIENT_NAME.fullmatch(patient)
            assert (view in set(View), phase in set(Phase)) == (True, True)
            assert source is not None or domain not in ("diffusion", "pseudo-labelled")

    def parse(path: Path) -> tuple[str, dict[str, Any]]:
        return read_frames_csv(path, "camus-nifti", "database_nifti")

    assert fuzz(tmp_path / "frames.csv", FRAMES_CSV, parse, mutate=mutated_text, check=check) > 5


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("shards") / "set"
    write_shards(root, SETTINGS, patients_per_shard=1)
    return root


def _content(dataset: Dataset) -> dict[FrameInfo, tuple[bytes, bytes]]:
    """What a run would see; a run takes the fingerprint first."""
    dataset.fingerprint()
    frames = {info: dataset.load(info) for info in dataset.frames}
    return {i: (f.image.tobytes(), f.label_map.tobytes()) for i, f in frames.items() if f.label_map is not None}


@pytest.mark.parametrize("name", ["index.json", "shard-000001.tar"])
def test_changed_shards_give_their_own_frames_or_none(shards: Path, tmp_path: Path, name: str) -> None:
    root = shutil.copytree(shards, tmp_path / "set")
    sound = _content(open_dataset(root))

    def parse(path: Path) -> dict[FrameInfo, tuple[bytes, bytes]]:
        return _content(open_dataset(root))

    def check(found: dict[FrameInfo, tuple[bytes, bytes]], content: bytes) -> None:
        assert found.items() <= sound.items()
        assert len(found) == len(sound) or name == "index.json"

    mutate = mutated_text if name == "index.json" else None
    fuzz(root / name, [(root / name).read_bytes()], parse, mutate=mutate, check=check, usual=100)


@pytest.mark.parametrize(("name", "parse"), [("hearts.csv", open_dataset), ("simulation.json", settings_of)])
def test_a_set_without_images_is_refused_or_has_believable_patients(
    tmp_path: Path, name: str, parse: Callable[[Path], Any]
) -> None:
    root = tmp_path / "set"
    write_hearts(root, SETTINGS)

    def check(found: Any, content: bytes) -> None:
        if isinstance(found, Dataset):
            assert [patient.name for patient in found.patients] == ["patient0001", "patient0002"]
            for info in found.frames:
                _is_believable(info.attributes)
        else:
            assert SimulationSettings.from_json(found.to_json(), root / name) == found

    fuzz(root / name, [(root / name).read_bytes()], lambda path: parse(root), mutate=mutated_text, check=check)


def test_pictures_of_any_name_are_frames_of_their_own_or_are_refused(tmp_path: Path) -> None:
    folder, picture = tmp_path / "pictures", tmp_path / "x.png"
    Image.new("L", (6, 4), 9).save(picture)

    def parse(path: Path) -> Dataset:
        shutil.rmtree(folder, ignore_errors=True)
        names = [name for name in path.read_bytes().split(b"\n") if name.strip(b"./ ") and b"\0" not in name]
        folder.mkdir()
        for name in {name[:200].replace(b"/", b":") for name in names}:
            (folder / name.decode(errors="surrogateescape")).write_bytes(picture.read_bytes())
        return open_pictures(folder, PictureDefaults(None, Phase.END_DIASTOLE, 0.5))

    def check(found: Dataset, content: bytes) -> None:
        pictures = [found.files_of(info).image for info in found.frames]
        assert len(set(pictures)) == len(pictures)
        assert all(str(info.view) in picture.name.upper() for info, picture in zip(found.frames, pictures, strict=True))

    sound = [b"anna_4CH_ED.png\nanna_4CH_ES.png\nben-2ch.PNG\n", b"4CH.png\n2CH.png"]
    assert fuzz(tmp_path / "names", sound, parse, mutate=mutated_text, check=check) > 5
