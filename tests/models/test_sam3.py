"""SAM 3: our walk through its semantic path gives the library's map, and published folders load."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from synthboost.errors import CheckpointError
from synthboost.models.registry import build_segmenter, load_segmenter
from synthboost.models.sam3.model import Sam3
from synthboost.models.weights_folder import CARD_FILE, CONFIG_FILE, read_tensors, save_weights

SENTENCES = ["Myocardium of the heart.", "Left atrium cavity in two-chamber view of the heart."]


@pytest.fixture(scope="module")
def model() -> Sam3:
    torch.set_num_threads(1)
    model = build_segmenter("sam3", "tiny")
    assert isinstance(model, Sam3)
    return model


@torch.no_grad()
def test_the_semantic_map_is_the_librarys(model: Sam3) -> None:
    images, tokens, index = torch.randn(2, 3, 112, 112), model.tokenize(SENTENCES), torch.tensor([0, 0, 1, 1])
    assert tokens.shape == (2, 64)
    inside = (tokens != model.tokenizer.pad_token_id).long()
    theirs = model.network(
        pixel_values=images[index], input_ids=tokens.repeat(2, 1), attention_mask=inside.repeat(2, 1)
    ).semantic_seg[:, 0]
    ours = model(images, tokens, index, torch.tensor([0, 1, 0, 1]))
    assert ours.shape == (4, 32, 32)  # 8 x 8 patches of 14 pixels, 4 logits along each
    torch.testing.assert_close(ours, theirs, rtol=0.0, atol=1e-5)


@torch.no_grad()
def test_a_published_folder_loads_without_its_tracker(model: Sam3, tmp_path: Path) -> None:
    model.save_pretrained(tmp_path / "ours")
    state = read_tensors(tmp_path / "ours" / "model.safetensors")
    published = {f"detector_model.{name}": tensor for name, tensor in state.items()}
    (tmp_path / "theirs").mkdir()
    for path in (tmp_path / "ours").iterdir():
        if path.name != CARD_FILE:
            (tmp_path / "theirs" / path.name).write_bytes(path.read_bytes())
    config = tmp_path / "theirs" / CONFIG_FILE
    config.write_text(config.read_text().replace('"synthboost"', '"whose"'))
    save_weights(tmp_path / "theirs", {**published, "tracker_model.memory": torch.ones(2)})
    again = load_segmenter(tmp_path / "theirs")
    assert isinstance(again, Sam3)
    images, tokens, index = torch.randn(1, 3, 112, 112), model.tokenize(SENTENCES), torch.tensor([0, 0])
    assert torch.equal(again(images, tokens, index), model(images, tokens, index))
    config.write_text("{")
    with pytest.raises(CheckpointError, match="the configuration of a SAM 3"):
        load_segmenter(tmp_path / "theirs", "sam3")


def test_boxes_queries_and_scores_have_no_part_in_a_mask(model: Sam3) -> None:
    unused = {id(parameter) for parameter in model.parameter_groups()["unused"]}
    names = {name.split(".")[1] for name, p in model.named_parameters() if id(p) in unused}
    assert {"geometry_encoder", "detr_decoder", "dot_product_scoring"} < names
    assert "detr_encoder" not in names
