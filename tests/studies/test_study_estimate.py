from __future__ import annotations

from collections.abc import Callable

import pytest

from synthboost.domain import Strategy
from synthboost.models.registry import build_segmenter
from synthboost.studies.spec import RunSpec
from synthboost.studies.study_estimate import probe


@pytest.mark.parametrize("model", ["clipseg", "cris", "textunet", "unet"])
def test_a_probe_measures_every_kind_of_model(make_spec: Callable[..., RunSpec], model: str) -> None:
    speed = probe(make_spec(Strategy.REAL, model=model, preset="tiny"))
    assert speed.training > 0
    assert speed.evaluating > 0
    assert speed.weights == 4 * sum(p.numel() for p in build_segmenter(model, "tiny").parameters())
    assert speed.features > 0
