"""DICOM: refused without repeating what a tag says, or frames of the size that its header states."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from fuzzing import fuzz

from synthboost.errors import SynthboostError
from synthboost.io.dicom import open_dicom

pydicom = pytest.importorskip("pydicom")
CINE = np.random.default_rng(0).integers(0, 256, (2, 16, 24), dtype=np.uint8)


def _parse(path: Path) -> tuple[int, ...]:
    try:
        recording = open_dicom(path)
        frames = np.stack(list(recording.frames()))
    except SynthboostError as error:
        _require_no_name(str(error))
        raise
    assert frames.shape == (recording.length, recording.region.height, recording.region.width)
    return frames.shape


def _require_no_name(message: str) -> None:
    assert "JANE" not in message


@pytest.mark.parametrize("syntax", ["plain", "jpeg", "deflated", "rle", "palette"])
def test_a_changed_file_is_refused_or_taken_at_its_word(tmp_path: Path, make_dicom, make_region, syntax: str) -> None:
    uid = pytest.importorskip("pydicom.uid")
    tags = {"SequenceOfUltrasoundRegions": [make_region(2, 1, 20, 12)], "PixelSpacing": [0.3, 0.3]}
    kinds = {"jpeg": "jpeg", "deflated": uid.DeflatedExplicitVRLittleEndian}
    if syntax == "palette":
        for name in ("Red", "Green", "Blue"):
            tags[f"{name}PaletteColorLookupTableDescriptor"] = [256, 0, 16]
            tags[f"{name}PaletteColorLookupTableData"] = (np.arange(256, dtype="<u2") * 257).tobytes()
        tags["PhotometricInterpretation"] = "PALETTE COLOR"
    path = make_dicom("x.dcm", CINE, kinds.get(syntax), **tags)
    if syntax == "rle":
        data = pydicom.dcmread(path)
        data.compress(uid.RLELossless)
        data.save_as(path)
    fuzz(path, [path.read_bytes()], _parse, usual=120)
