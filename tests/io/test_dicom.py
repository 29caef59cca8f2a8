from __future__ import annotations

import numpy as np
import pytest

from synthboost.errors import ConfigError, DataError
from synthboost.io.recordings import Region, open_recording

pytest.importorskip("pydicom")
CINE = np.arange(2 * 6 * 8, dtype=np.uint8).reshape(2, 6, 8)


def test_a_grey_cine_comes_frame_by_frame_with_its_frame_time(make_dicom) -> None:
    recording = open_recording(make_dicom("cine.dcm", CINE))
    assert (recording.kind, recording.length, recording.whole_shape) == ("dicom", 2, (6, 8))
    assert recording.frame_seconds == pytest.approx(0.02)
    assert recording.spacing_mm is None
    np.testing.assert_array_equal(np.stack(list(recording.frames())), CINE)


def test_a_single_frame_without_a_number_of_frames_is_one(make_dicom) -> None:
    recording = open_recording(make_dicom("still.dcm", CINE[:1], NumberOfFrames=None))
    np.testing.assert_array_equal(next(recording.frames()), CINE[0])


def test_the_tissue_region_is_cut_out_and_gives_the_spacing_and_masks_go_back_to_their_place(
    make_dicom, make_region
) -> None:
    items = [make_region(0, 0, 1, 1), make_region(2, 1, 5, 4, millimetres=0.5)]
    recording = open_recording(make_dicom("region.dcm", CINE, SequenceOfUltrasoundRegions=items))
    assert recording.region == Region(top=1, left=2, height=4, width=4)
    assert recording.spacing_mm == pytest.approx((0.5, 0.5))
    np.testing.assert_array_equal(next(recording.frames()), CINE[0, 1:5, 2:6])
    whole = recording.in_whole(np.full((4, 4), 3, np.uint8))
    assert whole.shape == (6, 8)
    assert whole.sum() == 3 * 16
    assert whole[1, 2] == whole[4, 5] == 3


def test_a_region_in_other_units_gives_no_spacing_but_pixel_spacing_does(make_dicom, make_region) -> None:
    item = make_region(0, 0, 7, 5, millimetres=None)
    tags = {"SequenceOfUltrasoundRegions": [item]}
    assert open_recording(make_dicom("a.dcm", CINE, **tags)).spacing_mm is None
    assert open_recording(make_dicom("b.dcm", CINE, PixelSpacing=[0.3, 0.4], **tags)).spacing_mm == (0.3, 0.4)


def test_colour_comes_as_brightness_and_what_is_drawn_in_colour_is_black(make_dicom) -> None:
    frames = np.repeat(np.full((1, 6, 8, 1), 90, np.uint8), 3, axis=3)
    frames[0, 2, 3] = (255, 255, 0)  # a yellow mark
    recording = open_recording(make_dicom("rgb.dcm", frames))
    grey, coloured = next(recording.frames_and_colour())
    np.testing.assert_array_equal(np.argwhere(coloured), [(2, 3)])
    assert grey[2, 3] == recording.only()[2, 3] == 0
    assert np.count_nonzero(grey == 90) == 6 * 8 - 1


def test_jpeg_compressed_frames_are_decoded(make_dicom) -> None:
    frames = np.full((3, 16, 16), 100, np.uint8)
    found = np.stack(list(open_recording(make_dicom("jpeg.dcm", frames, "jpeg")).frames()))
    assert found.shape == (3, 16, 16)
    assert np.abs(found.astype(int) - 100).max() <= 2


def test_monochrome1_is_turned_white_to_black(make_dicom) -> None:
    path = make_dicom("inverse.dcm", CINE, PhotometricInterpretation="MONOCHROME1")
    np.testing.assert_array_equal(next(open_recording(path).frames()), 255 - CINE[0])


def test_a_compression_without_a_decoder_names_what_to_install(make_dicom) -> None:
    path = make_dicom("lossless.dcm", CINE, "jpeg", **{})
    data = path.read_bytes()
    path.write_bytes(data.replace(b"1.2.840.10008.1.2.4.50", b"1.2.840.10008.1.2.4.70"))
    with pytest.raises(ConfigError, match=r"JPEG Lossless.*Install one of these: .*pylibjpeg"):
        open_recording(path)


def test_a_file_without_pixels_is_refused(make_dicom) -> None:
    with pytest.raises(DataError, match="Pixel Data: absent"):
        open_recording(make_dicom("report.dcm", CINE, PixelData=None))


def test_a_damaged_file_is_refused_without_repeating_what_stands_in_it(make_dicom) -> None:
    path = make_dicom("half.dcm", CINE)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(DataError) as caught:
        list(open_recording(path).frames())
    assert "DOE" not in str(caught.value)


