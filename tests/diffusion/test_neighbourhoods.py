from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from synthboost.diffusion.spade import find_neighbourhoods


def test_a_map_of_one_label_has_a_neighbourhood_for_each_place_near_the_border() -> None:
    found = find_neighbourhoods(torch.zeros(1, 7, 7, dtype=torch.int64), outside=1)
    # Near a border two rows differ, and so do two columns: (2 + 1 + 2) squared of 49.
    assert len(found.parts) == 25
    assert found.share == 25 / 49
    assert found.index[0, 2, 2] == found.index[0, 4, 4]
    assert found.index[0, 1, 2] != found.index[0, 2, 2]


def test_neighbourhoods_are_told_apart_exactly(make_maps: Callable[[int, int], Tensor]) -> None:
    maps = make_maps(32, 2)
    found = find_neighbourhoods(maps, outside=6)
    windows = F.unfold(F.pad(maps, (2,) * 4, value=6)[:, None].float(), 5).transpose(1, 2).reshape(-1, 25)
    distinct, number = windows.unique(dim=0, return_inverse=True)
    assert len(found.parts) == len(distinct)
    pairs = torch.stack((found.index.reshape(-1), number)).unique(dim=1)
    assert pairs.shape[1] == len(distinct)  # one to one


def test_the_stored_labels_are_those_around_the_pixel() -> None:
    maps = torch.arange(9).reshape(1, 3, 3)
    found = find_neighbourhoods(maps, outside=9)
    middle = found.labels[found.parts[found.index[0, 1, 1]]]  # (9, 9): around each of the nine pixels
    assert middle[4].tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8]
    assert middle[0].tolist() == [9, 9, 9, 9, 0, 1, 9, 3, 4]
    corner = found.parts[found.index[0, 0, 0]]
    inside = found.labels[corner, 4] != 9
    assert inside.tolist() == [False, False, False, False, True, True, False, True, True]


def test_many_labels_do_not_overflow_the_numbers() -> None:
    maps = torch.randint(0, 1000, (1, 12, 12), generator=torch.Generator().manual_seed(0))  # 1001^9 > 2^63
    maps[0, :6] = maps[0, 6:]
    found = find_neighbourhoods(maps, outside=1000)
    assert found.index[0, 2, 2:10].tolist() != found.index[0, 3, 2:10].tolist()
    assert found.index[0, 3, 5] == found.index[0, 3, 5]
    assert len(found.parts) == 144 - 2 * 12  # rows 2 and 3 see the same five rows as rows 8 and 9
