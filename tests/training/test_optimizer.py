"""Learning rates fall towards the encoders' input by a factor per block."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from synthboost.models.clipseg.model import ClipSeg
from synthboost.models.freezing import Encoders
from synthboost.training.config import TrainingConfig
from synthboost.training.optimizer import make_optimizer, make_scheduler, rate_scales


def test_one_rate_is_one_group(tiny_model: ClipSeg, quick: TrainingConfig) -> None:
    tiny_model.set_encoders(Encoders.TRAINED)
    [group] = make_optimizer(tiny_model, quick).param_groups
    learning = [p for p in tiny_model.parameters() if p.requires_grad]
    assert {id(p) for p in group["params"]} == {id(p) for p in learning}
    assert len(group["params"]) == len(learning)


def test_each_block_has_the_rate_of_the_one_above_times_the_decay(tiny_model: ClipSeg, quick: TrainingConfig) -> None:
    tiny_model.set_encoders(Encoders.TRAINED)
    config = replace(quick, learning_rate=1.0, layer_decay=0.5, encoder_rate=0.1)
    scale = {id(p): s for p, s in rate_scales(tiny_model, config)}
    clip = tiny_model.network.clip
    vision, text = clip.vision_model, clip.text_model  # three vision blocks, one text block

    def of(module: object) -> float:
        [found] = {scale[id(p)] for p in module.parameters()}  # type: ignore[attr-defined]
        return found

    assert of(tiny_model.network.decoder) == 1.0
    assert [of(block) for block in vision.encoder.layers] == pytest.approx([0.1 / 8, 0.1 / 4, 0.1 / 2])
    assert of(vision.embeddings) == pytest.approx(0.1 / 16)
    assert of(text.encoder.layers[0]) == of(clip.text_projection) == pytest.approx(0.1 / 2)
    assert of(text.embeddings) == pytest.approx(0.1 / 4)
    optimizer = make_optimizer(tiny_model, config)
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([1.0, 0.00625, 0.0125, 0.025, 0.05])


def test_what_is_frozen_is_not_in_the_optimizer(make_tiny_model: Callable[..., ClipSeg], quick: TrainingConfig) -> None:
    model = make_tiny_model()
    model.set_encoders(Encoders.parse("vision=last-1,text=frozen"))
    [decoder, last] = make_optimizer(model, replace(quick, layer_decay=0.5)).param_groups
    assert len(decoder["params"]) == 64
    assert {id(p) for p in last["params"]} == {
        id(p) for p in model.network.clip.vision_model.encoder.layers[2].parameters()
    }


def test_a_cycle_scales_every_group(tiny_model: ClipSeg, quick: TrainingConfig) -> None:
    tiny_model.set_encoders(Encoders.TRAINED)
    config = replace(quick, schedule="one-cycle", encoder_rate=0.1, learning_rate=1e-3, epochs=10)
    optimizer = make_optimizer(tiny_model, config)
    scheduler = make_scheduler(optimizer, config, steps_per_epoch=5)
    rates = []
    for _ in range(50):
        rates.append([group["lr"] for group in optimizer.param_groups])
        optimizer.step()
        scheduler.step()
    assert max(decoder for decoder, _ in rates) == pytest.approx(1e-3, rel=2e-3)
    assert all(encoder == pytest.approx(0.1 * decoder) for decoder, encoder in rates)


@pytest.mark.parametrize("steps", range(1, 8))
def test_the_shortest_cycles_can_be_stepped_to_their_end(steps: int) -> None:
    weight = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.AdamW([weight], lr=1.0)
    scheduler = make_scheduler(optimizer, TrainingConfig(schedule="one-cycle", epochs=steps), 1)
    for _ in range(steps):
        optimizer.step()
        scheduler.step()
    assert 0 < optimizer.param_groups[0]["lr"] <= 1