def test_a_huge_frame_a_deep_image_and_a_region_outside_are_refused_by_the_header(make_dicom, make_region) -> None:
    with pytest.raises(DataError, match="30000 x 30000"):
        open_recording(make_dicom("huge.dcm", CINE, Rows=30_000, Columns=30_000))
    with pytest.raises(DataError, match="Bits Stored: 12"):
        open_recording(make_dicom("deep.dcm", CINE, BitsStored=12, BitsAllocated=16, HighBit=11))
    with pytest.raises(DataError, match="ultrasound region: columns 2-40"):
        open_recording(make_dicom("out.dcm", CINE, SequenceOfUltrasoundRegions=[make_region(2, 1, 40, 4)]))
    with pytest.raises(DataError, match="ultrasound region: columns 0-0, rows 0-0"):
        open_recording(make_dicom("nowhere.dcm", CINE, SequenceOfUltrasoundRegions=[make_region(0, 0, 0, 0)]))


def test_dicom_is_known_by_its_mark_whatever_the_file_is_called(make_dicom) -> None:
    assert open_recording(make_dicom("IM000001", CINE)).kind == "dicom"


def _palette(depth: int, entries: np.ndarray) -> dict[str, object]:
    parts = {"Descriptor": [256, 0, depth], "Data": entries.tobytes()}
    return {f"{c}PaletteColorLookupTable{part}": v for c in ("Red", "Green", "Blue") for part, v in parts.items()}


@pytest.mark.parametrize(
    ("depth", "entries"),
    [
        (8, np.arange(255, -1, -1, dtype=np.uint8)),
        (8, np.arange(255, -1, -1, dtype="<u2")),
        (16, np.arange(255, -1, -1, dtype="<u2")),
        (16, np.arange(255, -1, -1, dtype="<u2") * 257),
    ],
    ids=["bytes", "bytes in words", "bytes in words called words", "words"],
)
def test_a_palette_gives_its_colours_however_wide_it_is(make_dicom, depth: int, entries: np.ndarray) -> None:
    tags = {"PhotometricInterpretation": "PALETTE COLOR", **_palette(depth, entries)}
    np.testing.assert_array_equal(next(open_recording(make_dicom("x.dcm", CINE, **tags)).frames()), 255 - CINE[0])


@pytest.mark.parametrize(
    ("tags", "said"),
    [
        ({"PixelRepresentation": 1}, "Pixel Representation: signed"),
        ({"BitsStored": 7}, "Bits Stored: 7"),
        ({"BitsAllocated": 16, "BitsStored": 12, "HighBit": 11}, "Bits Stored: 12"),
        ({"BitsAllocated": 16, "HighBit": 15}, "Bits Stored: 8; expected the lower 8"),
        ({"RescaleSlope": "0.5", "RescaleIntercept": "0"}, "not whole numbers"),
        ({"RescaleSlope": "0", "RescaleIntercept": "0"}, "Rescale Slope: 0"),
        ({"RescaleSlope": "1", "RescaleIntercept": "200"}, "values from 248 to 295"),
        ({"NumberOfFrames": 1}, "Number of Frames: 1; expected 2"),
        ({"NumberOfFrames": None}, "Number of Frames: 1; expected 2"),
        ({"NumberOfFrames": 3}, "Number of Frames: 3; expected 2"),
    ],
)
def test_pixels_that_are_other_than_they_look_are_refused(make_dicom, tags: dict[str, object], said: str) -> None:
    path = make_dicom("x.dcm", CINE, **tags)
    with pytest.raises(DataError, match=said):
        list(open_recording(path).frames())


def test_every_frame_of_a_cine_with_half_the_colours_is_read(make_dicom) -> None:
    """Four bytes hold two pixels: their brightness, and the colours that they share (PS3.3, C.7.6.3.1.2)."""
    halves = np.full((2, 6, 4, 4), 128, np.uint8)
    halves[..., 0], halves[..., 1] = CINE[..., ::2], CINE[..., 1::2]
    tags = {"PhotometricInterpretation": "YBR_FULL_422", "SamplesPerPixel": 3, "PlanarConfiguration": 0}
    path = make_dicom("x.dcm", CINE, PixelData=halves.tobytes(), **tags)
    np.testing.assert_array_equal(np.stack(list(open_recording(path).frames())), CINE)


