"""A random generator for each image, from its name: no order, batch, shard or number of workers changes an image."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import torch
from torch import Generator, Tensor


def image_generator(name: str, seed: int = 0) -> Generator:
    """Return the generator (CPU) of one image, the same in every process.

    Args:
        name: of the image, e.g. `patient0001_2CH_ED_3`; any other name has an independent generator.
        seed: of the whole set.
    """
    digest = hashlib.sha256(f"{seed}/{name}".encode()).digest()
    return Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)


def draw_noise(generators: Sequence[Generator], shape: tuple[int, ...]) -> Tensor:
    """Draw standard normal noise (B, *shape), each image from its own generator, in float32 on the CPU."""
    return torch.stack([torch.randn(shape, generator=generator) for generator in generators])
