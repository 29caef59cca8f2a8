"""A few frames of the real releases, where this machine has them; nothing of them is stored here."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from splits import check_split

from synthboost.data import make_split, open_dataset
from synthboost.domain import SplitPart
from synthboost.errors import SplitError

pytestmark = pytest.mark.real_data


def test_the_nifti_release_is_complete_and_reads_as_simpleitk_reads_it(real_camus):
    dataset = open_dataset(real_camus)
    assert len(dataset.frames) == 4 * len(dataset.patients) >= 1800
    for info in dataset.frames[::400]:
        frame = dataset.load(info)
        other = sitk.ReadImage(str(dataset.root / dataset.files_of(info).image))
        assert np.array_equal(frame.image, sitk.GetArrayFromImage(other))
        assert frame.spacing_mm == pytest.approx(other.GetSpacing()[::-1], rel=1e-6)


def test_the_sector_stands_upright_and_the_atrium_lies_under_the_ventricle(real_camus):
    dataset = open_dataset(real_camus)
    for info in dataset.frames[::300]:
        frame = dataset.load(info)
        assert frame.label_map is not None
        tenth = len(frame.image) // 10
        assert np.mean(frame.image[:tenth] > 0) < np.mean(frame.image[-tenth:] > 0)
        ventricle, atrium = (np.nonzero(frame.label_map == label)[0].mean() for label in (1, 3))
        assert ventricle < atrium


def test_the_official_split_is_sound(real_camus):
    dataset = open_dataset(real_camus)
    split = make_split("official", dataset)
    assert [len(split.parts[part]) for part in SplitPart] == [400, 50, 50]
    check_split(split, dataset, allow_missing=True, workers=2)


def test_the_papers_split_has_one_image_in_two_parts(real_camus):
    dataset = open_dataset(real_camus)
    with pytest.raises(SplitError, match=r"patient0033_4CH_ED \(validation\).*patient0068_4CH_ED \(training\)"):
        check_split(make_split("paper", dataset), dataset, allow_missing=True, workers=2)


def test_the_first_release_has_rows_twice_as_fine_as_columns(real_camus_mhd):
    dataset = open_dataset(real_camus_mhd)
    frame = dataset.load(dataset.frames[0])
    assert frame.spacing_mm == (0.154, 0.308)
    assert frame.image.shape[0] > frame.image.shape[1]
    other = sitk.ReadImage(str(dataset.root / dataset.files_of(frame.info).image))
    assert np.array_equal(frame.image, sitk.GetArrayFromImage(other)[0])
