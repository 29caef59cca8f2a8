"""Typed JSON: refused, or a record whose every value has the type of its field and comes back as it was."""

from __future__ import annotations

import json
import math
from pathlib import Path

from fuzzing import fuzz, mutated_text
from json_records import Inner, Outer

from synthboost.domain import PromptSet
from synthboost.io.typed_json import read_json, read_record, to_json

SOUND = Outer("Zoë", 3, False, (PromptSet.P1,), {"x": Inner(0.25, (2, 3)), "y": Inner(1)}, "b", Path("a/b"), [1, "x"])


def _means_itself(found: Outer, content: bytes) -> None:
    given = json.loads(content)
    assert to_json(found).items() >= {k: v for k, v in given.items() if k != "inner" and v is not None}.items()
    assert type(found.count) is int
    assert all(math.isfinite(inner.share) for inner in found.inner.values())


def test_a_changed_record_is_refused_or_means_what_it_says(tmp_path: Path) -> None:
    content = json.dumps(to_json(SOUND)).encode()

    def parse(path: Path) -> Outer:
        read_json(path)
        return read_record(path, Outer)

    fuzz(tmp_path / "x.json", [content], parse, mutate=mutated_text, check=_means_itself, usual=400)
