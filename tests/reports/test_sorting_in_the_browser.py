"""A press on a heading sorts a table: real keys in a headless Chromium, where it can be had."""

from __future__ import annotations

import shutil
from importlib import resources
from typing import Any

import pytest

from synthboost.reports.table import Table, absent, number, to_html, words


def test_a_heading_sorts_by_keyboard_both_ways_and_back(tmp_path: Any) -> None:
    sync_api = pytest.importorskip("playwright.sync_api")
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if program is None:
        pytest.skip("no Chromium on this machine")
    dice = {"b": 9.5, "a": 80.0, "d": None, "c": 70.0, "a10": -1.0, "a9": 0.0}
    lines = [{"arm": words(k), "Dice": absent() if v is None else number(v)} for k, v in dice.items()]
    script = (resources.files("synthboost.reports") / "templates" / "sort.js").read_text()
    page_file = tmp_path / "page.html"
    page_file.write_text(f"<!doctype html>{to_html(Table.of('t', 'c', lines))}<script>{script}</script>")
    with sync_api.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(page_file.as_uri())

        def order() -> tuple[str, list[str | None]]:
            heads = page.locator("thead th")
            sorts = [heads.nth(k).get_attribute("aria-sort") for k in range(2)]
            return " ".join(page.locator("tbody th").all_inner_texts()), sorts

        page.keyboard.press("Tab")  # the part that scrolls
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        assert order() == ("a a9 a10 b c d", ["ascending", None])
        page.keyboard.press("Tab")
        page.keyboard.press("Space")
        assert order() == ("a c b a9 a10 d", [None, "descending"])
        page.keyboard.press("Space")
        assert order() == ("a10 a9 b c a d", [None, "ascending"])
        page.keyboard.press("Space")
        assert order() == ("b a d c a10 a9", [None, None])
        browser.close()
