"""What is switched on for a machine changes no result beyond rounding, and is off again afterwards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from synthboost.data import TripletRecipe
from synthboost.data.source import FrameSet
from synthboost.models.base import Segmenter
from synthboost.models.catalogue import MODELS
from synthboost.models.clipseg.model import ClipSeg
from synthboost.models.freezing import Encoders
from synthboost.models.registry import build_segmenter
from synthboost.training import hardware
from synthboost.training.config import TrainingConfig
from synthboost.training.hardware import choose_workers, prepare_network, recompute, release_network
from synthboost.training.loop import train_stage
from synthboost.training.optimizer import segmentation_loss

CPU = torch.device("cpu")


@pytest.fixture(params=sorted(MODELS))
def model(request: pytest.FixtureRequest) -> Segmenter:
    return build_segmenter(request.param, "tiny")


def gradients(model: Segmenter) -> dict[str, torch.Tensor]:
    model.set_encoders(Encoders.TRAINED)
    model.zero_grad(set_to_none=True)
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(2, 3, model.input_size, model.input_size, generator=generator)
    images = images.to(next(model.parameters()).dtype)
    tokens = model.tokenize(["Myocardium of the heart.", "Left atrium cavity of the heart."])
    model(images, tokens, torch.tensor([0, 1])).square().mean().backward()
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


def saved_bytes(model: Segmenter) -> int:
    sizes: dict[int, int] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        sizes[tensor.data_ptr()] = tensor.numel() * tensor.element_size()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        images = torch.randn(2, 3, model.input_size, model.input_size)
        features = model.encode_image(images)
    del features
    return sum(sizes.values()) - sum(p.numel() * 4 for p in model.parameter_groups()["vision"])


def test_recomputing_gives_the_same_gradients_and_keeps_less(model: Segmenter) -> None:
    expected, before = gradients(model), saved_bytes(model)
    recompute(model, True)
    found, less = gradients(model), saved_bytes(model)
    assert found.keys() == expected.keys()
    for name, gradient in expected.items():
        torch.testing.assert_close(found[name], gradient, rtol=1e-4, atol=1e-6, msg=name)
    assert less < before
    recompute(model, False)
    assert all("forward" not in vars(module) for module in model.modules())


def test_recomputing_counts_no_batch_twice(model: Segmenter) -> None:
    found = []
    for switched_on in (False, True):
        again = build_segmenter(model.name, "tiny")
        recompute(again, switched_on)
        again.train()
        torch.manual_seed(0)  # of dropout
        gradients(again)
        found.append(dict(again.named_buffers()))
    for name, expected in found[0].items():
        torch.testing.assert_close(found[1][name], expected, rtol=1e-5, atol=1e-7, msg=name)
    if model.name == "cris":
        assert found[1]["network.backbone.visual.bn1.num_batches_tracked"] == 1


def test_memory_order_changes_rounding_at_most(model: Segmenter) -> None:
    model.double()  # instance normalisation of few positions makes more of single precision's rounding
    expected = gradients(model)
    model.to(memory_format=torch.channels_last)  # as `prepare_network` does on a GPU
    kernels = [p for p in model.parameters() if p.dim() == 4 and min(p.shape[1:]) > 1]
    assert kernels
    assert all(p.is_contiguous(memory_format=torch.channels_last) for p in kernels)
    found = gradients(model)
    for name, gradient in expected.items():
        torch.testing.assert_close(found[name], gradient, rtol=1e-3, atol=1e-4 * float(gradient.abs().max()) + 1e-6)
    release_network(model)
    assert all(p.is_contiguous() for p in model.parameters())


def test_whatever_a_model_computes_is_on_its_own_device(model: Segmenter) -> None:
    if model.name == "sam3":
        pytest.skip("transformers reads values of the mask of its words, which this device has none of")
    meta = torch.device("meta")  # in a GPU's stead: it refuses the CPU's tensors, too
    size, index, sentence = model.input_size, torch.tensor([0, 1, 1]), torch.tensor([0, 1, 0])
    tokens = model.tokenize(["Myocardium of the heart.", "Left atrium cavity of the heart."]).to(meta)
    model.to(meta).train()
    images = model.normalise(torch.rand(2, 1, size, size, device=meta))
    with pytest.raises(RuntimeError, match=r"meta|device"):
        images + torch.rand(2, 3, size, size)
    logits = model(images, tokens, index.to(meta), sentence.to(meta))
    segmentation_loss(logits, torch.empty_like(logits)).backward()
    assert logits.shape == (3, model.output_size, model.output_size)
    assert {p.grad.device for p in model.parameters() if p.grad is not None} == {meta}


def test_nothing_is_switched_on_by_itself_on_a_cpu(tiny_model: ClipSeg, quick: TrainingConfig) -> None:
    prepare_network(tiny_model, quick, CPU, batches=10**6)
    assert tiny_model._compiled_call_impl is None
    assert choose_workers(quick, CPU) == 0
    assert choose_workers(replace(quick, workers=3), CPU) == 3
    assert 0 <= choose_workers(quick, torch.device("cuda")) <= 8


@pytest.mark.parametrize(
    ("weights", "wish", "told", "expected"), [(10, None, None, 1), (10, 3, None, 3), (10, None, "2", 2),
                                              (hardware.SMALL, None, None, 2)],
)  # fmt: skip
def test_a_small_model_gets_one_thread_unless_the_user_says_otherwise(
    monkeypatch: pytest.MonkeyPatch, weights: int, wish: int | None, told: str | None, expected: int
) -> None:
    threads = [2]
    monkeypatch.setattr(torch, "set_num_threads", lambda number: threads.append(number))
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads[-1])
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(hardware, "_threads_before", None)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if told is not None:
        monkeypatch.setenv("OMP_NUM_THREADS", told)
    hardware.limit_threads(torch.nn.Linear(weights, 1, bias=False, device="meta"), wish)
    assert threads[-1] == expected
    hardware.limit_threads(torch.nn.Linear(hardware.SMALL, 1, bias=False, device="meta"))
    assert threads[-1] == (wish or int(told or 2)), "what a small model was denied, a large one after it gets"


def test_a_stage_trains_the_same_with_recomputed_activations_and_leaves_no_trace(
    make_tiny_model: Callable[..., ClipSeg], training_frames: FrameSet, validation_frames: FrameSet,
    recipe: TripletRecipe, quick: TrainingConfig, tmp_path: Path,
) -> None:  # fmt: skip
    found = []
    for switched_on in (False, True):
        model = make_tiny_model()
        config = replace(quick, recompute_activations=switched_on)
        log = train_stage(model, training_frames, validation_frames, recipe, config, tmp_path / str(switched_on))
        assert all("forward" not in vars(module) for module in model.modules())
        found.append([line.training_loss for line in log])
    assert found[1] == pytest.approx(found[0], abs=1e-5)


def test_a_compiled_model_draws_the_same(
    tiny_model: ClipSeg, monkeypatch: pytest.MonkeyPatch, quick: TrainingConfig
) -> None:
    original = tiny_model.compile
    monkeypatch.setattr(tiny_model, "compile", lambda: original(backend="eager"))
    images, tokens = torch.randn(2, 3, 32, 32), tiny_model.tokenize(["Myocardium of the heart."])
    index, sentence = torch.tensor([0, 1]), torch.tensor([0, 0])
    with torch.no_grad():
        expected = tiny_model(images, tokens, index, sentence)
        prepare_network(tiny_model, replace(quick, compile="on"), CPU, batches=1)
        assert tiny_model._compiled_call_impl is not None
        torch.testing.assert_close(tiny_model(images, tokens, index, sentence), expected, rtol=0, atol=1e-5)
    release_network(tiny_model)
    assert tiny_model._compiled_call_impl is None
