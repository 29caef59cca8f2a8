"""Recordings as people have them, a name in every text: DICOM and films."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

NAME = "DOE^JANE"


@pytest.fixture
def make_dicom(tmp_path: Path) -> Callable[..., Path]:
    """A function (name, frames (T, H, W) or (T, H, W, 3), syntax=None, **tags) -> path of an ultrasound DICOM file."""

    def make(name: str, frames: np.ndarray, syntax: str | None = None, **tags: Any) -> Path:
        return write_dicom(tmp_path / name, frames, syntax, **tags)

    return make


def write_dicom(path: Path, frames: np.ndarray, syntax: str | None = None, **tags: Any) -> Path:
    pydicom = pytest.importorskip("pydicom")
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.encaps import encapsulate
    from pydicom.uid import ExplicitVRLittleEndian, JPEGBaseline8Bit, UltrasoundMultiFrameImageStorage, generate_uid

    header = Dataset()
    header.file_meta = FileMetaDataset()
    header.file_meta.TransferSyntaxUID = JPEGBaseline8Bit if syntax == "jpeg" else syntax or ExplicitVRLittleEndian
    header.SOPClassUID = UltrasoundMultiFrameImageStorage
    header.SOPInstanceUID, header.SeriesInstanceUID, header.StudyInstanceUID = (
        generate_uid(entropy_srcs=[str(path), str(number)]) for number in range(3)
    )
    header.file_meta.MediaStorageSOPClassUID = header.SOPClassUID
    header.file_meta.MediaStorageSOPInstanceUID = header.SOPInstanceUID
    header.Modality = "US"
    for keyword in (
        "PatientName", "PatientID", "PatientComments", "OtherPatientNames", "InstitutionName", "StudyDescription",
        "SeriesDescription", "AccessionNumber", "ReferringPhysicianName", "OperatorsName", "StudyID", "StationName",
        "ImageComments", "ProtocolName",
    ):  # fmt: skip
        setattr(header, keyword, NAME)
    header.PatientBirthDate = header.StudyDate = header.ContentDate = "19610704"
    header.NumberOfFrames, header.Rows, header.Columns = frames.shape[:3]
    header.SamplesPerPixel = frames.shape[3] if frames.ndim == 4 else 1
    header.PhotometricInterpretation = "RGB" if frames.ndim == 4 else "MONOCHROME2"
    if frames.ndim == 4:
        header.PlanarConfiguration = 0
    header.BitsAllocated = header.BitsStored = 8
    header.HighBit, header.PixelRepresentation = 7, 0
    header.FrameTime = "20"
    header.PixelData = frames.astype(np.uint8).tobytes()
    if syntax == "jpeg":
        header.PixelData = encapsulate([_jpeg(frame) for frame in frames])
        header["PixelData"].is_undefined_length = True
    for keyword, value in tags.items():
        if value is None:
            delattr(header, keyword)
        else:
            setattr(header, keyword, value)
    pydicom.dcmwrite(path, header, enforce_file_format=True)
    return path


def region(left: int, top: int, right: int, bottom: int, millimetres: float | None = 0.5) -> Any:
    """One two-dimensional tissue region, its borders included, its pixels square."""
    from pydicom.dataset import Dataset

    item = Dataset()
    item.RegionSpatialFormat = item.RegionDataType = 1
    item.RegionLocationMinX0, item.RegionLocationMinY0 = left, top
    item.RegionLocationMaxX1, item.RegionLocationMaxY1 = right, bottom
    if millimetres is not None:
        item.PhysicalUnitsXDirection = item.PhysicalUnitsYDirection = 3
        item.PhysicalDeltaX = item.PhysicalDeltaY = millimetres / 10
    return item


@pytest.fixture
def make_region() -> Callable[..., Any]:
    return region


@pytest.fixture
def make_film(tmp_path: Path) -> Callable[..., Path]:
    """A function (name, frames=10) -> a film of 64 x 48 px at 25 Hz, frame k of grey 20 k."""

    def make(name: str, frames: int = 10) -> Path:
        av = pytest.importorskip("av")
        codec = "mjpeg" if name.endswith(".avi") else "mpeg4"
        with av.open(str(tmp_path / name), "w") as container:
            stream = container.add_stream(codec, rate=25)
            stream.width, stream.height = 64, 48
            stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
            for number in range(frames):
                grey = np.full((48, 64, 3), 20 * number, np.uint8)
                for packet in stream.encode(av.VideoFrame.from_ndarray(grey, format="rgb24")):
                    container.mux(packet)
            for packet in stream.encode():
                container.mux(packet)
        return tmp_path / name

    return make


def _jpeg(frame: np.ndarray) -> bytes:
    from io import BytesIO

    from PIL import Image

    stream = BytesIO()
    Image.fromarray(frame.astype(np.uint8)).save(stream, "JPEG", quality=95)
    return stream.getvalue()
