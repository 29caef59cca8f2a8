from __future__ import annotations

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
