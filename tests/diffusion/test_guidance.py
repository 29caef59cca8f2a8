from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from synthboost.diffusion.network import SemanticUNet
from synthboost.diffusion.sampling import known_condition
from synthboost.diffusion.settings import DiffusionSettings

Make = Callable[[DiffusionSettings], SemanticUNet]
TIMES = torch.tensor([100.0, 100.0])
CODES = torch.tensor([[1, 2, 3], [2, 1, 0]])


@torch.no_grad()
@pytest.mark.parametrize("guidance", [0.0, 1.0, 2.5])
@pytest.mark.parametrize("learned", [False, True])
def test_guidance_leaves_the_prediction_without_map_behind(
    make_network: Make, settings: DiffusionSettings, make_maps: Callable[[int, int], Tensor], guidance: float,
    learned: bool,
) -> None:  # fmt: skip
    network = make_network(replace(settings, learned_sigma=learned))
    maps = make_maps(32, 2)
    images = torch.randn(2, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    told = network(images, TIMES, network.condition(maps, CODES))
    untold = network(images, TIMES, network.condition(torch.full_like(maps, settings.null), CODES))
    assert (told - untold).abs().max() > 0.01
    output = known_condition(network, maps, CODES, guidance)(images, TIMES)
    expected = untold[:, :1] + guidance * (told - untold)[:, :1]
    torch.testing.assert_close(output[:, :1], expected, rtol=0, atol=1e-5)
    torch.testing.assert_close(output[:, 1:], told[:, 1:], rtol=0, atol=1e-5)


@torch.no_grad()
def test_the_map_is_looked_at_once_and_the_encoder_runs_once_a_step(
    network: SemanticUNet, make_maps: Callable[[int, int], Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = {"condition": 0, "encode": 0, "decode": 0}
    for name in calls:
        original = getattr(network, name)

        def counted(
            *args: object, name: str = name, original: Callable[..., object] = original, **kw: object
        ) -> object:
            calls[name] += 1
            return original(*args, **kw)

        monkeypatch.setattr(network, name, counted)
    denoiser = known_condition(network, make_maps(32, 2), CODES, guidance=2.0)
    for _ in range(5):
        denoiser(torch.zeros(2, 1, 32, 32), TIMES)
    assert calls == {"condition": 2, "encode": 5, "decode": 10}
