"""What every registered model must do, in its smallest preset: training and inference rely on nothing else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from smallest_models import CASES, build_smallest

from synthboost.errors import ConfigError, PromptError
from synthboost.models.base import Segmenter
from synthboost.models.catalogue import MODELS
from synthboost.models.freezing import Encoders
from synthboost.models.registry import build_segmenter, load_segmenter, segmenter_class
from synthboost.records.run_record import BASELINE_MODEL
from synthboost.reports import paper_tables

SENTENCES = [
    "Left ventricular cavity of the heart.",
    "Myocardium in two-chamber view of the heart at end of the systole cycle of a seventy-three-year-old male.",
    "Left atrium cavity in the cardiac ultrasound.",
    "",
]
CLOSE = {"rtol": 0.0, "atol": 1e-5}


@pytest.fixture(params=CASES, scope="module")
def case(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def model(case: str) -> Segmenter:
    torch.set_num_threads(1)
    return build_smallest(case)


def learning_groups(model: Segmenter) -> tuple[str, ...]:
    """The groups that have something to learn."""
    return ("vision", "text", "decoder") if MODELS[model.name].reads_text else ("vision", "decoder")


@pytest.fixture
def images(model: Segmenter) -> torch.Tensor:
    pixels = np.random.default_rng(0).integers(0, 256, (3, 40, 56), dtype=np.uint8)
    return torch.stack([model.preprocess(image) for image in pixels])


def test_every_model_is_listed_everywhere() -> None:
    assert all(segmenter_class(name).name == name for name in MODELS)
    assert all("tiny" in entry.presets.keys() & entry.cycle_rates.keys() for entry in MODELS.values())


def test_the_reports_know_which_models_read_no_sentence() -> None:
    silent = {name for name, entry in MODELS.items() if not entry.reads_text}
    assert silent == set(paper_tables.WITHOUT_TEXT) - {BASELINE_MODEL}


@pytest.mark.parametrize("size", [(1, 1), (37, 53), (200, 31), (32, 32), (96, 96)])
def test_an_image_of_any_size_goes_in_and_comes_out_at_its_own_size(model: Segmenter, size: tuple[int, int]) -> None:
    tensor = model.preprocess(np.full(size, 255, np.uint8))
    assert tensor.shape == (3, model.input_size, model.input_size)
    white = (1 - torch.tensor(model.pixel_mean)) / torch.tensor(model.pixel_std)
    torch.testing.assert_close(tensor.amax((1, 2)), white)
    torch.testing.assert_close(tensor.amin((1, 2)), white)
    probability = model.postprocess(torch.zeros(2, model.output_size, model.output_size), size)
    assert probability.shape == (2, *size)
    assert (probability == 0.5).all()


def test_a_target_is_the_fraction_of_each_pixel_that_lies_inside(model: Segmenter) -> None:
    mask = np.zeros((model.output_size * 2, model.output_size * 2), bool)
    mask[:, : model.output_size] = True
    target = model.preprocess_mask(mask)
    assert target.shape == (model.output_size, model.output_size)
    assert target.mean().item() == pytest.approx(0.5, abs=1e-6)
    middle = model.output_size // 2
    assert (target[:, : middle - 1] == 1).all()
    assert (target[:, middle + 1 :] == 0).all()


@torch.no_grad()
def test_logits_have_one_map_per_pair(model: Segmenter, images: torch.Tensor) -> None:
    tokens = model.tokenize(SENTENCES)
    logits = model(images, tokens, torch.tensor([0, 2, 1, 1]))
    assert logits.shape == (4, model.output_size, model.output_size)
    assert logits.isfinite().all()


@torch.no_grad()
def test_many_sentences_at_once_equal_one_at_a_time(model: Segmenter, images: torch.Tensor) -> None:
    together = model(images[:1], model.tokenize(SENTENCES), torch.zeros(4, dtype=torch.int64))
    for sentence, logits in zip(SENTENCES, together, strict=True):
        alone = model(images[:1], model.tokenize([sentence]), torch.zeros(1, dtype=torch.int64))
        torch.testing.assert_close(alone[0], logits, **CLOSE)


@torch.no_grad()
def test_several_images_with_their_own_sentences_equal_each_alone(model: Segmenter, images: torch.Tensor) -> None:
    index = torch.tensor([2, 0, 2, 1])
    together = model(images, model.tokenize(SENTENCES), index)
    for image, sentence, logits in zip(index, SENTENCES, together, strict=True):
        alone = model(images[image : image + 1], model.tokenize([sentence]), torch.zeros(1, dtype=torch.int64))
        torch.testing.assert_close(alone[0], logits, **CLOSE)


@torch.no_grad()
def test_a_batch_of_one_equals_its_place_in_a_batch_of_many(model: Segmenter, images: torch.Tensor) -> None:
    tokens = model.tokenize(SENTENCES[:1])
    many = model(images.repeat(3, 1, 1, 1), tokens, torch.arange(9), torch.zeros(9, dtype=torch.int64))
    for number, image in enumerate(images):
        alone = model(image[None], tokens, torch.zeros(1, dtype=torch.int64))
        for place in (number, number + 3, number + 6):
            torch.testing.assert_close(many[place], alone[0], **CLOSE)


@torch.no_grad()
def test_half_precision_draws_nearly_the_same(model: Segmenter, images: torch.Tensor) -> None:
    tokens, index = model.tokenize(SENTENCES[:2]), torch.tensor([0, 1])
    expected = model(images, tokens, index)
    with torch.autocast("cpu", torch.bfloat16):
        logits = model(images, tokens, index).float()
    assert logits.isfinite().all()
    assert 0 < (logits - expected).abs().max() < 0.05 * expected.abs().max()


def test_a_step_in_half_precision_trains_every_group(case: str, images: torch.Tensor) -> None:
    model = build_smallest(case)  # its own, since a step moves running statistics
    model.set_encoders(Encoders.TRAINED)
    model.train()
    with torch.autocast("cpu", torch.bfloat16):
        logits = model(images, model.tokenize(SENTENCES[:2]), torch.tensor([0, 1]))
    logits.float().square().mean().backward()
    for group in learning_groups(model):
        gradients = [p.grad for p in model.parameter_groups()[group] if p.grad is not None]
        assert any(g.abs().max() > 0 for g in gradients), group
        assert all(g.isfinite().all() for g in gradients), group


@torch.no_grad()
def test_evaluation_is_deterministic(model: Segmenter, images: torch.Tensor) -> None:
    tokens, index = model.tokenize(SENTENCES[:1]), torch.zeros(1, dtype=torch.int64)
    assert torch.equal(model(images[:1], tokens, index), model(images[:1], tokens, index))


@torch.no_grad()
def test_another_sentence_gives_another_map(model: Segmenter, images: torch.Tensor) -> None:
    one, two = model(images[:1], model.tokenize(SENTENCES[:2]), torch.zeros(2, dtype=torch.int64))
    assert (one - two).abs().max() > 1e-3


def test_the_gradient_reaches_sentence_and_image(model: Segmenter, images: torch.Tensor) -> None:
    model.set_encoders(Encoders.TRAINED)
    model(images[:1], model.tokenize(SENTENCES[:2]), torch.zeros(2, dtype=torch.int64)).square().sum().backward()
    for group in learning_groups(model):
        gradients = [p.grad for p in model.parameter_groups()[group]]
        assert any(g is not None and g.abs().max() > 0 for g in gradients), group
    model.zero_grad(set_to_none=True)


@torch.no_grad()
def test_sentences_encoded_apart_or_together_draw_the_same(model: Segmenter, images: torch.Tensor) -> None:
    tokens, index = model.tokenize(SENTENCES), torch.zeros(4, dtype=torch.int64)
    apart = model.join_text([model.encode_text(model.tokenize([sentence])) for sentence in SENTENCES])
    assert all(len(tensor) == 4 for tensor in apart)
    torch.testing.assert_close(model(images[:1], apart, index), model(images[:1], tokens, index), **CLOSE)


@torch.no_grad()
def test_features_can_be_given_instead_of_images_and_one_sentence_can_serve_several_pairs(
    model: Segmenter, images: torch.Tensor
) -> None:
    image_index, text_index = torch.tensor([0, 1, 1, 2]), torch.tensor([1, 0, 1, 1])
    expected = model(images, model.tokenize([SENTENCES[n] for n in text_index]), image_index)
    features, tokens = model.encode_image(images), model.tokenize(SENTENCES[:2])
    torch.testing.assert_close(model(features, tokens, image_index, text_index), expected, **CLOSE)
    halves = tuple(feature.half() for feature in features)
    error = (model(halves, tokens, image_index, text_index) - expected).abs().max()
    assert 0 < error < 5e-3 * expected.abs().max()


def test_a_model_has_a_text_encoder_or_says_that_it_has_none(model: Segmenter) -> None:
    assert (
        bool(model.encoder_blocks()["text"]) == bool(model.parameter_groups()["text"]) == MODELS[model.name].reads_text
    )


def test_a_sentence_that_is_too_long_is_refused_with_its_length_and_the_limit(model: Segmenter) -> None:
    if not MODELS[model.name].reads_text:
        pytest.skip("no text encoder, so no limit")
    with pytest.raises(PromptError, match=r"sentence: length: \d+ tokens: 'heart heart .*at most \d+ tokens"):
        model.tokenize(["Myocardium.", "heart " * 300])


def test_words_that_mean_nothing_to_the_model_are_found(model: Segmenter) -> None:
    unknown = () if model.name == "textunet" and model.tokenizer is None else ("Zebra", "gallop")  # of characters
    assert model.unknown_words("Myocardium of the Zebra, in two-chamber view; gallop.") == unknown
    assert model.unknown_words(SENTENCES[1]) == ()


@torch.no_grad()
def test_a_model_with_random_weights_refuses_no_sentence(model: Segmenter) -> None:
    named = model.names_structure(model.encode_text(model.tokenize([*SENTENCES, SENTENCES[1]])))
    assert named.dtype == torch.bool
    assert named.tolist() == [True] * (len(SENTENCES) + 1)


@torch.no_grad()
def test_a_saved_model_gives_the_same_bits(model: Segmenter, images: torch.Tensor, tmp_path: Path) -> None:
    model.save_pretrained(tmp_path / "weights")
    again = load_segmenter(tmp_path / "weights")
    assert type(again) is type(model)
    assert not again.training
    tokens, index = model.tokenize(SENTENCES), torch.tensor([0, 0, 1, 2])
    assert torch.equal(again.tokenize(SENTENCES), tokens)
    assert torch.equal(again(images, tokens, index), model(images, tokens, index))
    assert torch.equal(again.preprocess(np.eye(50, dtype=np.uint8)), model.preprocess(np.eye(50, dtype=np.uint8)))


def test_random_weights_depend_on_the_seed_alone_and_leave_the_global_generator_alone(
    case: str, model: Segmenter
) -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    again, other = (build_smallest(case, seed) for seed in (0, 1))
    assert torch.equal(torch.rand(3), expected)
    assert all(torch.equal(a, b) for a, b in zip(model.state_dict().values(), again.state_dict().values(), strict=True))
    assert any(not torch.equal(a, b) for a, b in zip(model.parameters(), other.parameters(), strict=True))


def test_every_parameter_is_in_exactly_one_group(model: Segmenter) -> None:
    groups = model.parameter_groups()
    listed = [id(p) for parameters in groups.values() for p in parameters]
    assert sorted(listed) == sorted(id(p) for p in model.parameters())
    assert {"vision", "text", "decoder", "unused"} == groups.keys()


def test_an_unknown_model_or_preset_lists_the_known_ones() -> None:
    with pytest.raises(
        ConfigError, match="model: vnet; expected one of clipseg, cris, dual, medclipseg, sam3, textunet, unet"
    ):
        build_segmenter("vnet", "tiny")
    with pytest.raises(ConfigError, match="preset: huge; expected one of tiny, rd64"):
        build_segmenter("clipseg", "huge")
