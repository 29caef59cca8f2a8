"""Folders of weights: safetensors, strictly matched, with a checksum; nothing is loaded by half or in silence."""

from __future__ import annotations

import hashlib
import json
import warnings
import zipfile
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from synthboost.errors import CheckpointError, ConfigError, OutputError
from synthboost.io.atomic import write_json

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Settings = TypeVar("Settings", bound="DataclassInstance")

WEIGHTS_FILE = "model.safetensors"
PICKLED_FILE = "pytorch_model.bin"
"""Of older releases on the hub; read as tensors only."""
CARD_FILE = "synthboost.json"
"""Which of our models the folder holds, its settings, and the weights' checksum."""
FORMAT = 1


def write_card(folder: Path, model: str, settings: Mapping[str, Any]) -> None:
    """Write what `read_card` reads, once the weights are in the folder."""
    card = {"format": FORMAT, "model": model, "settings": dict(settings), "sha256": file_sha256(folder / WEIGHTS_FILE)}
    write_json(folder / CARD_FILE, card)


def read_card(folder: Path) -> dict[str, Any] | None:
    """Read the folder's card, or `None` when it has none (a checkpoint that others published).

    Raises:
        CheckpointError: the card does not parse, is of a newer format, or the weights' checksum differs.
    """
    path = folder / CARD_FILE
    if not path.is_file():
        return None
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
        version, expected = card["format"], card["sha256"]
        if version == FORMAT and not (isinstance(card["model"], str) and isinstance(card["settings"], dict)):
            raise ValueError("its model or settings are of the wrong type")
    except (ValueError, KeyError, TypeError) as error:
        raise CheckpointError(path, "card", error, "a card of this program") from error
    if version != FORMAT:
        raise CheckpointError(path, "format", version, f"format {FORMAT}", "Update synthboost to read it.")
    found = file_sha256(folder / WEIGHTS_FILE)
    if found != expected:
        raise CheckpointError(
            folder / WEIGHTS_FILE, "sha256", found[:16], expected[:16], "The file was damaged; copy it again."
        )
    return dict(card)


def read_settings(kind: type[Settings], card: Mapping[str, Any] | None, folder: Path) -> Settings:
    """Build a model's settings (a dataclass) from what its card states.

    Raises:
        CheckpointError: there is no card, or it states other fields, or sizes that cannot form a network.
    """
    if card is None:
        raise CheckpointError(folder, CARD_FILE, "absent", "a folder of weights that this program wrote")
    stated = {name: tuple(value) if isinstance(value, list) else value for name, value in card["settings"].items()}
    known = {field.name for field in fields(kind)}
    if stated.keys() != known:
        raise CheckpointError(folder, "settings", sorted(stated.keys() ^ known), "the settings of this version")
    try:
        return kind(**stated)
    except (TypeError, ConfigError) as error:
        raise CheckpointError(folder, "settings", error, "the settings of this version") from error


def save_weights(folder: Path, state: Mapping[str, Tensor]) -> None:
    """Write a state dict as safetensors.

    Raises:
        CheckpointError: a tensor holds NaN or infinity.
        OutputError: the file cannot be written.
    """
    refuse_non_finite(folder / WEIGHTS_FILE, state)
    tensors = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in state.items()}
    try:
        save_file(tensors, folder / WEIGHTS_FILE, metadata={"format": "pt"})
    except SafetensorError as error:  # what the library raises where Python would raise OSError, e.g. on a full disk
        raise OutputError(
            folder / WEIGHTS_FILE, "file", error, "a place that can be written", "Check the rights and the free space."
        ) from error


