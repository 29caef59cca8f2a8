from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from synthboost.diffusion.spade import Modulation, Spade, find_neighbourhoods

CLASSES = 5


@pytest.fixture
def spade() -> Spade:
    torch.manual_seed(0)
    return Spade(channels=4, groups=2, classes=CLASSES, hidden=6).double()


def both(spade: Spade, maps: Tensor) -> tuple[Modulation, Modulation]:
    """As published, and by the table. Label 5 stands for no label: a vector of zeros."""
    one_hot = F.one_hot(maps, CLASSES + 1)[..., :CLASSES].permute(0, 3, 1, 2).double()
    return spade.from_map(one_hot), spade.from_neighbourhoods(find_neighbourhoods(maps, outside=CLASSES + 1))


@torch.no_grad()
def test_a_map_dictates_gain_and_shift_by_hand() -> None:
    spade = Spade(channels=2, groups=1, classes=2, hidden=1)
    for parameter in spade.parameters():
        parameter.zero_()
    spade.shared.weight[0, 1, 1, 1] = 1  # hidden: 1 where the label is 1
    spade.gamma.weight[0, 0, 1, 1] = 2
    spade.beta.weight[1, 0, 1, 1] = 5
    modulation = spade.from_map(F.one_hot(torch.tensor([[[0, 1]]]), 2).permute(0, 3, 1, 2).float())
    x = torch.tensor([[[[1.0, -1.0]], [[1.0, -1.0]]]])  # mean 0, variance 1
    expected = torch.tensor([[[[1.0, -3.0]], [[1.0, -1.0 + 5.0]]]])
    torch.testing.assert_close(spade(x, modulation), expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("flipped", [False, True])
def test_the_table_is_exact_up_to_the_border(
    spade: Spade, make_maps: Callable[[int, int], Tensor], flipped: bool
) -> None:
    maps = make_maps(24, 3)
    maps = maps.flip(2) if flipped else maps
    dense, table = both(spade, maps)
    for ours, published in zip(table.maps(), dense.maps(), strict=True):
        torch.testing.assert_close(ours, published, rtol=0, atol=1e-12)
    torch.testing.assert_close(table.expanded().values, dense.values, rtol=0, atol=1e-12)


def test_the_table_knows_pixels_without_a_label(spade: Spade, make_maps: Callable[[int, int], Tensor]) -> None:
    maps = make_maps(24, 2)
    maps[0] = CLASSES
    maps[1, :, 7:] = CLASSES
    dense, table = both(spade, maps)
    torch.testing.assert_close(table.expanded().values, dense.values, rtol=0, atol=1e-12)


def test_gradients_through_the_table_are_those_through_the_convolutions(
    spade: Spade, make_maps: Callable[[int, int], Tensor]
) -> None:
    maps = make_maps(24, 2)
    x = torch.randn(2, 4, 24, 24, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    gradients = []
    for modulation in both(spade, maps):
        gradients.append(torch.autograd.grad((spade(x, modulation) ** 3).sum(), list(spade.parameters())))
    for dense, table in zip(*gradients, strict=True):
        assert dense.abs().max() > 0
        torch.testing.assert_close(table, dense, rtol=1e-9, atol=1e-9)
