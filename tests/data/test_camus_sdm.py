"""The public diffusion set: names, parts, sources, and label maps in either coding."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from splits import check_split

from synthboost.data import make_split, open_dataset
from synthboost.data.image_file import STRUCTURES_ONLY, WITH_SECTOR, recognise_coding
from synthboost.domain import Attributes, Domain, PatientId, Phase, SplitPart, View
from synthboost.errors import DataError, SplitError


def plain_labels(shift: int = 0) -> np.ndarray:
    """(20, 20) in CAMUS' numbers: 300 pixels of 0, then 50 LV, 40 myocardium, 10 atrium."""
    flat = np.repeat(np.array([0, 1, 2, 3], np.uint8), [300, 50, 40, 10])
    return np.roll(flat.reshape(20, 20), shift, axis=1)


def sector_labels(shift: int = 0) -> np.ndarray:
    """The same heart with 120 of the 300 marked as tissue: 180 pixels (45 %) remain 0."""
    labels = np.array([0, 1, 3, 4], np.uint8)[plain_labels(shift)]
    labels.ravel()[np.flatnonzero(labels == 0)[-120:]] = 2
    return labels


@pytest.fixture
def make_sdm(tmp_path):
    """A function (names, labels function, label folder) -> root of a set with pictures of 20 x 20."""

    def make(names: list[str], labels=sector_labels, folder: str = "sector_annotations", channels: int = 3) -> Path:
        for number, name in enumerate(names):
            part = name.split("_")[3]
            for kind, pixels in (("images", _grey(number)), (folder, labels(number))):
                path = tmp_path / "sdm" / "all_frames_combined" / kind / part / f"{name}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(np.repeat(pixels[..., None], 3, -1) if channels == 3 else pixels).save(path)
        return tmp_path / "sdm"

    return make


def _grey(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (20, 20)).astype(np.uint8)


NAMES = [
    "patient0051_2CH_ED_training_1", "patient0051_2CH_ED_training_2", "patient0051_4CH_ES_training_1",
    "patient0001_2CH_ES_validation_1", "patient0001_2CH_ES_testing",
]  # fmt: skip


@pytest.mark.parametrize("labels", [sector_labels, plain_labels])
@pytest.mark.parametrize("channels", [1, 3])
def test_both_codings_give_camus_labels(make_sdm, labels, channels):
    dataset = open_dataset(make_sdm(NAMES[:1], labels, channels=channels))
    frame = dataset.load(dataset.frames[0])
    assert np.array_equal(frame.label_map, plain_labels())
    assert np.array_equal(frame.image, _grey(0))
    assert frame.spacing_mm == (1.0, 1.0)


def test_names_tell_patient_copy_view_phase_part_and_source(make_sdm):
    dataset = open_dataset(make_sdm(NAMES))
    assert dataset.release == "camus-sdm"
    assert [(i.patient.folder, i.name) for i in dataset.frames] == [
        ("testing", "patient0001_2CH_ES"), ("training-1", "patient0051_2CH_ED"), ("training-1", "patient0051_4CH_ES"),
        ("training-2", "patient0051_2CH_ED"), ("validation-1", "patient0001_2CH_ES"),
    ]  # fmt: skip
    assert {i.domain for i in dataset.frames} == {Domain.DIFFUSION}
    assert {i.attributes for i in dataset.frames} == {Attributes()}
    first = dataset.frames[0]
    assert (first.view, first.phase) == (View.TWO_CHAMBER, Phase.END_SYSTOLE)
    assert [i.source for i in dataset.frames] == [
        PatientId("camus-mhd", "testing", "patient0001"), *[PatientId("camus-mhd", "training", "patient0051")] * 3,
        PatientId("camus-mhd", "training", "patient0001"),
    ]  # fmt: skip
    assert {part: len(patients) for part, patients in dataset.official.items()} == {
        SplitPart.TRAINING: 2, SplitPart.VALIDATION: 1, SplitPart.TESTING: 1,
    }  # fmt: skip


