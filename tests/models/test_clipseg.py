"""Our CLIPSeg is the library's: same folders, same logits; and what differs from it on purpose."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import CLIPSegConfig, CLIPSegForImageSegmentation, CLIPTokenizer

from synthboost.domain import Attributes, FrameInfo, PatientId, Phase, PromptSet, Quality, Sex, Structure, View
from synthboost.errors import CheckpointError, ConfigError
from synthboost.models.clipseg.model import ClipSeg
from synthboost.models.clipseg.settings import ClipSegSettings
from synthboost.models.registry import build_segmenter, load_segmenter, weights_fingerprint
from synthboost.models.tokenizing import grammar_tokenizer
from synthboost.prompts import build_prompt, vocabulary

MakeModel = Callable[..., ClipSeg]
SENTENCES = ["Myocardium of the heart.", "Left atrium cavity in two-chamber view of the heart."]


def library_logits(network: CLIPSegForImageSegmentation, images: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
    """The library's forward wants the image repeated per sentence."""
    with torch.no_grad():
        logits: torch.Tensor = network(input_ids=tokens, pixel_values=images).logits
    return logits.reshape(len(tokens), *logits.shape[-2:])


@pytest.mark.parametrize("layer", [0, 2])
@torch.no_grad()
def test_a_saved_folder_loads_in_the_library_and_gives_the_same_logits(
    make_tiny_model: MakeModel, tmp_path: Path, layer: int
) -> None:
    model = make_tiny_model(conditional_layer=layer)
    model.save_pretrained(tmp_path / "weights")
    network = CLIPSegForImageSegmentation.from_pretrained(tmp_path / "weights", local_files_only=True).eval()
    images = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    tokens, index = model.tokenize(SENTENCES).repeat(2, 1), torch.tensor([0, 0, 1, 1])
    ours = model(images, tokens, index)
    torch.testing.assert_close(ours, library_logits(network, images[index], tokens), rtol=0.0, atol=1e-5)


