"""A trained model and fixed sentences as one ONNX file, for use where this package is not."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from synthboost.errors import CheckpointError, ConfigError, extra
from synthboost.io.atomic import whole_file, write_json
from synthboost.models.base import Segmenter

OPSET = 18
TOLERANCE = 1e-3
"""Largest difference of a logit from the original's, relative to the largest logit or 1; ONNX sums in another order."""


class _WithSentences(nn.Module):
    """The model with the features of its sentences folded in: one image to a logit map per sentence."""

    def __init__(self, model: Segmenter, text: Sequence[Tensor]) -> None:
        super().__init__()
        self.model = model
        self.texts = len(text)
        for number, tensor in enumerate(text):
            self.register_buffer(f"text_{number}", tensor.clone())
        self.register_buffer("image_index", torch.zeros(len(text[0]), dtype=torch.long))

    def forward(self, pixels: Tensor) -> Tensor:
        """(1, 3, S, S) to logits (N, s, s)."""
        text = tuple(getattr(self, f"text_{number}") for number in range(self.texts))
        image_index: Tensor = self.image_index  # type: ignore[assignment]
        return self.model.decode(self.model.encode_image(pixels), text, image_index)


def export_onnx(model: Segmenter, sentences: Sequence[str], path: Path, name: str | None = None) -> float:
    """Write `path` and, beside it, a JSON of how to prepare the image and use the logits; checked before it is kept.

    Args:
        model: with its weights.
        sentences: that the file is for.
        path: ends in `.onnx`.
        name: of the weights, for the record.

    Returns:
        The largest difference of a logit, relative to the largest logit or 1.

    Raises:
        ConfigError: the extra `onnx` is not installed, or the file's name does not end in `.onnx`.
        CheckpointError: the exported model's logits differ from the original's.
        OutputError: the files cannot be written.
    """
    if path.suffix != ".onnx":
        raise ConfigError("export", "out", path.name, "a name that ends in .onnx")
    with extra("onnx", "onnx, onnxruntime or onnxscript"):
        import onnx  # noqa: F401
        import onnxruntime
        import onnxscript  # noqa: F401
    model = model.cpu().eval()
    with torch.no_grad():
        tokens = model.tokenize(sentences)
        exported = _WithSentences(model, model.encode_text(tokens)).eval()
        size = model.input_size
        pixels = torch.randn(1, 3, size, size, generator=torch.Generator().manual_seed(0))
        expected = exported(pixels).numpy()
        with whole_file(path) as temporary:
            with _quiet():
                torch.onnx.export(
                    exported, (pixels,), str(temporary), input_names=["pixels"], output_names=["logits"],
                    opset_version=OPSET, dynamo=True, external_data=False, verbose=False,
                )  # fmt: skip
            session = onnxruntime.InferenceSession(str(temporary), providers=["CPUExecutionProvider"])
            found = session.run(None, {"pixels": pixels.numpy()})[0]
            difference = float(np.abs(found - expected).max() / max(1.0, float(np.abs(expected).max())))
            if not difference <= TOLERANCE:
                raise CheckpointError(path, "logits", f"{difference:.2g} from the original's", f"at most {TOLERANCE:g}")
    write_json(path.with_suffix(".json"), _description(model, name, sentences, tokens, difference))
    return difference


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what the exporter says of torchvision, which is not needed, of its own old parts, and of constants that
    it cannot fold."""
    logs = {logging.getLogger("torch.onnx"): logging.ERROR, logging.getLogger("onnxscript"): logging.CRITICAL}
    levels = {log: log.level for log in logs}
    for log, level in logs.items():
        log.setLevel(level)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for log, level in levels.items():
            log.setLevel(level)


def _description(
    model: Segmenter, name: str | None, sentences: Sequence[str], tokens: Tensor, difference: float
) -> dict[str, Any]:
    return {
        "model": name or model.name,
        "notice": "Research software, not a medical device.",
        "input": {
            "name": "pixels",
            "shape": [1, 3, model.input_size, model.input_size],
            "preprocessing": [
                "grey values 0-255 divided by 255, the probe on top",
                f"resized to {model.input_size} x {model.input_size}, bilinear, half-pixel centres, aspect not kept, "
                "with antialiasing",
                "repeated to three channels, minus mean, divided by std",
            ],
            "mean": list(model.pixel_mean),
            "std": list(model.pixel_std),
        },
        "output": {
            "name": "logits",
            "shape": [len(sentences), model.output_size, model.output_size],
            "postprocessing": "resize to the image's own size, bilinear, half-pixel centres; sigmoid; compare with 0.5",
        },
        "sentences": list(sentences),
        "tokens": tokens.tolist(),
        "opset": OPSET,
        "difference": difference,
    }
