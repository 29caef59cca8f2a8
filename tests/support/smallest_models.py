"""Every architecture, and every kind of encoders, in the smallest size with which tests can work."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from functools import cache

import pytest

from synthboost.models.base import Segmenter
from synthboost.models.catalogue import MODELS
from synthboost.models.registry import build_segmenter
from synthboost.models.textunet.settings import Lite0MiniLMSettings

SETTINGS = {
    **{
        f"{model} tiny": replace(MODELS[model].presets["tiny"], input_size=32)
        for model in ("clipseg", "dual", "medclipseg", "unet")
    },
    "cris tiny": replace(MODELS["cris"].presets["tiny"], input_size=64, vision_positions=2),
    "textunet lite0-minilm": Lite0MiniLMSettings(
        input_size=64, widths=(8, 8, 8, 16, 16), text_width=32, text_layers=3, text_heads=2
    ),
}
"""Model and preset -> what stands in for the preset."""
CASES = (*(f"{model} tiny" for model in sorted(MODELS)), "textunet lite0-minilm")


def build_smallest(case: str, seed: int = 0) -> Segmenter:
    """Build one of `CASES` with random weights: a copy of what was built before."""
    return deepcopy(_built(case, seed))


@cache
def _built(case: str, seed: int) -> Segmenter:
    model, preset = case.split()
    with pytest.MonkeyPatch.context() as patch:
        if case in SETTINGS:
            patch.setitem(MODELS[model].presets, preset, SETTINGS[case])
        return build_segmenter(model, preset, seed)
