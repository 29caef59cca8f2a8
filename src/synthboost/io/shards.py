"""Shards: plain tar files of triplets, the same bytes for the same content, with an index that finds every member."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from synthboost.errors import DataError, readable
from synthboost.io.atomic import whole_file, write_text
from synthboost.io.typed_json import read_json

INDEX, MANIFEST = "index.json", "manifest.jsonl"
FORMAT, FORMAT_VERSION = "synthboost-shards", 1
IMAGE, MASK, ATTRIBUTES = "image.png", "mask.png", "json"
KINDS = (IMAGE, MASK, ATTRIBUTES)
"""Members of a frame, called `{key}.{kind}` as WebDataset wants it."""


class Place(NamedTuple):
    """Where a member's bytes are in its shard."""

    offset: int
    size: int


FramePlaces: TypeAlias = tuple[str, str, tuple[Place, Place, Place]]
"""(key, shard, places of `KINDS`)."""


def shard_name(number: int) -> str:
    """`shard-000000.tar`."""
    return f"shard-{number:06d}.tar"


def write_shard(path: Path, frames: Iterable[tuple[str, tuple[bytes, bytes, bytes]]]) -> None:
    """Write frames (key, bytes of `KINDS`) to a tar that appears whole; no time, user or machine is in it.

    Raises:
        OutputError: it cannot be written.
    """
    with whole_file(path) as temporary, tarfile.open(temporary, "w", format=tarfile.USTAR_FORMAT) as tar:
        for key, members in frames:
            for kind, content in zip(KINDS, members, strict=True):
                header = tarfile.TarInfo(f"{key}.{kind}")
                header.size, header.mode, header.mtime = len(content), 0o644, 0
                tar.addfile(header, io.BytesIO(content))


def read_shard(path: Path) -> Iterator[tuple[str, tuple[bytes, bytes, bytes]]]:
    """Yield what `write_shard` wrote; a `DataError` if it is not made of whole frames."""
    for key, places in _look_into(path):
        image, mask, attributes = (read_member(path, f"{key}.{kind}", p) for kind, p in zip(KINDS, places, strict=True))
        yield key, (image, mask, attributes)


def write_index(folder: Path, shards: Iterable[str], facts: Mapping[str, Any]) -> None:
    """Look into the shards of `folder` and write `manifest.jsonl` and, last, `index.json`.

    Args:
        facts: what every line of the manifest says besides shard, frames, bytes and checksum.

    Raises:
        DataError: a shard cannot be read or is not made of whole frames.
    """
    totals, frames, lines = [], [], []
    for shard in shards:
        found = _look_into(folder / shard)
        with (folder / shard).open("rb") as handle:
            digest = hashlib.file_digest(handle, "sha256").hexdigest()
            total = {"shard": shard, "frames": len(found), "bytes": handle.tell(), "sha256": digest}
        totals.append(total)
        frames += [[key, len(totals) - 1, *(n for p in places for n in (p.offset, p.size))] for key, places in found]
        lines.append(json.dumps({**total, **facts}, ensure_ascii=False, allow_nan=False) + "\n")
    write_text(folder / MANIFEST, "".join(lines))
    index = {"format": FORMAT, "version": FORMAT_VERSION, "members": KINDS, "shards": totals, "frames": frames}
    write_text(folder / INDEX, json.dumps(index, separators=(",", ":")) + "\n")


def read_index(folder: Path) -> tuple[dict[str, str], tuple[FramePlaces, ...]]:
    """Read the checksum (SHA-256, hex) of each shard and all frames, in order; shards must have the stated sizes.

    Raises:
        DataError: it is no index of shards, or a shard is lost, truncated or other than indexed.
    """
    path = folder / INDEX
    content = read_json(path)
    try:
        if (content["format"], content["version"]) != (FORMAT, FORMAT_VERSION):
            raise DataError(path, "format", f"{content['format']} {content['version']}", f"{FORMAT} {FORMAT_VERSION}")
        totals = {str(total["shard"]): (int(total["bytes"]), str(total["sha256"])) for total in content["shards"]}
        names = dict(enumerate(str(total["shard"]) for total in content["shards"]))
        frames = tuple((str(key), names[number], _places(ends)) for key, number, *ends in content["frames"])
        counts = Counter(name for _, name, _ in frames)
        odd = [
            name
            for name, total in zip(names.values(), content["shards"], strict=True)
            if counts[name] != total["frames"]
        ]
    except (ValueError, KeyError, TypeError, OverflowError) as error:
        raise DataError(path, "file", repr(error), "a readable index of shards", _REMEDY) from error
    if odd:
        raise DataError(path, f"frames of {odd[0]}", counts[odd[0]], "as many as the index says", _REMEDY)
    for name, (size, _) in totals.items():
        shard = folder / name
        if name != shard.name:
            raise DataError(path, "shards", name, "the name of a file beside the index", _REMEDY)
        with readable(shard, "the shard that the index lists", ValueError, remedy=_REMEDY):
            found = shard.stat().st_size
        if found != size or not shard.is_file():
            raise DataError(shard, "size", f"{found} bytes", f"{size} bytes, as in {INDEX}", _REMEDY)
    for key, name, places in frames:
        if any(p.offset < tarfile.BLOCKSIZE or p.size < 1 or p.offset + p.size > totals[name][0] for p in places):
            raise DataError(path, key, "bytes outside the shard", f"places within {name}", _REMEDY)
    return {name: digest for name, (_, digest) in totals.items()}, frames


def read_member(path: Path, name: str, place: Place) -> bytes:
    """Read a member. The shard is opened for this alone: nothing is shared with other threads or processes.

    Raises:
        DataError: the file cannot be read, or another member, or none, is at that place.
    """
    with readable(path, "a readable shard", remedy=_REMEDY), path.open("rb", buffering=0) as handle:
        handle.seek(place.offset - tarfile.BLOCKSIZE)
        header, content = handle.read(tarfile.BLOCKSIZE), handle.read(place.size)
    try:
        found = tarfile.TarInfo.frombuf(header, "utf-8", "surrogateescape")
    except tarfile.HeaderError as error:
        raise DataError(path, name, error, f"at byte {place.offset}", _REMEDY) from error
    if (found.name, found.size, len(content)) != (name, place.size, place.size):
        value = f"{found.name!a}, {len(content)} of {found.size} bytes"
        raise DataError(path, name, value, f"{place.size} bytes of it at byte {place.offset}", _REMEDY)
    return content


_REMEDY = "Give the command that made the set once more: it makes lost shards again; delete a broken one first."


def _places(ends: list[int]) -> tuple[Place, Place, Place]:
    image, mask, attributes = (Place(int(a), int(b)) for a, b in zip(ends[::2], ends[1::2], strict=True))
    return image, mask, attributes


def _look_into(path: Path) -> list[tuple[str, tuple[Place, Place, Place]]]:
    with readable(path, "a readable shard", tarfile.TarError, remedy=_REMEDY), tarfile.open(path, "r:") as tar:
        members = [(m.name, Place(m.offset_data, m.size)) for m in tar]
    keys = [name.partition(".")[0] for name, _ in members[:: len(KINDS)]]
    if [name for name, _ in members] != [f"{key}.{kind}" for key in keys for kind in KINDS]:
        raise DataError(path, "members", "others", f"{', '.join(KINDS)} of every frame", _REMEDY)
    places = [place for _, place in members]
    return [(key, (places[3 * n], places[3 * n + 1], places[3 * n + 2])) for n, key in enumerate(keys)]
