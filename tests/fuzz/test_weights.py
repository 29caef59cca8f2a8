"""Folders of weights and published files: refused, or a model that draws; of ours nothing but what was saved loads."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from fuzzing import fuzz, mutated_bytes, mutated_text
from medclipseg_files import published

from synthboost.diffusion.checkpoint import load_diffusion, save_diffusion
from synthboost.diffusion.network import SemanticUNet
from synthboost.diffusion.published import load_published, rename_table
from synthboost.diffusion.settings import DiffusionSettings
from synthboost.models.base import Segmenter
from synthboost.models.cris.model import CrisNetwork
from synthboost.models.cris.published import check
from synthboost.models.cris.settings import CrisSettings
from synthboost.models.medclipseg.model import MedClipSeg
from synthboost.models.medclipseg.published import convert
from synthboost.models.medclipseg.settings import MedClipSegSettings
from synthboost.models.registry import load_segmenter, weights_fingerprint
from synthboost.models.tokenizing import grammar_tokenizer

SMALL = CrisSettings(
    input_size=64, vision_layers=(1, 1, 1, 1), vision_width=4, vision_positions=2, text_width=8, text_layers=1,
    text_heads=1, text_positions=12, embedding_width=16, neck_widths=(4, 8, 16), decoder_layers=1, decoder_heads=1,
    decoder_mlp=12,
)  # fmt: skip
SENTENCE = "Myocardium of the heart."
FILES = ("config.json", "tokenizer.json", "tokenizer_config.json", "preprocessor_config.json", "model.safetensors")


def draws(model: Segmenter, _: bytes) -> None:
    """What was accepted must be able to predict, and its text encoder to read."""
    image = np.random.default_rng(0).integers(0, 256, (20, 24), dtype=np.uint8)
    with torch.inference_mode():
        logits = model(model.preprocess(image)[None], model.tokenize([SENTENCE]), torch.tensor([0]))
    assert logits.shape == (1, model.output_size, model.output_size)


def mutation(name: str) -> Callable[..., bytes]:
    return mutated_bytes if name.endswith(".safetensors") else mutated_text


@pytest.mark.parametrize("name", [*FILES, "synthboost.json"])
def test_a_folder_of_ours_loads_only_as_it_was_saved(tmp_path: Path, tiny_model: Segmenter, name: str) -> None:
    tiny_model.save_pretrained(tmp_path / "weights")
    path = tmp_path / "weights" / name
    sound, before = path.read_bytes(), weights_fingerprint(tmp_path / "weights")

    def unchanged(_: Segmenter, content: bytes) -> None:
        same = json.loads(content) == json.loads(sound) if name == "synthboost.json" else content == sound
        assert same
        assert weights_fingerprint(tmp_path / "weights") == before

    fuzz(path, [sound], lambda path: load_segmenter(path.parent), mutate=mutation(name), check=unchanged, usual=40)


@pytest.mark.parametrize("name", FILES)
def test_a_folder_of_others_is_refused_or_draws(tmp_path: Path, tiny_model: Segmenter, name: str) -> None:
    folder = tmp_path / "weights"
    tiny_model.save_pretrained(folder)
    (folder / "synthboost.json").unlink()
    config = json.loads((folder / "config.json").read_text())
    del config["synthboost"]
    (folder / "config.json").write_text(json.dumps(config))
    sound = [(folder / name).read_bytes()]
    fuzz(folder / name, sound, lambda path: load_segmenter(path.parent), mutate=mutation(name), check=draws, usual=15)


@pytest.mark.parametrize("name", ["synthboost.json", "model.safetensors"])
def test_a_diffusion_model_loads_only_as_it_was_saved(tmp_path: Path, name: str) -> None:
    settings = DiffusionSettings(size=16, channels=1, width=8, multipliers=(1, 2), blocks=1, attention=(8,),
                                 head_width=8, groups=4, spade_width=6)  # fmt: skip
    save_diffusion(tmp_path / "model", SemanticUNet(settings))
    path = tmp_path / "model" / name
    sound = path.read_bytes()

    def unchanged(network: SemanticUNet, content: bytes) -> None:
        assert network.settings == settings
        assert name == "synthboost.json" or content == sound

    fuzz(path, [sound], lambda path: load_diffusion(path.parent), mutate=mutation(name), check=unchanged, usual=60)


def saved(value: Any, **options: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer, **options)
    return buffer.getvalue()


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")
def test_a_published_cris_is_refused_or_every_tensor_of_it_is_used(tmp_path: Path) -> None:
    state = CrisNetwork(SMALL, 12).state_dict()
    training = {"epoch": 1, "state_dict": {f"module.{name}": tensor for name, tensor in state.items()}}
    sound = [saved(training), saved(state), saved(state, _use_new_zipfile_serialization=False)]
    fuzz(tmp_path / "cris.pth", sound, check, check=lambda report, _: len(report.matched) > 0, usual=150)


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")
def test_a_published_diffusion_model_is_refused_or_complete(tmp_path: Path) -> None:
    settings = DiffusionSettings(size=16, width=64, multipliers=(1, 2), blocks=1, attention=(8,), spade_width=8)
    theirs = {ours: name for name, ours in rename_table(settings).items()}
    state = {
        f"{theirs[name.rpartition('.')[0]]}.{name.rpartition('.')[2]}": tensor
        for name, tensor in SemanticUNet(settings).state_dict().items()
    }
    fuzz(tmp_path / "ema.pt", [saved(state)], lambda path: load_published(path, size=16), usual=40)


def test_a_published_medclipseg_is_refused_or_draws(tmp_path: Path) -> None:
    settings = MedClipSegSettings(
        input_size=16, patch_size=8, layers=2, vision_width=8, text_width=8, text_length=12, head_width=8,
        projection_width=8, fused=(1,), fusion_width=4, upscalings=1,
    )  # fmt: skip
    tokenizer = grammar_tokenizer()
    tokenizer.save_pretrained(tmp_path)
    sound = saved({"model": published(MedClipSeg(settings, tokenizer).network.state_dict()), "epoch": 1})

    def converted(path: Path) -> Segmenter:
        return convert(path, tmp_path / "folder", tmp_path, settings)

    fuzz(tmp_path / "latest.pth", [sound], converted, check=draws, usual=20)
