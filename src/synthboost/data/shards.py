"""Simulated frames in tar shards: found by `index.json`, read one by one in any order."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Self

from synthboost.data.dataset import Dataset, FrameFiles, FrameKey
from synthboost.data.lists import read_split_lists
from synthboost.domain import Attributes, Domain, Frame, FrameInfo, PatientId, Phase, Quality, Sex, View
from synthboost.errors import DataError
from synthboost.io.pictures import read_grey_png
from synthboost.io.pixels import Spacing, to_label_map
from synthboost.io.shards import ATTRIBUTES, IMAGE, INDEX, MANIFEST, MASK, Place, read_index, read_member


@dataclass(frozen=True)
class Members:
    """Where a frame lies within its shard."""

    key: str
    image: Place
    label_map: Place
    spacing_mm: Spacing
    """A PNG has none of its own."""


@dataclass(frozen=True, eq=False)
class Shards(Dataset):
    """What `data.simulated_shards` writes."""

    looks_for: ClassVar[str] = f"{INDEX} and {MANIFEST} beside shard-000000.tar"
    members: Mapping[FrameKey, Members] = field(default_factory=dict)
    checksums: Mapping[Path, str] = field(default_factory=dict)
    """SHA-256 (hex) of each shard, as the index states it."""

    @classmethod
    def find_root(cls, path: Path) -> Path | None:
        """The folder itself if it holds an index and a manifest; else `None`."""
        return path if (path / INDEX).is_file() and (path / MANIFEST).is_file() else None

    @classmethod
    def open(cls, root: Path, allow_missing: bool = False) -> Self:
        """Read index and attributes, no pixel. A lost shard is an error whatever `allow_missing` says.

        Raises:
            DataError: the index does not fit the shards, a shard is lost or truncated, or attributes are broken.
        """
        sums, frames = read_index(root)
        files: dict[FrameInfo, FrameFiles] = {}
        members: dict[FrameKey, Members] = {}
        for key, shard, (image, mask, attributes) in frames:
            info, spacing_mm = _frame(root / shard, key, attributes)
            files[info] = FrameFiles(Path(shard), Path(shard))
            members[info.patient, info.view, info.phase] = Members(key, image, mask, spacing_mm)
        if len(members) != len(frames) or not members:
            raise DataError(root / INDEX, "frames", len(frames), "at least one, and each once")
        patient = next(iter(files)).patient
        official, lists = read_split_lists(root, patient.release, patient.folder)
        return cls.of(
            root, patient.release, files, side_files=(Path(INDEX), *lists), official=official, members=members,
            checksums={Path(name): digest for name, digest in sums.items()},
        )  # fmt: skip

    def read(self, info: FrameInfo, annotated: bool) -> Frame:
        """Read the members of one frame; see `Dataset.read`."""
        shard = self.root / self.files_of(info).image
        members = self.members[info.patient, info.view, info.phase]
        image_path, mask_path = (shard / f"{members.key}.{kind}" for kind in (IMAGE, MASK))
        image = read_grey_png(image_path, read_member(shard, members.image))
        if not annotated:
            return Frame(info, image, None, members.spacing_mm)
        label_map = to_label_map(mask_path, read_grey_png(mask_path, read_member(shard, members.label_map)))
        if image.shape != label_map.shape:
            raise DataError(mask_path, "size", label_map.shape, f"{image.shape} as {image_path.name} has")
        return Frame(info, image, label_map, members.spacing_mm)

    def broken_files(self) -> list[Path]:
        """The shards whose bytes are not those of the index; see `Dataset.broken_files`."""
        return [path for path, stated in self.checksums.items() if self.digest(path).hex() != stated]


def _frame(shard: Path, key: str, place: Place) -> tuple[FrameInfo, Spacing]:
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
