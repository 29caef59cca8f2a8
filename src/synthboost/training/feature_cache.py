"""Features of a frozen image encoder: computed once per image, kept for all epochs, prompt sets, seeds and runs.

An image's features depend on the encoder's weights, on the preprocessing and on the pixels, and on nothing else. The
first two name a folder, the third the entry. Entries are kept in single precision, as they were computed, in files of
some 64 MB (safetensors), which are mapped into memory when they are read; a file is whole or absent, so a build that
was killed goes on where it was.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import psutil
import torch
import transformers
from accelerate.utils import broadcast_object_list
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from synthboost.data.source import FrameSet
from synthboost.errors import OPTIONS, ConfigError, TrainingError
from synthboost.io.atomic import whole_file
from synthboost.models.base import Features, Segmenter
from synthboost.models.weights_folder import write_tensors
from synthboost.progress import Progress
from synthboost.training.config import TrainingConfig
from synthboost.training.hardware import this_process

FORMAT = 2
"""Part of every key; raise it when what is stored for an image changes."""
FILE_BYTES = 64e6
"""About the size of one file: what a kill can cost, and what one process encodes at a time."""
SHARE = 0.5
"""Of the free disk or memory, what the cache takes at most ."""
READERS = 4
"""Threads that read and prepare images beside the one that encodes."""
GPU_BATCH = 16
"""Images encoded together on a GPU. On a CPU one at a time, so that no bit depends on its neighbours."""

Place = Literal["disk", "memory", "off"]


class FeatureCache:
    """Features by image key. Without a folder they live in memory only."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self._where: dict[str, tuple[str, int]] = {}
        """Image key -> name of the file, row in it."""
        self._files: dict[str, Features] = {}

    def __contains__(self, key: str) -> bool:
        return key in self._where

    def __getitem__(self, key: str) -> Features:
        """Return one image's features as they are kept, without a leading dimension."""
        name, row = self._where[key]
        if name not in self._files:
            assert self.folder is not None
            path = self.folder / name
            try:
                with safe_open(path, "pt") as file:
                    self._files[name] = tuple(file.get_tensor(part) for part in sorted(file.keys(), key=int))
            except (SafetensorError, OSError) as error:
                raise TrainingError(
                    path, "file", error, "the features that were there when training began",
                    "Start again: what is missing is encoded anew.",
                ) from error  # fmt: skip
        return tuple(tensor[row] for tensor in self._files[name])

    def __getstate__(self) -> dict[str, Any]:
        # A worker process that is not forked maps the files anew instead of being sent their content.
        return {**vars(self), "_files": {} if self.folder is not None else self._files}

    def find(self) -> None:
        """Learn which images the folder holds by now. A new file that cannot be read is removed and said so."""
        known = {name for name, _ in self._where.values()}
        for path in sorted(self.folder.glob("*.safetensors")) if self.folder is not None else ():
            if path.name in known or path.name.startswith("."):
                continue
            try:
                with safe_open(path, "pt") as file:
                    keys = json.loads((file.metadata() or {})["images"])
            except (SafetensorError, OSError, KeyError, ValueError) as error:
                print(f"{path}: damaged ({error}); its images are encoded again", file=sys.stderr)
                path.unlink(missing_ok=True)  # another process may have met it too
                continue
            self._where.update({key: (path.name, row) for row, key in enumerate(keys)})

    def add(self, keys: Sequence[str], features: Features) -> None:
        """Keep the features of some images, in the order of their keys."""
        name = f"{hashlib.sha256(''.join(keys).encode()).hexdigest()[:16]}.safetensors"
        if self.folder is None:
            self._files[name] = features
        else:
            tensors = {str(number): tensor.contiguous() for number, tensor in enumerate(features)}
            with whole_file(self.folder / name) as temporary:
                write_tensors(temporary, tensors, {"images": json.dumps(list(keys))})
        self._where.update({key: (name, row) for row, key in enumerate(keys)})


def make_feature_cache(
    model: Segmenter, sets: Sequence[FrameSet], config: TrainingConfig, root: Path | None
) -> FeatureCache | None:
    """Encode every image of `sets` that is not in the cache yet, if the encoder is frozen and there is room.

    Args:
        model: on the device that encodes.
        sets: the frames of a stage, those that validate included.
        config: `feature_cache` decides where; `augmentation` must be zero.
        root: the folder of all caches; `None` leaves memory alone.

    Returns:
        A cache that holds every image, or `None` when images are to be encoded as they come.

    Raises:
        ConfigError: a place was asked for in which the features cannot be kept.
        TrainingError: a feature is not finite.
    """
    if config.feature_cache == "off" or config.augmentation or not model.is_frozen("vision"):
        if config.feature_cache in ("disk", "memory"):
            raise ConfigError(
                OPTIONS, "feature_cache", config.feature_cache, "off or auto",
                "With augmentation an image is another one every time; set augmentation to 0." if config.augmentation
                else "The image encoder learns, so its features change.",
            )  # fmt: skip
        return None
    images = {key: (frames, position) for frames in sets for position, key in enumerate(frames.image_keys)}
    first_set, first = next(iter(images.values()))
    example = _encode(model, [model.preprocess(first_set[first].image)])
    bytes_each = sum(tensor.nbytes for tensor in example)
    folder = None if root is None else root / encoder_key(model)
    on_disk = FeatureCache(folder)
    on_disk.find()
    missing = [key for key in images if key not in on_disk]
    place = _choose_place(config, folder, len(missing) * bytes_each, len(images) * bytes_each)
    # Processes look at different instants, and what one of them has written since must not shift the others' shares.
    place, missing = broadcast_object_list([place, missing])
    if place == "off":
        return None
    cache = on_disk if place == "disk" else FeatureCache(None)
    _fill(cache, model, images, missing if place == "disk" else list(images), bytes_each)
    return cache


