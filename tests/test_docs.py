"""Every `sh` and `python` snippet of the README and the docs is executed, page by page, in a temporary folder.

A snippet after a comment `<!-- not run: reason -->` is only checked: its `synthboost` commands must parse, its `make`
targets must exist.
"""

from __future__ import annotations

import ast
import inspect
import pkgutil
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from synthboost.cli.main import VERBS, main, parse

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
_BLOCK = re.compile(
    r"^(?:<!-- not run: (?P<reason>[^\n]+?) -->\n)?```(?P<language>sh|python)\n(?P<text>.*?)^```$", re.M | re.S
)
_LINK = re.compile(r"\]\((?!https?://|#)([^)#]+)(?:#[^)]*)?\)")
_TARGET = re.compile(r"^([a-z]+):", re.M)
HOWTO = (ROOT / "docs" / "howto.md").read_text(encoding="utf-8")
MISTAKES = re.findall(r"^Goes wrong: `synthboost ([^`]+)` says\s`([^`]+)`", HOWTO, re.M)


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
    while "=" in command[0]:  # a variable of the environment
        command = command[1:]
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


def test_the_how_to_has_one_section_for_every_verb() -> None:
    sections = [(section.split("\n", 1)[0], section) for section in HOWTO.split("\n## ")[1:]]
    assert sorted(verb for verb, _ in sections) == sorted({name.split()[0] for name in VERBS})
    for verb, section in sections:
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


def test_every_name_of_the_reference_page_imports_and_its_link_leads_to_where_it_is_defined() -> None:
    page = ROOT / "docs" / "reference.md"
    names = re.findall(r"^\| \[`(\w+(?:\.\w+)+)`\]\((\S+)\) \| \S", page.read_text(encoding="utf-8"), re.M)
    assert len(names) >= 20
    for name, link in names:
        found: Any = pkgutil.resolve_name(name)
        assert found.__doc__, name
        assert Path(inspect.getfile(found)).name == Path(link).name, name
        assert f"\n{'class' if inspect.isclass(found) else 'def'} {found.__name__}" in (page.parent / link).read_text()


def test_make_docs_warns_of_nothing_and_shows_every_public_module_class_and_function(tmp_path: Path) -> None:
    assert "python docs/build_reference.py site\n" in (ROOT / "Makefile").read_text(encoding="utf-8")
    command = [sys.executable, str(ROOT / "docs" / "build_reference.py"), "site"]
    answer = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (answer.returncode, answer.stderr) == (0, "")
    package = ROOT / "src" / "synthboost"
    for source in sorted(package.rglob("*.py")):
        module = source.relative_to(package.parent).with_suffix("")
        if "app" in module.parts:
            continue
        page = tmp_path / "site" / (module.parent if module.name == "__init__" else module).with_suffix(".html")
        shown = page.read_text(encoding="utf-8")
        tree = ast.parse(source.read_text(encoding="utf-8"))
        kinds = (ast.ClassDef, ast.FunctionDef)
        defined = [node for node in tree.body if isinstance(node, kinds) and not node.name.startswith("_")]
        assert all(ast.get_docstring(node) for node in (tree, *defined)), source
        assert [node.name for node in defined if f'<section id="{node.name}">' not in shown] == [], source
        assert "://" not in "".join(re.findall(r"<(?:script|link|img)[^>]*>", shown)), f"{page} needs a network"


def test_the_examples_of_contributing_work_one_after_the_other(tmp_path: Path) -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```$", text, re.M | re.S)
    answer = subprocess.run(
        [sys.executable, "-c", "\n".join(blocks)], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stderr
    assert "\n16\n" in answer.stdout, "the frames of the new data set, counted by the new verb"
    planned = [line for line in answer.stdout.splitlines() if line.startswith("unet-real-P")]
    assert sorted(line.rpartition("-")[0] for line in planned) == [
        f"unet-real-{p}-seed{s}" for p in ("P1", "P2") for s in (0, 1)
    ]
