"""What the site has beyond `docs/*.md`: README, examples and cards as pages; options and names, from the code.

A hook of mkdocs (`mkdocs.yml`). In the repository the pages link to files; here these links lead to pages.
"""

from __future__ import annotations

import contextlib
import io
import os
import posixpath
import re
from pathlib import Path
from typing import Any
from unittest.mock import patch

from mkdocs.structure.files import File, Files

from synthboost.cli.main import GROUPS, main

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "synthboost"
TAKEN = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "src/synthboost/weights/default/MODEL_CARD.md": "model-card.md",
}
"""A file of the repository -> the page that shows it."""
_LINK = re.compile(r"(!?)\[([^\]]*)\]\((?!https?://|#)([^)#\s]+)(#[^)\s]*)?\)")


def on_config(config: Any) -> Any:
    """Put the pages of names under Reference."""
    for section in config.nav:
        for entry in section.get("Reference", []) if isinstance(section, dict) else []:
            if "API" in entry:
                entry["API"] = [{name: f"api/{name}.md"} for name in packages()]
    return config


def on_files(files: Files, config: Any) -> Files:
    """Add the pages that are made."""
    made = {page: _front_matter(_linked((ROOT / source).read_text(), source)) for source, page in TAKEN.items()}
    made |= {"examples.md": _examples(), "options.md": _options()}
    made |= {f"api/{name}.md": f"# synthboost.{name}\n\n::: synthboost.{name}\n" for name in packages()}
    for page, text in made.items():
        files.append(File.generated(config, page, content=text))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Turn links to files of the repository into links to pages."""
    return markdown if page.file.generated_by else _linked(markdown, f"docs/{page.file.src_uri}")


def packages() -> list[str]:
    """Return the modules and packages directly in `synthboost`: a page of names each."""
    return sorted(path.stem for path in PACKAGE.iterdir() if path.stem[0] != "_" and _is_module(path))


def _is_module(path: Path) -> bool:
    return path.suffix == ".py" or (path / "__init__.py").is_file()


def _linked(text: str, source: str) -> str:
    """Return the text of a file of the repository, each link leading to a page; links to other files are only words."""

    def page_of(match: re.Match[str]) -> str:
        picture, words, target, anchor = match[1], match[2], match[3], match[4] or ""
        path = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
        if picture or (path.startswith("docs/") and (ROOT / path).is_file()):
            return f"{picture}[{words}]({path.removeprefix('docs/')}{anchor})"
        if path in TAKEN:
            return f"[{words}]({TAKEN[path]}{anchor})"
        if path.startswith("examples"):
            return f"[{words}](examples.md)"
        if (inside := Path(path)).suffix == ".py" and path.startswith("src/synthboost/"):
            names = inside.relative_to("src/synthboost").with_suffix("").parts
            anchor = f"#synthboost.{'.'.join(names)}" if names[1:] else ""
            return f"[{words}](api/{names[0]}.md{anchor})"
        return words

    return _LINK.sub(page_of, text)


def _front_matter(text: str) -> str:
    return re.sub(r"\A---\n.*?\n---\n", "", text, flags=re.S)


def _examples() -> str:
    parts = [
        "# Examples",
        "",
        "Short programs, and a notebook (`first_masks.ipynb`), in `examples/`; the tests run them.",
        "",
    ]
    for path in sorted((ROOT / "examples").glob("*.py")):
        parts += [f"## {path.name}", "", "```python", path.read_text().rstrip(), "```", ""]
    return "\n".join(parts)


def _options() -> str:
    parts = ["# Options", "", "Every verb of `synthboost`, as `synthboost VERB --help` prints it.", ""]
    for group, verbs in GROUPS.items():
        parts += [f"## {group}", ""]
        for verb in verbs:
            parts += [f"### {verb}", "", "```text", _help(verb), "```", ""]
    return "\n".join(parts)


def _help(verb: str) -> str:
    out = io.StringIO()
    with patch.dict(os.environ, {"COLUMNS": "100", "NO_COLOR": "1"}), contextlib.redirect_stdout(out):
        main([*verb.split(), "--help"])
    return out.getvalue().strip()
