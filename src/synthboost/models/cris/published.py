"""Files of weights that others published: a trained CRIS, or CLIP's ResNet, turned into a folder of ours once.

Three formats are known: the authors' training script's `*.pth` (a dict that holds `state_dict`, every name with a
prefix), OpenAI's `RN50.pt` (a TorchScript archive of CLIP), and a bare state dict of either (`*.pth`, `*.safetensors`).
"""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from synthboost.errors import CheckpointError
from synthboost.models.cris.model import Cris
from synthboost.models.cris.network import CrisNetwork
from synthboost.models.cris.settings import CrisSettings, Shapes, infer_settings, infer_vocabulary
from synthboost.models.tokenizing import clip_tokenizer
from synthboost.models.weights_folder import load_strictly, refuse_non_finite

BACKBONE = "backbone."
MARK = "visual.conv1.weight"
"""In every CLIP and every CRIS, and nowhere else."""
RESNET = "visual.layer1.0.conv1.weight"
"""In CLIP's residual networks, and not in its vision transformers, whose first convolution has the same name."""
CLIP_SIZES = frozenset({"input_resolution", "context_length", "vocab_size"})
"""Numbers that OpenAI's archives keep among the weights."""
CONNECT = "backbone.visual.attnpool.connect."
"""Inside the image encoder, but CRIS' addition to CLIP."""
COUNTER = ".num_batches_tracked"
"""Of a normalisation layer. No result depends on it, and old or exported files leave it out; torch fills it in too."""


class Kind(StrEnum):
    """What a published file holds."""

    CRIS = "cris"
    """A whole, trained CRIS."""
    CLIP = "clip"
    """CLIP's two encoders; what CRIS adds to them must be trained."""


@dataclass(frozen=True)
class PublishedWeights:
    """What a file holds, under the names of `CrisNetwork`, in float32."""

    kind: Kind
    state: dict[str, Tensor]
    dropped: tuple[str, ...]
    """Entries of the file that are no weights of a CRIS, e.g. the optimiser's state."""

    @property
    def shapes(self) -> Shapes:
        """The tensors' shapes, which tell the sizes."""
        return {name: tuple(tensor.shape) for name, tensor in self.state.items()}


@dataclass(frozen=True)
class ConversionReport:
    """What became of the tensors; every tensor of the file was used, or nothing was written."""

    kind: Kind
    matched: tuple[str, ...]
    """Tensors of the network that came from the file."""
    left_random: tuple[str, ...]
    """Tensors that the file does not have: all that CRIS adds to CLIP. Never empty for `Kind.CLIP`."""
    zeroed: tuple[str, ...]
    """Counters of batches that the file leaves out and that begin at zero. No result depends on them."""
    dropped: tuple[str, ...]
    """As in `PublishedWeights`."""


def read_published(path: Path) -> PublishedWeights:
    """Read a published file. Pickles are read as tensors and plain values only, so that no code of theirs runs.

    Raises:
        CheckpointError: the file is absent, damaged, or holds something else than a CRIS or a CLIP with a ResNet.
    """
    container, dropped = _unpack(path)
    mark = next((name for name in container if name.endswith(MARK)), None)
    if mark is None or not isinstance(container[mark], Tensor):
        raise CheckpointError(
            path, "weights", f"{len(container)} entries: {', '.join(sorted(container)[:5])}",
            f"those of a CRIS or of CLIP, among them {MARK}",
        )  # fmt: skip
    prefix = mark.removesuffix(MARK)
    kind = Kind.CRIS if prefix.endswith(BACKBONE) else Kind.CLIP
    prefix = prefix.removesuffix(BACKBONE)
    _require_resnet(path, container, mark)
    state = {name.removeprefix(prefix): tensor for name, tensor in container.items()}
    if len(state) < len(container):
        twice = sorted(name for name in container if name.startswith(prefix) and name.removeprefix(prefix) in container)
        raise CheckpointError(
            path, "entries", f"with and without the prefix {prefix!r}: {', '.join(twice[:5])}", "each tensor once"
        )
    if kind is Kind.CLIP:
        dropped += tuple(sorted(CLIP_SIZES & state.keys()))
        state = {BACKBONE + name: tensor for name, tensor in state.items() if name not in CLIP_SIZES}
    strangers = [name for name, tensor in state.items() if not _is_plain(tensor)]
    if strangers:
        raise CheckpointError(path, "entries", ", ".join(strangers[:5]), "tensors only, dense and with content")
    refuse_non_finite(path, state)
    floats = {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in state.items()}
    return PublishedWeights(kind, floats, dropped)


