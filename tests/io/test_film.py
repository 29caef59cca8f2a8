from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from synthboost.errors import DataError
from synthboost.io.recordings import open_recording

pytest.importorskip("av")


@pytest.mark.parametrize("name", ["film.mp4", "film.avi"])
def test_a_film_gives_its_frames_in_order_at_its_rate(make_film, name: str) -> None:
    recording = open_recording(make_film(name))
    assert (recording.length, recording.whole_shape, recording.spacing_mm) == (10, (48, 64), None)
    assert recording.frame_seconds == pytest.approx(0.04)
    means = [float(frame.mean()) for frame in recording.frames()]
    np.testing.assert_allclose(means, np.arange(10) * 20, atol=4)


@pytest.mark.parametrize("name", ["film.mp4", "film.avi"])
@pytest.mark.parametrize("part", [0.9, 0.6, 0.2])
def test_a_film_that_is_cut_off_is_refused(make_film, name: str, part: float) -> None:
    path = make_film(name)
    data = path.read_bytes()
    path.write_bytes(data[: int(part * len(data))])
    with pytest.raises(DataError, match=name):
        list(open_recording(path).frames())


def test_something_else_called_film_is_refused(tmp_path) -> None:
    (tmp_path / "x.mp4").write_bytes(b"MZ" + bytes(2000))
    with pytest.raises(DataError, match=r"x\.mp4"):
        open_recording(tmp_path / "x.mp4")


def test_a_playlist_that_names_other_files_is_not_followed(tmp_path, make_film) -> None:
    film = make_film("film.mp4")
    (tmp_path / "list.mp4").write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{film}\n#EXT-X-ENDLIST\n")
    with pytest.raises(DataError):
        open_recording(tmp_path / "list.mp4")


def _marked(path: Path, times: list[int], codec: str = "mpeg4", rate: int = 25, side: int = 64) -> Path:
    """A film of 64 x 48 px with frames of grey 10 k shown at `times` (ms), brighter in its upper left corner."""
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, options={"bf": "0", "g": "4"})
        stream.width, stream.height, stream.pix_fmt = side, 48, "yuvj420p" if codec == "mjpeg" else "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        for number, time in enumerate(times):
            grey = np.full((48, side, 3), 10 * number, np.uint8)
            grey[:16, :16] = 240
            frame = av.VideoFrame.from_ndarray(grey, format="rgb24")
            frame.pts, frame.time_base = time, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def _remux(source: Path, target: Path, shift: int, keep: range) -> Path:
    """Copy frames without encoding them again, `shift` units of time earlier: what lies before 0 is not shown."""
    import av

    with av.open(str(source)) as old, av.open(str(target), "w") as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        for number, packet in enumerate(p for p in old.demux(old.streams.video[0]) if p.size):
            if number in keep:
                packet.stream, packet.pts, packet.dts = stream, packet.pts - shift, packet.dts - shift
                new.mux(packet)
    return target


MATRICES = {
    (1, 0, 0, 1): lambda a: a, (0, 1, -1, 0): lambda a: np.rot90(a, -1), (-1, 0, 0, -1): lambda a: np.rot90(a, 2),
    (0, -1, 1, 0): np.rot90, (-1, 0, 0, 1): np.fliplr, (1, 0, 0, -1): np.flipud,
    (0, 1, 1, 0): np.transpose, (0, -1, -1, 0): lambda a: np.rot90(a, 2).T,
}  # fmt: skip
"""Columns a, b, c, d of the display matrix: (x, y) is shown at (a x + c y, b x + d y)."""


def _turn(path: Path, a: float, b: float, c: float, d: float) -> None:
    data, one = path.read_bytes(), 0x10000
    plain = struct.pack(">9i", one, 0, 0, 0, one, 0, 0, 0, 0x40000000)
    at = data.index(plain, data.index(b"tkhd"))
    matrix = struct.pack(">9i", int(a * one), int(b * one), 0, int(c * one), int(d * one), 0, 0, 0, 0x40000000)
    path.write_bytes(data[:at] + matrix + data[at + 36 :])


@pytest.mark.parametrize("matrix", MATRICES)
def test_a_film_is_shown_as_its_container_turns_and_mirrors_it(tmp_path: Path, matrix: tuple[int, ...]) -> None:
    path = _marked(tmp_path / "x.mp4", [0, 40])
    (plain, _) = open_recording(path).frames()
    _turn(path, *matrix)
    recording = open_recording(path)
    turned, _ = recording.frames()
    assert recording.whole_shape == turned.shape
    np.testing.assert_array_equal(turned, MATRICES[matrix](plain))


