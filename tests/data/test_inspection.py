"""Taking stock of a data set, shallow and deep."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import SimpleITK as sitk

from synthboost.data import open_dataset
from synthboost.data.inspection import faults, findings, inspect_dataset, render_report


def _write(path, pixels, spacing=(1.0, 1.0)):
    image = sitk.GetImageFromArray(pixels)
    image.SetSpacing(spacing)
    sitk.WriteImage(image, str(path))


def _report(root, **options):
    dataset = open_dataset(root, allow_missing=True)
    return render_report(dataset, inspect_dataset(dataset, **options))


def test_a_shallow_report_counts_without_reading_a_pixel(tiny_camus):
    for path in tiny_camus.rglob("*.nii.gz"):
        path.write_bytes(b"")
    lines = _report(tiny_camus).splitlines()
    for line in (
        "  patients           4",
        "  frames             16, 16 with label map",
        "  by view            2CH 8, 4CH 8 frames",
        "  by sex             F 8, M 8 frames",
        "  by quality 2CH     Good 2, Medium 4, Poor 2 frames",  # patients 3; 1 and 4; 2
        "  age                41 to 44 years, median 42.5",
        "  EF                 51 to 54 %, median 52.5",
        "  split training     2 listed, 2 present",
        "  split validation   1 listed, 1 present",
        "  split testing      1 listed, 1 present",
        "  pixels             not read (use --deep)",
    ):
        assert line in lines


def test_unknown_attributes_are_counted_as_unknown(tiny_camus):
    for path in tiny_camus.rglob("Info_*.cfg"):
        path.write_text("Age: N/A\n")
    lines = _report(tiny_camus).splitlines()
    assert "  by sex             unknown 16 frames" in lines
    assert "  age                unknown for all" in lines


@pytest.mark.parametrize("workers", [0, 3])
def test_a_deep_report_measures_every_frame(tiny_camus, workers):
    dataset = open_dataset(tiny_camus)
    table = inspect_dataset(dataset, deep=True, workers=workers)
    found = findings(table)
    assert found.pop("sizes (rows x columns)") == ["64 x 48: 16"]
    assert found.pop("spacings in mm (rows x columns)") == ["0.8 x 1: 16"]
    areas = [np.count_nonzero(dataset.load(i).label_map == 1) * 0.8 / 100 for i in dataset.frames]
    line = f"  area LV            {min(areas):.3g} to {max(areas):.3g} cm2, median {np.median(areas):.3g}"
    assert line in render_report(dataset, table).splitlines()
    assert [*found.values(), faults(dataset, table)] == [[]] * 6


def test_a_deep_report_finds_what_is_odd_and_goes_on(tiny_camus):
    folder = tiny_camus / "database_nifti" / "patient0001"
    triangle = np.tril(np.full((64, 48), 9, np.uint8))
    labels = np.zeros((64, 48), np.uint8)
    labels[40, 10] = 3  # one pixel of 3072: 0.033 %
    labels[30:40, 10:20] = 1
    _write(folder / "patient0001_2CH_ED.nii.gz", triangle[::-1].copy())
    _write(folder / "patient0001_2CH_ED_gt.nii.gz", labels)
    (folder / "patient0001_2CH_ES.nii.gz").write_bytes(b"<html>")
    shutil.copy(folder / "patient0001_4CH_ED.nii.gz", folder / "patient0001_4CH_ES.nii.gz")
    dataset = open_dataset(tiny_camus)
    table = inspect_dataset(dataset, deep=True)
    found, name = findings(table), "database_nifti/patient0001_2CH_ED"
    assert found["masks under 0.05 % of the image"] == [f"{name} LA: 1 px, 0.033 %"]
    assert found["structures without a pixel"] == [f"{name} MYO"]
    assert found["spacing exactly 1 mm (perhaps unknown)"] == [name]
    assert found["apex perhaps not on top"] == [name]
    twins = "database_nifti/patient0001_4CH_ED = database_nifti/patient0001_4CH_ES"
    assert found["identical images"] == [twins]
    (fault,) = faults(dataset, table)
    assert "patient0001_2CH_ES.nii.gz" in fault
    assert found["sizes (rows x columns)"] == ["64 x 48: 15"]
    assert f"  broken: 1\n    {fault}\n" in render_report(dataset, table)


def test_the_text_spells_out_a_few_items_and_counts_the_rest(tiny_camus):
    for number in range(1, 4):
        (tiny_camus / "database_nifti" / f"patient000{number}" / "Info_2CH.cfg").unlink()
        for phase in ("ED", "ES"):
            (tiny_camus / "database_nifti" / f"patient000{number}" / f"patient000{number}_4CH_{phase}.nii.gz").unlink()
    dataset = open_dataset(tiny_camus, allow_missing=True)
    table = inspect_dataset(dataset, deep=True)
    text = render_report(dataset, table)
    assert "absent: 9" in text
    assert "... and 1 more" in text
    assert "... and 1 more" not in render_report(dataset, table, full=True)
    assert "  patients           1\n" in text


def test_a_set_of_broken_images_alone_is_reported(tiny_camus):
    for path in tiny_camus.rglob("*_E?.nii.gz"):
        path.write_bytes(b"<html>")
    assert "  broken: 16\n" in _report(tiny_camus, deep=True)
