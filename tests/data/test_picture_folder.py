from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from synthboost.data.picture_folder import LIST, PictureDefaults, open_pictures, write_picture_list
from synthboost.domain import Phase, SplitPart, View
from synthboost.errors import ConfigError, DataError

ALL_TOLD = PictureDefaults(View.FOUR_CHAMBER, Phase.END_DIASTOLE, 0.5)
Make = Callable[..., Path]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """A function (*names) -> a folder with pictures of those names, the n-th of grey n."""

    def make_them(*names: str) -> Path:
        root = tmp_path / "pictures"
        for number, name in enumerate(names):
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.full((4, 6), number, np.uint8)).save(path)
        return root

    return make_them


def _people(root: Path, defaults: PictureDefaults = ALL_TOLD) -> dict[str, list[str]]:
    dataset = open_pictures(root, defaults)
    return {
        patient.name: [dataset.files_of(i).image.as_posix() for i in dataset.frames if i.patient == patient]
        for patient in dataset.patients
    }


def test_each_picture_is_a_patient_of_its_own(make: Make) -> None:
    assert _people(make("b.png", "a.jpg")) == {"patient0001": ["a.jpg"], "patient0002": ["b.png"]}


def test_names_that_differ_in_view_and_phase_alone_are_one_patient(make: Make) -> None:
    root = make("anna_4CH_ED.png", "anna-4ch-es.png", "ED_2CH_anna.png", "annette_4CH_ED.png")
    assert _people(root) == {
        "patient0001": ["ED_2CH_anna.png", "anna_4CH_ED.png", "anna-4ch-es.png"],
        "patient0002": ["annette_4CH_ED.png"],
    }


def test_a_folder_of_its_own_is_one_patient(make: Make) -> None:
    root = make("anna/first_ED.png", "anna/second_ES.png", "bert/first_ED.png")
    assert _people(root) == {
        "patient0001": ["anna/first_ED.png", "anna/second_ES.png"],
        "patient0002": ["bert/first_ED.png"],
    }


def test_a_folder_of_a_view_or_a_phase_is_nobody(make: Make) -> None:
    root = make("anna/4CH/x_ED.png", "anna/2CH/es/y.png", "4ch/bert_ED.png", "4ch/carl_ED.png")
    first, *_ = open_pictures(root, ALL_TOLD).frames
    assert (first.view, first.phase) == (View.TWO_CHAMBER, Phase.END_SYSTOLE)  # not what is said of all
    assert _people(root) == {
        "patient0001": ["anna/2CH/es/y.png", "anna/4CH/x_ED.png"],
        "patient0002": ["4ch/bert_ED.png"],
        "patient0003": ["4ch/carl_ED.png"],
    }


def test_the_name_of_a_person_who_is_called_like_a_phase_says_none(make: Make) -> None:
    (info,) = open_pictures(make("Ed_Miller/a_4CH_ES.png"), ALL_TOLD).frames
    assert (info.view, info.phase) == (View.FOUR_CHAMBER, Phase.END_SYSTOLE)


def test_a_name_tells_more_than_what_is_said_of_all(make: Make) -> None:
    (info,) = open_pictures(make("anna_2CH_ES.png"), ALL_TOLD).frames
    assert (info.view, info.phase) == (View.TWO_CHAMBER, Phase.END_SYSTOLE)


def test_letters_within_a_word_tell_nothing(make: Make) -> None:
    with pytest.raises(DataError, match="phase: not stated"):
        open_pictures(make("fred_4CH.png"), PictureDefaults(spacing_mm=0.5))  # fr-ED


@pytest.mark.parametrize(
    ("name", "defaults", "told"),
    [
        ("x_ED.png", PictureDefaults(None, None, 0.5), "view: not stated.*--view"),
        ("x_2CH_4CH_ED.png", PictureDefaults(None, None, 0.5), "view: not stated, or more than one"),
        ("x_4CH.png", PictureDefaults(None, None, 0.5), "phase: not stated.*--phase"),
        ("x_4CH_ED.png", PictureDefaults(), "pixel spacing: not stated.*--pictures spacing-mm"),
    ],
)
def test_what_nobody_tells_is_asked_for(make: Make, name: str, defaults: PictureDefaults, told: str) -> None:
    with pytest.raises(DataError, match=told):
        open_pictures(make(name), defaults)


