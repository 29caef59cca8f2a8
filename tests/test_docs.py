"""Every `sh` and `python` snippet of the README and the docs is executed, page by page, and prints what the page says.

The README and the tutorials, which begin with `mkdir`, each start in an empty folder. The other pages share one, so
that they use the same simulated sets and runs; a command that already ran there is not run again.
A snippet after a comment `<!-- not run: reason -->` is only checked: its `synthboost` commands must parse, its `make`
targets must exist. Each line of a `text` block, up to `...`, is printed by the snippet before it.
"""

from __future__ import annotations

import ast
import inspect
import os
import pkgutil
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from forked import in_forks
from in_process import Here

from synthboost.cli.main import VERBS, main, parse
from synthboost.studies.executors import EXECUTORS

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").glob("*.md"))]
_BLOCK = re.compile(
    r"^(?:<!-- not run: (?P<reason>[^\n]+?) -->\n)?```(?P<language>sh|python|text)\n(?P<text>.*?)^```$", re.M | re.S
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


def _own_folder(page: Path) -> bool:
    return page == README or any(c[0] == "mkdir" for s in _snippets(page) if s.language == "sh" for c in s.commands)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, set[str]]:
    """The folder of all pages but README and tutorials, and the commands that ran there."""
    return tmp_path_factory.mktemp("docs"), set()


@pytest.fixture
def keep_handler() -> Iterator[None]:
    handler = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, handler)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
@pytest.mark.usefixtures("keep_handler")
def test_every_snippet_of_the_page_works(
    page: Path,
    shared: tuple[Path, set[str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(EXECUTORS, "local", lambda workers, folder, options: Here())
    folder, done = (tmp_path, set()) if _own_folder(page) else shared
    monkeypatch.chdir(folder)
    printed = ""
    for snippet in _snippets(page):
        place = f"{page.name}:{snippet.line}"
        if snippet.language == "text":
            if snippet.runs:
                _compare(snippet.text, printed, place)
        elif snippet.language == "python":
            code = compile(snippet.text, place, "exec")
            if snippet.runs:
                exec(code, {"__name__": place})
        else:
            for command in snippet.commands:
                if not snippet.runs:
                    _check(command, place)
                elif (line := shlex.join(command)) not in done:
                    done.add(line)
                    _execute(command, place)
        if snippet.language != "text":
            printed = "".join(capsys.readouterr())


def _compare(said: str, printed: str, place: str) -> None:
    words = " ".join(printed.split())
    missing = [line for line in said.splitlines() if " ".join(line.split("...")[0].split()) not in words]
    assert not missing, f"{place}: not printed: {missing} in {words}"


def _execute(command: list[str], place: str) -> None:
    if command[0] in ("mkdir", "cd"):
        (os.mkdir if command[0] == "mkdir" else os.chdir)(command[1])
        return
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


def test_the_readme_and_the_first_study_run_the_whole_way_from_simulation_to_report() -> None:
    pages = [README, *(ROOT / "docs" / f"{name}.md" for name in ("first-study", "howto"))]
    run = [s for page in pages for s in _snippets(page) if s.runs and s.language == "sh"]
    verbs = {command[1] for snippet in run for command in snippet.commands if command[0] == "synthboost"}
    assert verbs >= {
        "simulate", "data", "prompts", "train", "evaluate", "predict", "study", "audit", "weights", "report",
        "clinical",
    }  # fmt: skip


def test_every_page_makes_what_it_uses() -> None:
    """Each page works in an empty folder, although the tests let some share one."""
    run = {page: [c for s in _snippets(page) if s.runs and s.language == "sh" for c in s.commands] for page in PAGES}
    outs = {word for commands in run.values() for c in commands for opt, word in pairwise(c) if opt == "--out"}
    for page, commands in run.items():
        made: set[str] = set()
        for command in commands:
            new = {word for option, word in pairwise(command) if option == "--out"}
            used = {word.split("/")[0] for word in command if not word.startswith("-")}
            assert (used & outs) - new <= made, f"{page.name}: {shlex.join(command)}"
            made |= new


def test_the_how_to_has_one_section_for_every_verb() -> None:
    sections = [(section.split("\n", 1)[0], section) for section in HOWTO.split("\n## ")[1:]]
    assert sorted(verb for verb, _ in sections) == sorted({name.split()[0] for name in VERBS})
    for verb, section in sections:
        assert f"\nsynthboost {verb}" in section, "no command"
        assert f"\nGoes wrong: `synthboost {verb}" in section, "no mistake"
        assert re.search(r"More: \[", section.replace("\n", " ")), "no page that explains"


@pytest.mark.usefixtures("keep_handler")
def test_every_mistake_of_the_how_to_is_answered_with_the_words_that_it_quotes(
    shared: tuple[Path, set[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if not (shared[0] / "simulated").exists():
        monkeypatch.chdir(shared[0])
        main(["simulate", "--out", "simulated", "--patients", "4", "--split-counts", "1", "1", "2", "--size", "64"])
    shutil.copytree(shared[0] / "simulated", tmp_path / "simulated")
    monkeypatch.chdir(tmp_path)
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
    """What mkdocs warns of is an error (`strict` in `mkdocs.yml`), a link or an anchor that leads nowhere too."""
    assert "-m mkdocs build" in (ROOT / "Makefile").read_text(encoding="utf-8")
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--site-dir", str(tmp_path)]
    answer = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    )
    assert (answer.returncode, answer.stderr) == (0, "")
    package = ROOT / "src" / "synthboost"
    shown = {page.stem: page.read_text(encoding="utf-8") for page in (tmp_path / "api").glob("*.html")}
    for source in sorted(package.rglob("*.py")):
        parts = source.relative_to(package).with_suffix("").parts
        if parts[0].startswith("__"):
            continue
        tree = ast.parse(source.read_text(encoding="utf-8"))
        kinds = (ast.ClassDef, ast.FunctionDef)
        defined = [node for node in tree.body if isinstance(node, kinds) and not node.name.startswith("_")]
        assert all(ast.get_docstring(node) for node in (tree, *defined)), source
        module = ".".join(("synthboost", *parts)).removesuffix(".__init__")
        absent = [node.name for node in defined if f'id="{module}.{node.name}"' not in shown[parts[0]]]
        assert absent == [], source
    for page in tmp_path.rglob("*.html"):
        loads = re.findall(r"<(?:script|link|img)[^>]*>", page.read_text(encoding="utf-8"))
        assert "://" not in "".join(loads), f"{page} needs a network"
    options = (tmp_path / "options.html").read_text(encoding="utf-8")
    assert [verb for verb in VERBS if f"usage: synthboost {verb} " not in options] == []
    linked = (tmp_path / "index.html").read_text(encoding="utf-8")
    pages = {page.stem for page in PAGES if page != README} | {"index"}
    assert [page for page in pages if f'href="{page}.html"' not in linked] == []


def test_the_examples_of_contributing_work_one_after_the_other(tmp_path: Path) -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```$", text, re.M | re.S)

    def execute(_: int) -> None:
        sys.path.insert(0, "")  # as `python -c` has it
        exec("\n".join(blocks), {"__name__": "__main__"})

    [said] = in_forks(execute, tmp_path)
    assert "\n16\n" in said, "the frames of the new data set, counted by the new verb"
    planned = [line for line in said.splitlines() if line.startswith("unet-real-P")]
    assert sorted(line.rpartition("-")[0] for line in planned) == [
        f"unet-real-{p}-seed{s}" for p in ("P1", "P2") for s in (0, 1)
    ]
