"""Opening data sets: both releases are recognised, and what is missing is said before any work starts."""

from __future__ import annotations

import os
import shutil

import numpy as np
import pytest
import SimpleITK as sitk

from synthboost.data import READERS, make_split, open_dataset
from synthboost.domain import Attributes, Domain, PatientId, Phase, Quality, Sex, SplitPart, View
from synthboost.errors import DataError


def test_a_data_set_is_known_completely_without_reading_a_pixel(tiny_camus):
    for image in tiny_camus.rglob("*.nii.gz"):
        image.write_bytes(b"")
    dataset = open_dataset(tiny_camus)
    assert dataset.release == "camus-nifti"
    assert [i.name for i in dataset.frames[:5]] == [
        "patient0001_2CH_ED", "patient0001_2CH_ES", "patient0001_4CH_ED", "patient0001_4CH_ES", "patient0002_2CH_ED",
    ]  # fmt: skip
    assert len(dataset.frames) == 16
    assert dataset.frames[0].patient == PatientId("camus-nifti", "database_nifti", "patient0001")
    assert dataset.frames[0].attributes == Attributes(Sex.MALE, 41, Quality.MEDIUM, 51.0)
    assert dataset.absent == ()
    assert [p.name for p in dataset.official[SplitPart.TESTING]] == ["patient0004"]
    assert all(dataset.has_annotation(i) for i in dataset.frames)


def test_a_frame_is_loaded_upright_with_its_spacing_and_labels(tiny_camus):
    dataset = open_dataset(tiny_camus)
    frame = dataset.load(dataset.frames[0])
    assert frame.image.shape == frame.label_map.shape == (64, 48)
    assert frame.spacing_mm == (0.8, 1.0)
    assert frame.label_map[30, 23] == 1  # the cavity above ...
    assert frame.label_map[55, 23] == 3  # ... the atrium
    assert np.count_nonzero(frame.image[0]) < 5 < np.count_nonzero(frame.image[40])  # the apex is on top


def test_the_patients_folder_may_be_given_instead_of_the_root(tiny_camus):
    inner = open_dataset(tiny_camus / "database_nifti")
    assert inner.fingerprint() == open_dataset(tiny_camus).fingerprint()


def test_the_first_release_tells_two_patients_of_one_name_apart(camus_mhd):
    dataset = open_dataset(camus_mhd)
    assert dataset.release == "camus-mhd"
    testing, training = dataset.patients
    assert (testing.folder, training.folder, testing.name, training.name) == (
        "testing", "training", "patient0001", "patient0001",
    )  # fmt: skip
    sexes = {i.patient.folder: i.attributes.sex for i in dataset.frames}
    assert sexes == {"training": Sex.FEMALE, "testing": Sex.MALE}
    frame = dataset.load(next(i for i in dataset.frames if i.patient == testing and i.view is View.FOUR_CHAMBER))
    assert frame.image.shape == (6, 4)
    assert frame.image[0, 2] == 90
    assert frame.spacing_mm == (0.154, 0.308)
    assert frame.info.attributes.ejection_fraction == 63.2


def test_an_unknown_folder_is_refused_with_what_was_looked_for(tmp_path):
    with pytest.raises(DataError) as caught:
        open_dataset(tmp_path)
    for reader in READERS.values():
        assert reader.looks_for in str(caught.value)
    with pytest.raises(DataError, match="no such folder"):
        open_dataset(tmp_path / "nowhere")


def test_a_folder_one_level_too_high_is_answered_with_the_right_one(tiny_camus):
    with pytest.raises(DataError, match=rf"Did you mean {tiny_camus}\?"):
        open_dataset(tiny_camus.parent)


def test_two_releases_in_one_folder_are_refused(tiny_camus, camus_mhd):
    shutil.copytree(camus_mhd, tiny_camus, dirs_exist_ok=True)
    with pytest.raises(DataError, match="camus-nifti and camus-mhd at once"):
        open_dataset(tiny_camus)


