"""DICOM Segmentation objects for DICOM recordings, single frames and cines alike, written with pydicom alone.

highdicom 0.28 refuses a cine whose image has no Frame of Reference, which no ultrasound has; the standard does not, so
the object is put together here (DICOM PS3.3, A.51 and C.8.20) and read back by highdicom in the tests.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import synthboost
from synthboost.domain import Structure
from synthboost.errors import DataError
from synthboost.io.atomic import whole_file
from synthboost.io.dicom import read_header
from synthboost.io.recording import Recording

IDENTITY_TAGS = ("SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID")
"""All that is taken over from the source: without them no viewer could tell which image is segmented."""
BLANK_TAGS = (
    "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "StudyID",
    "AccessionNumber", "ReferringPhysicianName", "ContentCreatorName", "PatientOrientation",
)  # fmt: skip
NO_DATE, NO_TIME = "19000101", "000000"
"""DICOM requires a date of the content; the day of a prediction is kept private."""
MAX_LABEL = 64
"""Characters of a segment's label."""
_CODES = {
    Structure.LEFT_VENTRICULAR_CAVITY: ("87878005", "Left ventricle"),
    Structure.MYOCARDIUM: ("74281007", "Myocardium"),
    Structure.LEFT_ATRIUM_CAVITY: ("82471001", "Left atrium"),
}
"""SNOMED CT."""


