from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from synthboost.errors import ConfigError
from synthboost.inference.onnx_export import export_onnx
from synthboost.models.catalogue import MODELS
from synthboost.models.registry import build_segmenter

FEWER: dict[str, dict[str, object]] = {
    "clipseg": {"vision_layers": 2, "extract_layers": (0, 1), "conditional_layer": 1},
    "cris": {"decoder_layers": 1},
    "textunet": {"widths": (8, 16, 24), "scales": 2},
    "unet": {},
}
"""Of each kind of layer some: the exporter takes time for every one."""
SENTENCES = ["Myocardium of the heart.", "Left atrium cavity of the heart."]


@pytest.mark.parametrize("name", FEWER)
def test_the_exported_model_answers_as_the_original_and_says_how_to_ask(
    tmp_path, name: str, capfd, recwarn, monkeypatch
) -> None:
    presets = MODELS[name].presets
    monkeypatch.setitem(presets, "tiny", replace(presets["tiny"], **FEWER[name]))
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    model = build_segmenter(name, "tiny")
    assert export_onnx(model, SENTENCES, tmp_path / "model.onnx") < 1e-3
    assert capfd.readouterr() == ("", "")
    assert not recwarn.list
    said = json.loads((tmp_path / "model.json").read_text())
    image = np.random.default_rng(0).integers(0, 255, (50, 40), dtype=np.uint8)
    pixels = model.preprocess(image)[None]
    assert list(pixels.shape) == said["input"]["shape"]
    (found,) = onnxruntime.InferenceSession(str(tmp_path / "model.onnx")).run(None, {"pixels": pixels.numpy()})
    with torch.no_grad():
        expected = model(pixels, model.tokenize(SENTENCES), torch.zeros(2, dtype=torch.long))
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-3)
    assert said["sentences"] == SENTENCES


def test_another_ending_is_refused(tmp_path) -> None:
    with pytest.raises(ConfigError, match=r"ends in \.onnx"):
        export_onnx(build_segmenter("clipseg", "tiny"), SENTENCES, tmp_path / "model.pt")
