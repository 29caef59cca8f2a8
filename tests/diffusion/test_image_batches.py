from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from synthboost.diffusion.synthesize import ImageBatches

LACK_ON_LINUX = RuntimeError("[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory")
LACK = RuntimeError("[enforce fail at alloc_cpu.cpp] not enough memory: you tried to allocate 9 bytes")


def test_images_come_in_order_and_the_last_batch_is_what_is_left() -> None:
    sizes: list[int] = []

    def images_of(some: slice) -> NDArray[np.uint8]:
        sizes.append(some.stop - some.start)
        return np.arange(7, dtype=np.uint8)[some]

    assert ImageBatches(3).make(7, images_of).tolist() == [0, 1, 2, 3, 4, 5, 6]
    assert sizes == [3, 3, 1]


@pytest.mark.parametrize("lack", [LACK, LACK_ON_LINUX, torch.OutOfMemoryError(), MemoryError()])
def test_a_batch_that_was_too_large_is_halved_and_stays_so(lack: Exception, capsys: pytest.CaptureFixture[str]) -> None:
    batches = ImageBatches(8)

    def images_of(some: slice) -> NDArray[np.uint8]:
        if some.stop - some.start > 2:
            raise lack
        return np.arange(6, dtype=np.uint8)[some]

    assert batches.make(6, images_of).tolist() == [0, 1, 2, 3, 4, 5]
    assert batches.size == 2
    assert "memory ran out: 2 images at a time from here on" in capsys.readouterr().err


@pytest.mark.parametrize(("size", "error"), [(1, LACK), (8, RuntimeError("something else"))])
def test_what_no_smaller_batch_mends_is_raised(size: int, error: Exception) -> None:
    def images_of(some: slice) -> NDArray[np.uint8]:
        raise error

    with pytest.raises(RuntimeError, match=str(error)[:10].replace("[", r"\[")):
        ImageBatches(size).make(4, images_of)