def write_segmentation(
    path: Path, recording: Recording, segments: Sequence[tuple[str, Structure | None]],
    masks: Iterable[NDArray[np.bool_]], fingerprint: str,
) -> None:  # fmt: skip
    """Write masks as one Segmentation object.

    Of each frame the first segment is stored, and the others in which something is drawn; of the first frame all.

    Args:
        path: the file.
        recording: a DICOM recording; its file is read again for four identifiers.
        segments: N names, and the structure that each is; `None` for what a free sentence names.
        masks: of each frame (N, H, W), in the whole image's geometry.
        fingerprint: of the weights and the question; the object's own identifiers depend on it and on the source's.

    Raises:
        DataError: the source lacks one of the identifiers.
    """
    from pydicom import dcmwrite
    from pydicom.uid import generate_uid

    source = read_header(recording.path, IDENTITY_TAGS)
    if missing := [tag for tag in IDENTITY_TAGS if not source.get(tag)]:
        raise DataError(
            recording.path, ", ".join(missing), "absent", "identifiers, without which nothing can refer to the image",
            "Predict with --files label-map.",
        )  # fmt: skip
    # One bit a pixel, frame after frame without a gap, the first in the lowest bit (DICOM PS3.5, 8.1.1).
    frames, bits, rest = list[tuple[int, int]](), bytearray(), np.zeros(0, dtype=bool)
    for time, of_frame in enumerate(masks):
        for number, mask in enumerate(of_frame):
            if time == 0 or number == 0 or mask.any():
                frames.append((number, time))
                pixels = np.concatenate([rest, mask.ravel()])
                whole, rest = np.split(pixels, [len(pixels) // 8 * 8])
                bits += np.packbits(whole, bitorder="little").tobytes()
    bits += np.packbits(rest, bitorder="little").tobytes()
    uids = {
        name: generate_uid(entropy_srcs=[str(source.SOPInstanceUID), fingerprint, name])
        for name in ("instance", "series", "dimensions")
    }
    data = _general(source, recording, uids)
    data.SegmentSequence = [_segment(number, *segment) for number, segment in enumerate(segments, start=1)]
    data.NumberOfFrames = len(frames)
    shared = _item()
    if recording.spacing_mm is not None:
        spacing = [f"{value:.10g}" for value in recording.spacing_mm]
        shared.PixelMeasuresSequence = [_item(PixelSpacing=spacing, SliceThickness="1")]
    data.SharedFunctionalGroupsSequence = [shared]
    data.PerFrameFunctionalGroupsSequence = [_per_frame(source, number, time) for number, time in frames]
    data.PixelData = bytes(bits) + bytes(len(bits) % 2)
    with whole_file(path) as temporary:
        dcmwrite(temporary, data, enforce_file_format=True)


def _general(source: Any, recording: Recording, uids: dict[str, str]) -> Any:
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, SegmentationStorage

    data = _item(
        **dict.fromkeys(BLANK_TAGS, ""), PatientIdentityRemoved="YES", SpecificCharacterSet="ISO_IR 192",
        DeidentificationMethod="nothing but UIDs taken from the source",
        SOPClassUID=SegmentationStorage, SOPInstanceUID=uids["instance"], StudyInstanceUID=source.StudyInstanceUID,
        SeriesInstanceUID=uids["series"], Modality="SEG", SeriesNumber=1, InstanceNumber=1, Manufacturer="synthboost",
        ManufacturerModelName="synthboost predict", DeviceSerialNumber="none", SoftwareVersions=synthboost.__version__,
        ContentDate=NO_DATE, ContentTime=NO_TIME, ContentLabel="SEGMENTATION",
        ContentDescription="Research software, not a medical device", ImageType=["DERIVED", "PRIMARY"],
        SegmentationType="BINARY", LossyImageCompression="00", SegmentsOverlap="UNDEFINED", SamplesPerPixel=1,
        PhotometricInterpretation="MONOCHROME2", PixelRepresentation=0, BitsAllocated=1, BitsStored=1, HighBit=0,
    )  # fmt: skip
    data.file_meta = FileMetaDataset()
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.Rows, data.Columns = recording.whole_shape
    data.ReferencedSeriesSequence = [
        _item(SeriesInstanceUID=source.SeriesInstanceUID, ReferencedInstanceSequence=[_reference(source)])
    ]
    data.DimensionOrganizationSequence = [_item(DimensionOrganizationUID=uids["dimensions"])]
    data.DimensionIndexSequence = [
        _item(
            DimensionOrganizationUID=uids["dimensions"], DimensionIndexPointer=pointer, FunctionalGroupPointer=group,
            DimensionDescriptionLabel=label,
        )
        for pointer, group, label in ((0x0062000B, 0x0062000A, "Segment"), (0x00209128, 0x00209111, "Frame"))
    ]  # fmt: skip
    return data


def _segment(number: int, name: str, structure: Structure | None) -> Any:
    value, meaning = _CODES[structure] if structure else ("91723000", "Anatomical structure")
    return _item(
        SegmentNumber=number, SegmentLabel=name[:MAX_LABEL],
        SegmentAlgorithmType="AUTOMATIC", SegmentAlgorithmName="synthboost",
        SegmentedPropertyCategoryCodeSequence=[_code("123037004", "Anatomical Structure")],
        SegmentedPropertyTypeCodeSequence=[_code(value, meaning)],
    )  # fmt: skip


def _per_frame(source: Any, number: int, time: int) -> Any:
    image = _reference(source)
    image.SpatialLocationsPreserved = "YES"
    if time or any(word in source.SOPClassUID.name for word in ("Multi-frame", "Enhanced")):
        image.ReferencedFrameNumber = time + 1  # which the standard forbids for classes of single frames
    image.PurposeOfReferenceCodeSequence = [_code("121322", "Source image for image processing operation", "DCM")]
    derivation = _code("113076", "Segmentation", "DCM")
    return _item(
        DerivationImageSequence=[_item(SourceImageSequence=[image], DerivationCodeSequence=[derivation])],
        FrameContentSequence=[_item(DimensionIndexValues=[number + 1, time + 1], TemporalPositionIndex=time + 1)],
        SegmentIdentificationSequence=[_item(ReferencedSegmentNumber=number + 1)],
    )


def _reference(source: Any) -> Any:
    return _item(ReferencedSOPClassUID=source.SOPClassUID, ReferencedSOPInstanceUID=source.SOPInstanceUID)


def _code(value: str, meaning: str, scheme: str = "SCT") -> Any:
    return _item(CodeValue=value, CodingSchemeDesignator=scheme, CodeMeaning=meaning)


def _item(**values: Any) -> Any:
    from pydicom.dataset import Dataset

    item = Dataset()
    for name, value in values.items():
        setattr(item, name, value)
    return item
