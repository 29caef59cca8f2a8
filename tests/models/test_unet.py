"""The U-Net: MONAI's network step by step, a sentence that only chooses a channel, and no text to learn."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from synthboost.domain import STRUCTURES, PromptSet, Structure
from synthboost.errors import CheckpointError, ConfigError, PromptError
from synthboost.models.audit import audit, faults
from synthboost.models.freezing import Encoders
from synthboost.models.registry import build_segmenter, load_segmenter
from synthboost.models.unet.model import ALL, UNet, named_structure
from synthboost.models.unet.settings import PRESETS, UNetSettings
from synthboost.prompts import build_prompt

SMALL = UNetSettings(input_size=32, widths=(2, 2, 4, 4, 4), last_width=2)
NAMES = ["Left ventricular cavity.", "Myocardium of the heart.", "Left atrium cavity."]


@pytest.fixture
def model() -> UNet:
    torch.set_num_threads(1)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return UNet.from_settings(SMALL).eval()


@torch.no_grad()
def test_way_down_and_way_up_together_are_monais_network(model: UNet) -> None:
    images = torch.randn(2, 3, 32, 32)
    features = model.encode_image(images)
    assert [tuple(f.shape) for f in features] == [
        (2, 2, 32, 32), (2, 2, 16, 16), (2, 4, 8, 8), (2, 4, 4, 4), (2, 4, 2, 2),
    ]  # fmt: skip
    expected = model.network(images[:, :1])
    logits = model(images, model.tokenize([*NAMES, *NAMES]), torch.tensor([0, 0, 0, 1, 1, 1]))
    assert torch.equal(logits, expected.flatten(0, 1))


@torch.no_grad()
def test_the_empty_sentence_draws_the_union(model: UNet) -> None:
    images, index = torch.randn(1, 3, 32, 32), torch.zeros(4, dtype=torch.int64)
    *own, union = model(images, model.tokenize([*NAMES, ""]), index)
    assert torch.equal(union, torch.stack(own).amax(0))


@torch.no_grad()
def test_words_beside_the_name_change_no_bit(model: UNet) -> None:
    sentences = ["Myocardium.", "MYOCARDIUM in a zebra", "please draw the myocardium, in a real image"]
    logits = model(torch.randn(1, 3, 32, 32), model.tokenize(sentences), torch.zeros(3, dtype=torch.int64))
    assert torch.equal(logits[0], logits[1])
    assert torch.equal(logits[0], logits[2])


def test_every_sentence_of_every_prompt_set_names_its_structure() -> None:
    from synthboost.cli.data import EXAMPLE

    for prompt_set in PromptSet:
        for structure in STRUCTURES:
            for paraphrase in (0, 1):
                prompt = build_prompt(
                    prompt_set, structure, EXAMPLE, shape="oval", paraphrase=paraphrase, name_domain=True
                )
                wanted = ALL if prompt_set is PromptSet.P0 else int(structure)
                assert named_structure(prompt.text) == wanted
    assert named_structure("left  VENTRICULAR-cavity") == Structure.LEFT_VENTRICULAR_CAVITY
    assert named_structure("  ") == ALL


@pytest.mark.parametrize(
    ("sentence", "found"),
    [
        ("the left ventricle", "none in 'the left ventricle'"),
        ("cavity, left atrium", "none in"),
        ("Myocardium or left atrium cavity", "Myocardium, Left atrium cavity in"),
        ("myocardiums", "none in"),
    ],
)
def test_a_sentence_that_names_no_structure_or_two_is_refused_with_the_names(sentence: str, found: str) -> None:
    with pytest.raises(PromptError, match=f"structure: {found}.*expected the name of one structure: Left ventricular"):
        named_structure(sentence)


def test_a_policy_for_the_text_encoder_concerns_nothing(model: UNet) -> None:
    for word in ("trained", "last-4", "vision=trained,text=frozen", "vision=frozen,text=lora-2"):
        encoders = Encoders.parse(word)
        model.set_encoders(encoders)
        found = audit(model, tuple(NAMES))
        assert faults(encoders, found) == []
        assert found["text"].tensors == 0
        assert found["decoder"].with_gradient == found["decoder"].tensors
        assert bool(found["vision"].with_gradient) == (encoders.vision.kind != "frozen")


def test_without_monai_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "monai.networks.nets", None)
    with pytest.raises(ConfigError, match=r"monai: not installed.*pip install 'synthboost\[baselines\]'"):
        build_segmenter("unet", "tiny")


def test_weights_without_a_card_or_of_another_size_are_refused(model: UNet, tmp_path: Path) -> None:
    model.save_pretrained(tmp_path / "small")
    assert isinstance(load_segmenter(tmp_path / "small", "unet"), UNet)
    with pytest.raises(CheckpointError, match="model: unet; expected clipseg"):
        load_segmenter(tmp_path / "small", "clipseg")
    (tmp_path / "small" / "synthboost.json").unlink()
    with pytest.raises(CheckpointError, match=r"synthboost.json: absent"):
        UNet.from_pretrained(tmp_path / "small")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"input_size": 40}, "input_size: 40; expected a multiple of 16"),
        ({"input_size": 16}, "input_size: 16; expected 32 or more"),
        ({"widths": (8, 8, 8, 8)}, "widths: .*five positive numbers"),
        ({"widths": (8, 8, 7, 8, 8)}, "widths: .*even numbers"),
        ({"last_width": 0}, "last_width: 0; expected 1 or more"),
    ],
)
def test_sizes_that_form_no_network_are_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        replace(SMALL, **change)  # type: ignore[arg-type]


def test_the_presets_have_the_stated_sizes() -> None:
    numbers = {name: sum(p.numel() for p in UNet.from_settings(s).parameters()) for name, s in PRESETS.items()}
    assert numbers == {"tiny": 487_523, "unet256": 7_779_971}
