"""What one step really trains under each policy; the paper's code trained other things than its text says."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from synthboost.models.audit import audit
from synthboost.models.base import Features
from synthboost.models.clipseg.model import ClipSeg
from synthboost.models.freezing import Encoders

SENTENCES = ("Myocardium of the heart.", "Left atrium cavity of the heart.")


def test_trained_encoders_get_gradients_everywhere(tiny_model: ClipSeg) -> None:
    tiny_model.set_encoders(Encoders.TRAINED)
    found = audit(tiny_model, SENTENCES)
    for group in ("vision", "text", "decoder"):
        assert found[group].trainable == found[group].tensors
        # the keys' biases shift all scores of a row alike, so their gradient is rounding error or exactly zero
        assert found[group].with_gradient >= 0.85 * found[group].tensors, group
    assert found["unused"].with_gradient == found["unused"].trainable == 0


def test_frozen_encoders_get_none_and_the_decoder_all(tiny_model: ClipSeg) -> None:
    tiny_model.set_encoders(Encoders.FROZEN)
    found = audit(tiny_model, SENTENCES)
    for group in ("vision", "text", "unused"):
        assert found[group].trainable == found[group].with_gradient == 0
    assert found["decoder"].trainable == found["decoder"].tensors == 64
    assert found["decoder"].with_gradient > 54


@pytest.mark.parametrize("encoders", [Encoders.TRAINED, Encoders.FROZEN])
def test_no_buffer_moves_in_a_step(tiny_model: ClipSeg, encoders: Encoders) -> None:
    tiny_model.set_encoders(encoders)
    assert all(group.buffers_moved == 0 for group in audit(tiny_model, SENTENCES).values())


def test_the_audit_sees_a_running_statistic_move(tiny_model: ClipSeg) -> None:
    tiny_model.network.decoder.add_module("statistics", torch.nn.BatchNorm1d(1))
    original = tiny_model.decode

    def decode(features: Features, text: Features, index: torch.Tensor) -> torch.Tensor:
        logits = original(features, text, index)
        tiny_model.network.decoder.statistics(logits.flatten(1).mean(1, keepdim=True))
        return logits

    tiny_model.decode = decode  # type: ignore[method-assign]
    assert audit(tiny_model, SENTENCES)["decoder"].buffers_moved == 3  # mean, variance, count


def test_the_audit_leaves_the_model_as_it_was(tiny_model: ClipSeg) -> None:
    before = {name: tensor.clone() for name, tensor in tiny_model.state_dict().items()}
    audit(tiny_model, SENTENCES)
    assert not tiny_model.training
    assert all(p.grad is None for p in tiny_model.parameters())
    assert all(torch.equal(tensor, before[name]) for name, tensor in tiny_model.state_dict().items())


def test_frozen_modules_stay_in_evaluation_through_every_later_train(tiny_model: ClipSeg) -> None:
    tiny_model.set_encoders(Encoders.FROZEN)
    for _ in range(2):
        tiny_model.train()
        modules = tiny_model.groups()
        assert all(not part.training for g in ("vision", "text") for m in modules[g] for part in m.modules())
        assert all(part.training for m in modules["decoder"] for part in m.modules())
    tiny_model.set_encoders(Encoders.TRAINED)
    assert all(part.training for m in tiny_model.groups()["vision"] for part in m.modules())


def test_unused_parameters_never_train_and_are_what_no_mask_depends_on(make_tiny_model: Callable[..., ClipSeg]) -> None:
    model = make_tiny_model(extract_layers=(0, 1))  # the third vision block is not read
    model.set_encoders(Encoders.TRAINED)
    unused = model.parameter_groups()["unused"]
    assert not any(p.requires_grad for p in unused)
    names = {name for name, p in model.named_parameters() if any(p is other for other in unused)}
    assert names == {n for n in names if "layers.2." in n or "logit_scale" in n or "visual" in n or "post_lay" in n}
    assert len([n for n in names if "layers.2." in n]) == 16
    with torch.no_grad():
        image, tokens, index = torch.ones(1, 3, 32, 32), model.tokenize(SENTENCES), torch.tensor([0, 0])
        before = model(image, tokens, index)
        for p in unused:
            p.fill_(9.0)
        assert torch.equal(model(image, tokens, index), before)


def test_the_librarys_own_forward_trains_no_encoder_which_is_why_ours_does_not_use_it(tiny_model: ClipSeg) -> None:
    tiny_model.set_encoders(Encoders.TRAINED)
    tiny_model.train()
    tokens = tiny_model.tokenize(SENTENCES[:1])
    tiny_model.network(input_ids=tokens, pixel_values=torch.ones(1, 3, 32, 32)).logits.sum().backward()
    groups = tiny_model.parameter_groups()
    assert all(p.grad is None for group in ("vision", "text") for p in groups[group])
    assert any(p.grad is not None for p in groups["decoder"])
