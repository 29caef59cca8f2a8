"""Folders of weights: safetensors, strictly matched, with one checksum over all that a prediction depends on."""

from __future__ import annotations

import errno
import hashlib
import json
import re
import warnings
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard, TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from synthboost.errors import CheckpointError, DataError, first_words
from synthboost.io.atomic import write_json
from synthboost.io.typed_json import from_json, read_json

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Settings = TypeVar("Settings", bound="DataclassInstance")

WEIGHTS_FILE = "model.safetensors"
PICKLED_FILE = "pytorch_model.bin"
"""Of older releases on the hub; read as tensors only."""
OPEN_CLIP_FILE = "open_clip_pytorch_model.bin"
"""Of dual encoders that open_clip trained."""
CARD_FILE, CONFIG_FILE = "synthboost.json", "config.json"
TRAINING_FILE = "training.json"
"""How the weights came about. No prediction depends on it, so the card does not list it."""
FORMAT = 1
MARK = "synthboost"
"""In a library's configuration, so that weights of ours without their card are not taken for those of others."""
READ = frozenset({".json", ".txt", ".safetensors", ".bin"})
"""Endings of the files in which the libraries look for weights, configuration and tokenizer."""
COPY = "It was changed or damaged since it was saved; copy the whole folder again."


@dataclass(frozen=True)
class Card:
    """What `synthboost.json` says of the folder that it lies in."""

    format: int
    model: str
    """Which of our models the folder holds."""
    settings: Mapping[str, Any]
    """The model's sizes."""
    files: Mapping[str, str]
    """Name -> SHA-256 of all files that take part in a prediction: weights, configuration, tokenizer, preprocessing."""
    sha256: str
    """Of all that: the one checksum of what a prediction depends on."""


def is_hub_name(source: str | Path) -> TypeGuard[str]:
    """Whether this can only be the name of a model on the hub (`owner/name`), and no path."""
    return isinstance(source, str) and source.count("/") == 1 and not source.startswith((".", "/", "~"))


def write_card(folder: Path, model: str, settings: Mapping[str, Any]) -> None:
    """Write the card of a folder that holds everything else already."""
    said = {"format": FORMAT, "model": model, "settings": dict(settings), "files": _checksums(folder)}
    write_json(folder / CARD_FILE, said | {"sha256": _checksum(said)})


def read_card(folder: Path, verify: bool = True) -> Card | None:
    """Read the folder's card, or `None` when it has none (a checkpoint that others published).

    Args:
        folder: of weights.
        verify: compare the card and every file with their checksums.

    Raises:
        CheckpointError: the card does not parse, is of another format, or was lost; or a file is absent, was changed,
            or has come in. The file is named.
    """
    path = folder / CARD_FILE
    if not path.is_file():
        if _is_ours(folder / CONFIG_FILE):
            raise CheckpointError(path, "file", "absent", "the card that was saved with these weights", COPY)
        return None
    try:
        said = read_json(path)
        if said.get("format", FORMAT) != FORMAT:
            raise CheckpointError(path, "format", said["format"], f"format {FORMAT}", "Update synthboost to read it.")
        card: Card = from_json(Card, said, path)
    except DataError as error:
        raise CheckpointError(path, "card", f"{error.field}: {error.value}", "a card of this program", COPY) from error
    if verify:
        _verify(folder, card)
    return card


def folder_checksum(folder: Path) -> str:
    """Return the one checksum (SHA-256, hex) of a folder of weights: its card's, or that of the files that are read.

    Raises:
        CheckpointError: there are no weights, or the card cannot be read.
    """
    if not (folder / OPEN_CLIP_FILE).is_file():
        weights_path(folder)
    card = read_card(folder, verify=False)
    return _checksum(_checksums(folder)) if card is None else card.sha256


def read_settings(kind: type[Settings], card: Card | None, folder: Path) -> Settings:
    """Build a model's settings (a dataclass) from what its card states.

    Raises:
        CheckpointError: there is no card, or it states other fields, or sizes that cannot form a network.
    """
    if card is None:
        raise CheckpointError(folder, CARD_FILE, "absent", "a folder of weights that this program wrote")
    if odd := sorted(card.settings.keys() ^ {field.name for field in fields(kind)}):
        raise CheckpointError(folder, "settings", ", ".join(odd), "the settings of this version")
    try:
        settings: Settings = from_json(kind, card.settings, folder / CARD_FILE, "settings")
    except DataError as error:
        found = f"{error.field}: {error.value}"
        raise CheckpointError(folder / CARD_FILE, "settings", found, error.expected) from error
    return settings


