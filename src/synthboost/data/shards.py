"""Simulated frames in tar shards: found by `index.json`, read one by one in any order."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from synthboost.data.dataset import Dataset, FrameFiles, FrameKey, Members
from synthboost.data.subgroups import read_subgroups
from synthboost.domain import Attributes, Domain, FrameInfo, PatientId, Phase, Quality, Sex, View
from synthboost.errors import DataError
from synthboost.io.shards import ATTRIBUTES, INDEX, MANIFEST, Place, read_index, read_member

RELEASE = "shards"
LOOKS_FOR = f"{INDEX} and {MANIFEST} beside shard-000000.tar"


def find_root(path: Path) -> Path | None:
    """The folder itself if it holds an index and a manifest; else `None`."""
    return path if (path / INDEX).is_file() and (path / MANIFEST).is_file() else None


def read_shards(root: Path, allow_missing: bool = False) -> Dataset:
    """Read index and attributes at `root`, no pixel. A lost shard is an error whatever `allow_missing` says.

    Raises:
        DataError: the index does not fit the shards, a shard is lost or truncated, or attributes are broken.
    """
    index = read_index(root)
    frames: dict[FrameInfo, FrameFiles] = {}
    for key, shard, (image, mask, attributes) in index.frames:
        info, spacing_mm = _frame(root / shard, key, attributes)
        frames[info] = FrameFiles(Path(shard), Path(shard), inside=Members(key, image, mask, spacing_mm))
    if len(frames) != len(index.frames) or not frames:
        raise DataError(root / INDEX, "frames", len(index.frames), "at least one, and each once")
    patient = next(iter(frames)).patient
    official, lists = read_subgroups(root, patient.release, patient.folder)
    files: dict[FrameKey, FrameFiles] = {(i.patient, i.view, i.phase): f for i, f in frames.items()}
    return Dataset(
        root=root,
        release=patient.release,
        frames=tuple(sorted(frames, key=lambda i: (i.patient, i.view, i.phase))),
        files=files,
        side_files=(Path(INDEX), *lists),
        official=official,
        checksums={Path(name): digest for name, digest in index.sha256.items()},
    )


def _frame(shard: Path, key: str, place: Place) -> tuple[FrameInfo, tuple[float, float]]:
    member = shard / f"{key}.{ATTRIBUTES}"
    try:
        facts: dict[str, Any] = json.loads(read_member(shard, place))
        info = FrameInfo(
            PatientId(**facts["patient"]),
            View(facts["view"]),
            Phase(facts["phase"]),
            Attributes(
                Sex(facts["sex"]),
                facts["age"],
                Quality(facts["quality"]),
                float(facts["ejection_fraction"]),
                facts.get("wall_thickness_mm"),  # which older shards do not have
            ),
            Domain(facts["domain"]),
        )
        rows, columns = map(float, facts["spacing_mm"])
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(member, "attributes", repr(error), "a frame's attributes; does the index fit?") from error
    if info.name != key:
        raise DataError(member, "frame", info.name, f"{key}, as the index says")
    return info, (rows, columns)