def test_a_film_that_is_turned_by_no_quarter_is_refused(tmp_path: Path) -> None:
    path = _marked(tmp_path / "x.mp4", [0, 40])
    _turn(path, 0.7, 0.7, -0.7, 0.7)
    with pytest.raises(DataError, match="display matrix"):
        open_recording(path)


def test_frames_have_their_own_times(tmp_path: Path) -> None:
    times = [0, 20, 40, 120, 200]
    recording = open_recording(_marked(tmp_path / "x.mp4", times))
    assert recording.seconds == pytest.approx([time / 1000 for time in times])
    assert recording.frame_seconds == pytest.approx(0.05)


def test_a_film_that_was_cut_without_encoding_it_again_shows_what_was_left(tmp_path: Path) -> None:
    whole = _marked(tmp_path / "whole.mp4", [40 * n for n in range(8)])
    unit = 640  # of 1 / 16000 s for 40 ms
    cut = open_recording(_remux(whole, tmp_path / "cut.mp4", 2 * unit, range(8)))
    means = [float(frame[20:].mean()) for frame in cut.frames()]
    np.testing.assert_allclose(means, [20, 30, 40, 50, 60, 70], atol=3)
    assert cut.seconds == pytest.approx([0.04 * n for n in range(6)], abs=1e-3)


def test_a_film_that_leaves_numbers_out_is_whole(tmp_path: Path) -> None:
    path = _marked(tmp_path / "x.avi", [0, 40, 160, 200], "mjpeg")
    recording = open_recording(path)
    assert len(list(recording.frames())) == recording.length == 4
    assert recording.seconds == pytest.approx([0, 0.04, 0.16, 0.2], abs=1e-3)


@pytest.mark.parametrize(("codec", "name"), [("libx264", "x.mkv"), ("libvpx-vp9", "x.webm")])
def test_a_film_without_a_count_that_ends_long_before_it_says_is_refused(tmp_path: Path, codec: str, name: str) -> None:
    path = _marked(tmp_path / name, list(range(0, 960, 40)), codec)
    assert open_recording(path).length == 24
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 4 // 5])
    with pytest.raises(DataError, match=r"film: ends after 0\.\d+ of 0\.96 s"):
        open_recording(path)


@pytest.mark.parametrize(("codec", "name"), [("libx264", "x.mkv"), ("libvpx-vp9", "x.webm")])
def test_what_was_cut_off_from_its_key_frame_is_not_shown(tmp_path: Path, codec: str, name: str) -> None:
    whole = _marked(tmp_path / f"whole_{name}", [40 * n for n in range(8)], codec)  # a key frame is every fourth
    cut = open_recording(_remux(whole, tmp_path / name, 0, range(1, 8)))
    means = [float(frame[20:].mean()) for frame in cut.frames()]
    np.testing.assert_allclose(means, [40, 50, 60, 70], atol=3)


def test_a_film_that_is_damaged_in_its_midst_is_refused(tmp_path: Path) -> None:
    path = _marked(tmp_path / "x.mp4", [40 * n for n in range(8)])
    data = path.read_bytes()
    sound = np.stack(list(open_recording(path).frames()))
    begin, end = data.index(b"mdat") + 4, data.index(b"moov") - 4
    refused = 0
    for at in range(begin, end, (end - begin) // 40):
        path.write_bytes(data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :])
        try:
            frames = np.stack(list(open_recording(path).frames()))
        except DataError:
            refused += 1
        else:
            assert frames.shape == sound.shape
    assert refused > 20


def test_the_cover_of_a_film_is_not_the_film(tmp_path: Path) -> None:
    import av

    path = _marked(tmp_path / "x.mp4", [0, 40, 80])
    with av.open(str(path)) as old, av.open(str(tmp_path / "y.mp4"), "w") as new:
        cover = new.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt, cover.disposition = 16, 16, "yuvj420p", 1 << 10
        film = new.add_stream_from_template(old.streams.video[0])
        new.mux(cover.encode(av.VideoFrame(16, 16, "yuvj420p")))
        for packet in old.demux(video=0):
            if packet.size:
                packet.stream = film
                new.mux(packet)
        new.mux(cover.encode())
    assert open_recording(tmp_path / "y.mp4").whole_shape == (48, 64)
