"""The page end to end: real clicks in a headless Chromium."""

from __future__ import annotations

import json
import struct
import urllib.error
import urllib.request
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

IMAGE, TABLE, MESSAGE = "#sb-overlay", "#sb-numbers tbody tr", "#sb-message .sb-problem"


def _source(page: Any) -> str:
    return str(page.get_attribute(IMAGE, "src"))


def _wait_for_change(page: Any, before: str) -> None:
    page.wait_for_function("before => document.querySelector('#sb-overlay').src !== before", arg=before)


def _upload(page: Any, path: Path) -> None:
    page.set_input_files("#sb-upload input[type=file]", str(path))


def _predict(page: Any, text: str) -> None:
    page.fill("#sb-sentences textarea", text)
    page.click("#sb-predict")


def _echo(path: Path, seed: int, shape: tuple[int, int] = (60, 50)) -> Path:
    Image.fromarray(np.random.default_rng(seed).integers(0, 255, shape, dtype=np.uint8)).save(path, format="PNG")
    return path


def _clip(path: Path, frames: int) -> Path:
    first, *others = map(Image.fromarray, np.random.default_rng(frames).integers(0, 255, (frames, 60, 50), np.uint8))
    first.save(path, save_all=True, append_images=others)
    return path


def _left(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*") if path.is_file()]


def test_an_example_is_drawn_at_once_and_nothing_is_loaded_from_elsewhere(
    visit: Callable[..., Any], served: Any
) -> None:
    page = visit()
    assert page.locator(TABLE).count() == 3
    assert "mm²" in page.inner_text("#sb-numbers")
    assert "Research software, not a medical device." in page.inner_text("body")
    assert "random weights" in page.inner_text(".sb-warn")
    page.wait_for_timeout(500)  # the page keeps a connection open: its network is never idle
    elsewhere = [url for url in page.requested if not url.startswith((served.address, "data:", "blob:"))]
    assert elsewhere == []
    assert page.errors == []


def test_sliders_do_not_run_the_model_and_a_second_sentence_does_not_encode_again(
    visit: Callable[..., Any], served: Any
) -> None:
    page = visit()
    encoded, predicted = served.predictor.encoded, served.predictor.predicted
    for slider in ("#sb-opacity", "#sb-threshold"):
        before = _source(page)
        page.focus(f"{slider} input[type=range]")
        for _ in range(6):
            page.keyboard.press("ArrowUp")
        page.locator(f"{slider} input[type=range]").dispatch_event("pointerup")
        _wait_for_change(page, before)
    assert (served.predictor.encoded, served.predictor.predicted) == (encoded, predicted)
    _predict(page, "Myocardium of the heart.\nThe left ventricle, please.")
    page.wait_for_function("document.querySelectorAll('#sb-numbers tbody tr').length === 2")
    assert (served.predictor.encoded, served.predictor.predicted) == (encoded, predicted + 1)
    assert "The left ventricle, please." in page.inner_text("#sb-numbers")


def test_a_clip_may_be_followed_by_a_shorter_one_and_by_a_picture(visit: Callable[..., Any], tmp_path: Path) -> None:
    page = visit()
    for path in (_clip(tmp_path / "12.tif", 12), _clip(tmp_path / "8.tif", 8), _echo(tmp_path / "picture.png", 2)):
        before = _source(page)
        _upload(page, path)
        _wait_for_change(page, before)
        assert page.inner_text("figcaption") == path.name
        slider = page.locator("#sb-frame input[type=number]")
        assert slider.is_visible() == (path.suffix == ".tif")
        if slider.is_visible():
            assert slider.input_value() == "1"
            before = _source(page)
            slider.fill(path.stem)
            slider.press("Enter")
            _wait_for_change(page, before)
    before = _source(page)
    _predict(page, "Myocardium of the heart.")
    _wait_for_change(page, before)
    assert page.locator(MESSAGE).count() == 0
    assert page.errors == []


def test_a_number_beside_a_slider_counts_when_it_is_entered(visit: Callable[..., Any]) -> None:
    page = visit()
    before = _source(page)
    page.fill("#sb-opacity input[type=number]", "0.9")
    page.press("#sb-opacity input[type=number]", "Enter")
    _wait_for_change(page, before)


def test_after_a_mistake_what_is_on_show_stays_and_can_be_downloaded(visit: Callable[..., Any]) -> None:
    page = visit()
    before = _source(page)
    _predict(page, " ")
    page.wait_for_selector(MESSAGE)
    assert "one sentence per line" in page.inner_text(MESSAGE)
    assert _source(page) == before
    with page.expect_download() as download:
        page.click("#sb-download")
    with zipfile.ZipFile(download.value.path()) as pack:
        assert "mask1_LV.png" in pack.namelist()


def test_a_picture_without_a_sector_is_said_to_be_no_apical_view(visit: Callable[..., Any], tmp_path: Path) -> None:
    page = visit()
    assert "no sector" not in page.inner_text("#sb-message")
    before = _source(page)
    _upload(page, _echo(tmp_path / "noise.png", 4))
    _wait_for_change(page, before)
    assert "no sector" in page.inner_text("#sb-message")
    before = _source(page)
    _predict(page, "Myocardium of the heart.")  # without all three structures only the image itself can tell
    _wait_for_change(page, before)
    assert "No ultrasound sector" in page.inner_text("#sb-message")


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, 200),
        ({"Host": "evil.example"}, 403),
        ({"Host": "evil.example:7860"}, 403),
        ({"Host": "127.0.0.1.evil.example"}, 403),
        ({"Host": "localhost:1"}, 200),
        ({"Host": "[::1]:1"}, 200),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Host": "localhost:1", "Origin": "http://localhost:1"}, 200),
        ({"Host": "localhost:1", "Origin": "http://localhost:2"}, 403),
    ],
)
def test_requests_that_another_site_causes_are_refused(served: Any, headers: dict[str, str], code: int) -> None:
    request = urllib.request.Request(f"{served.address}config", headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            found = answer.status
    except urllib.error.HTTPError as error:
        found = error.code
    assert found == code


def test_menus_write_the_sentences(visit: Callable[..., Any]) -> None:
    page = visit()
    page.click("text=Build the sentences from attributes")
    page.get_by_label("Left atrium cavity").uncheck()
    page.get_by_label("two-chamber").check()
    page.wait_for_function("document.querySelector('#sb-sentences textarea').value.split('\\n').length === 2")
    page.click("#sb-prompts input")
    page.get_by_role("option", name="P2", exact=True).click()
    wanted = "Left ventricular cavity in two-chamber view of the heart.\nMyocardium in two-chamber view of the heart."
    page.wait_for_function("text => document.querySelector('#sb-sentences textarea').value === text", arg=wanted)


def test_an_upload_of_any_name_is_shown_as_text_and_its_masks_come_home(
    visit: Callable[..., Any], served: Any, tmp_path: Path
) -> None:
    page = visit()
    before = _source(page)
    _upload(page, _echo(tmp_path / "<img src=x onerror=alert(1)>${alert(2)} Привет 心.png", 1))
    _wait_for_change(page, before)
    assert page.alerts == []
    assert "心.png" in page.inner_text("figcaption")
    assert "img src=x onerror=alert(1)" in page.inner_text("figcaption")  # Gradio drops the brackets itself
    assert page.locator("figcaption img").count() == 0
    assert "pixels" in page.inner_text("#sb-numbers")
    assert _left(served.folder) == []
    with page.expect_download() as download:
        page.click("#sb-download")
    with zipfile.ZipFile(download.value.path()) as pack:
        assert {"label_map.png", "label_map.nii.gz", "masks.csv", "mask1_LV.png"} <= set(pack.namelist())
        with Image.open(pack.open("label_map.png")) as label_map:
            assert label_map.size == (50, 60)
    assert _left(served.folder) == []


def test_a_script_in_a_sentence_is_text(visit: Callable[..., Any]) -> None:
    page = visit()
    before = _source(page)
    _predict(page, "<script>alert(1)</script>\n<img src=x onerror=alert(2)> ${alert(3)} {{alert(4)}}")
    _wait_for_change(page, before)
    assert "<script>alert(1)</script>" in page.inner_text("#sb-numbers")
    assert "${alert(3)}" in page.inner_text("#sb-numbers")
    assert page.alerts == []


def _huge(path: Path) -> Path:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 30_000, 30_000, 8, 0, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(bytes(1_000_000), 9))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + header + pixels + chunk(b"IEND", b""))
    return path


