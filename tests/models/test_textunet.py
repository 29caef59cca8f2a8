"""TextUNet: logits at several scales, the structure that a sentence names, and text that padding does not change."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from synthboost.domain import STRUCTURES
from synthboost.errors import ConfigError
from synthboost.models.catalogue import DEFAULT
from synthboost.models.registry import BOX, build_segmenter, load_segmenter
from synthboost.models.textunet.model import NAMES, TextUNet
from synthboost.models.textunet.settings import PRESETS
from synthboost.models.weights_folder import WEIGHTS_FILE

SENTENCES = ["LV", "Myocardium in two-chamber view of the heart at end of the systole cycle.", "la, bitte", "liver", ""]
BASE_MAXIMUM = 3_000_000
BY_HAND = Path(__file__).parents[1] / "prompts" / "sentences.csv"
NAMED = ("none", *(structure.short for structure in STRUCTURES))
"""What each column of `structure_logits` is called in the sentences that were written by hand."""


@pytest.fixture(scope="module")
def model() -> TextUNet:
    torch.set_num_threads(1)
    model = build_segmenter("textunet", "tiny")
    assert isinstance(model, TextUNet)
    return model


@torch.no_grad()
def test_scales_begin_with_the_full_size_and_halve(model: TextUNet) -> None:
    features = model.encode_image(torch.randn(2, 3, 96, 96))
    text, index = model.encode_text(model.tokenize(SENTENCES)), torch.tensor([0, 0, 1, 1, 1])
    scales = model.decode_scales(features, text, index)
    assert [tuple(logits.shape) for logits in scales] == [(5, 96, 96), (5, 48, 48), (5, 24, 24)]
    assert torch.equal(model.decode(features, text, index), scales[0])


@torch.no_grad()
def test_in_evaluation_structures_that_are_told_apart_exclude_each_other() -> None:
    model = build_segmenter("textunet", "tiny")
    assert isinstance(model, TextUNet)
    features, index = model.encode_image(torch.randn(2, 3, 96, 96)), torch.tensor([0, 0, 0, 1])
    text = model.encode_text(model.tokenize([*NAMES, NAMES[1]]))
    assert torch.equal(model.decode(features, text, index), model.decode_scales(features, text, index)[0])
    vectors, layer = text[0][:3], model.network.naming
    layer.weight.zero_()
    layer.weight[1:] = 40 * torch.linalg.pinv(vectors).T  # 40 for the structure that is named, 0 for others
    layer.bias.copy_(torch.tensor([20.0, 0.0, 0.0, 0.0]))
    model.eval()
    scales = model.decode_scales(features, text, index)[0]
    assert torch.equal(model.train().decode(features, text, index), scales)
    found = model.eval().decode(features, text, index).sigmoid()
    expected = F.pad(scales[:3], (0, 0, 0, 0, 1, 0)).softmax(0)[1:]
    torch.testing.assert_close(found[:3], expected, atol=1e-5, rtol=1e-4)
    alone = model.decode(tuple(one[1:] for one in features), (vectors[1:2],), torch.tensor([0])).sigmoid()
    torch.testing.assert_close(found[3:], alone, atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_a_sentence_that_names_no_structure_has_an_empty_mask(model: TextUNet) -> None:
    text = torch.zeros(1, model.settings.text_width)
    features, index = model.encode_image(torch.randn(1, 3, 96, 96)), torch.zeros(1, dtype=torch.int64)
    before = model.decode_scales(features, (text,), index)
    bias = model.network.naming.bias
    kept = bias.clone()
    try:
        bias.copy_(torch.tensor([30.0, 0.0, 0.0, 0.0]))
        after = model.decode_scales(features, (text,), index)
    finally:
        bias.copy_(kept)
    # log(3 exp(0) / (exp(30) + 3)) is nearly log(3) - 30
    shift = float(torch.tensor(3.0).log() - 30 - kept.log_softmax(0)[1:].logsumexp(0))
    for one, other in zip(before, after, strict=True):
        torch.testing.assert_close(other - one, torch.full_like(one, shift), rtol=0, atol=1e-4)
    assert (after[0].sigmoid() < 1e-6).all()


def test_masks_of_which_none_shall_be_empty_do_not_teach_what_names_a_structure() -> None:
    model = build_segmenter("textunet", "tiny").train()
    naming, tokens = model.network.naming, model.tokenize(SENTENCES[:2])
    model(torch.randn(1, 3, 96, 96), tokens, torch.tensor([0, 0])).square().mean().backward()
    learnt = {name for name, parameter in model.named_parameters() if parameter.grad is not None}
    assert {name for name, _ in model.named_parameters()} - learnt == {"network.naming.weight", "network.naming.bias"}
    model.zero_grad()
    with torch.no_grad():
        naming.weight.zero_()
        naming.bias.copy_(torch.tensor([1.0, 0.0, 0.0, 0.0]))
    loss = model.refusal_loss(tokens, torch.tensor([0, 1, 1]))
    assert loss.detach().item() == pytest.approx(0.6451, abs=1e-4), "log of (e + 3) / 3"
    loss.backward()  # type: ignore[union-attr]
    others = [parameter.grad for name, parameter in model.named_parameters() if "naming" not in name]
    assert naming.bias.grad[0] > 0 > naming.bias.grad[1]
    assert not any(gradient.any() for gradient in others if gradient is not None)


@torch.no_grad()
def test_with_random_weights_every_sentence_seems_to_name_a_structure(model: TextUNet) -> None:
    logits = model.structure_logits(model.encode_text(model.tokenize(SENTENCES)))
    assert logits.shape == (len(SENTENCES), 1 + len(STRUCTURES))
    assert (logits.argmax(1) > 0).all()


@torch.no_grad()
def test_padding_changes_no_sentence(model: TextUNet) -> None:
    tokens = model.tokenize(SENTENCES)
    (together,) = model.encode_text(F.pad(tokens, (0, 40)))
    for sentence, vector in zip(SENTENCES, together, strict=True):
        (alone,) = model.encode_text(model.tokenize([sentence]))
        torch.testing.assert_close(alone[0], vector, rtol=0, atol=1e-5)


def test_capitals_accents_and_spaces_make_no_difference_and_foreign_letters_are_one(model: TextUNet) -> None:
    assert torch.equal(model.tokenize(["  Löwe\n AN "]), model.tokenize(["lowe an"]))
    assert torch.equal(model.tokenize(["心 x"]), model.tokenize(["Ω x"]))


def test_the_preset_that_ships_is_small() -> None:
    base = build_segmenter("textunet", "base")
    assert base.input_size == base.output_size == 128
    assert sum(parameter.numel() for parameter in base.parameters()) <= BASE_MAXIMUM


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"input_size": 100}, "a multiple of 32"), ({"input_size": 32}, "64 or more"),
        ({"widths": (8,)}, "two or more positive numbers"), ({"scales": 6}, "1 to 5"),
        ({"text_width": 0}, "1 or more"), ({"text_layers": 7}, "1 to 6"),
    ],
)  # fmt: skip
def test_sizes_that_form_no_network_are_refused(change: dict[str, object], expected: str) -> None:
    with pytest.raises(ConfigError, match=expected):
        replace(PRESETS["base"], **change)  # type: ignore[arg-type]


@torch.no_grad()
def test_the_model_that_ships_understands_people(record_property: Callable[[str, object], None]) -> None:
    if not (BOX / WEIGHTS_FILE).is_file():
        pytest.skip("no weights ship yet")
    shipped = load_segmenter(DEFAULT)
    assert isinstance(shipped, TextUNet)
    for held_out, least in (("no", 0.95), ("yes", 0.90)):
        rows = [row for row in csv.DictReader(BY_HAND.open(encoding="utf-8")) if row["held_out"] == held_out]
        logits = shipped.structure_logits(shipped.encode_text(shipped.tokenize([row["sentence"] for row in rows])))
        named = [NAMED[number] for number in logits.argmax(1).tolist()]
        wrong = [row["sentence"] for row, name in zip(rows, named, strict=True) if row["structure"] != name]
        accuracy = 1 - len(wrong) / len(rows)
        record_property(f"accuracy, held out: {held_out}", accuracy)
        assert accuracy >= least, f"{accuracy:.1%} of {len(rows)} sentences; wrong: {wrong}"
