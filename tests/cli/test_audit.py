"""`synthboost audit`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from synthboost.models.clipseg.model import ClipSeg


def counts(text: str, group: str) -> list[list[int]]:
    """The numbers in the lines of one group, one list per policy."""
    lines = [line.split() for line in text.splitlines()]
    return [[int(word.replace(",", "")) for word in words[1:]] for words in lines if words[:1] == [group]]


def test_audit_prints_what_learns_under_each_policy(synthboost: Callable[..., Any]) -> None:
    answer = synthboost("audit", "--encoders", "trained", "frozen", "vision=frozen,text=last-1")
    assert answer.code == 0, answer.err
    assert answer.out.startswith("clipseg tiny, random weights; one step, nothing is updated\n")
    assert [line for line in answer.out.splitlines() if line.startswith("encoders")] == [
        "encoders trained", "encoders frozen", "encoders vision=frozen,text=last-1",
    ]  # fmt: skip
    trained, frozen, last = counts(answer.out, "text")
    parameters, learning, tensors, asking, getting, buffers, moved = trained
    assert parameters == learning
    assert tensors == asking >= getting > 0
    assert (buffers, moved) == (1, 0)
    assert frozen == [parameters, 0, tensors, 0, 0, 1, 0]
    assert 0 < last[1] < parameters
    assert answer.out.endswith("Every policy does what it says.\n")


def test_audit_of_a_run_names_its_model(synthboost: Callable[..., Any], trained_run: Any) -> None:
    answer = synthboost("audit", "--weights", trained_run, "--encoders", "lora-2")
    assert answer.code == 0, answer.err
    assert answer.out.startswith(f"clipseg from {trained_run};")


def test_a_policy_that_does_not_do_what_it_says_is_an_error(
    synthboost: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    original = ClipSeg.encode_image
    monkeypatch.setattr(ClipSeg, "encode_image", torch.no_grad()(original))  # as the library's own forward has it
    answer = synthboost("audit")
    assert answer.code == 2
    assert "trained: vision shall learn, but none of its tensors gets a gradient" in answer.err
    assert "Every policy" not in answer.out


def test_an_unknown_policy_or_model_is_one_line(synthboost: Callable[..., Any]) -> None:
    assert "policy: half; expected trained, frozen" in synthboost("audit", "--encoders", "half").err
    assert "model: vnet; expected one of clipseg" in synthboost("audit", "--model", "vnet").err