def encoder_key(model: Segmenter) -> str:
    """Return 16 hexadecimal digits that change with anything an image's features depend on."""
    about = (FORMAT, model.name, model.input_size, model.pixel_mean, model.pixel_std)
    versions = (torch.__version__, transformers.__version__)
    digest = hashlib.sha256(repr((*about, model.image_settings(), *versions)).encode())
    for part in model.groups()["vision"]:
        tensors = part.state_dict() if isinstance(part, nn.Module) else {"": part.detach()}
        for name, tensor in tensors.items():
            digest.update(f"{name}{tuple(tensor.shape)}{tensor.dtype}".encode())
            digest.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:16]


def _choose_place(config: TrainingConfig, folder: Path | None, to_write: float, in_memory: float) -> Place:
    parents = () if folder is None else (folder, *folder.resolve().parents)
    free = next((float(shutil.disk_usage(parent).free) for parent in parents if parent.is_dir()), 0.0)
    memory = psutil.virtual_memory().available
    fits = {
        "disk": folder is not None and to_write <= SHARE * free,
        "memory": in_memory <= SHARE * memory and this_process().num_processes == 1,
    }
    found = (
        f"disk: {to_write / 1e9:.2f} GB more, {free / 1e9:.0f} GB free; "
        f"memory: {in_memory / 1e9:.2f} GB, {memory / 1e9:.0f} GB free"
    )
    place: Place = "disk" if fits["disk"] else "memory" if fits["memory"] else "off"
    if config.feature_cache in ("disk", "memory"):
        place = config.feature_cache
        if not fits[place]:
            raise ConfigError(
                OPTIONS, "feature_cache", f"{place} ({found})", "room for the features, at most half of it",
                "Make room, or choose off.",
            )  # fmt: skip
    if this_process().is_main_process:
        where = {"disk": f"on disk in {folder}", "memory": "in memory", "off": "nowhere, there is no room"}[place]
        print(f"features of frozen images are kept {where} ({found})", file=sys.stderr, flush=True)
    return place


def _fill(
    cache: FeatureCache, model: Segmenter, images: dict[str, tuple[FrameSet, int]], missing: list[str], bytes_each: int
) -> None:
    processes = this_process()
    at_once = max(1, round(FILE_BYTES / bytes_each))
    files = [missing[first : first + at_once] for first in range(0, len(missing), at_once)]
    own = files[processes.process_index :: processes.num_processes]
    with Progress("encoding images", sum(map(len, own)), "image", shown=processes.is_main_process and bool(own)) as bar:
        for keys in own:
            cache.find()  # another run may have been at it in the meantime
            if not all(key in cache for key in keys):
                parts = _encode_all(model, [images[key] for key in keys], bar)
                cache.add(keys, tuple(map(torch.cat, zip(*parts, strict=True))))
    processes.wait_for_everyone()
    cache.find()


def _encode_all(model: Segmenter, members: Sequence[tuple[FrameSet, int]], bar: Progress) -> Iterator[Features]:
    """Encode the images of one file, while threads read and prepare those that come next."""
    device = next(model.parameters()).device
    size = GPU_BATCH if device.type == "cuda" else 1
    with ThreadPoolExecutor(READERS) as pool:
        prepared = pool.map(lambda member: model.preprocess(member[0][member[1]].image), members)
        for first in range(0, len(members), size):
            batch = list(islice(prepared, size))
            yield _encode(model, batch)
            bar.advance(len(members[first : first + size]))


@torch.inference_mode()
def _encode(model: Segmenter, prepared: Sequence[Tensor]) -> Features:
    device = next(model.parameters()).device
    was_training = model.training
    model.eval()
    features = tuple(feature.cpu() for feature in model.encode_image(torch.stack(list(prepared)).to(device)))
    model.train(was_training)
    if not all(bool(feature.isfinite().all()) for feature in features):
        raise TrainingError("feature cache", "feature", "NaN or infinity", "finite numbers", "Check the weights.")
    return features
