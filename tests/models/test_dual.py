"""CLIPSeg's decoder over other dual encoders: they compute what transformers does, and published folders load."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor
from transformers import CLIPModel, SiglipModel

from synthboost.errors import CheckpointError
from synthboost.models.audit import audit, faults
from synthboost.models.dual.model import Dual
from synthboost.models.dual.settings import PRESETS, TINY, DualSettings, Family
from synthboost.models.freezing import Encoders
from synthboost.models.registry import load_segmenter, weights_fingerprint
from synthboost.models.weights_folder import OPEN_CLIP_FILE

SENTENCES = ["Myocardium of the heart.", "Left atrium cavity in two-chamber view of the heart."]
ACTIVATIONS: dict[Family, str] = {"clip": "quick_gelu", "siglip": "gelu_pytorch_tanh", "biomedclip": "gelu"}


def small(family: Family) -> DualSettings:
    return replace(
        TINY, family=family, activation=ACTIVATIONS[family], input_size=32, vision_positions=16, vision_width=32,
        vision_layers=3, text_width=32, head_width=16, projection_width=16, extract_layers=(0, 1), reduce_width=16,
        decoder_mlp=16, conditional_layer=0,
    )  # fmt: skip


def make(family: Family) -> Dual:
    torch.set_num_threads(1)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Dual.from_settings(small(family)).eval()


@pytest.mark.parametrize("family", ["clip", "siglip"])
@torch.no_grad()
def test_a_folder_of_the_library_loads_and_both_encoders_give_its_features(family: Family, tmp_path: Path) -> None:
    network = make(family).network.encoders
    network.save_pretrained(tmp_path)
    make(family).write_beside(tmp_path)
    model, other = load_segmenter(tmp_path, seed=1), load_segmenter(tmp_path, "dual", seed=2)
    assert isinstance(model, Dual)
    # the decoder reads where CLIPSeg does: after a quarter, a half and three quarters of 3 blocks
    assert (model.settings.family, model.settings.vision_layers, model.settings.extract_layers) == (
        family,
        3,
        (0, 1, 2),
    )
    library = (CLIPModel if family == "clip" else SiglipModel).from_pretrained(tmp_path).eval()
    images, tokens = torch.randn(2, 3, 32, 32), model.tokenize(SENTENCES)
    states = library.vision_model(images, interpolate_pos_encoding=True, output_hidden_states=True).hidden_states
    for ours, number in zip(model.encode_image(images), model.settings.extract_layers, strict=True):
        torch.testing.assert_close(ours, states[number + 1], rtol=0.0, atol=1e-5)
    theirs = library.get_text_features(input_ids=tokens).pooler_output
    torch.testing.assert_close(model.encode_text(tokens)[0], theirs, rtol=0.0, atol=1e-5)
    same = [torch.equal(a, b) for a, b in zip(model.decoder_parts()[0].parameters(), drawn(other), strict=True)]
    assert not all(same)
    assert len(weights_fingerprint(tmp_path)) == 64


def drawn(model: torch.nn.Module) -> list[Tensor]:
    assert isinstance(model, Dual)
    return list(model.network.decoder.parameters())


@torch.no_grad()
def test_open_clips_names_of_biomedclip_are_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = make("biomedclip")
    state = {f"trunk.{name}": tensor for name, tensor in model.network.encoders.vision_model.state_dict().items()}
    published: dict[str, Tensor] = {"logit_scale": torch.ones(()), "visual.head.proj.weight": torch.ones(16, 32)}
    for name, tensor in state.items():
        if "_proj." in name and "o_proj" not in name:
            continue
        published["visual." + timm_name(name)] = tensor
    for number in range(3):
        for kind in ("weight", "bias"):
            parts = [state[f"trunk.layers.{number}.attention.{letter}_proj.{kind}"] for letter in "qkv"]
            published[f"visual.trunk.blocks.{number}.attn.qkv.{kind}"] = torch.cat(parts)
    text = model.network.encoders.text_model.state_dict()
    published |= {f"text.transformer.{name}": tensor for name, tensor in text.items()}
    published |= {f"text.proj.{name}": t for name, t in model.network.encoders.projection.state_dict().items()}
    torch.save(published, tmp_path / OPEN_CLIP_FILE)
    model.write_beside(tmp_path)
    monkeypatch.setitem(PRESETS, "biomedclip", model.settings)
    again = load_segmenter(tmp_path)
    assert isinstance(again, Dual)
    images, tokens = torch.randn(1, 3, 32, 32), model.tokenize(SENTENCES)
    assert torch.equal(again.encode_text(tokens)[0], model.encode_text(tokens)[0])
    assert all(torch.equal(a, b) for a, b in zip(again.encode_image(images), model.encode_image(images), strict=True))


def timm_name(name: str) -> str:
    for ours, theirs in (
        ("embeddings.cls_token", "cls_token"), ("embeddings.position_embeddings", "pos_embed"),
        ("embeddings.patch_embeddings.projection", "patch_embed.proj"), ("layernorm_before", "norm1"),
        ("layernorm_after", "norm2"), ("attention.o_proj", "attn.proj"), ("trunk.layernorm", "trunk.norm"),
        ("trunk.layers", "trunk.blocks"),
    ):  # fmt: skip
        name = name.replace(ours, theirs)
    return name


@pytest.mark.parametrize("family", ["clip", "biomedclip"])
def test_every_policy_does_what_it_says_and_a_saved_model_gives_the_same_bits(family: Family, tmp_path: Path) -> None:
    model = make(family)
    for word in ("trained", "frozen", "last-1", "lora-2"):
        model.set_encoders(Encoders.parse(word))
        assert faults(Encoders.parse(word), audit(model, tuple(SENTENCES))) == []
    model.set_encoders(Encoders.TRAINED)
    model.eval().save_pretrained(tmp_path / "weights")
    again = load_segmenter(tmp_path / "weights")
    images, index = torch.randn(2, 3, 32, 32), torch.tensor([1, 0])
    with torch.no_grad():
        assert torch.equal(
            again(images, again.tokenize(SENTENCES), index), model(images, model.tokenize(SENTENCES), index)
        )


@torch.no_grad()
def test_siglip_reads_lower_case_of_one_length_and_has_no_class_token() -> None:
    model = make("siglip")
    tokens = model.tokenize(["LEFT atrium", SENTENCES[1]])
    assert tokens.shape == (2, 48)
    assert torch.equal(tokens[:1], model.tokenize(["left atrium"]))
    assert [tuple(one.shape) for one in model.encode_image(torch.zeros(1, 3, 32, 32))] == [(1, 16, 32)] * 2


def test_an_encoder_that_computes_otherwise_is_refused(tmp_path: Path) -> None:
    network = make("clip").network.encoders
    network.save_pretrained(tmp_path)
    make("clip").write_beside(tmp_path)
    path = tmp_path / "config.json"
    path.write_text(path.read_text().replace('"layer_norm_eps": 1e-05', '"layer_norm_eps": 0.1'))
    with pytest.raises(CheckpointError, match="layer_norm_eps 0.1, where only 1e-05 is known"):
        load_segmenter(tmp_path)