@pytest.mark.parametrize("table", [True, False])
def test_compressed_frames_beyond_the_stated_number_are_refused(make_dicom, table: bool) -> None:
    pydicom = pytest.importorskip("pydicom")
    path = make_dicom("x.dcm", np.full((3, 16, 16), 100, np.uint8), "jpeg", NumberOfFrames=1)
    data = pydicom.dcmread(path)
    if not table:
        frames = list(pydicom.encaps.generate_frames(data.PixelData, number_of_frames=3))
        data.PixelData = pydicom.encaps.encapsulate(frames, has_bot=False)
        data["PixelData"].is_undefined_length = True
        data.save_as(path)
    with pytest.raises(DataError, match="Number of Frames: 1; expected 3"):
        open_recording(path)


@pytest.mark.parametrize("pieces", [[bytes(3 * 2**20)], [b"\xff\xd8"] + [b"\0\0"] * 2000], ids=["long", "many"])
def test_compressed_frames_out_of_all_proportion_are_refused(make_dicom, pieces: list[bytes]) -> None:
    pydicom = pytest.importorskip("pydicom")
    path = make_dicom("x.dcm", np.full((1, 16, 16), 100, np.uint8), "jpeg")
    data = pydicom.dcmread(path)
    data.PixelData = b"".join(pydicom.encaps.itemize_fragment(piece) for piece in (b"", *pieces))
    data["PixelData"].is_undefined_length = True
    data.save_as(path)
    with pytest.raises(DataError, match="too long, or in too many pieces"):
        open_recording(path)


def test_a_rescale_is_applied(make_dicom) -> None:
    path = make_dicom("x.dcm", CINE, RescaleSlope="2", RescaleIntercept="-0")
    np.testing.assert_array_equal(next(open_recording(path).frames()), 2 * CINE[0])
    path = make_dicom("x.dcm", CINE, RescaleSlope="1", RescaleIntercept="5", PhotometricInterpretation="MONOCHROME1")
    np.testing.assert_array_equal(next(open_recording(path).frames()), 250 - CINE[0])


def test_eight_bits_in_words_of_sixteen_and_a_deflated_file_are_read(make_dicom) -> None:
    uid = pytest.importorskip("pydicom.uid")
    path = make_dicom("x.dcm", CINE, BitsAllocated=16, PixelData=CINE.astype("<u2").tobytes())
    np.testing.assert_array_equal(np.stack(list(open_recording(path).frames())), CINE)
    path = make_dicom("y.dcm", CINE, uid.DeflatedExplicitVRLittleEndian)
    np.testing.assert_array_equal(np.stack(list(open_recording(path).frames())), CINE)


def test_a_deflated_bomb_is_refused(make_dicom) -> None:
    uid = pytest.importorskip("pydicom.uid")
    zeros = bytes(129 * 2**20)
    path = make_dicom("x.dcm", CINE, uid.DeflatedExplicitVRLittleEndian, PixelData=zeros)
    assert path.stat().st_size < 2**20
    with pytest.raises(DataError, match="too long once inflated"):
        open_recording(path)


@pytest.mark.parametrize(
    "tag", ["PlanarConfiguration", "PixelRepresentation", "BitsStored", "HighBit", "SamplesPerPixel"]
)
def test_a_tag_that_says_what_is_usual_may_be_absent(make_dicom, tag: str) -> None:
    frames = np.repeat(np.full((1, 6, 8, 1), 90, np.uint8), 3, axis=3)
    assert (next(open_recording(make_dicom("x.dcm", frames, **{tag: None})).frames()) == 90).all()


def test_frames_have_the_times_of_their_own_vector(make_dicom) -> None:
    recording = open_recording(make_dicom("x.dcm", CINE.repeat(2, axis=0), FrameTimeVector=["0", "20", "30", "10"]))
    assert recording.seconds == pytest.approx((0, 0.02, 0.05, 0.06))


def test_without_its_regions_a_file_shows_the_whole_image(make_dicom, make_region) -> None:
    path = make_dicom("x.dcm", CINE, SequenceOfUltrasoundRegions=[make_region(2, 1, 500, 4)])
    with pytest.raises(DataError, match=r"ultrasound region: columns 2-500.*predict --whole-image"):
        open_recording(path)
    np.testing.assert_array_equal(next(open_recording(path, whole_image=True).frames()), CINE[0])


def test_padding_behind_the_pixels_is_skipped_and_gigabytes_of_it_are_refused_at_once(make_dicom) -> None:
    for syntax in (None, "jpeg"):
        path = make_dicom("x.dcm", np.full((2, 16, 16), 100, np.uint8), syntax)
        end = path.stat().st_size
        with path.open("r+b") as file:
            file.truncate(end + 1000)  # a hundred empty tags, as pydicom reads them
        assert [int(frame[0, 0]) for frame in open_recording(path).frames()] == [100, 100]
        with path.open("r+b") as file:
            file.truncate(end + 2**32)
        with pytest.raises(DataError, match=f"length: {2**32} bytes behind the pixels; expected at most 1048576"):
            open_recording(path)
