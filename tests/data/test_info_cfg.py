"""Reading `Info_*.cfg`: tolerant of form, strict about meaning."""

from __future__ import annotations

import pytest

from synthboost.data.info_cfg import merge_views, read_info
from synthboost.domain import Attributes, Quality, Sex, View
from synthboost.errors import DataError

FULL = "ED: 1\nES: 18\nNbFrame: 18\nSex: F\nAge: 56\nImageQuality: Good\nEF: 54\nFrameRate: 48.4\n"


@pytest.fixture
def cfg(tmp_path):
    def write(text: str | bytes, name: str = "Info_2CH.cfg"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def test_every_key_of_the_release_is_read(cfg):
    assert read_info(cfg(FULL)) == Attributes(Sex.FEMALE, 56, Quality.GOOD, 54.0)


def test_the_first_release_calls_the_ejection_fraction_lvef(cfg):
    assert read_info(cfg("LVedv: 94.0\nLVesv: 34.6\nLVef: 63.2\n")) == Attributes(ejection_fraction=63.2)


def test_blank_lines_carriage_returns_and_a_byte_order_mark_change_nothing(cfg):
    odd = "\ufeff\r\n" + FULL.replace("\n", "\r\n\r\n").replace(": ", " :   ")
    assert read_info(cfg(odd)) == read_info(cfg(FULL))


@pytest.mark.parametrize(("line", "part"), [("Sex = F", "Key: value"), ("Sex F", "Key: value"), (": F", "Key: value")])
def test_a_malformed_line_is_refused_by_file_and_line(cfg, line, part):
    path = cfg(f"ED: 1\n\n{line}\n")
    with pytest.raises(DataError) as caught:
        read_info(path)
    assert str(caught.value).startswith(f"{path}:3: ")
    assert part in str(caught.value)


@pytest.mark.parametrize(
    ("text", "sex"),
    [("f", Sex.FEMALE), ("Female", Sex.FEMALE), ("FEMALE", Sex.FEMALE), ("m", Sex.MALE), ("male", Sex.MALE)],
)
def test_sex_is_read_in_any_case(cfg, text, sex):
    assert read_info(cfg(f"Sex: {text}")).sex is sex


@pytest.mark.parametrize("text", ["", "X", "W", "N/A", "fm", "0"])
def test_sex_is_never_guessed(cfg, text):
    with pytest.raises(DataError, match=r"Sex: .*expected F or M"):
        read_info(cfg(f"Sex: {text}"))


@pytest.mark.parametrize(("text", "age"), [("0", 0), ("120", 120), ("N/A", None), ("n/a", None), ("", None)])
def test_age_is_whole_years_or_unknown(cfg, text, age):
    assert read_info(cfg(f"Age: {text}")).age == age


@pytest.mark.parametrize("text", ["-3", "560", "121", "56.5", "inf", "1e9", "1000000000", "nan", "٣", "fifty"])
def test_an_impossible_age_is_refused(cfg, text):
    with pytest.raises(DataError, match=r"Age: .*0 to 120"):
        read_info(cfg(f"Age: {text}"))


def test_quality_is_read_in_any_case_and_a_typo_is_refused(cfg):
    assert read_info(cfg("ImageQuality: medium")).quality is Quality.MEDIUM
    with pytest.raises(DataError, match="ImageQuality: 'Goood'; expected Good, Medium or Poor"):
        read_info(cfg("ImageQuality: Goood"))


def test_a_misspelt_key_is_refused_and_the_right_one_named(cfg):
    with pytest.raises(DataError, match="did you mean ImageQuality"):
        read_info(cfg("ImageQualty: Good"))
    assert read_info(cfg("sex: F\nComment: a note\n")) == Attributes(sex=Sex.FEMALE)


def test_the_same_key_twice_is_refused_only_if_the_values_differ(cfg):
    assert read_info(cfg("Sex: M\nSex: male\n")).sex is Sex.MALE
    with pytest.raises(DataError, match=r"Info_2CH\.cfg:2: Age: 56 and 57"):
        read_info(cfg("Age: 56\nAge: 57\n"))
    with pytest.raises(DataError, match=r"LVef: 54\.0 and 60\.0"):
        read_info(cfg("EF: 54\nLVef: 60\n"))


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("ED: 1\nES: 19\nNbFrame: 18", "ES: 19; expected a frame from 1 to NbFrame = 18"),
        ("ED: 20\nES: 3\nNbFrame: 18", "ED: 20"),
        ("ED: 4\nES: 4\nNbFrame: 18", "ED and ES: both 4"),
        ("ED: 0", "ED: '0'"),
        ("NbFrame: 1.5", "NbFrame"),
        ("EF: 101", "EF"),
        ("EF: nan", "EF"),
        ("FrameRate: fast", "FrameRate"),
    ],
)
def test_instants_and_numbers_out_of_range_are_refused(cfg, text, part):
    with pytest.raises(DataError) as caught:
        read_info(cfg(text))
    assert part in str(caught.value)


def test_what_is_not_text_is_refused(cfg):
    with pytest.raises(DataError, match="UTF-8"):
        read_info(cfg(b"Sex: F\n\xff\xfe"))
    with pytest.raises(DataError, match="more than 65536 bytes"):
        read_info(cfg(b"\n" * 70000))


def test_sex_and_age_belong_to_the_person_and_quality_to_the_view(cfg):
    infos = {
        View.TWO_CHAMBER: Attributes(sex=Sex.MALE, age=60, quality=Quality.POOR, ejection_fraction=40),
        View.FOUR_CHAMBER: Attributes(sex=Sex.MALE, ejection_fraction=40),
    }
    merged = merge_views({}, infos)
    assert merged[View.TWO_CHAMBER] == Attributes(Sex.MALE, 60, Quality.POOR, 40)
    assert merged[View.FOUR_CHAMBER] == Attributes(Sex.MALE, 60, None, 40)


@pytest.mark.parametrize(("two", "four"), [("Age: 56", "Age: 57"), ("Sex: F", "Sex: M")])
def test_views_that_disagree_about_the_person_are_refused_and_both_named(cfg, two, four):
    paths = {View.TWO_CHAMBER: cfg(two, "Info_2CH.cfg"), View.FOUR_CHAMBER: cfg(four, "Info_4CH.cfg")}
    with pytest.raises(DataError, match=r"Info_2CH\.cfg and .*Info_4CH\.cfg"):
        merge_views(paths, {view: read_info(path) for view, path in paths.items()})
