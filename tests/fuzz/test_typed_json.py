"""Typed JSON: refused, or a record whose every value has the type of its field and comes back as it was."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

from fuzzing import fuzz, mutated_text
from json_records import Inner, Outer

from synthboost.adaptation.adapt import AdaptationRecord, AdaptationStage, Score
from synthboost.cli.adapt import _table
from synthboost.domain import PromptSet
from synthboost.io.typed_json import read_json, read_record, to_json
from synthboost.models.registry import BOX
from synthboost.models.weights_folder import TRAINING_FILE, file_sha256
from synthboost.reports.adapted_card import adapted_card
from synthboost.reports.box_card import box_card
from synthboost.training.packaging import story_of

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


def test_a_changed_story_of_weights_is_refused_or_gives_a_card(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    story = json.loads((BOX / TRAINING_FILE).read_text())
    del story["packaging"]
    story["weights_sha256"] = file_sha256(tmp_path / "model.safetensors")

    def parse(path: Path) -> str:
        return box_card(story_of(path.parent)[0])

    fuzz(tmp_path / TRAINING_FILE, [json.dumps(story).encode()], parse, mutate=mutated_text, usual=100)


ADAPTED = AdaptationRecord(
    "weights, then frames", "7", 1, {"torch": "2.13"}, "beef", "textunet 0123", "data", "release", "official", "f00d",
    2, 3, 0, Score(plausible=0.5),
    (AdaptationStage("round-1", 250, 8, 17, 5, 2e-3, 60.0, Score(plausible=0.75)),), "round-1",
)  # fmt: skip


def test_a_changed_adaptation_is_refused_or_gives_a_card_and_a_table(tmp_path: Path) -> None:
    dice = {"LV": 0.5, "MYO": 0.25, "LA": 1.0}
    stage = replace(ADAPTED.stages[0], score=Score(dice))
    scored = replace(ADAPTED, before=Score(dice), stages=(stage,))

    def parse(path: Path) -> AdaptationRecord:
        record = read_record(path, AdaptationRecord)
        assert adapted_card(to_json(record))
        assert _table(record)
        return record

    sound = [json.dumps(to_json(one)).encode() for one in (ADAPTED, scored)]
    fuzz(tmp_path / "adapt.json", sound, parse, mutate=mutated_text, usual=100)
    fuzz(
        tmp_path / "stage.json", [json.dumps(to_json(stage)).encode()], lambda path: read_record(path, AdaptationStage),
        mutate=mutated_text, usual=100,
    )  # fmt: skip