@pytest.mark.parametrize("name", ["Info_4CH.cfg", "patient0002_2CH_ES.nii.gz", "patient0002_4CH_ED_gt.nii.gz"])
def test_missing_files_are_listed_or_the_patient_is_skipped_and_counted(tiny_camus, name):
    (tiny_camus / "database_nifti" / "patient0002" / name).unlink()
    (tiny_camus / "database_nifti" / "patient0003" / "patient0003_2CH_ED.nii.gz").unlink()
    with pytest.raises(DataError) as caught:
        open_dataset(tiny_camus)
    lost = [f"database_nifti/patient0002/{name}", "database_nifti/patient0003/patient0003_2CH_ED.nii.gz"]
    assert "2 missing files" in str(caught.value)
    assert all(item in str(caught.value) for item in lost)

    dataset = open_dataset(tiny_camus, allow_missing=True)
    assert [p.name for p in dataset.patients] == ["patient0001", "patient0004"]
    assert dataset.absent == tuple(lost)


def test_a_lost_raw_file_of_the_first_release_is_missing(camus_mhd):
    (camus_mhd / "testing" / "patient0001" / "patient0001_4CH_ES.raw").unlink()
    with pytest.raises(DataError, match=r"1 missing files: testing/patient0001/patient0001_4CH_ES\.raw"):
        open_dataset(camus_mhd)


def test_a_patient_without_any_label_map_is_not_annotated_and_not_missing(tiny_camus):
    for mask in (tiny_camus / "database_nifti" / "patient0004").glob("*_gt.nii.gz"):
        mask.unlink()
    dataset = open_dataset(tiny_camus)
    assert [dataset.has_annotation(i) for i in dataset.frames] == [True] * 12 + [False] * 4
    assert dataset.load(dataset.frames[-1]).label_map is None


def test_a_listed_patient_without_a_folder_is_absent_and_no_error(tiny_camus):
    shutil.rmtree(tiny_camus / "database_nifti" / "patient0004")
    assert open_dataset(tiny_camus).absent == ("database_nifti/patient0004 (listed for testing, no folder)",)


@pytest.mark.parametrize("name", ["Patient0001", "patient_001", "patient001", "patients"])
def test_a_folder_that_is_no_patient_is_refused_rather_than_left_out(tiny_camus, name):
    (tiny_camus / "database_nifti" / name).mkdir()
    (tiny_camus / "database_nifti" / ".hidden").mkdir()
    with pytest.raises(DataError, match=f"'{name}'; expected only folders named like patient0001"):
        open_dataset(tiny_camus)


def test_what_predict_wrote_beside_a_patient_is_left_out(tiny_camus):
    before = open_dataset(tiny_camus).frames
    (tiny_camus / "database_nifti" / "patient0002-predicted").mkdir()
    assert open_dataset(tiny_camus).frames == before


def test_a_broken_cfg_stops_the_opening_even_if_files_may_be_missing(tiny_camus):
    path = tiny_camus / "database_nifti" / "patient0002" / "Info_2CH.cfg"
    path.write_text("Sex = F\n")
    with pytest.raises(DataError, match=r"patient0002/Info_2CH\.cfg:1"):
        open_dataset(tiny_camus, allow_missing=True)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("patient0001\npatient9\n", ":2: patient: 'patient9'"),
        ("patient0001\n\npatient0001\n", "again (first in line 1)"),
    ],
)
def test_a_broken_list_is_refused_by_file_and_line(tiny_camus, text, part):
    (tiny_camus / "database_split" / "subgroup_training.txt").write_text(text)
    with pytest.raises(DataError) as caught:
        open_dataset(tiny_camus)
    assert part in str(caught.value)


@pytest.mark.parametrize("content", [b"\xef", b"patient0001\xff\n"])
def test_a_list_that_is_no_text_is_refused(tiny_camus, content):
    (tiny_camus / "database_split" / "subgroup_training.txt").write_bytes(content)
    with pytest.raises(DataError, match=r"subgroup_training\.txt: file: .*expected a text file in UTF-8"):
        open_dataset(tiny_camus)


