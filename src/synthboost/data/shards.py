"""Simulated frames in tar shards: found by `index.json`, read one by one in any order."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Self

from synthboost.data.dataset import Dataset, FrameFiles
from synthboost.data.lists import read_split_lists
from synthboost.domain import Attributes, Domain, Frame, FrameInfo, PatientId, Phase, Quality, Sex, View
from synthboost.errors import DataError
from synthboost.io.pictures import read_grey_png
from synthboost.io.recording import Spacing, to_label_map
from synthboost.io.shards import ATTRIBUTES, IMAGE, INDEX, MANIFEST, MASK, Place, read_index, read_member


@dataclass(frozen=True, eq=False)
class Shards(Dataset):
    """What `data.simulated_set` writes."""

    looks_for: ClassVar[str] = f"{INDEX} and {MANIFEST} beside shard-000000.tar"
    members: Mapping[str, tuple[Place, Place, Spacing]] = field(default_factory=dict)
    """Name of a frame -> where image and label map are in its shard, and the spacing, which a PNG has not."""

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
        _, frames = read_index(root)
        files: dict[FrameInfo, FrameFiles] = {}
        members: dict[str, tuple[Place, Place, Spacing]] = {}
        for key, shard, (image, mask, attributes) in frames:
            info, spacing_mm = _frame(root / shard, key, attributes)
            files[info] = FrameFiles(Path(shard), Path(shard))
            members[key] = (image, mask, spacing_mm)
        if len(members) != len(frames) or not members:
            raise DataError(root / INDEX, "frames", len(frames), "at least one, and each once")
        patient = next(iter(files)).patient
        official, lists = read_split_lists(root, patient.release, patient.folder)
        side_files = (Path(INDEX), *lists)
        return cls.of(root, patient.release, files, side_files=side_files, official=official, members=members)

    def read(self, info: FrameInfo, annotated: bool) -> Frame:
        """Read the members of one frame; see `Dataset.read`."""
        shard = self.root / self.files_of(info).image
        image_place, mask_place, spacing_mm = self.members[info.name]
        image_path, mask_path = (shard / f"{info.name}.{kind}" for kind in (IMAGE, MASK))
        image = read_grey_png(image_path, read_member(shard, image_place))
        if not annotated:
            return Frame(info, image, None, spacing_mm)
        label_map = to_label_map(mask_path, read_grey_png(mask_path, read_member(shard, mask_place)))
        if image.shape != label_map.shape:
            raise DataError(mask_path, "size", label_map.shape, f"{image.shape} as {image_path.name} has")
        return Frame(info, image, label_map, spacing_mm)

    def broken_files(self) -> list[Path]:
        """The shards whose bytes are not those of the index; see `Dataset.broken_files`."""
        sums, _ = read_index(self.root)
        return [Path(name) for name, stated in sums.items() if self.digest(Path(name)).hex() != stated]


def _frame(shard: Path, key: str, place: Place) -> tuple[FrameInfo, Spacing]:
    member = shard / f"{key}.{ATTRIBUTES}"
    try:
        facts: dict[str, Any] = json.loads(read_member(shard, place))
        known = Attributes(
            Sex(facts["sex"]), facts["age"], Quality(facts["quality"]), float(facts["ejection_fraction"]),
            facts["wall_thickness_mm"],
        )  # fmt: skip
        patient, view, phase = PatientId(**facts["patient"]), View(facts["view"]), Phase(facts["phase"])
        info = FrameInfo(patient, view, phase, known, Domain(facts["domain"]))
        rows, columns = map(float, facts["spacing_mm"])
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(member, "attributes", repr(error), "a frame's attributes; does the index fit?") from error
    if info.name != key:
        raise DataError(member, "frame", info.name, f"{key}, as the index says")
    return info, (rows, columns)
