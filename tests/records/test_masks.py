from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from synthboost.domain import Structure
from synthboost.errors import DataError
from synthboost.records.masks import IndexEntry, mask_name, read_index, read_mask, write_index, write_mask

ENTRY = IndexEntry(
    frame="patient0001_2CH_ED",
    structure="LV",
    probe="",
    prompt_set="P1",
    paraphrase=0,
    sentence='Left, "quoted" cavity.',
    uses_ground_truth=False,
    file="patient0001_2CH_ED_LV.png",
    reason="",
)


def test_a_mask_is_named_after_frame_structure_and_probe() -> None:
    assert mask_name("patient0001_2CH_ED", Structure.MYOCARDIUM) == "patient0001_2CH_ED_MYO.png"
    assert mask_name("a", Structure.LEFT_ATRIUM_CAVITY, "swapped") == "a_LA_swapped.png"


def test_a_mask_comes_back_pixel_by_pixel(tmp_path: Path) -> None:
    mask = np.random.default_rng(0).random((13, 7)) > 0.5
    write_mask(tmp_path / "mask.png", mask)
    np.testing.assert_array_equal(read_mask(tmp_path / "mask.png"), mask)


def test_an_index_comes_back(tmp_path: Path) -> None:
    failed = IndexEntry("b", "LA", "", "P7", 1, "", True, "", "cannot be read")
    write_index(tmp_path, [ENTRY, failed])
    assert read_index(tmp_path) == [ENTRY, failed]
    index = tmp_path / "index.csv"
    index.write_bytes(b"\xef\xbb\xbf" + index.read_bytes().replace(b"\n", b"\r\n"))  # as spreadsheets save it
    assert read_index(tmp_path) == [ENTRY, failed]


def test_a_folder_without_an_index_is_not_finished(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"index\.csv"):
        read_index(tmp_path)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("P1", "P99"),
        (",0,", ",zero,"),
        ("patient0001_2CH_ED_LV.png", "../../etc/passwd"),
        ("LV,,", "RV,,"),  # CAMUS has no right ventricle
        ("LV,,", "LV,"),  # a cell too few
        ("LV,,", "LV,,,"),  # a cell too many
        ('cavity."', "cavity."),  # a quote that never ends
    ],
)
def test_a_line_that_means_no_mask_is_refused_and_named(tmp_path: Path, old: str, new: str) -> None:
    write_index(tmp_path, [ENTRY])
    index = tmp_path / "index.csv"
    assert index.read_text().count(old) == 1
    index.write_text(index.read_text().replace(old, new))
    with pytest.raises(DataError, match=r"index\.csv"):
        read_index(tmp_path)


@pytest.mark.parametrize(("old", "line"), [("LV", 2), ("MYO", 3)])
def test_the_line_that_means_no_mask_is_named(tmp_path: Path, old: str, line: int) -> None:
    write_index(tmp_path, [ENTRY, replace(ENTRY, structure="MYO")])
    index = tmp_path / "index.csv"
    index.write_text(index.read_text().replace(f"ED,{old},", "ED,RV,"))
    with pytest.raises(DataError, match=rf"index\.csv:{line}: structure: 'RV'; expected one of LV, MYO, LA"):
        read_index(tmp_path)


def test_an_index_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    write_index(tmp_path, [replace(ENTRY, sentence="Größe")])
    index = tmp_path / "index.csv"
    index.write_bytes(index.read_text(encoding="utf-8").encode("latin-1"))
    with pytest.raises(DataError, match=r"index\.csv: file: 'utf-8' codec"):
        read_index(tmp_path)


@pytest.mark.parametrize("content", ["", "frame,dice\n", "frame,dice\npatient0001_2CH_ED,0.9\n"])
def test_another_table_is_no_index_even_if_it_is_empty(tmp_path: Path, content: str) -> None:
    (tmp_path / "index.csv").write_text(content)
    with pytest.raises(DataError, match=r"index\.csv: columns: .*expected the columns of a index\.csv"):
        read_index(tmp_path)


def test_a_picture_that_is_not_one_bit_deep_is_no_mask(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(tmp_path / "grey.png")
    with pytest.raises(DataError, match="one-bit"):
        read_mask(tmp_path / "grey.png")


def test_a_truncated_mask_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mask.png"
    write_mask(path, np.random.default_rng(0).random((64, 64)) > 0.5)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(DataError, match=r"mask\.png"):
        read_mask(path)