def test_two_of_three_lists_are_refused_and_none_is_fine(tiny_camus):
    (tiny_camus / "database_split" / "subgroup_testing.txt").unlink()
    with pytest.raises(DataError, match="no subgroup_testing"):
        open_dataset(tiny_camus)
    shutil.rmtree(tiny_camus / "database_split")
    assert open_dataset(tiny_camus).official == {}


def test_odd_folder_names_are_opened_and_loaded(make_tiny_camus, tmp_path):
    for name in ("with space", "心臓 🫀", "-rf", "new\nline", "=1+1", "é" * 127):
        dataset = open_dataset(make_tiny_camus(tmp_path / name, patients=3))
        assert dataset.load(dataset.frames[0]).image.shape == (64, 48)


def test_views_of_one_patient_may_differ_in_size(tiny_camus):
    small, large = (tiny_camus / "database_nifti" / f"patient000{n}" for n in (1, 2))
    for ending in ("", "_gt"):
        data = np.zeros((10, 20), np.uint8)
        _rewrite(small / f"patient0001_2CH_ED{ending}.nii.gz", data)
    assert large.is_dir()
    dataset = open_dataset(tiny_camus)
    assert [dataset.load(i).image.shape for i in dataset.frames[:2]] == [(10, 20), (64, 48)]


def _rewrite(path, pixels):
    sitk.WriteImage(sitk.GetImageFromArray(pixels), str(path))


FRAMES_HEADER = "frame,domain,source_patient,source_split,generator,generator_version,seed\n"
RELEASE_HEADER = FRAMES_HEADER.replace("seed", "seed,release")


def _frames_csv(root, line):
    names = sorted(p.name[: -len(".nii.gz")] for p in root.glob("database_nifti/*/*E[DS].nii.gz"))
    (root / "frames.csv").write_text(FRAMES_HEADER + "".join(line(name) + "\n" for name in names))


def test_frames_csv_tells_domain_and_source(tiny_camus):
    _frames_csv(tiny_camus, lambda name: f"{name},diffusion,patient0300,training,sdm,1,7")
    info = open_dataset(tiny_camus).frames[0]
    assert info.domain is Domain.DIFFUSION
    assert info.source == PatientId("camus-nifti", "database_nifti", "patient0300")
    _frames_csv(tiny_camus, lambda name: f"{name},diffusion,camus-mhd/testing/patient0007,testing,sdm,1,7")
    assert open_dataset(tiny_camus).frames[0].source == PatientId("camus-mhd", "testing", "patient0007")
    _frames_csv(tiny_camus, lambda name: f"{name},simulated,,,simulator,1,7")
    info = open_dataset(tiny_camus).frames[0]
    assert (info.domain, info.source) == (Domain.SIMULATED, None)


def _with_release(root, release):
    _frames_csv(root, lambda name: f"{name},simulated,,,simulator,1,7,{release}")
    path = root / "frames.csv"
    path.write_text(path.read_text().replace(",seed\n", ",seed,release\n"))


def test_a_synthetic_set_may_state_the_release_of_its_patients(tiny_camus):
    _with_release(tiny_camus, "simulated-7")
    dataset = open_dataset(tiny_camus)
    assert dataset.release == "simulated-7"
    assert {str(info.patient) for info in dataset.frames} == {
        f"simulated-7/database_nifti/patient{n:04d}" for n in (1, 2, 3, 4)
    }
    assert make_split("official", dataset).parts[SplitPart.TESTING] == dataset.patients[3:]
    assert open_dataset(tiny_camus / "database_nifti").patients == dataset.patients


def test_a_plain_source_patient_is_of_camus_whatever_release_the_set_is(tiny_camus):
    _frames_csv(tiny_camus, lambda name: f"{name},diffusion,patient0300,training,sdm,1,7,made")
    path = tiny_camus / "frames.csv"
    path.write_text(path.read_text().replace(",seed\n", ",seed,release\n"))
    info = open_dataset(tiny_camus).frames[0]
    assert str(info.source) == "camus-nifti/database_nifti/patient0300"
    assert str(info.patient) == "made/database_nifti/patient0001"


