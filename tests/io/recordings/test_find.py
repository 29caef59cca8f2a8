from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from synthboost.errors import DataError
from synthboost.io.recordings import find_recordings, open_recording


def test_annotations_hidden_files_and_others_are_left_out(tiny_camus: Path) -> None:
    root = tiny_camus / "database_nifti"
    (root / ".hidden").mkdir()
    Image.fromarray(np.zeros((3, 3), np.uint8)).save(root / ".hidden" / "a.png")
    (root / "notes.txt").write_text("no image")
    found = find_recordings(root)
    assert len(found) == 16
    assert not any("_gt" in path.name for path in found)


def test_dicom_without_an_ending_is_found_by_its_mark(tmp_path: Path, make_dicom) -> None:
    made = make_dicom("IM0001", np.zeros((1, 4, 4), np.uint8))
    (tmp_path / "DICOMDIR2").write_bytes(b"no dicom")
    assert find_recordings(tmp_path) == [made]


def test_a_folder_without_recordings_and_an_absent_path_are_errors(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="none"):
        find_recordings(tmp_path)
    with pytest.raises(DataError, match="no such file"):
        find_recordings(tmp_path / "absent")


@pytest.mark.parametrize("name", ["x.dcm", "x.png", "x.nii.gz", "x.nii", "x.mhd", "x.mp4", "x.gif", "x"])
def test_no_bytes_at_all_are_one_line(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    with pytest.raises(DataError, match="0 bytes"):
        open_recording(tmp_path / name)


def test_a_folder_called_dcm_is_found_and_refused(tmp_path: Path) -> None:
    (tmp_path / "x.dcm").mkdir()
    (path,) = find_recordings(tmp_path)
    with pytest.raises(DataError, match="a folder"):
        open_recording(path)


def test_an_unknown_kind_lists_the_known_ones(tmp_path: Path) -> None:
    (tmp_path / "echo.eps").write_text("%!PS-Adobe-3.0 EPSF-3.0\n")
    with pytest.raises(DataError, match=r"kind of file: \.eps; expected one of \.dcm"):
        open_recording(tmp_path / "echo.eps")
