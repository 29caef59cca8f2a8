"""Write the reference of every public name, from the docstrings: `make docs`."""

from __future__ import annotations

import importlib
import pkgutil
import sys
import warnings
from pathlib import Path

import pdoc

import synthboost

LEFT_OUT = "synthboost.app"
"""It needs the extra `app`, whose pins exclude those of `dev`."""


def build(folder: Path) -> None:
    """Write `index.html`, a page per module and `search.js` into `folder`; what pdoc warns of is an error."""
    list_submodules("synthboost")
    with warnings.catch_warnings():
        warnings.filterwarnings("error", category=UserWarning, module=r"pdoc\.")
        # pdoc cannot name the types of a NamedTuple's constructor, nor of one that takes another file's fields:
        # they are shown as they are written.
        warnings.filterwarnings("ignore", r".* for synthboost\.[\w.]+\.__init__\.", module=r"pdoc\.")
        pdoc.render.configure(docformat="google")
        pdoc.pdoc("synthboost", f"!{LEFT_OUT}", output_directory=folder)


def list_submodules(package: str) -> None:
    """Add each package's modules to its `__all__`, because pdoc shows none that is not in it."""
    module = importlib.import_module(package)
    found = [one for one in pkgutil.iter_modules(module.__path__, f"{package}.") if one.name != LEFT_OUT]
    if hasattr(module, "__all__"):
        module.__all__ = [*module.__all__, *(one.name.rpartition(".")[2] for one in found)]
    for one in found:
        if one.ispkg:
            list_submodules(one.name)


if __name__ == "__main__":
    build(Path(sys.argv[1]))
    print(f"reference of synthboost {synthboost.__version__}: {Path(sys.argv[1]) / 'index.html'}")