def convert(
    path: Path, folder: Path, tokenizer: str | Path = "openai/clip-vit-base-patch32", seed: int = 0,
    input_size: int = CrisSettings.input_size,
) -> ConversionReport:  # fmt: skip
    """Turn a published file into a folder that `load_segmenter` reads.

    From CLIP alone, whatever CRIS adds stays at its initial weights and must be trained. That includes a layer inside
    the image encoder (`connect`), which frozen encoders would keep as it is forever: it is set to add nothing, so that
    the frozen encoder is CLIP's own, and a warning says so.

    Args:
        path: see `read_published`.
        folder: written whole or not at all.
        tokenizer: CLIP's: a folder with `tokenizer.json`, or `vocab.json` and `merges.txt`; or a model on the hub.
        seed: of what is left random.
        input_size: of the square images, in pixels; the weights fit any multiple of 32.

    Raises:
        CheckpointError: the file or the tokenizer does not fit, with the tensors that are missing or unexpected.
        ConfigError: `input_size` cannot be.
        OutputError: the folder cannot be written.
    """
    weights = read_published(path)
    words = clip_tokenizer(tokenizer)
    vocabulary = infer_vocabulary(weights.shapes, path)
    if len(words) != vocabulary or words.eos_token_id != vocabulary - 1:
        raise CheckpointError(
            tokenizer, "vocabulary", f"{len(words)} tokens, the end token is {words.eos_token_id}",
            f"{vocabulary} tokens, as in {path.name}, the end token last", "Give the tokenizer of the same CLIP.",
        )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Cris(infer_settings(weights.shapes, path, input_size), words)
    left, zeroed = _load(model.network, weights, path)
    model.save_pretrained(folder)
    if left:
        warnings.warn(
            f"{path} holds CLIP, not CRIS: {len(left)} of {len(left) + len(weights.state)} tensors are untrained. "
            "`connect` in the image encoder adds nothing until it is trained, so frozen encoders give CLIP's own "
            "features.",
            UserWarning, stacklevel=2,
        )  # fmt: skip
    return ConversionReport(weights.kind, tuple(sorted(weights.state)), left, zeroed, weights.dropped)


def check(path: Path) -> ConversionReport:
    """Say what `convert` would do with a file, without a tokenizer and without writing anything.

    Raises:
        CheckpointError: as for `convert`.
    """
    weights = read_published(path)
    settings = infer_settings(weights.shapes, path, CrisSettings.input_size)
    with torch.random.fork_rng(devices=[]):
        left, zeroed = _load(CrisNetwork(settings, infer_vocabulary(weights.shapes, path)), weights, path)
    return ConversionReport(weights.kind, tuple(sorted(weights.state)), left, zeroed, weights.dropped)


def _load(network: CrisNetwork, weights: PublishedWeights, path: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Copy the file's tensors into a network, all of them or none.

    Returns:
        The names of what CRIS adds to CLIP and the file lacks, and of counters that it lacks: they stay as they were.
    """
    left = () if weights.kind is Kind.CRIS else _added_to_clip(network)
    own = network.state_dict()
    absent = own.keys() - weights.state.keys() - set(left)
    zeroed = tuple(sorted(name for name in absent if name.endswith(COUNTER)))
    load_strictly(network, {name: own[name] for name in (*left, *zeroed)} | weights.state, path)
    return left, zeroed


def _added_to_clip(network: CrisNetwork) -> tuple[str, ...]:
    """Make the added layer inside the image encoder silent; return the names of all that CRIS adds to CLIP."""
    norm = network.get_submodule(f"{CONNECT}1")
    assert isinstance(norm, nn.BatchNorm2d)
    nn.init.zeros_(norm.weight)
    return tuple(
        sorted(name for name in network.state_dict() if name.startswith(CONNECT) or not name.startswith(BACKBONE))
    )


def _require_resnet(path: Path, container: Mapping[str, Any], mark: str) -> None:
    if mark.removesuffix(MARK) + RESNET not in container:
        raise CheckpointError(
            path, "image encoder", "not a residual network", "CLIP's ResNet, as in RN50.pt", "Use RN50.pt or RN101.pt."
        )


def _unpack(path: Path) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return the mapping that holds the weights, and the names of what lies beside it."""
    try:
        found = _read(path)
    except FileNotFoundError as error:
        raise CheckpointError(path, "file", "absent", "a published file of weights") from error
    except Exception as error:  # reading a foreign file can raise anything; all of it means: not weights
        said = str(error).partition(". ")[0][:200]  # torch goes on with advice to run what the file holds
        raise CheckpointError(
            path, "file", f"{type(error).__name__}: {said}", "an intact file that holds weights only"
        ) from error
    inner = found.get("state_dict") if isinstance(found, Mapping) else None
    weights = inner if isinstance(inner, Mapping) else found
    if not isinstance(weights, Mapping) or not all(isinstance(name, str) for name in weights):
        raise CheckpointError(path, "file", type(weights).__name__, "a file that maps names to tensors")
    return dict(weights), () if weights is found else tuple(sorted(str(name) for name in found if name != "state_dict"))


def _is_plain(entry: Any) -> bool:
    """Whether an entry is a tensor with numbers in it: dense, and not only a promise of some."""
    return isinstance(entry, Tensor) and entry.layout is torch.strided and not entry.is_meta


def _read(path: Path) -> Any:
    with path.open("rb"):
        pass  # torch and safetensors each have another error for a file that is not there
    if path.suffix == ".safetensors":
        return load_file(path)
    if _is_torchscript(path):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # the format is old, and so are OpenAI's files
            return torch.jit.load(str(path), map_location="cpu").state_dict()  # type: ignore[no-untyped-call]
    return torch.load(path, map_location="cpu", weights_only=True)


def _is_torchscript(path: Path) -> bool:
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(name.endswith("/constants.pkl") for name in archive.namelist())
