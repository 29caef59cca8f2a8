"""Our CRIS draws what the authors' does, and where it differs on purpose it does what it says."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from synthboost.errors import CheckpointError, ConfigError
from synthboost.models.cris.backbone import at_end, padding_of
from synthboost.models.cris.decoder import _sines, _sines_2d, correlate
from synthboost.models.cris.model import Cris, CrisNetwork
from synthboost.models.cris.settings import TINY, CrisSettings
from synthboost.models.registry import build_segmenter
from synthboost.training.optimizer import hard_dice, segmentation_loss

GOLDEN = Path(__file__).parent / "data" / "cris_golden.npz"
IMAGE_INDEX = torch.tensor([0, 0, 1, 1])
END = 11


@pytest.fixture(scope="module")
def golden() -> dict[str, Tensor]:
    """What the authors' code made of the small network, its images and tokens.

    Their modules `model/clip.py` and `model/layers.py` (github.com/DerrickWang005/CRIS.pytorch) were put together as
    their `model/segmenter.py` does, with the sizes of `SMALL` (conftest.py), dropout 0, and the weights that
    `draw_weights` (conftest.py) draws with seed 0; images are those of seed 1, each repeated for its two sentences.
    `sum` and `images_sum` tell whether numpy still draws the same numbers.
    """
    with np.load(GOLDEN) as file:
        return {name: torch.from_numpy(array) for name, array in file.items()}


def test_numpy_draws_the_numbers_of_the_golden_file(
    golden: dict[str, Tensor], small_cris: Cris, small_images: Tensor
) -> None:
    total = sum(float(tensor.double().sum()) for tensor in small_cris.network.state_dict().values())
    assert total == pytest.approx(golden["sum"].item(), rel=1e-9)
    assert small_images.double().sum().item() == pytest.approx(golden["images_sum"].item(), rel=1e-9)


@torch.no_grad()
def test_both_encoders_give_the_authors_features(
    golden: dict[str, Tensor], small_cris: Cris, small_images: Tensor, small_tokens: Tensor
) -> None:
    maps = small_cris.encode_image(small_images)
    for name, ours in zip(("fine", "middle", "coarse"), maps, strict=True):
        torch.testing.assert_close(ours, golden[name], rtol=0.0, atol=1e-5)
    words, state, padding = small_cris.encode_text(small_tokens)
    torch.testing.assert_close(words[~padding], golden["words"][~padding], rtol=0.0, atol=1e-5)
    torch.testing.assert_close(state, golden["state"], rtol=0.0, atol=1e-5)
    assert (words[padding] == 0).all()
    assert padding.sum() == 8


@torch.no_grad()
@pytest.mark.parametrize(("training", "name"), [(False, "logits"), (True, "training_logits")])
def test_the_logits_are_the_authors_also_with_the_statistics_of_a_batch(
    golden: dict[str, Tensor], small_cris: Cris, small_images: Tensor, small_tokens: Tensor,
    training: bool, name: str,
) -> None:  # fmt: skip
    # The authors' code saw each image twice; statistics over each image once are the same.
    logits = small_cris.train(training)(small_images, small_tokens, IMAGE_INDEX)
    torch.testing.assert_close(logits, golden[name], rtol=0.0, atol=1e-4)


def test_the_published_size_has_the_published_names() -> None:
    with torch.device("meta"):
        network = CrisNetwork(CrisSettings(), vocabulary=49_408)
    state = network.state_dict()
    assert len(state) == 662
    assert sum(p.numel() for p in network.parameters()) == 146_849_122
    shapes = {
        "backbone.visual.attnpool.positional_embedding": (50, 2048),
        "backbone.visual.attnpool.connect.0.weight": (1024, 2048, 1, 1),
        "backbone.visual.layer4.0.downsample.1.running_var": (2048,),
        "backbone.transformer.resblocks.11.attn.in_proj_weight": (1536, 512),
        "backbone.transformer.resblocks.0.mlp.c_fc.bias": (2048,),
        "backbone.positional_embedding": (77, 512),
        "backbone.text_projection": (512, 1024),
        "backbone.logit_scale": (),
        "neck.txt_proj.1.running_mean": (1024,),
        "neck.norm_layer.0.weight": (1024,),
        "neck.coordconv.0.conv1.0.weight": (512, 514, 3, 3),
        "decoder.layers.2.multihead_attn.out_proj.weight": (512, 512),
        "decoder.layers.2.ffn.3.weight": (2048,),
        "proj.vis.3.0.weight": (256, 512, 3, 3),
        "proj.vis.4.bias": (256,),
        "proj.txt.weight": (2305, 1024),
    }
    assert {name: tuple(state[name].shape) for name in shapes} == shapes


def test_a_sentence_is_over_after_its_first_end_whatever_fills_it_up() -> None:
    tokens = torch.tensor([[5, 9, 9, 9], [5, 0, 9, 0], [5, 9, 0, 9], [5, 1, 0, 9]])
    padding = padding_of(tokens, end=9)
    assert padding.int().tolist() == [[0, 0, 1, 1], [0, 0, 0, 1], [0, 0, 1, 1], [0, 0, 0, 0]]
    features = torch.arange(16.0).reshape(4, 4, 1)
    assert at_end(features, padding).flatten().tolist() == [1, 6, 9, 15]


@torch.no_grad()
def test_what_fills_a_sentence_up_changes_no_bit_but_token_zero_inside_it_is_a_word(
    small_cris: Cris, small_images: Tensor, small_tokens: Tensor
) -> None:
    padding = padding_of(small_tokens, END)
    before = small_cris(small_images, small_tokens, IMAGE_INDEX)
    assert torch.equal(before, small_cris(small_images, small_tokens.masked_fill(padding, END), IMAGE_INDEX))
    exclaimed = small_tokens.clone()
    exclaimed[:, 1] = 0  # "!" in CLIP's vocabulary, which the authors' code would not let the decoder read
    keys = []
    hook = small_cris.network.decoder.layers[0].multihead_attn.register_forward_pre_hook(
        lambda _, args, kwargs: keys.append(kwargs["key_padding_mask"]), with_kwargs=True
    )
    small_cris(small_images, exclaimed, IMAGE_INDEX)
    hook.remove()
    assert not keys[0][:, 1].any()


@torch.no_grad()
def test_what_depends_on_the_image_alone_runs_once_per_image(
    small_cris: Cris, small_images: Tensor, small_tokens: Tensor
) -> None:
    seen: dict[str, int] = {}
    for name in ("f1_v_proj", "f2_v_proj", "f3_v_proj", "f2_cat", "aggr"):
        layer = small_cris.network.neck.get_submodule(name)
        layer.register_forward_hook(lambda _, args, out, name=name: seen.update({name: len(out)}))
    small_cris(small_images, small_tokens, IMAGE_INDEX)
    assert seen == {"f1_v_proj": 2, "f2_v_proj": 2, "f3_v_proj": 2, "f2_cat": 4, "aggr": 4}


def test_the_dictated_kernel_is_a_convolution_of_its_own_for_each_map() -> None:
    generator = torch.Generator().manual_seed(0)
    maps, dictated = torch.randn(3, 4, 5, 6, generator=generator), torch.randn(3, 37, generator=generator)
    mix = torch.nn.Conv2d(4, 4, 1)
    expected = torch.stack(
        [
            F.conv2d(mix(one[None]), word[:36].reshape(1, 4, 3, 3), word[36:], padding=1)[0, 0]
            for one, word in zip(maps, dictated, strict=True)
        ]
    )
    torch.testing.assert_close(correlate(maps, mix, dictated), expected, rtol=0.0, atol=1e-5)


def test_positions_are_sines_of_the_place_first_the_column_then_the_row() -> None:
    expected = [[0, 1, 0, 1], [math.sin(1), math.cos(1), math.sin(0.01), math.cos(0.01)]]
    torch.testing.assert_close(_sines(2, 4), torch.tensor(expected))
    plane = _sines_2d(2, 4).reshape(2, 2, 4)
    torch.testing.assert_close(plane[0, 1], torch.tensor([math.sin(1), math.cos(1), 0, 1]))
    torch.testing.assert_close(plane[1, 0], torch.tensor([0, 1, math.sin(1), math.cos(1)]))


def test_training_on_a_single_pair_uses_the_running_statistics_of_sentences() -> None:
    model = build_segmenter("cris", "tiny").train()
    norm = model.get_submodule("network.neck.txt_proj.1")
    assert isinstance(norm, torch.nn.BatchNorm1d)
    image, tokens, index = torch.randn(1, 3, 96, 96), model.tokenize(["Myocardium of the heart."]), torch.tensor([0])
    for pairs, counted in ((1, 0), (2, 1), (1, 1)):
        model(image, tokens.repeat(pairs, 1), index.repeat(pairs)).sum().backward()
        assert norm.num_batches_tracked == counted


def test_sentences_of_different_lengths_join_to_the_longest() -> None:
    model = build_segmenter("cris", "tiny")
    parts = [model.encode_text(model.tokenize([s])) for s in ("", "Myocardium of the heart.")]
    words, state, padding = model.join_text(parts)
    assert words.shape == (2, 7, 32)  # start, four words, a full stop, end
    assert state.shape == (2, 64)
    assert padding.int().tolist() == [[0, 0, 1, 1, 1, 1, 1], [0] * 7]
    assert (words[0, 2:] == 0).all()


def test_dropout_is_in_the_decoder_only() -> None:
    model = build_segmenter("cris", "tiny").train()
    image, tokens = torch.randn(2, 3, 96, 96), model.tokenize(["Myocardium.", "Left atrium cavity."])
    features, text = model.encode_image(image), model.encode_text(tokens)
    assert all(torch.equal(a, b) for a, b in zip(features, model.encode_image(image), strict=True))
    assert all(torch.equal(a, b) for a, b in zip(text, model.encode_text(tokens), strict=True))
    index = torch.tensor([0, 1])
    assert not torch.equal(model.decode(features, text, index), model.decode(features, text, index))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"input_size": 400}, "input_size: 400; expected a multiple of 32"),
        ({"input_size": 32}, "input_size: 32; expected 64 or more"),
        ({"vision_width": 5}, "vision_width: 5; expected an even number"),
        ({"text_heads": 5}, "text_heads: 5; expected a divisor of text_width 32"),
        ({"decoder_heads": 5}, "decoder_heads: 5; expected a divisor"),
        ({"text_positions": 1}, "text_positions: 1; expected 2 or more"),
        ({"neck_widths": (16, 16, 32)}, "neck_widths: .*expected text_width 32 in the middle"),
        ({"dropout": 1.0}, "dropout: 1.0; expected 0 or more, below 1"),
    ],
)
def test_sizes_that_form_no_network_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        replace(TINY, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [64, 160])
@torch.no_grad()
def test_every_input_size_that_32_divides_works(size: int) -> None:
    model = Cris.from_settings(replace(TINY, input_size=size)).eval()
    logits = model(torch.randn(1, 3, size, size), model.tokenize(["Myocardium."]), torch.tensor([0]))
    assert logits.shape == (1, size // 4, size // 4)


def test_a_folder_without_a_card_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"synthboost\.json: absent"):
        Cris.from_pretrained(tmp_path)


def test_the_tiny_preset_learns_from_random_weights_to_draw_what_the_sentence_names() -> None:
    assert sum(p.numel() for p in build_segmenter("cris", "tiny").parameters()) < 1_000_000
    torch.manual_seed(0)
    model = build_segmenter("cris", "tiny").train()
    row, column = torch.meshgrid(*(2 * [torch.arange(24)]), indexing="ij")
    places = ((6, 6), (6, 17), (17, 12))  # three discs, the same in all images: only the sentence tells them apart
    discs = torch.stack([(row - y) ** 2 + (column - x) ** 2 < 20 for y, x in places]).float()
    tokens = model.tokenize(["Left ventricular cavity.", "Myocardium.", "Left atrium cavity."])
    images, index = torch.randn(2, 3, 96, 96), torch.arange(2).repeat_interleave(3)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    for _ in range(40):
        loss = segmentation_loss(model(images, tokens.repeat(2, 1), index), discs.repeat(2, 1, 1))
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
    logits = model(images, tokens.repeat(2, 1), index).detach()
    assert hard_dice(logits, discs.repeat(2, 1, 1)).mean() > 0.9
    assert hard_dice(logits, discs.roll(1, 0).repeat(2, 1, 1)).mean() < 0.1