def _bomb(path: Path) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as pack:
        pack.writestr("zeros", bytes(20_000_000))
    return path


def test_bad_uploads_get_a_clear_answer_and_leave_nothing_behind(
    visit: Callable[..., Any], served: Any, tmp_path: Path
) -> None:
    program, empty, cut = tmp_path / "program.png", tmp_path / "empty.png", tmp_path / "cut.gif"
    program.write_bytes(b"\x7fELF" + bytes(200))
    empty.write_bytes(b"")
    cut.write_bytes(b"GIF89a\x10\x00\x10\x00")
    page = visit()
    for path in (program, _huge(tmp_path / "huge.png"), _bomb(tmp_path / "bomb.zip"), _bomb(tmp_path / "bomb.png"),
                 empty, cut):  # fmt: skip
        _upload(page, path)
        page.wait_for_function(
            "name => (document.querySelector('#sb-message .sb-problem') || {innerText: ''}).innerText.includes(name)",
            arg=path.name,
        )
        said = page.inner_text(MESSAGE)
        assert "expected" in said
        assert str(served.folder) not in said
        assert _left(served.folder) == []
    before = _source(page)
    _upload(page, _echo(tmp_path / "good.png", 3))
    _wait_for_change(page, before)
    assert page.locator(MESSAGE).count() == 0


