"""Functions in forks of this process, for which what it has imported need not be imported again."""

from __future__ import annotations

import multiprocessing
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest
import torch


def in_forks(work: Callable[[int], None], folder: Path, count: int = 1, seconds: float = 300) -> list[str]:
    """Call `work(number)` in `count` forks at once, in this folder; fail if one fails, return what each printed."""
    if torch.cuda.is_initialized():
        pytest.skip("a fork cannot use CUDA after its parent")
    said = [folder / f".said{number}" for number in range(count)]
    for path in said:
        path.touch()
    context = multiprocessing.get_context("fork")
    forks = [context.Process(target=_carry_out, args=(work, number, said[number])) for number in range(count)]
    for fork in forks:
        fork.start()
    try:
        for fork in forks:
            fork.join(seconds)
    finally:
        for fork in forks:
            fork.kill()
            fork.join()
    texts = [path.read_text() for path in said]
    assert [fork.exitcode for fork in forks] == [0] * count, "\n".join(text[-3000:] for text in texts)
    return texts


def _carry_out(work: Callable[[int], None], number: int, said: Path) -> None:
    os.chdir(said.parent)
    with said.open("w") as sys.stdout:
        sys.stderr = sys.stdout
        try:
            work(number)
        except BaseException:
            traceback.print_exc()
            raise
