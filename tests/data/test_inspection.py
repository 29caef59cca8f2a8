"""Taking stock of a data set, shallow and deep."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import SimpleITK as sitk

from synthboost.data import inspect_dataset, open_dataset, render_report
from synthboost.data.inspection import Range
from synthboost.domain import Structure


def _write(path, pixels, spacing=(1.0, 1.0)):
    image = sitk.GetImageFromArray(pixels)
    image.SetSpacing(spacing)
    sitk.WriteImage(image, str(path))


def test_a_shallow_report_counts_without_reading_a_pixel(tiny_camus):
    for path in tiny_camus.rglob("*.nii.gz"):
        path.write_bytes(b"")
    report = inspect_dataset(open_dataset(tiny_camus))
    assert (report.patients, report.frames, report.annotated, report.pixels) == (4, 16, 16, None)
    assert report.groups["view"] == {"2CH": 8, "4CH": 8}
    assert report.groups["sex"] == {"F": 8, "M": 8}
    assert report.groups["quality 2CH"] == {"Good": 2, "Medium": 4, "Poor": 2}  # patients 3; 1 and 4; 2
    assert report.age == Range(41, 42.5, 44, 4, 4)
    assert report.ejection_fraction == Range(51, 52.5, 54, 4, 4)
    assert report.official == {"training": (2, 2), "validation": (1, 1), "testing": (1, 1)}


def test_unknown_attributes_are_counted_as_unknown(tiny_camus):
    for path in tiny_camus.rglob("Info_*.cfg"):
        path.write_text("Age: N/A\n")
    report = inspect_dataset(open_dataset(tiny_camus))
    assert report.groups["sex"] == {"unknown": 16}
    assert report.age is None
    assert "unknown for all" in render_report(report)


@pytest.mark.parametrize("workers", [0, 3])
def test_a_deep_report_measures_every_frame(tiny_camus, workers):
    dataset = open_dataset(tiny_camus)
    pixels = inspect_dataset(dataset, deep=True, workers=workers).pixels
    assert pixels.sizes == {(64, 48): 16}
    assert pixels.spacings_mm == {(0.8, 1.0): 16}
    areas = [np.count_nonzero(dataset.load(i).label_map == 1) * 0.8 / 100 for i in dataset.frames]
    cavity = pixels.area_cm2[Structure.LEFT_VENTRICULAR_CAVITY]
    assert (cavity.low, cavity.high, cavity.known) == pytest.approx((min(areas), max(areas), 16))
    assert (pixels.tiny, pixels.empty, pixels.twins, pixels.not_upright, pixels.faults) == ((), (), (), (), ())


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
    report = inspect_dataset(open_dataset(tiny_camus), deep=True)
    pixels, name = report.pixels, "database_nifti/patient0001_2CH_ED"
    assert pixels.tiny == (f"{name} LA: 1 px, 0.033 %",)
    assert pixels.empty == (f"{name} MYO",)
    assert pixels.unit_spacing == (name,)
    assert pixels.not_upright == (name,)
    assert pixels.twins == (("database_nifti/patient0001_4CH_ED", "database_nifti/patient0001_4CH_ES"),)
    assert len(pixels.faults) == 1
    assert "patient0001_2CH_ES.nii.gz" in pixels.faults[0]
    assert sum(pixels.sizes.values()) == 15


def test_the_text_spells_out_a_few_items_and_counts_the_rest(tiny_camus):
    for number in range(1, 4):
        (tiny_camus / "database_nifti" / f"patient000{number}" / "Info_2CH.cfg").unlink()
        for phase in ("ED", "ES"):
            (tiny_camus / "database_nifti" / f"patient000{number}" / f"patient000{number}_4CH_{phase}.nii.gz").unlink()
    report = inspect_dataset(open_dataset(tiny_camus, allow_missing=True), deep=True)
    text = render_report(report)
    assert "absent: 9" in text
    assert "... and 1 more" in text
    assert "... and 1 more" not in render_report(report, full=True)
    assert "  patients           1\n" in text