def load_weights(module: nn.Module, folder: Path, ignore: tuple[str, ...] = ()) -> None:
    """Copy a folder's weights (`model.safetensors`, or `pytorch_model.bin` of an older release) into a module.

    Raises:
        CheckpointError: neither exists, or see `read_tensors` and `load_strictly`.
    """
    load_strictly(module, read_tensors(weights_path(folder)), folder, ignore)


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Read a file that maps names to tensors and holds nothing else.

    Raises:
        CheckpointError: as `read_file`, or it holds something else, or a tensor holds NaN or infinity.
    """
    state = read_file(path)
    if not isinstance(state, dict) or not all(isinstance(tensor, Tensor) for tensor in state.values()):
        raise CheckpointError(path, "file", type(state).__name__, "a file that maps names to tensors")
    refuse_non_finite(path, state)
    return dict(state)


def read_file(path: Path) -> Any:
    """Read a file of weights: safetensors, a TorchScript archive, or a pickle of tensors and plain values.

    No code in it is run.

    Raises:
        CheckpointError: it is absent or damaged, or holds more than that.
    """
    if not path.is_file():
        raise CheckpointError(path, "file", "absent", "a file of weights")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        if _is_torchscript(path):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # the format is old, and so are OpenAI's files
                return torch.jit.load(str(path), map_location="cpu").state_dict()  # type: ignore[no-untyped-call]
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # reading a foreign file can raise anything; all of it means: not weights
        # What the libraries say goes on with advice to run what the file holds.
        raise CheckpointError(
            path, "file", f"{type(error).__name__}; it begins with {_beginning(path)!r}",
            "an intact file that holds weights only",
        ) from error  # fmt: skip


def _beginning(path: Path) -> bytes:
    with path.open("rb") as handle:
        return handle.read(16)


def _is_torchscript(path: Path) -> bool:
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(name.endswith("/constants.pkl") for name in archive.namelist())


def load_strictly(module: nn.Module, state: Mapping[str, Tensor], source: Path, ignore: tuple[str, ...] = ()) -> None:
    """Copy a state dict, read from `source`, into a module, every tensor or none.

    Names that end in one of `ignore`, which older releases stored, carry no weight.

    Raises:
        CheckpointError: tensors are missing, unexpected, of another shape, or integers, truth values or complex numbers
            where there shall be weights; the first of each are named.
    """
    state = {name: tensor for name, tensor in state.items() if not name.endswith(ignore)}
    own = module.state_dict()
    common = sorted(own.keys() & state.keys())
    faults = {
        "missing": sorted(own.keys() - state.keys()),
        "unexpected": sorted(state.keys() - own.keys()),
        "of another shape": [
            f"{name} {tuple(state[name].shape)} instead of {tuple(own[name].shape)}"
            for name in common
            if own[name].shape != state[name].shape
        ],
        "no real numbers": [
            f"{name} {state[name].dtype} instead of {own[name].dtype}"
            for name in common
            if own[name].is_floating_point() and not state[name].is_floating_point()
        ],
    }
    found = [f"{len(names)} {kind}: {', '.join(names[:5])}" for kind, names in faults.items() if names]
    if found:
        raise CheckpointError(
            source, "tensors", "; ".join(found), f"the {len(own)} tensors of {type(module).__name__}",
            "Nothing was loaded. Check that the weights belong to this model and preset.",
        )  # fmt: skip
    module.load_state_dict(state, strict=True)


def refuse_non_finite(path: Path, state: Mapping[str, Tensor]) -> None:
    """Refuse weights with NaN or infinity.

    Raises:
        CheckpointError: naming the first such tensors.
    """
    bad = [name for name, tensor in state.items() if tensor.is_floating_point() and not tensor.isfinite().all()]
    if bad:
        raise CheckpointError(path, "values", f"NaN or infinity in {', '.join(bad[:5])}", "finite weights")


def weights_path(folder: Path) -> Path:
    """Return the file that holds the weights.

    Raises:
        CheckpointError: there is none.
    """
    for name in (WEIGHTS_FILE, PICKLED_FILE):
        if (folder / name).is_file():
            return folder / name
    raise CheckpointError(folder, WEIGHTS_FILE, "absent", "a folder of weights (save_pretrained layout)")


def file_sha256(path: Path) -> str:
    """Return the SHA-256 (hex) of a file.

    Raises:
        CheckpointError: it is absent.
    """
    if not path.is_file():
        raise CheckpointError(path.parent, path.name, "absent", "a folder of weights (save_pretrained layout)")
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
