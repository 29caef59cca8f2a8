"""Every policy, on every registered model: what it says learns is what gets a gradient, and what it merges stays."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from smallest_models import CASES, build_smallest
from torch import nn

from synthboost.errors import ConfigError
from synthboost.models.adapters import plain_state
from synthboost.models.audit import audit, faults
from synthboost.models.base import Segmenter
from synthboost.models.catalogue import MODELS
from synthboost.models.freezing import Encoders, Tuning
from synthboost.models.registry import load_segmenter
from synthboost.training.config import TrainingConfig
from synthboost.training.optimizer import make_optimizer

SENTENCES = ("Myocardium of the heart.", "Left atrium cavity of the heart.")
WORDS = ["trained", "frozen", "last-1", "lora-2", "vision=frozen,text=trained", "vision=last-2,text=lora-1"]


@pytest.fixture(params=CASES)
def model(request: pytest.FixtureRequest) -> Segmenter:
    torch.set_num_threads(1)
    return build_smallest(request.param)


UNKNOWN = [
    "", "Frozen", "last", "last-0", "lora--1", "last-1.5", "vision=frozen", "vision=a,text=b",
    "vision=frozen,vision=frozen", "text=frozen,vision=frozen,decoder=frozen",
]  # fmt: skip


def learning(model: Segmenter, group: str) -> list[bool]:
    """For each step of an encoder, whether anything in it learns."""
    return [
        any(p.requires_grad for part in step for p in (part.parameters() if isinstance(part, nn.Module) else [part]))
        for step in model.encoder_blocks()[group]
    ]


@pytest.mark.parametrize("word", WORDS)
def test_a_policy_is_read_and_written_in_the_same_word(word: str) -> None:
    assert str(Encoders.parse(word)) == word


@pytest.mark.parametrize("word", UNKNOWN)
def test_another_word_is_refused_with_the_known_ones(word: str) -> None:
    with pytest.raises(ConfigError, match=r"policy: .*expected trained, frozen, last-K \(K blocks\), lora-R"):
        Encoders.parse(word)


def test_equal_policies_are_one_word_and_an_amount_needs_its_kind() -> None:
    assert str(Encoders.parse("text=last-2,vision=last-2")) == "last-2"
    assert Encoders.parse("trained") == Encoders.TRAINED
    with pytest.raises(ConfigError, match="amount"):
        Tuning("frozen", 3)
    with pytest.raises(ConfigError, match="amount"):
        Tuning("lora")


@pytest.mark.parametrize("word", WORDS)
def test_what_learns_is_what_gets_a_gradient_and_frozen_buffers_stay(model: Segmenter, word: str) -> None:
    encoders = Encoders.parse(word)
    model.set_encoders(encoders)
    found = audit(model, SENTENCES)
    for group in ("vision", "text") if MODELS[model.name].reads_text else ("vision",):
        kind, one = getattr(encoders, group).kind, found[group]
        assert (one.trainable == 0) == (kind == "frozen")
        assert (one.trainable == one.tensors) == (kind == "trained")
        # a key's bias shifts all scores of a row alike; LoRA's second half is zero, so the first has no gradient yet
        least = {"frozen": 0.0, "lora": 0.5}.get(kind, 0.85)
        assert least * one.trainable <= one.with_gradient <= one.trainable, group
        if kind in ("frozen", "lora"):
            assert one.buffers_moved == 0
    assert found["decoder"].trainable == found["decoder"].tensors
    assert found["unused"].trainable == 0


def test_the_audit_moves_neither_the_model_nor_the_callers_random_state(model: Segmenter) -> None:
    model.set_encoders(Encoders.TRAINED)
    before, state = {name: tensor.clone() for name, tensor in model.state_dict().items()}, torch.get_rng_state()
    audit(model, SENTENCES)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state)


def test_a_tensor_that_shall_learn_but_has_no_part_in_a_mask_is_a_fault(model: Segmenter) -> None:
    model.set_encoders(Encoders.TRAINED)
    assert faults(Encoders.TRAINED, audit(model, SENTENCES)) == []
    first = model.encoder_blocks()["vision"][0][0]
    assert isinstance(first, nn.Module)
    first.register_parameter("idle", nn.Parameter(torch.ones(1)))
    [fault] = faults(Encoders.TRAINED, audit(model, SENTENCES))
    assert fault == "vision shall learn, but 1 of its tensors have no part in any mask"


def test_what_asks_for_no_gradient_and_statistics_of_frozen_blocks_that_move_are_faults(model: Segmenter) -> None:
    model.set_encoders(Encoders.TRAINED)
    encoder = "text" if MODELS[model.name].reads_text else "vision"
    model.parameter_groups()[encoder][0].requires_grad_(False)
    next(model.decoder_parts()[-1].parameters()).requires_grad_(False)  # type: ignore[union-attr]
    assert faults(Encoders.TRAINED, audit(model, SENTENCES)) == [
        f"{group} shall learn, but 1 of its tensors ask for no gradient" for group in (encoder, "decoder")
    ]
    last = Encoders.parse("last-1")
    model.set_encoders(last)
    assert faults(last, audit(model, SENTENCES)) == []
    first = model.encoder_blocks()["vision"][0][0]
    assert isinstance(first, nn.Module)
    first.register_buffer("count", torch.zeros(1))
    first.register_forward_pre_hook(lambda module, _: module.count.add_(1) and None)
    [fault] = faults(last, audit(model, SENTENCES))
    assert fault == "vision is frozen, in whole or in part, but 1 of its buffers moved there"


def test_the_last_blocks_learn_and_those_before_are_in_evaluation(model: Segmenter) -> None:
    model.set_encoders(Encoders.parse("last-2"))
    model.train()
    for group, steps in model.encoder_blocks().items():
        if not steps:
            continue
        assert learning(model, group) == [False] * (len(steps) - 2) + [True] * 2
        for number, step in enumerate(steps):
            modules = [m for part in step if isinstance(part, nn.Module) for m in part.modules()]
            assert all(m.training == (number >= len(steps) - 2) for m in modules)


def test_more_blocks_than_there_are_is_refused(model: Segmenter) -> None:
    group = "text" if MODELS[model.name].reads_text else "vision"
    blocks = len(model.encoder_blocks()[group]) - 1
    others = {"text": Tuning("frozen"), "vision": Tuning("frozen")}
    with pytest.raises(ConfigError, match=f"{group}: last-{blocks + 1}; expected at most last-{blocks}. Use `trained`"):
        model.set_encoders(Encoders(**{**others, group: Tuning("last", blocks + 1)}))


@torch.no_grad()
def test_adapters_start_as_nothing_and_are_merged_when_saved(model: Segmenter, tmp_path: Path) -> None:
    images, index = torch.randn(1, 3, model.input_size, model.input_size), torch.tensor([0, 0])
    tokens = model.tokenize(SENTENCES)
    names, before = set(model.state_dict()), model(images, tokens, index)
    model.set_encoders(Encoders.parse("lora-2"), seed=1)
    torch.testing.assert_close(model(images, tokens, index), before, rtol=0, atol=1e-5)
    drawn = {name: p.clone() for name, p in model.named_parameters() if "lora_A" in name}
    model.set_encoders(Encoders.parse("lora-2"), seed=1)
    assert drawn
    assert all(torch.equal(dict(model.named_parameters())[name], p) for name, p in drawn.items())
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            parameter.fill_(0.02)
    changed = model(images, tokens, index)
    assert (changed - before).abs().max() > 1e-3
    assert set(plain_state(model)) == names
    model.save_pretrained(tmp_path / "merged")
    merged = load_segmenter(tmp_path / "merged")
    assert set(merged.state_dict()) == names
    torch.testing.assert_close(merged(images, tokens, index), changed, rtol=0, atol=2e-5)
    model.set_encoders(Encoders.TRAINED)
    assert set(model.state_dict()) == names
    torch.testing.assert_close(model(images, tokens, index), before, rtol=0, atol=1e-5)


@torch.no_grad()
def test_an_update_counts_once_in_every_matrix_it_is_merged_into(model: Segmenter) -> None:
    before = plain_state(model)
    model.set_encoders(Encoders.parse("lora-2"))
    learnt = dict(model.named_parameters())
    for name, parameter in learnt.items():
        if "lora_B" in name:
            parameter.normal_(0, 0.1)
    after, adapted = plain_state(model), [name for name in learnt if "lora_A" in name]
    assert len(adapted) >= 10
    for name in adapted:
        first, second = learnt[name], learnt[name.replace("lora_A", "lora_B")]
        weight = name.replace(".lora_A.synthboost", "").replace("in_proj.weight", "in_proj_weight")
        change = (second.flatten(1) @ first.flatten(1)).reshape(before[weight].shape)
        torch.testing.assert_close(after[weight] - before[weight], change, rtol=1e-4, atol=1e-6, msg=name)


@pytest.mark.parametrize("word", WORDS)
def test_a_step_of_the_optimiser_moves_what_learns_and_leaves_every_other_bit(model: Segmenter, word: str) -> None:
    model.set_encoders(Encoders.parse(word))
    model.train()
    learns = {name: parameter.requires_grad for name, parameter in model.named_parameters()}
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    optimizer = make_optimizer(model, TrainingConfig(learning_rate=1e-3))
    torch.manual_seed(0)
    for _ in range(2):  # after the first, both halves of a LoRA update get a gradient
        images = torch.randn(2, 3, model.input_size, model.input_size)
        tokens, index = model.tokenize(SENTENCES), torch.tensor([0, 1])
        optimizer.zero_grad()
        (model(images, tokens, index).square().mean() + model.refusal_loss(tokens, index)).backward()
        optimizer.step()
    after = model.state_dict()
    assert after.keys() == before.keys()
    for name, learning in learns.items():
        assert torch.equal(after[name], before[name]) != learning, name
    evaluating = {name for name, module in model.named_modules() if not module.training}
    buffers = [name for name in before.keys() - learns.keys() if name.rpartition(".")[0] in evaluating]
    has_statistics = any(isinstance(module, nn.BatchNorm2d) for module in model.modules())
    assert bool(buffers) == (has_statistics and word != "trained")
    assert all(torch.equal(after[name], before[name]) for name in buffers)


def test_adapters_count_as_part_of_the_encoders_and_nothing_is_counted_twice(model: Segmenter) -> None:
    unused = audit(model, SENTENCES)["unused"]
    model.set_encoders(Encoders.parse("lora-2"))
    for _ in range(2):
        found = audit(model, SENTENCES)
        assert found["unused"].tensors == unused.tensors
        assert sum(one.parameters for one in found.values()) == sum(p.numel() for p in model.parameters())


def test_without_peft_the_extra_is_named(model: Segmenter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "peft", None)
    with pytest.raises(ConfigError, match=r"peft: not installed.*pip install 'synthboost\[peft\]'"):
        model.set_encoders(Encoders.parse("lora-4"))