def test_a_set_made_from_a_real_training_patient_may_not_validate(make_sdm, camus_mhd):
    real = make_split("official", open_dataset(camus_mhd))  # patient0001 of `training` trains
    dataset = open_dataset(make_sdm(["patient0001_2CH_ED_training_1", "patient0001_2CH_ES_testing_1"]))
    check_split(make_split("official", dataset), dataset, sources=real)
    leaking = open_dataset(make_sdm(["patient0001_4CH_ES_validation_1"]))
    with pytest.raises(SplitError, match=r"patient0001_4CH_ES \(validation\) from camus-mhd/training/patient0001"):
        check_split(make_split("official", leaking), leaking, sources=real)


def test_the_combined_folder_itself_may_be_given(make_sdm):
    root = make_sdm(NAMES)
    assert open_dataset(root / "all_frames_combined").fingerprint() == open_dataset(root).fingerprint()


def test_a_frame_without_label_map_is_missing_or_left_out_and_listed(make_sdm):
    root = make_sdm(NAMES)
    lost = root / "all_frames_combined" / "sector_annotations" / "training" / f"{NAMES[1]}.png"
    lost.unlink()
    with pytest.raises(DataError, match=rf"1 missing files: sector_annotations/\.\.\./{NAMES[1]}\.png"):
        open_dataset(root)
    dataset = open_dataset(root, allow_missing=True)
    assert len(dataset.frames) == 4
    assert dataset.absent == (f"sector_annotations/.../{NAMES[1]}.png",)


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("patient0001_3CH_ED_training_1", "name: patient0001_3CH_ED_training_1.png"),
        ("patient0001_2CH_ED", "expected patient0001_2CH_ES_validation_1.png"),
        ("patient0001_2CH_ED_validation_1", "folder: training; expected validation, as the name says"),
    ],
)
def test_a_picture_with_another_name_or_in_another_parts_folder_is_refused(make_sdm, name, part):
    root = make_sdm(NAMES)
    Image.fromarray(_grey(0)).save(root / "all_frames_combined" / "images" / "training" / f"{name}.png")
    with pytest.raises(DataError, match=part):
        open_dataset(root)


def test_one_copy_under_two_numbers_is_refused(make_sdm):
    with pytest.raises(DataError, match="again under another number"):
        open_dataset(make_sdm(["patient0051_2CH_ED_training_1", "patient0051_2CH_ED_training_01"]))


def test_the_coding_is_told_by_the_share_of_zeros_even_without_an_atrium(tmp_path):
    path = tmp_path / "x.png"
    assert recognise_coding(plain_labels(), path) == STRUCTURES_ONLY  # 300 of 400 are 0
    assert recognise_coding(sector_labels(), path) == WITH_SECTOR  # 180 of 400
    without = sector_labels()
    without[without == 4] = 2
    assert recognise_coding(without, path) == WITH_SECTOR


def _zeros(count: int) -> np.ndarray:
    """(10, 10) with `count` zeros, the rest ones, one 2 and one 3."""
    labels = np.ones(100, np.uint8)
    labels[:count] = 0
    labels[-2:] = 2, 3
    return labels.reshape(10, 10)


def _with_a_four(labels: np.ndarray) -> np.ndarray:
    labels[-1, 0] = 4
    return labels


@pytest.mark.parametrize(
    ("labels", "part"),
    [
        (_zeros(52), "coding of the labels: 0: 52.0%"),
        (_with_a_four(_zeros(80)), r"4: 1\.0%"),
        (np.ones((10, 10), np.uint8), "coding of the labels: 1: 100.0%"),
        (np.full((10, 10), 255, np.uint8), r"labels: 255 \(100 px\)"),
    ],
)
def test_an_unclear_coding_is_refused_with_its_histogram(tmp_path, labels, part):
    with pytest.raises(DataError, match=part):
        recognise_coding(labels, tmp_path / "x.png")