def test_two_pictures_of_a_patient_that_show_the_same_are_refused(make: Make) -> None:
    with pytest.raises(DataError, match="4CH ED as first.png shows"):
        open_pictures(make("anna/first.png", "anna/second.png"), ALL_TOLD)


def test_a_clip_is_refused(make: Make) -> None:
    root = make("a.png")
    frames = [Image.fromarray(np.full((4, 6), grey, np.uint8)) for grey in (1, 2, 3)]
    frames[0].save(root / "clip.tif", save_all=True, append_images=frames[1:])
    with pytest.raises(DataError, match="frames: 3; expected one"):
        open_pictures(root, ALL_TOLD)


def test_pictures_are_read_as_they_are_with_the_spacing_that_was_said(make: Make) -> None:
    dataset = open_pictures(make("a.png", "b.png"), ALL_TOLD)
    frame = dataset.load(dataset.frames[1])
    np.testing.assert_array_equal(frame.image, np.ones((4, 6), np.uint8))
    np.testing.assert_array_equal(dataset.read(dataset.frames[1], False).image, frame.image)
    assert frame.label_map is None
    assert frame.spacing_mm == (0.5, 0.5)


def test_a_tenth_validates_and_nobody_tests(make: Make) -> None:
    official = open_pictures(make(*(f"{n:02d}.png" for n in range(20))), ALL_TOLD).official
    assert [p.name for p in official[SplitPart.VALIDATION]] == ["patient0019", "patient0020"]
    assert len(official[SplitPart.TRAINING]) == 18
    assert SplitPart.TESTING not in official


def test_patients_of_two_folders_are_not_the_same_people(make: Make, tmp_path: Path) -> None:
    one = open_pictures(make("a.png"), ALL_TOLD)
    other = tmp_path / "other"
    other.mkdir()
    (tmp_path / "pictures" / "a.png").rename(other / "b.png")
    assert one.patients[0].name == open_pictures(other, ALL_TOLD).patients[0].name
    assert one.patients[0] != open_pictures(other, ALL_TOLD).patients[0]


def test_what_is_said_of_pictures_is_part_of_their_fingerprint(make: Make) -> None:
    root = make("a.png", "b.png")
    one, same = (open_pictures(root, ALL_TOLD).fingerprint() for _ in range(2))
    assert one == same
    assert one != open_pictures(root, PictureDefaults(View.FOUR_CHAMBER, Phase.END_DIASTOLE, 0.6)).fingerprint()


def test_a_list_says_which_picture_each_frame_is(make: Make, tmp_path: Path) -> None:
    write_picture_list(open_pictures(make("anna_4CH_ED.png", "bert.png"), ALL_TOLD), tmp_path)
    assert (tmp_path / LIST).read_text().splitlines() == [
        "frame,picture", "patient0001_4CH_ED,anna_4CH_ED.png", "patient0002_4CH_ED,bert.png",
    ]  # fmt: skip


def test_a_spreadsheet_runs_no_picture_and_an_unprintable_name_is_refused(make: Make, tmp_path: Path) -> None:
    write_picture_list(open_pictures(make("=1+1_4CH_ED.png"), ALL_TOLD), tmp_path)
    assert (tmp_path / LIST).read_text().splitlines()[1] == "patient0001_4CH_ED,'=1+1_4CH_ED.png"
    for name in ("a\n4CH_ED.png", "a\x1b[2J_4CH_ED.png", "a\udcff_4CH_ED.png"):
        root = make("b.png")
        (root / name).write_bytes((root / "b.png").read_bytes())
        with pytest.raises(DataError, match="name of a picture: 'a"):
            open_pictures(root, ALL_TOLD)
        (root / name).unlink()


@pytest.mark.parametrize("spacing_mm", [0.0, -1.0, 11.0, float("nan")])
def test_a_spacing_that_no_image_has_is_refused(spacing_mm: float) -> None:
    with pytest.raises(ConfigError, match="spacing_mm"):
        PictureDefaults(spacing_mm=spacing_mm)
