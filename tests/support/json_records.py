"""A dataclass with a field of every kind that JSON records know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from synthboost.domain import PromptSet


@dataclass(frozen=True)
class Inner:
    share: float
    grid: tuple[int, int] | None = None


@dataclass(frozen=True)
class Outer:
    name: str
    count: int
    is_new: bool
    prompts: tuple[PromptSet, ...]
    inner: Mapping[str, Inner]
    kind: Literal["a", "b"]
    place: Path
    anything: Any = None
