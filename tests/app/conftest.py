"""A page of a tiny model with random weights, and a browser to look at it; both only where they can be had."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from synthboost.inference.predictor import Predictor


class Counting(Predictor):
    """A predictor that counts."""

    encoded = predicted = 0

    def encode_images(self, images: Any) -> Any:
        self.encoded += len(images)
        return super().encode_images(images)

    def predict_encoded(self, images: Any, sentences: Any) -> Any:
        self.predicted += sum(map(len, sentences))
        return super().predict_encoded(images, sentences)


@pytest.fixture
def counting(tiny_model: Any) -> Counting:
    return Counting(tiny_model, "cpu")


@dataclass(frozen=True)
class Served:
    address: str
    folder: Path
    predictor: Counting


@pytest.fixture(scope="module")
def served(tiny_settings: Any) -> Iterator[Served]:
    pytest.importorskip("gradio")
    import torch

    from synthboost.models.clipseg.model import ClipSeg

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = ClipSeg.from_settings(replace(tiny_settings)).eval()
    with _serve(Counting(model, "cpu"), "tiny", random_weights=True) as served:
        yield served


@pytest.fixture(scope="module")
def served_box() -> Iterator[Served]:
    pytest.importorskip("gradio")
    from synthboost.models.catalogue import DEFAULT
    from synthboost.models.registry import name_with_checksum

    predictor = Counting.default("cpu")
    with _serve(predictor, name_with_checksum(predictor.model, DEFAULT)) as served:
        yield served


@contextmanager
def _serve(predictor: Counting, name: str, random_weights: bool = False) -> Iterator[Served]:
    from synthboost.app.server import serving

    before = {name: os.environ.get(name) for name in ("GRADIO_TEMP_DIR", "GRADIO_ANALYTICS_ENABLED")}
    with serving(predictor, name, "127.0.0.1", None, random_weights) as address:
        folder = Path(os.environ["GRADIO_TEMP_DIR"])
        yield Served(address, folder, predictor)
    assert not folder.exists()
    for variable, value in before.items():
        if value is None:
            os.environ.pop(variable, None)
        else:
            os.environ[variable] = value


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api")
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if program is None:
        pytest.skip("no Chromium on this machine")
    with sync_api.sync_playwright() as play:
        opened = play.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def visit(browser: Any, request: pytest.FixtureRequest) -> Iterator[Callable[..., Any]]:
    """A function (width=1280, at="served") -> page of a new visitor, with the first example on show; records what it
    loads."""
    contexts = []

    def open_page(width: int = 1280, at: str = "served") -> Any:
        served = request.getfixturevalue(at)
        context = browser.new_context(viewport={"width": width, "height": 900}, accept_downloads=True)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(30_000)
        page.requested, page.errors, page.alerts = [], [], []
        page.on("request", lambda request: page.requested.append(request.url))
        page.on("pageerror", lambda error: page.errors.append(str(error)))
        page.on("dialog", lambda dialog: (page.alerts.append(dialog.message), dialog.dismiss()))
        before = served.predictor.predicted
        page.goto(served.address)
        page.wait_for_selector("#sb-overlay", timeout=60_000)
        while served.predictor.predicted == before:  # the example is there at once, the visitor's own session later
            page.wait_for_timeout(100)
        page.wait_for_timeout(500)
        return page

    yield open_page
    for context in contexts:
        context.close()