def read_library_config(folder: Path, expected: str) -> Any:
    """Read a configuration of transformers.

    Raises:
        CheckpointError: there is none, or it is damaged; `expected` says of what it should be.
    """
    from transformers import AutoConfig

    try:
        return AutoConfig.from_pretrained(folder, local_files_only=True)
    except Exception as error:  # the library checks little, and damaged values can raise anything
        raise CheckpointError(folder / CONFIG_FILE, "config", first_words(error), expected) from error


def _verify(folder: Path, card: Card) -> None:
    said = {name: value for name, value in vars(card).items() if name != "sha256"}
    if _checksum(said) != card.sha256:
        raise CheckpointError(folder / CARD_FILE, "sha256", _checksum(said)[:16], card.sha256[:16], COPY)
    found = _checksums(folder)
    for name, expected in card.files.items():
        if name not in found:
            raise CheckpointError(folder, name, "absent", "every file that was saved with the weights", COPY)
        if found[name] != expected:
            raise CheckpointError(folder / name, "sha256", found[name][:16], expected[:16], COPY)
    if added := sorted(found.keys() - card.files.keys()):
        expected = f"the files that {CARD_FILE} lists, and no other that the libraries read"
        raise CheckpointError(folder, "files", ", ".join(added), expected, "Move it out of the folder.")


def _checksums(folder: Path) -> dict[str, str]:
    """The SHA-256 of each file that takes part in a prediction, by name."""
    names = sorted(path.name for path in folder.iterdir() if path.suffix in READ and path.is_file())
    return {name: file_sha256(folder / name) for name in names if name not in (CARD_FILE, TRAINING_FILE)}


def _checksum(said: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def _is_ours(path: Path) -> bool:
    """Whether a configuration of the library says that this program wrote it."""
    try:
        return MARK in read_json(path)
    except DataError:
        return False


def save_weights(folder: Path, state: Mapping[str, Tensor]) -> None:
    """Write a state dict as safetensors.

    Raises:
        CheckpointError: a tensor holds NaN or infinity.
        OSError: the file cannot be written.
    """
    refuse_non_finite(folder / WEIGHTS_FILE, state)
    tensors = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in state.items()}
    write_tensors(folder / WEIGHTS_FILE, tensors, {"format": "pt"})


def write_tensors(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    """Write safetensors; see `system_errors`."""
    with system_errors(SafetensorError):
        save_file(tensors, path, metadata=metadata)


@contextmanager
def system_errors(kind: type[Exception]) -> Iterator[None]:
    """What a library says, by `kind`, of a full disk or a lack of rights becomes the `OSError` that it is."""
    try:
        yield
    except kind as error:
        number = re.search(r"os error (\d+)", str(error))
        if number is None and kind is Exception:
            raise
        raise OSError(int(number[1]) if number else errno.EIO, first_words(error)) from error


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
        said = "no weights" if isinstance(error, LookupError) else first_words(error)
        found = f"{said}; it begins with {_beginning(path)!r}"
        raise CheckpointError(path, "file", found, "an intact file that holds weights only") from error


def _beginning(path: Path) -> bytes:
    with path.open("rb") as handle:
        return handle.read(16)


def _is_torchscript(path: Path) -> bool:
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        if sum(entry.file_size for entry in archive.infolist()) > path.stat().st_size:
            raise ValueError("it is compressed")  # torch compresses none, and a bomb could hold any size
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


def renamed(name: str, table: Iterable[tuple[str, str]]) -> str:
    """Return a name whose beginning is replaced by the first entry (pattern, replacement) that fits, if one does."""
    for pattern, ours in table:
        if re.match(pattern, name):
            return re.sub(f"^{pattern}", ours, name)
    return name


def refuse_non_finite(path: Path, state: Mapping[str, Tensor]) -> None:
    """Refuse weights with NaN or infinity, and tensors that are larger than what the file holds of them.

    Raises:
        CheckpointError: naming the first such tensors.
    """
    grown = [name for name, tensor in state.items() if tensor.nbytes > tensor.untyped_storage().nbytes()]
    if grown:
        raise CheckpointError(path, "tensors", ", ".join(grown[:5]), "tensors that are stored whole")
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
