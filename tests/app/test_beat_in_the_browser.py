"""The clip among the examples, in the weights that ship: apart, since one process serves one page at a time."""

from __future__ import annotations

import os
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

UNNAMED = """[...document.querySelectorAll('button, input, textarea, select, [role=img], img')]
    .filter(e => e.offsetParent !== null || e.tagName === 'svg')
    .filter(e => ![e.getAttribute('aria-label'), e.getAttribute('alt'), e.title, e.tagName === 'BUTTON' && e.innerText,
                   ...[...(e.labels || [])].map(l => l.innerText),
                   document.getElementById(e.getAttribute('aria-labelledby'))?.innerText].some(t => t && t.trim()))
    .map(e => e.outerHTML.slice(0, 200))"""
"""Script: what a screen reader could not name."""
IMAGE = "#sb-overlay"


def test_a_clip_shows_its_beat(visit: Callable[..., Any]) -> None:
    """Where `SYNTHBOOST_PICTURES` names a folder, the pictures of the docs are written into it."""
    page = visit(at="served_box")
    assert page.locator("#sb-beat-figure").count() == 0
    page.click("#sb-examples input")
    page.get_by_role("option", name="clip").click()
    page.wait_for_selector("#sb-beat-figure", timeout=120_000)
    assert "Ejection fraction, single plane: 58 % (the model's own SD: 1.5 points, no interval)." in page.inner_text(
        "#sb-beat"
    )
    assert page.locator("#sb-beat-figure circle").count() == 10
    assert page.locator("#sb-beat-figure svg").get_attribute("aria-label").endswith("ES frame 10 (16.6 cm²).")
    before = page.get_attribute(IMAGE, "src")
    page.focus("#sb-show-ES")
    page.keyboard.press("Enter")
    page.wait_for_function("before => document.querySelector('#sb-overlay').src !== before", arg=before)
    assert page.locator("#sb-frame input[type=number]").input_value() == "10"
    if folder := os.environ.get("SYNTHBOOST_PICTURES"):
        page.evaluate("document.activeElement.blur()")
        page.wait_for_timeout(1000)
        with Image.open(BytesIO(page.screenshot(full_page=True))) as picture:
            picture.convert("RGB").quantize(dither=Image.Dither.NONE).save(Path(folder) / "serve.png", optimize=True)
    assert page.evaluate(UNNAMED) == []
    page.click("#sb-examples input")
    page.get_by_role("option").first.click()
    page.wait_for_selector("#sb-beat-figure", state="detached")
    assert not page.locator("#sb-show-ES").is_visible()
    assert page.errors == []


def test_every_control_has_a_name_and_is_reached_by_the_keyboard(visit: Callable[..., Any]) -> None:
    page = visit(at="served_box")
    page.click("text=Build the sentences from attributes")
    page.wait_for_selector("#sb-prompts input")
    assert page.evaluate(UNNAMED) == []
    reached = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("(document.activeElement.closest('[id^=sb-]') || {}).id"))
    assert reached >= {f"sb-{name}" for name in ("sentences", "predict", "download", "upload", "examples", "opacity",
                                                 "threshold", "prompts")}  # fmt: skip
