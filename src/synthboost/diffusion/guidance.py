"""A network that knows its condition, and is pushed towards it as far as wanted (arXiv 2207.12598)."""

from __future__ import annotations

import torch
from torch import Tensor

from synthboost.diffusion.network import SemanticUNet
from synthboost.diffusion.objective import Denoiser


def known_condition(
    network: SemanticUNet, labels: Tensor, attributes: Tensor | None = None, guidance: float = 1.0, expand: bool = True
) -> Denoiser:
    """Return the network as a function of images and times; all that depends on the map is worked out here, once.

    With guidance, the prediction without any label is left behind: p + g (q - p) with p without and q with the map.
    The attributes are told to both, so the encoder, which sees no map, runs once for the two.

    Args:
        network: in evaluation mode.
        labels: (B, S, S) condition maps.
        attributes: (B, A) codes, or `None` when unknown.
        guidance: g; 1 is none. More needs a network that was trained with maps dropped.
        expand: keep maps instead of tables: faster at each step, more memory (see `SemanticUNet.condition`).

    Raises:
        DataError: see `SemanticUNet.condition`.
    """
    with torch.no_grad():
        told = network.condition(labels, attributes, expand=expand)
        nothing = torch.full_like(labels[:1], network.settings.null) if guidance != 1 else None
        untold = None if nothing is None else network.condition(nothing, expand=expand)

    def denoise(images: Tensor, times: Tensor) -> Tensor:
        encoded = network.encode(images, times, told)
        output = network.decode(encoded, told)
        if untold is None:
            return output
        channels = images.shape[1]
        without = network.decode(encoded, untold)[:, :channels]
        guided = without + guidance * (output[:, :channels] - without)
        return torch.cat((guided, output[:, channels:]), dim=1)  # variances, if any, are those with the map

    return denoise
