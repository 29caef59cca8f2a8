"""Splits by name, and parts of them."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import SimpleITK as sitk
from splits import check_split

from synthboost.data import (
    Split,
    check_beside,
    check_pictures,
    check_sources,
    fewer_training_patients,
    make_split,
    open_dataset,
    without_patients,
)
from synthboost.data.dataset import Dataset
from synthboost.domain import Domain, PatientId, SplitPart
from synthboost.errors import SplitError

TRAINING, VALIDATION, TESTING = SplitPart


def _people(*numbers: int) -> tuple[PatientId, ...]:
    return tuple(PatientId("camus-nifti", "database_nifti", f"patient{n:04d}") for n in numbers)


def test_the_official_split_is_what_the_lists_say(tiny_camus):
    split = make_split("official", open_dataset(tiny_camus))
    assert split.parts == {TRAINING: _people(1, 2), VALIDATION: _people(3), TESTING: _people(4)}
    assert split.part_of(_people(3)[0]) is VALIDATION
    assert split.part_of(_people(5)[0]) is None


def test_the_first_release_tests_on_its_testing_folder_and_validates_nobody(camus_mhd):
    split = make_split("official", open_dataset(camus_mhd))
    assert [(part, [p.folder for p in listed]) for part, listed in split.parts.items()] == [
        (TRAINING, ["training"]), (VALIDATION, []), (TESTING, ["testing"]),
    ]  # fmt: skip


def test_the_paper_validates_on_the_first_fifty_that_are_not_for_testing(tiny_camus):
    lists = {TRAINING: _people(*range(60, 200)), VALIDATION: _people(*range(3, 60)), TESTING: _people(1, 2, 100)}
    lists[TRAINING] = tuple(p for p in lists[TRAINING] if p not in lists[TESTING])
    dataset = replace(open_dataset(tiny_camus), official=lists)
    split = make_split("paper", dataset)
    assert split.parts[TESTING] == _people(1, 2, 100)
    assert split.parts[VALIDATION] == _people(*range(3, 53))
    assert split.parts[TRAINING] == _people(*range(53, 100), *range(101, 200))


def test_the_paper_split_needs_more_than_fifty_patients(tiny_camus):
    with pytest.raises(SplitError, match="3 patients besides"):
        make_split("paper", open_dataset(tiny_camus))


def test_an_unknown_split_lists_the_known_ones(tiny_camus):
    with pytest.raises(SplitError, match="fold1; expected one of official, paper"):
        make_split("fold1", open_dataset(tiny_camus))


def test_a_data_set_without_lists_has_no_split(tiny_camus):
    shutil.rmtree(tiny_camus / "database_split")
    with pytest.raises(SplitError, match="database_split: no lists"):
        make_split("official", open_dataset(tiny_camus))


@pytest.fixture
def ten(make_tiny_camus, tmp_path) -> Dataset:
    """Eight patients train, one validates, one tests."""
    return open_dataset(make_tiny_camus(tmp_path / "ten", patients=10))


def test_fewer_training_patients_are_the_first_by_name(ten):
    split = fewer_training_patients(make_split("official", ten), ten, 3)
    assert split.parts == {TRAINING: _people(1, 2, 3), VALIDATION: _people(9), TESTING: _people(10)}
    assert split.excluded == _people(4, 5, 6, 7, 8)
    assert split.name == "official, first 3 training patients"


def test_only_patients_that_are_there_are_chosen(ten):
    shutil.rmtree(ten.root / "database_nifti" / "patient0001")
    dataset = open_dataset(ten.root)
    split = fewer_training_patients(make_split("official", dataset), dataset, 2)
    assert split.parts[TRAINING] == _people(2, 3)


@pytest.mark.parametrize("count", [0, -1, 9])
def test_more_or_fewer_patients_than_there_are_are_refused(ten, count):
    with pytest.raises(SplitError, match=f"{count}; expected 1 to 8"):
        fewer_training_patients(make_split("official", ten), ten, count)


def test_patients_can_be_left_out_by_name(tiny_camus):
    split = without_patients(make_split("official", open_dataset(tiny_camus)), _people(2))
    assert split.parts[TRAINING] == _people(1)
    assert split.excluded == _people(2)
    assert split.name == "official without patient0002"
    with pytest.raises(SplitError, match="patient0009"):
        without_patients(split, _people(9))


TRAINING, VALIDATION, TESTING = SplitPart


@pytest.fixture
def dataset(tiny_camus) -> Dataset:
    """Patients 1 and 2 train, 3 validates, 4 tests."""
    return open_dataset(tiny_camus)


def _refused(split: Split, dataset: Dataset, *parts: str, **options) -> None:
    with pytest.raises(SplitError) as caught:
        check_split(split, dataset, **options)
    for part in parts:
        assert part in str(caught.value)


def test_a_sound_split_passes(dataset):
    check_split(make_split("official", dataset), dataset)


def test_a_patient_in_two_parts_is_refused(dataset):
    split = make_split("official", dataset)
    leaky = replace(split, parts={**split.parts, TESTING: (*split.parts[TESTING], *split.parts[VALIDATION])})
    _refused(leaky, dataset, "patient0003 (validation and testing)")


def test_a_patient_in_no_part_is_refused_unless_left_out_on_purpose(dataset):
    split = make_split("official", dataset)
    _refused(replace(split, parts={**split.parts, TESTING: ()}), dataset, "1 patients in no part", "patient0004")
    check_split(without_patients(split, split.parts[TESTING]), dataset)
    check_split(fewer_training_patients(split, dataset, 1), dataset)


def test_a_listed_patient_without_a_folder_is_refused_unless_allowed(tiny_camus):
    shutil.rmtree(tiny_camus / "database_nifti" / "patient0004")
    dataset = open_dataset(tiny_camus)
    split = make_split("official", dataset)
    _refused(split, dataset, "1 patients without a folder", "patient0004")
    check_split(split, dataset, allow_missing=True)


def _copy_image(root: Path, source: str, target: str) -> None:
    """Same pixels in another file format: the comparison must not be of bytes on disk."""
    image = sitk.ReadImage(str(root / "database_nifti" / source[:11] / f"{source}.nii.gz"))
    sitk.WriteImage(sitk.Cast(image, sitk.sitkFloat32), str(root / "database_nifti" / target[:11] / f"{target}.nii.gz"))


@pytest.mark.parametrize("workers", [0, 2])
def test_one_image_under_two_names_in_two_parts_is_refused(dataset, workers):
    _copy_image(dataset.root, "patient0001_2CH_ED", "patient0004_4CH_ES")
    _refused(
        make_split("official", dataset), dataset, "1 identical images in different parts",
        "patient0001_2CH_ED (training) = database_nifti/patient0004_4CH_ES (testing)", workers=workers,
    )  # fmt: skip


def test_one_image_under_two_names_in_one_part_is_no_leak(dataset):
    _copy_image(dataset.root, "patient0001_2CH_ED", "patient0002_2CH_ED")
    check_split(make_split("official", dataset), dataset)  # `data inspect --deep` lists it


def test_leaving_out_one_of_the_two_mends_the_split(dataset):
    _copy_image(dataset.root, "patient0001_2CH_ED", "patient0004_4CH_ES")
    check_split(without_patients(make_split("official", dataset), dataset.patients[:1]), dataset)


def _made_from(dataset: Dataset, source: PatientId, patient: str) -> Dataset:
    """The data set with the frames of one patient turned into diffusion frames of `source`."""
    frames = tuple(
        replace(i, domain=Domain.DIFFUSION, source=source) if i.patient.name == patient else i for i in dataset.frames
    )
    return replace(dataset, frames=frames)


def test_a_diffusion_frame_of_a_test_patient_among_the_training_frames_is_refused(dataset):
    split = make_split("official", dataset)
    mixed = _made_from(dataset, dataset.patients[3], "patient0002")
    _refused(split, mixed, "patient0002_2CH_ED (training) from camus-nifti/database_nifti/patient0004 (testing)")
    check_split(split, _made_from(dataset, dataset.patients[0], "patient0002"))


def test_sources_in_another_data_set_are_checked_against_its_split(dataset):
    real = make_split("official", dataset)
    sources = [PatientId("camus-nifti", "database_nifti", f"patient{n:04d}") for n in (1, 3, 301)]
    synthetic = _made_from(dataset, sources[2], "patient0001")
    _refused(real, synthetic, "source patients of another data set", "Give it as `sources`")
    elsewhere = Split("real", {TRAINING: (sources[2],), VALIDATION: (), TESTING: ()})
    check_split(real, synthetic, sources=elsewhere)
    leaky = replace(elsewhere, parts={TRAINING: (), VALIDATION: (), TESTING: (sources[2],)})
    _refused(real, synthetic, "(training) from camus-nifti/database_nifti/patient0301 (testing)", sources=leaky)


def test_sources_of_another_release_cannot_be_compared_and_are_refused(dataset):
    synthetic = _made_from(dataset, PatientId("camus-mhd", "training", "patient0001"), "patient0001")
    split = make_split("official", dataset)
    with pytest.raises(SplitError, match="from camus-mhd/training/patient0001"):
        check_sources(split, synthetic, split)


def test_a_synthetic_set_beside_the_real_one_must_show_nobody_who_is_held_out(dataset, make_tiny_camus, tmp_path):
    real = make_split("official", dataset)  # 1 and 2 train, 3 validates, 4 tests
    beside = open_dataset(make_tiny_camus(tmp_path / "beside", first=11))  # 11 and 12 train, 13 validates, 14 tests
    split = make_split("official", beside)
    check_beside(split, beside, real)
    for source, patient in ((0, 11), (1, 13), (2, 13), (3, 14)):
        check_beside(split, _made_from(beside, dataset.patients[source], f"patient{patient:04d}"), real)
    for source, patient, part in ((2, 11, "validation"), (3, 12, "testing"), (3, 13, "testing")):
        with pytest.raises(SplitError, match=f"shows camus-nifti/database_nifti/patient000{source + 1} .{part}"):
            check_beside(split, _made_from(beside, dataset.patients[source], f"patient{patient:04d}"), real)


def test_the_real_patients_under_another_split_are_no_synthetic_set(dataset):
    real = make_split("official", dataset)
    check_beside(real, dataset, real)
    turned = replace(real, parts={**real.parts, TRAINING: real.parts[TESTING], TESTING: real.parts[TRAINING]})
    with pytest.raises(SplitError, match="4 frames of people whom split official holds out: patient0004_2CH_ED"):
        check_beside(turned, dataset, real)


def _pictures(dataset: Dataset, real: Dataset) -> Dataset:
    """The frames of `real` as if they had been found in a plain folder, all of whose patients train."""
    strangers = {p: replace(p, release="pictures-0123") for p in real.patients}
    frames = tuple(
        replace(i, patient=strangers[i.patient], source=strangers[i.patient], domain=Domain.PSEUDO_LABELLED)
        for i in real.frames
    )
    files = {(strangers[p], name): f for (p, name), f in real.files.items()}
    return replace(dataset, frames=frames, files=files)


def test_a_picture_that_a_real_split_holds_out_may_not_train(dataset):
    real = make_split("official", dataset)
    found = _pictures(dataset, dataset)
    everybody = Split("official", {TRAINING: found.patients, VALIDATION: (), TESTING: ()})
    check_sources(everybody, found, real)  # by name nobody is known
    with pytest.raises(SplitError, match="8 pictures that split official holds out") as caught:
        check_pictures(everybody, found, real, dataset)
    assert "patient0003_2CH_ED (training) = patient0003_2CH_ED (validation)" in str(caught.value)


def test_pictures_that_validate_may_be_those_that_validate(dataset):
    real = make_split("official", dataset)
    found = _pictures(dataset, dataset)
    parts = {part: tuple(replace(p, release="pictures-0123") for p in real.parts[part]) for part in SplitPart}
    check_pictures(Split("official", parts), found, real, dataset)


def test_frames_with_known_people_are_not_looked_at_again(dataset, monkeypatch):
    monkeypatch.setattr(Dataset, "read", lambda *_: pytest.fail("an image was read"))
    real = make_split("official", dataset)
    check_pictures(real, dataset, real, dataset)