@pytest.fixture
def library_folder(clip_folder: Path) -> Path:
    """As the library writes it, and as the hub holds it: no card of ours, a byte-pair tokenizer of CLIP."""
    folder = clip_folder
    tokenizer = CLIPTokenizer.from_pretrained(folder, local_files_only=True)
    tokenizer.save_pretrained(folder)
    end = tokenizer.eos_token_id
    text = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2,
            "vocab_size": len(tokenizer), "max_position_embeddings": 77,
            "bos_token_id": end - 1, "eos_token_id": end, "pad_token_id": end}  # fmt: skip
    vision = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 3, "num_attention_heads": 2,
              "image_size": 64, "patch_size": 16}  # fmt: skip
    config = CLIPSegConfig(
        text_config=text, vision_config=vision, projection_dim=16, extract_layers=[0, 1, 2], reduce_dim=16,
        decoder_num_attention_heads=2, decoder_intermediate_size=16, use_complex_transposed_convolution=True,
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = CLIPSegForImageSegmentation(config)
    network.save_pretrained(folder)
    return folder


@torch.no_grad()
def test_a_folder_of_the_library_loads_without_a_card_and_gives_the_librarys_logits(library_folder: Path) -> None:
    model = load_segmenter(library_folder)
    assert (model.input_size, model.pixel_mean) == (352, (0.485, 0.456, 0.406))
    network = CLIPSegForImageSegmentation.from_pretrained(library_folder, local_files_only=True).eval()
    images = torch.randn(2, 3, 352, 352, generator=torch.Generator().manual_seed(0))
    tokens = model.tokenize(["the heart.", "the"])
    ours = model(images, tokens, torch.tensor([0, 1]))
    assert ours.shape == (2, 352, 352)
    with torch.no_grad():
        theirs = network(input_ids=tokens, pixel_values=images, interpolate_pos_encoding=True).logits
    torch.testing.assert_close(ours, theirs, rtol=0.0, atol=1e-4 * float(theirs.abs().max()))


def test_clips_tokenizer_spells_every_word_so_none_is_unknown(library_folder: Path) -> None:
    model = load_segmenter(library_folder)
    assert model.unknown_words("the zebra") == ()
    # start, "the" as one pair, z e b r a, end; the shorter sentence is filled up with the end
    long, short = model.tokenize(["the zebra", "the"]).tolist()
    assert len(long) == 8
    assert short == [long[0], long[1], *[long[-1]] * 6]


def test_a_simple_head_is_refused_since_the_decoder_is_the_refined_one(library_folder: Path) -> None:
    config = json.loads((library_folder / "config.json").read_text())
    config["use_complex_transposed_convolution"] = False
    (library_folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match="use_complex_transposed_convolution: False.*refined"):
        load_segmenter(library_folder)


def test_vision_blocks_that_the_decoder_does_not_read_are_not_run(make_tiny_model: MakeModel) -> None:
    model = make_tiny_model(extract_layers=(0, 1))
    ran: list[int] = []
    for number, block in enumerate(model.network.clip.vision_model.encoder.layers):
        block.register_forward_hook(lambda *_, number=number: ran.append(number))
    features = model.encode_image(torch.zeros(2, 3, 32, 32))
    assert ran == [0, 1]
    assert [tuple(f.shape) for f in features] == [(2, 17, 32)] * 2  # 4 x 4 patches and the class token


def test_positions_are_interpolated_to_another_input_size(make_tiny_model: MakeModel) -> None:
    model = make_tiny_model(input_size=64)
    assert model.output_size == 32
    with torch.no_grad():
        logits = model(torch.zeros(1, 3, 64, 64), model.tokenize(SENTENCES[:1]), torch.tensor([0]))
    assert logits.shape == (1, 32, 32)


def test_the_first_logits_are_moderate_so_that_training_can_begin(tiny_model: ClipSeg) -> None:
    image = tiny_model.preprocess(np.random.default_rng(0).integers(0, 256, (32, 32), dtype=np.uint8))
    with torch.no_grad():
        logits = tiny_model(image[None], tiny_model.tokenize(SENTENCES[:1]), torch.tensor([0]))
    assert logits.abs().max() < 5


@pytest.mark.parametrize(
    ("changes", "field"), [({"input_size": 100}, "input_size"), ({"extract_layers": (1, 12)}, "extract_layers")]
)
def test_sizes_that_form_no_network_are_refused(changes: dict[str, object], field: str) -> None:
    with pytest.raises(ConfigError, match=field):
        ClipSegSettings(**changes)  # type: ignore[arg-type]


def test_the_grammars_tokenizer_knows_every_word_of_the_grammar() -> None:
    tokenizer = grammar_tokenizer()
    unknown = [word for word in vocabulary() if tokenizer.unk_token_id in tokenizer(word)["input_ids"]]
    assert unknown == []
    start, *middle, end = tokenizer("Two-chamber view.")["input_ids"]
    assert tokenizer.convert_ids_to_tokens(middle) == ["two", "-", "chamber", "view", "."]
    assert (start, end) == (tokenizer.bos_token_id, tokenizer.eos_token_id)


def test_extra_words_come_last_and_leave_the_others_their_numbers() -> None:
    plain, extended = grammar_tokenizer(), grammar_tokenizer(tuple(PromptSet))
    numbers = extended.get_vocab()
    assert len(extended) == len(plain) + 9
    assert {word: numbers[word] for word in plain.get_vocab()} == plain.get_vocab()
    assert numbers["wall"] == len(extended) - 1


@pytest.mark.parametrize("model", ["clipseg", "cris"])
def test_a_checkpoint_brings_the_words_it_was_built_with(model: str, tmp_path: Path) -> None:
    sentence = "Myocardium of the heart, with a normal wall."
    plain = build_segmenter(model, "tiny")
    extended = build_segmenter(model, "tiny", prompt_sets=[PromptSet.P6_FUNCTION])
    for built, unknown in ((plain, ("normal", "wall")), (extended, ())):
        built.save_pretrained(tmp_path / str(len(unknown)))
        loaded = load_segmenter(tmp_path / str(len(unknown)))
        assert built.unknown_words(sentence) == loaded.unknown_words(sentence) == unknown


@pytest.mark.parametrize("model", ["clipseg", "cris"])
def test_the_longest_sentence_of_ours_fits_the_small_models(model: str) -> None:
    person = Attributes(Sex.FEMALE, 101, Quality.MEDIUM, 35.0, 14.0)
    info = FrameInfo(PatientId("a", "b", "c"), View.FOUR_CHAMBER, Phase.END_DIASTOLE, person)
    prompt = build_prompt(
        PromptSet.P6_FUNCTION, Structure.LEFT_VENTRICULAR_CAVITY, info, paraphrase=1, name_domain=True
    )
    built = build_segmenter(model, "tiny", prompt_sets=[PromptSet.P6_FUNCTION])
    assert built.unknown_words(prompt.text) == ()
    assert built.tokenize([prompt.text]).shape[1] <= 64


def test_the_fingerprint_depends_on_the_content_alone(tiny_model: ClipSeg, tmp_path: Path) -> None:
    tiny_model.save_pretrained(tmp_path / "run" / "checkpoint")
    tiny_model.save_pretrained(tmp_path / "elsewhere")
    one, two = weights_fingerprint(tmp_path / "run"), weights_fingerprint(str(tmp_path / "elsewhere"))
    assert one == two
    assert len(one) == 64
