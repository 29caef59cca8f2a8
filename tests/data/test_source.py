from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from synthboost.data import make_split, open_dataset
from synthboost.data.simulated_set import write_dataset
from synthboost.data.source import FrameSet, Source, open_source
from synthboost.domain import SplitOptions, SplitPart
from synthboost.errors import SplitError
from synthboost.simulator.settings import SimulationSettings


def test_parts_hold_different_patients(tiny_camus: Path) -> None:
    source = open_source(tiny_camus)
    patients = {part: {i.patient.name for i in source.frames(part, "x").infos} for part in SplitPart}
    assert patients == {
        SplitPart.TRAINING: {"patient0001", "patient0002"},
        SplitPart.VALIDATION: {"patient0003"},
        SplitPart.TESTING: {"patient0004"},
    }


def test_two_simulated_sets_with_the_same_numbers_share_nobody(tmp_path: Path) -> None:
    sets = []
    for seed in (0, 1):
        write_dataset(tmp_path / str(seed), SimulationSettings(patients=3, seed=seed, size=32))
        sets.append(open_source(tmp_path / str(seed)))
    names = [[patient.name for patient in source.dataset.patients] for source in sets]
    assert names == [["patient0001", "patient0002", "patient0003"]] * 2
    assert not set(sets[0].dataset.patients) & set(sets[1].dataset.patients)
    assert [source.record.release for source in sets] == ["simulated-4-camus-seed0", "simulated-4-camus-seed1"]
    members = [member for source in sets for member in source.frames(SplitPart.TRAINING, "x").members]
    assert FrameSet("both", members).patients == 2


def test_fewer_patients_and_patients_left_out_are_named_in_the_split(
    make_tiny_camus: Callable[..., Path], tmp_path: Path
) -> None:
    root = make_tiny_camus(tmp_path / "data", patients=6)
    source = open_source(root, SplitOptions(leave_out=("patient0001",)), patients=2)
    assert {i.patient.name for i in source.frames(SplitPart.TRAINING, "x").infos} == {"patient0002", "patient0003"}
    assert source.split.name == "official without patient0001, first 2 training patients"


def test_a_name_that_means_nobody_is_refused(tiny_camus: Path) -> None:
    with pytest.raises(SplitError, match="patient9999"):
        open_source(tiny_camus, SplitOptions(leave_out=("patient9999",)))


def test_a_name_that_means_two_people_is_refused(two_folders: Path) -> None:
    with pytest.raises(SplitError, match="testing/patient0001, training/patient0001"):
        open_source(two_folders, SplitOptions(leave_out=("patient0001",)), allow_missing=True)


@pytest.fixture
def two_folders(tmp_path: Path, tiny_camus: Path) -> Path:
    """Two folders that both begin with patient0001, made of the same ellipses as everything here."""
    import shutil

    import SimpleITK as sitk

    root = tmp_path / "mhd"
    for folder, source in (("training", "patient0001"), ("testing", "patient0002")):
        target = root / folder / "patient0001"
        target.mkdir(parents=True)
        origin = tiny_camus / "database_nifti" / source
        for file in origin.glob("*.nii.gz"):
            name = file.name.replace(source, "patient0001").replace(".nii.gz", ".mhd")
            pixels = sitk.GetImageFromArray(sitk.GetArrayFromImage(sitk.ReadImage(str(file))))
            sitk.WriteImage(pixels, str(target / name))
        for file in origin.glob("*.cfg"):
            shutil.copy(file, target / file.name)
    return root


def test_copies_of_a_mask_are_the_annotation_of_one_patient(tiny_camus: Path) -> None:
    lines = [
        f"patient{number:04}_{view}_{phase},diffusion,camus-nifti/database_nifti/patient{source:04},training,g,1,0\n"
        for number, source in ((1, 7), (2, 7), (3, 8), (4, 9))
        for view in ("2CH", "4CH")
        for phase in ("ED", "ES")
    ]  # fmt: skip
    header = "frame,domain,source_patient,source_split,generator,generator_version,seed\n"
    (tiny_camus / "frames.csv").write_text(header + "".join(lines))
    source = Source(dataset := open_dataset(tiny_camus), make_split("official", dataset))
    assert source.mask_patients == 1  # patients 1 and 2 train
    assert source.record.patients == 2  # the run's identity says what it always said


def test_real_images_carry_no_masks_of_others(tiny_camus: Path) -> None:
    assert open_source(tiny_camus).mask_patients == 0
