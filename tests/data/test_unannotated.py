from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import SimpleITK as sitk

from synthboost.data import open_dataset, without_annotations


def test_label_files_are_opened_neither_for_pixels_nor_for_the_fingerprint(tiny_camus: Path) -> None:
    bare = without_annotations(open_dataset(tiny_camus))
    before = bare.fingerprint()
    for path in tiny_camus.rglob("*_gt.nii.gz"):
        path.write_bytes(b"no label map")
    assert all(bare.load(info).label_map is None for info in bare.frames)
    assert bare.fingerprint() == before
    assert open_dataset(tiny_camus).fingerprint() != before


def test_it_is_the_data_set_whose_label_files_were_never_there(tiny_camus: Path) -> None:
    bare = without_annotations(open_dataset(tiny_camus))
    for path in tiny_camus.rglob("*_gt.nii.gz"):
        path.unlink()
    unseen = without_annotations(open_dataset(tiny_camus))
    assert (bare.frames, bare.files, bare.fingerprint()) == (unseen.frames, unseen.files, unseen.fingerprint())
    assert {info.attributes.ejection_fraction for info in bare.frames} == {None}
    assert {info.attributes.age for info in bare.frames} == {41, 42, 43, 44}


@pytest.mark.parametrize("release", ["mhd"])
def test_the_pixels_beside_a_label_maps_header_are_not_opened_either(
    make_tiny_camus: Callable[..., Path], tmp_path: Path, release: str
) -> None:
    for number, part in ((1, "training"), (3, "testing")):
        made = make_tiny_camus(tmp_path / part, patients=2, first=number) / "database_nifti"
        for path in made.rglob("*.nii.gz"):
            name = path.name.removesuffix(".nii.gz") + f".{release}"
            target = tmp_path / "set" / part / path.parent.name / name
            target.parent.mkdir(parents=True, exist_ok=True)
            sitk.WriteImage(sitk.ReadImage(str(path)), str(target))
        for path in made.rglob("Info_*.cfg"):
            (tmp_path / "set" / part / path.parent.name / path.name).write_bytes(path.read_bytes())
    bare = without_annotations(open_dataset(tmp_path / "set"))
    before = bare.fingerprint()
    for path in (tmp_path / "set").rglob("*_gt.*"):
        path.unlink()
    assert bare.fingerprint() == before