def test_two_visitors_do_not_see_each_others_images(visit: Callable[..., Any], tmp_path: Path) -> None:
    one, other = visit(), visit()
    for page, name, shape in ((one, "one.png", (60, 50)), (other, "other.png", (40, 70))):
        before = _source(page)
        _upload(page, _echo(tmp_path / name, 5, shape))
        _wait_for_change(page, before)
    for page, name in ((one, "one.png"), (other, "other.png")):
        before = _source(page)
        _predict(page, "Myocardium of the heart.")
        _wait_for_change(page, before)
        assert page.inner_text("figcaption") == name
    with one.expect_download() as download:
        one.click("#sb-download")
    with zipfile.ZipFile(download.value.path()) as pack, Image.open(pack.open("label_map.png")) as label_map:
        assert label_map.size == (50, 60)


def test_the_page_fits_a_phone(visit: Callable[..., Any]) -> None:
    page = visit(390)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.locator(IMAGE).bounding_box()["width"] >= 300


@pytest.mark.parametrize("path", ["/etc/passwd", "../../etc/passwd", "%2e%2e%2f%2e%2e%2fetc%2fpasswd"])
def test_no_file_of_the_machine_is_served(served: Any, path: str) -> None:
    for route in ("gradio_api/file=", "file=", "gradio_api/upload="):
        with pytest.raises(urllib.error.HTTPError) as answer:
            urllib.request.urlopen(f"{served.address}{route}{path}", timeout=20)
        assert answer.value.code in (400, 403, 404, 405)


def test_a_request_that_names_a_file_of_the_machine_as_its_upload_is_refused(served: Any, tmp_path: Path) -> None:
    secret = _echo(tmp_path / "secret.png", 7)
    with urllib.request.urlopen(f"{served.address}config", timeout=20) as answer:
        config = json.load(answer)
    numbers = [d["id"] for d in config["dependencies"] if any(t[1] == "upload" for t in d["targets"])]
    body = {
        "data": [{"path": str(secret), "meta": {"_type": "gradio.FileData"}}, "Myocardium.", 0.3, 0.5, 1],
        "fn_index": numbers[0], "session_hash": "somebody",
    }  # fmt: skip
    request = urllib.request.Request(
        f"{served.address}gradio_api/queue/join", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=20):
        pass
    with urllib.request.urlopen(f"{served.address}gradio_api/queue/data?session_hash=somebody", timeout=20) as data:
        assert "sb-overlay" not in data.read().decode()
    assert secret.is_file()


def test_an_upload_above_the_limit_is_refused(served: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from synthboost.app.images import MAX_UPLOAD_BYTES

    head = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n'
    body = head + bytes(MAX_UPLOAD_BYTES + 1) + b"\r\n--x--\r\n"
    request = urllib.request.Request(
        f"{served.address}gradio_api/upload", body, {"Content-Type": "multipart/form-data; boundary=x"}
    )
    with pytest.raises(urllib.error.HTTPError) as answer:
        urllib.request.urlopen(request, timeout=60)
    assert answer.value.code == 413
    assert sum(path.stat().st_size for path in served.folder.rglob("*") if path.is_file()) == 0