def test_the_release_is_part_of_the_fingerprint(tiny_camus):
    prints = set()
    for release in ("one", "two"):
        _with_release(tiny_camus, release)
        prints.add(open_dataset(tiny_camus).fingerprint())
    assert len(prints) == 2


def test_a_frame_of_frames_csv_without_a_folder_is_absent(tiny_camus):
    _frames_csv(tiny_camus, lambda name: f"{name},simulated,,,simulator,1,7")
    shutil.rmtree(tiny_camus / "database_nifti" / "patient0001")
    absent = open_dataset(tiny_camus).absent
    assert len(absent) == 5  # listed for training, and four frames
    assert absent[1] == "patient0001_2CH_ED (in frames.csv, no folder)"


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("frame,domain\n", "columns"),
        (RELEASE_HEADER.replace("release", "releases") + "patient0001_2CH_ED,real,,,,,,a\n", "columns: releases"),
        (FRAMES_HEADER + "patient0001_2CH_ED,fake,,,,,\n", ":2: domain: 'fake'"),
        (FRAMES_HEADER + "patient0001_2CH_ED,diffusion,,,,,\n", ":2: source_patient: empty"),
        (FRAMES_HEADER + "patient0001_2CH_ED,diffusion,a/b,,,,\n", ":2: source_patient: 'a/b'"),
        (FRAMES_HEADER + "patient0001_2CH_ED,real,,,,,\n" * 2, ":3: frame: patient0001_2CH_ED again"),
        (FRAMES_HEADER + "patient0001_2CH_ED,real\n", ":2: cells"),
        (FRAMES_HEADER + "patient0001_2CH_ED,real,,,,,\n", "15 frames without a line"),
        (FRAMES_HEADER + "patient0001_3CH_ED,real,,,,,\n", ":2: frame: 'patient0001_3CH_ED'"),
        (FRAMES_HEADER + "patient0001_2CH_ED,diffusion,=1+1,,,,\n", ":2: source_patient: '=1+1'"),
        (FRAMES_HEADER + "patient0001_2CH_ED,diffusion,a/b/c/d,,,,\n", ":2: source_patient: 'a/b/c/d'"),
        (FRAMES_HEADER + "patient0001_2CH_ED,real,,test,,,\n", ":2: source_split: 'test'"),
        (FRAMES_HEADER + "patient0001_2CH_ED,real,,,,,-1\n", ":2: seed: '-1'"),
        (RELEASE_HEADER + "patient0001_2CH_ED,real,,,,,,\n", ":2: release: ''"),
        (RELEASE_HEADER + "patient0001_2CH_ED,real,,,,,,a/b\n", ":2: release: 'a/b'"),
        (RELEASE_HEADER + "patient0001_2CH_ED,real,,,,,\n", ":2: cells: 7; expected 8"),
        (
            RELEASE_HEADER + "patient0001_2CH_ED,real,,,,,,one\npatient0001_2CH_ES,real,,,,,,two\n",
            ":3: release: two; expected one",
        ),
    ],
)
def test_a_broken_frames_csv_is_refused(tiny_camus, text, part):
    (tiny_camus / "frames.csv").write_text(text)
    with pytest.raises(DataError) as caught:
        open_dataset(tiny_camus)
    assert part in str(caught.value)


def test_the_input_tree_is_left_as_it_was(tiny_camus):
    before = {p: (p.stat().st_mtime_ns, os.path.getsize(p)) for p in tiny_camus.rglob("*")}
    dataset = open_dataset(tiny_camus)
    dataset.fingerprint()
    for info in dataset.frames:
        dataset.load(info)
    assert {p: (p.stat().st_mtime_ns, os.path.getsize(p)) for p in tiny_camus.rglob("*")} == before


def test_phases_and_views_go_to_their_own_files(camus_mhd):
    dataset = open_dataset(camus_mhd)
    for info in dataset.frames:
        image = dataset.load(info).image
        assert (image[0, 0], image[0, 1]) == (info.view is View.FOUR_CHAMBER, info.phase is Phase.END_SYSTOLE)
