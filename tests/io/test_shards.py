from __future__ import annotations

import json
import tarfile

import pytest

from synthboost.errors import DataError
from synthboost.io.shards import KINDS, Place, read_index, read_member, read_shard, write_index, write_shard

FRAMES = [("a", (b"image", b"mask", b"{}")), ("b", (b"other", b"more", b"{1}"))]


def test_members_come_back_by_the_index_and_by_plain_tar(tmp_path):
    write_shard(tmp_path / "one.tar", FRAMES)
    write_index(tmp_path, ["one.tar"], {"seed": 3})
    _, frames = read_index(tmp_path)
    back = [
        (key, tuple(read_member(tmp_path / shard, f"{key}.{kind}", p) for kind, p in zip(KINDS, places, strict=True)))
        for key, shard, places in frames
    ]
    assert back == list(read_shard(tmp_path / "one.tar")) == FRAMES
    assert frames[0][2][0].offset == 512  # after one block of header
    with tarfile.open(tmp_path / "one.tar") as tar:
        assert tar.getnames()[:3] == ["a.image.png", "a.mask.png", "a.json"]
    assert json.loads((tmp_path / "manifest.jsonl").read_text())["seed"] == 3


def test_the_same_frames_give_the_same_bytes(tmp_path):
    for name in ("one.tar", "two.tar"):
        write_shard(tmp_path / name, FRAMES)
    assert (tmp_path / "one.tar").read_bytes() == (tmp_path / "two.tar").read_bytes()


def test_a_truncated_shard_and_an_index_that_points_outside_are_refused(tmp_path):
    shard = tmp_path / "one.tar"
    write_shard(shard, FRAMES)
    write_index(tmp_path, ["one.tar"], {})
    whole, index = shard.read_bytes(), (tmp_path / "index.json").read_text()
    shard.write_bytes(whole[:700])
    with pytest.raises(DataError, match="700 bytes"):
        read_index(tmp_path)
    shard.write_bytes(whole)
    for place in ("999999", "511", "-512"):
        (tmp_path / "index.json").write_text(index.replace('["a",0,512,', f'["a",0,{place},'))
        with pytest.raises(DataError, match="outside the shard"):
            read_index(tmp_path)


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("a.mask.png", Place(512, 5)),  # the image's place
        ("a.image.png", Place(512, 4)),  # shorter than it is
        ("a.image.png", Place(513, 5)),
        ("b.image.png", Place(512, 5)),
    ],
)
def test_another_member_than_the_index_says_is_refused(tmp_path, name, place):
    write_shard(tmp_path / "one.tar", FRAMES)
    assert read_member(tmp_path / "one.tar", "a.image.png", Place(512, 5)) == b"image"
    with pytest.raises(DataError, match=rf"{name}: .*at byte {place.offset}"):
        read_member(tmp_path / "one.tar", name, place)
