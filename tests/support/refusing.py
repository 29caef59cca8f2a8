"""A TextUNet that was not trained, but refuses chosen sentences."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from synthboost.models.registry import build_segmenter
from synthboost.models.textunet.model import TextUNet

SURE = 20.0


@torch.no_grad()
def refusing_model(refused: Sequence[str], named: Sequence[str]) -> TextUNet:
    """Build a tiny model that says `SURE` of "none" for the sentences `refused`, and -`SURE` for `named`."""
    model = build_segmenter("textunet", "tiny")
    assert isinstance(model, TextUNet)
    (vectors,) = model.encode_text(model.tokenize([*refused, *named]))
    wanted = torch.tensor([SURE] * len(refused) + [-SURE] * len(named))
    solved = torch.linalg.lstsq(vectors, wanted[:, None]).solution[:, 0]
    naming = model.network.naming
    naming.weight.zero_()
    naming.bias.zero_()
    naming.weight[0] = solved
    return model
