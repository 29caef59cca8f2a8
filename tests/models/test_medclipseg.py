"""MedCLIPSeg against golden tensors of the authors' code, its published files, and what it draws of its uncertainty."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from medclipseg_files import published
from torch import Tensor

from synthboost.cli.main import main
from synthboost.errors import CheckpointError
from synthboost.models.medclipseg.model import MedClipSeg, MedClipSegNetwork
from synthboost.models.medclipseg.published import convert, from_published
from synthboost.models.medclipseg.settings import PRESETS, TINY, MedClipSegSettings
from synthboost.models.registry import load_segmenter
from synthboost.models.tokenizing import grammar_tokenizer

GOLDEN = Path(__file__).parent / "data" / "medclipseg_golden.npz"
SMALL = MedClipSegSettings(
    input_size=32, patch_size=8, layers=3, vision_width=16, text_width=24, text_length=6, head_width=8,
    projection_width=12, fused=(1, 2), fusion_width=8,
)  # fmt: skip
TOKENS = torch.tensor([[1, 5, 6, 2, 0, 0], [1, 7, 8, 9, 10, 2], [1, 2, 0, 0, 0, 0]])
IMAGE_INDEX = torch.tensor([0, 1, 1])
DRAWN = 0.5
"""Standard deviations that every value was drawn above its mean, in the golden file's `drawn_logits`."""


class NumbersOnly:
    """A tokenizer of 12 tokens for tests that begin with tokens."""

    pad_token_id = 0

    def __len__(self) -> int:
        return 12


@pytest.fixture
def small(draw: Callable[[Mapping[str, Tensor], int], dict[str, Tensor]]) -> MedClipSeg:
    torch.set_num_threads(1)
    model = MedClipSeg(SMALL, NumbersOnly()).eval()
    model.network.load_state_dict(draw(model.network.state_dict(), 0), strict=True)
    return model


@pytest.fixture(scope="module")
def golden() -> dict[str, Tensor]:
    """What the authors' code made of the small network.

    Their modules of `trainers/layers.py`, `trainers/scale_block.py` and `open_clip_lib` (github.com/HealthX-Lab/
    MedCLIPSeg, commit 8d7ef36) were put together as `trainers/medclipseg_unimedclip.py` does, with the sizes of
    `SMALL`, the weights that `draw` (conftest.py) draws with seed 0 under `published` names, and its own
    `encode_text_image` and `compute_seg_logits`; `torch.randn_like` gave zeros, or `DRAWN` in `drawn_logits`. `sum`,
    of weights and images, tells whether numpy still draws the same numbers.
    """
    with np.load(GOLDEN) as file:
        return {name: torch.from_numpy(array) for name, array in file.items()}


def draw_images() -> Tensor:
    """Draw two images."""
    pixels = np.random.default_rng(1).random((2, 3, SMALL.input_size, SMALL.input_size))
    return torch.from_numpy(4 * pixels - 2).float()


def grown(logits: Tensor) -> Tensor:
    """As the authors do it at the end; `postprocess` does it to probabilities' own size."""
    return torch.nn.functional.interpolate(logits[:, None], SMALL.input_size, mode="bilinear")[:, 0]


