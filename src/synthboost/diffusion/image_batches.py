"""Make many images a few at a time, and fewer when memory runs out."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray


@dataclass
class ImageBatches:
    """How many images are made together; remembers what turned out to be too many."""

    size: int

    def make(self, count: int, images_of: Callable[[slice], NDArray[np.uint8]]) -> NDArray[np.uint8]:
        """Return (count, S, S) images.

        Args:
            count: of images, at least one.
            images_of: from positions to their images; called again with half as many when memory was lacking.
        """
        made: list[NDArray[np.uint8]] = []
        first = 0
        while first < count:
            last = min(first + self.size, count)
            try:
                made.append(images_of(slice(first, last)))
                first = last
            except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
                if self.size == 1 or not _is_lack_of_memory(error):
                    raise
                self.size //= 2
                print(f"memory ran out: {self.size} images at a time from here on", file=sys.stderr, flush=True)
        return np.concatenate(made)


def _is_lack_of_memory(error: BaseException) -> bool:
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or "not enough memory" in str(error)
