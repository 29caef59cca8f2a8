"""Models by name: build one with random weights, load one from a folder or the hub, publish one."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path

import torch

from synthboost.domain import PromptSet
from synthboost.errors import CheckpointError, DataError
from synthboost.io.typed_json import read_json
from synthboost.models.base import Segmenter
from synthboost.models.catalogue import DEFAULT, MODELS, entry_of, settings_of
from synthboost.models.textunet.model import TextUNet
from synthboost.models.textunet.pretrained import NAME, encoder_files, encoders_checksum, names_encoders
from synthboost.models.weights_folder import (
    CARD_FILE,
    CONFIG_FILE,
    OPEN_CLIP_FILE,
    folder_checksum,
    is_hub_name,
    read_card,
)

CONVERT = "Convert a published file of CRIS or CLIP with `synthboost weights convert`."
BOX = Path(__file__).parents[1] / "weights" / DEFAULT
"""The folder of the weights that ship with the package."""


def segmenter_class(model: str) -> type[Segmenter]:
    """Import the class of an architecture.

    Raises:
        ConfigError: no such model; the known ones are listed.
    """
    module, _, name = entry_of(model).segmenter.partition(":")
    found: type[Segmenter] = getattr(import_module(module, "synthboost.models"), name)
    return found


def build_segmenter(model: str, preset: str, seed: int = 0, prompt_sets: Collection[PromptSet] = ()) -> Segmenter:
    """Build a model with random weights that depend on the seed, and on how many words it knows, alone.

    Its tokenizer knows the paper's words and those of `prompt_sets`, which it is to be trained on.

    Raises:
        ConfigError: no such model or preset; the known ones are listed.
    """
    settings = settings_of(model, preset)
    with _seeded(seed):
        return segmenter_class(model).from_settings(settings, prompt_sets).eval()


def load_segmenter(source: str | Path, model: str | None = None, seed: int = 0) -> Segmenter:
    """Load weights from a folder, from the hub by name (`owner/name`), or those of the package (`default`).

    Args:
        source: a folder in `save_pretrained` layout, a finished run's folder, a hub name, `default`, or encoders alone
            (see `names_encoders`), for a decoder with random weights.
        model: the model it must be; `None` takes what the folder's card says. A folder without a card must have a
            published layout, e.g. the library's own of a CLIPSeg.
        seed: of the weights that remain random.

    Raises:
        CheckpointError: nothing is there, it is damaged, or it is another model.
    """
    if names_encoders(source):
        if model not in (None, TextUNet.name):
            raise CheckpointError(
                source, "model", TextUNet.name, model, "These encoders belong to another architecture."
            )
        with _seeded(seed):
            return TextUNet.from_encoders(*encoder_files(str(source))).eval()
    folder = folder_of(source)
    card = read_card(folder, verify=False)
    name = card.model if card else _publisher(folder, model)
    if name not in MODELS or (model is not None and name != model):
        wanted = model or ", ".join(MODELS)
        raise CheckpointError(folder, "model", name, wanted, "The weights belong to another architecture.")
    with _seeded(seed):
        return segmenter_class(name).from_pretrained(folder).eval()


def name_with_checksum(model: Segmenter, source: str | Path) -> str:
    """Return what tells a model's weights from others', e.g. `unet 22c07b68cd20`, for records.

    The name of those of the package ends in `(default)`, that of published encoders in theirs.

    Raises:
        CheckpointError: as `weights_fingerprint`.
    """
    own = f"{model.name} {weights_fingerprint(source)[:12]}"
    return f"{own} ({source})" if source in (DEFAULT, NAME) else own


def weights_fingerprint(source: str | Path) -> str:
    """Return the one checksum (SHA-256, hex) of all that `load_segmenter` would read; see `folder_checksum`.

    Raises:
        CheckpointError: there are no weights.
    """
    return encoders_checksum(str(source)) if names_encoders(source) else folder_checksum(folder_of(source))


def holds_weights(source: Path) -> bool:
    """Whether a folder, or the run's in it, holds what `load_segmenter` reads; nothing is opened."""
    return any((folder_of(source) / name).is_file() for name in (CARD_FILE, OPEN_CLIP_FILE, CONFIG_FILE))


def _publisher(folder: Path, wanted: str | None) -> str:
    """The architecture that reads a folder without a card, by what its configuration says it is."""
    layout = OPEN_CLIP_FILE
    if not (folder / OPEN_CLIP_FILE).is_file():
        if not (folder / CONFIG_FILE).is_file():
            raise CheckpointError(folder, CARD_FILE, "absent", "a card, or config.json of a CLIPSeg", CONVERT)
        layout = ""
        with suppress(DataError):  # what reads it says so
            layout = str(read_json(folder / CONFIG_FILE).get("model_type"))
    return next((name for name, entry in MODELS.items() if layout in entry.layouts), wanted or "clipseg")


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def push_weights(source: str | Path, repo: str, private: bool = True) -> str:
    """Upload a run's weights, or a folder of weights, to `repo` (`owner/name`, made if absent); return its address.

    They are loaded first, so that nothing broken is published.

    Raises:
        CheckpointError: the weights are not sound, or the hub refuses (no login, no right, no network).
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    load_segmenter(source)
    folder, api = folder_of(source), HfApi()
    try:
        api.create_repo(repo, private=private, exist_ok=True)
        return str(api.upload_folder(repo_id=repo, folder_path=folder, commit_message="Add weights"))
    except (OSError, HfHubHTTPError, ValueError) as error:
        raise CheckpointError(
            repo, "hub", f"{type(error).__name__}: {error}", "a repository that you may write to",
            "Log in with `hf auth login`, and write the name as owner/name.",
        ) from error  # fmt: skip


def folder_of(source: str | Path) -> Path:
    """Return the folder that holds the weights which `load_segmenter` would read; a hub name is downloaded.

    Raises:
        CheckpointError: there is none.
    """
    if source == DEFAULT:  # a folder of that name is `./default`
        if not (BOX / CARD_FILE).is_file():
            raise CheckpointError(
                BOX, "weights", "absent", "the weights that ship with the package",
                "Install the package again, or name other weights, such as a run's folder.",
            )  # fmt: skip
        return BOX
    path = Path(source)
    if (path / "checkpoint").is_dir():
        return path / "checkpoint"
    if path.is_dir():
        return path
    if path.is_file():
        raise CheckpointError(source, "folder", "a file", "a folder of weights", CONVERT)
    if not is_hub_name(source):
        raise CheckpointError(source, "folder", "absent", "a folder of weights, or a hub name like owner/name")

    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        return Path(
            snapshot_download(source, allow_patterns=["*.json", "*.txt", "*.safetensors", "*pytorch_model.bin"])
        )
    except (OSError, HfHubHTTPError, LocalEntryNotFoundError, ValueError) as error:
        raise CheckpointError(
            source, "hub", type(error).__name__, "a local folder, or a model that the hub can give",
            "Download it where there is a network and give the folder's path.",
        ) from error  # fmt: skip