@torch.no_grad()
def test_the_logits_are_the_authors(
    golden: dict[str, Tensor], small: MedClipSeg, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = draw_images()
    total = sum(float(tensor.double().sum()) for tensor in [*small.network.state_dict().values(), images])
    assert total == pytest.approx(golden["sum"].item(), rel=1e-9)
    logits = small(images, TOKENS, IMAGE_INDEX)
    torch.testing.assert_close(grown(logits), golden["logits"], rtol=0.0, atol=1e-5)
    monkeypatch.setattr(torch, "randn_like", lambda tensor: torch.full_like(tensor, DRAWN))
    drawn = small.train()(images, TOKENS, IMAGE_INDEX)
    torch.testing.assert_close(grown(drawn), golden["drawn_logits"], rtol=0.0, atol=1e-5)
    assert (golden["logits"] - golden["drawn_logits"]).abs().max() > 1e-2


def test_a_published_file_becomes_a_folder_with_the_same_weights(
    small: MedClipSeg, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tokenizer = grammar_tokenizer()
    model = MedClipSeg(TINY, tokenizer)
    tokenizer.save_pretrained(tmp_path)
    path = tmp_path / "latest.pth"
    torch.save({"model": published(model.network.state_dict()), "epoch": 1, "best_loss": 0.1}, path)
    monkeypatch.setitem(PRESETS, "unimed-b16", TINY)
    asked = [
        "weights",
        "convert",
        path,
        "--origin",
        "medclipseg",
        "--out",
        tmp_path / "folder",
        "--tokenizer",
        tmp_path,
    ]
    main([*map(str, asked)])
    assert f"kind: medclipseg\nmatched: {len(model.state_dict())}\n" in capsys.readouterr().out
    again = load_segmenter(tmp_path / "folder")
    assert type(again) is MedClipSeg
    assert all(torch.equal(a, b) for a, b in zip(again.state_dict().values(), model.state_dict().values(), strict=True))
    state = small.network.state_dict()
    assert from_published(published(state)).keys() == state.keys()


def test_a_file_or_tokenizer_that_does_not_fit_is_refused_and_nothing_written(
    small: MedClipSeg, tmp_path: Path
) -> None:
    grammar_tokenizer().save_pretrained(tmp_path)
    path = tmp_path / "latest.pth"
    for content, said in (
        ({"state_dict": {}}, "model: absent or no tensors"),
        ({"model": {"pvl_adapters.0.gate": torch.ones(1)}}, "missing: .* 1 unexpected: pvl_adapters.0.gate"),
        ({"model": published(small.network.state_dict())}, r"vocabulary: \d+ tokens; expected 12 tokens"),
    ):
        torch.save(content, path)
        with pytest.raises(CheckpointError, match=said):
            convert(path, tmp_path / "folder", tmp_path, SMALL)
    assert not (tmp_path / "folder").exists()


def test_the_published_size_has_the_published_names() -> None:
    with torch.device("meta"):
        network = MedClipSegNetwork(MedClipSegSettings(), vocabulary=30_522, padding=0)
    assert sum(p.numel() for p in network.parameters()) == 214_580_756
    state = published(network.state_dict())
    shapes = {
        "vision_model.positional_embedding": (197, 768),
        "vision_model.proj": (768, 512),
        "vision_model.transformer.resblocks.11.attn.in_proj_weight": (2304, 768),
        "text_model.transformer.embeddings.word_embeddings.weight": (30_522, 768),
        "text_model.transformer.encoder.layer.11.attention.self.query.weight": (768, 768),
        "text_model.proj.2.weight": (512, 640),
        "pvl_adapters.9.proj_vis_down.0.weight": (256, 768),
        "pvl_adapters.0.two_way.cross_attn_img_to_txt.k_proj.bias": (512,),
        "pvl_adapters.0.two_way.cross_attn_txt_to_img.gate": (),
        "upscale.1.conv2.weight": (512, 1, 3, 3),
        "mask_head.4.weight": (512, 512),
    }
    assert {name: tuple(state[name].shape) for name in shapes} == shapes


def test_uncertainty_is_the_entropy_of_the_mean_of_what_is_drawn(small: MedClipSeg) -> None:
    images = draw_images()
    mean, entropy = small.uncertainty(images, TOKENS, IMAGE_INDEX, samples=3)
    assert torch.equal(mean, small.uncertainty(images, TOKENS, IMAGE_INDEX, samples=3)[0])
    assert not torch.equal(mean, small.uncertainty(images, TOKENS, IMAGE_INDEX, samples=3, seed=1)[0])
    expected = -(mean * mean.log() + (1 - mean) * (1 - mean).log())
    torch.testing.assert_close(entropy, expected, rtol=0.0, atol=1e-6)
    assert 0 < entropy.min() < entropy.max() <= math.log(2) + 1e-6
    with torch.no_grad():
        once = small(images, TOKENS, IMAGE_INDEX).sigmoid()
        assert torch.equal(once, small(images, TOKENS, IMAGE_INDEX).sigmoid())
        small.train()
        assert not torch.equal(small(images, TOKENS, IMAGE_INDEX), small(images, TOKENS, IMAGE_INDEX))
    assert 0 < (once - mean).abs().max() < 0.2
