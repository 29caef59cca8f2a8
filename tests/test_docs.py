"""Every `sh` and `python` snippet of the README and the docs is executed, page by page, in a temporary folder.

A snippet after a comment `<!-- not run: reason -->` is only checked: its `synthboost` commands must parse, its `make`
targets must exist.
"""

from __future__ import annotations

import re
import shlex
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import pytest

from synthboost.cli.main import Verbs, main, parse

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
_BLOCK = re.compile(
    r"^(?:<!-- not run: (?P<reason>[^\n]+?) -->\n)?```(?P<language>sh|python)\n(?P<text>.*?)^```$", re.M | re.S
)
_LINK = re.compile(r"\]\((?!https?://|#)([^)#]+)(?:#[^)]*)?\)")
_TARGET = re.compile(r"^([a-z]+):", re.M)
HOWTO = (ROOT / "docs" / "howto.md").read_text(encoding="utf-8")
MISTAKES = re.findall(r"^Goes wrong: `synthboost ([^`]+)` says `([^`]+)`", HOWTO, re.M)


@dataclass(frozen=True)
class Snippet:
    """One fenced block."""

    line: int
    language: str
    text: str
    runs: bool

    @property
    def commands(self) -> list[list[str]]:
        """The lines of a `sh` block as arguments; comments dropped, continued lines joined."""
        lines = self.text.replace("\\\n", " ").splitlines()
        return [words for line in lines if (words := shlex.split(line, comments=True))]


def _snippets(page: Path) -> Iterator[Snippet]:
    text = page.read_text(encoding="utf-8")
    for match in _BLOCK.finditer(text):
        line = text.count("\n", 0, match.start("text")) + 1
        yield Snippet(line, match["language"], match["text"], match["reason"] is None)


@pytest.fixture
def in_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    handler = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, handler)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
@pytest.mark.usefixtures("in_empty_folder")
def test_every_snippet_of_the_page_works(page: Path) -> None:
    for snippet in _snippets(page):
        place = f"{page.name}:{snippet.line}"
        if snippet.language == "python":
            code = compile(snippet.text, place, "exec")
            if snippet.runs:
                exec(code, {"__name__": place})
            continue
        for command in snippet.commands:
            if snippet.runs:
                _execute(command, place)
            else:
                _check(command, place)


def _execute(command: list[str], place: str) -> None:
    assert command[0] == "synthboost", f"{place}: mark the block as not run, or use synthboost only: {command}"
    arguments = [found for word in command[1:] for found in _expand(word)]
    try:
        main(arguments)
    except SystemExit as stop:
        if stop.code:
            pytest.fail(f"{place}: {shlex.join(command)} exited with {stop.code}")


def _check(command: list[str], place: str) -> None:
    if command[0] == "synthboost":
        try:
            parse(command[1:])
        except SystemExit as stop:
            if stop.code:
                pytest.fail(f"{place}: {shlex.join(command)} does not parse")
    if command[0] == "make":
        unknown = set(command[1:]) - set(_TARGET.findall((ROOT / "Makefile").read_text()))
        assert not unknown, f"{place}: no such target: {unknown}"


def _expand(word: str) -> list[str]:
    """What a shell makes of `runs/*`."""
    return sorted(str(path) for path in Path().glob(word)) if "*" in word else [word]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_block_of_the_page_escapes_the_tests(page: Path) -> None:
    fences = [line for line in page.read_text(encoding="utf-8").splitlines() if line.startswith("```")]
    assert len(fences) == 2 * len(list(_snippets(page)))
    assert page.read_text(encoding="utf-8").count("<!-- not run: ") == sum(not s.runs for s in _snippets(page))


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"], ids=lambda page: page.name)
def test_every_link_to_a_file_leads_somewhere(page: Path) -> None:
    targets = _LINK.findall(page.read_text(encoding="utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_the_readme_runs_the_whole_way_from_simulation_to_report() -> None:
    run = [snippet for snippet in _snippets(ROOT / "README.md") if snippet.runs and snippet.language == "sh"]
    verbs = {command[1] for snippet in run for command in snippet.commands}
    assert verbs == {
        "simulate", "data", "prompts", "train", "evaluate", "predict", "study", "audit", "weights", "report",
        "clinical",
    }  # fmt: skip


def test_the_how_to_has_a_section_for_every_verb_in_the_order_of_the_help() -> None:
    verbs = [get_args(verb)[1].name for verb in get_args(Verbs)]
    sections = HOWTO.split("\n## ")[1:]
    assert [section.split("\n", 1)[0] for section in sections] == verbs
    for verb, section in zip(verbs, sections, strict=True):
        assert f"\nsynthboost {verb}" in section, "no command"
        assert f"\nGoes wrong: `synthboost {verb}" in section, "no mistake"
        assert re.search(r"More: \[", section.replace("\n", " ")), "no page that explains"


@pytest.mark.usefixtures("in_empty_folder")
def test_every_mistake_of_the_how_to_is_answered_with_the_words_that_it_quotes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    main(["simulate", "--out", "simulated", "--patients", "4", "--split-counts", "1", "1", "2", "--size", "64"])
    Path("runs").mkdir()
    assert len(MISTAKES) == HOWTO.count("\n## ")
    for command, words in MISTAKES:
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            main(shlex.split(command))
        assert (stop.value.code, " ".join(words.split()) in " ".join(capsys.readouterr().err.split())) == (2, True), (
            f"synthboost {command}"
        )
