"""The benchmarks of speed run at toy size and compare like with like: the naive way gives the same logits as ours."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from types import ModuleType

import numpy as np
import pytest
import torch

from synthboost.diffusion.objective import NoiseSchedule
from synthboost.models.base import Segmenter
from synthboost.models.clipseg.model import ClipSeg
from synthboost.models.freezing import Encoders
from synthboost.models.registry import build_segmenter

SENTENCES = ["Myocardium of the heart.", "Left atrium cavity in two-chamber view of the heart."]
IMAGE_OF_PAIR, TEXT_OF_PAIR = torch.tensor([0, 0, 1]), torch.tensor([0, 1, 1])


def _both(naive: ModuleType, model: Segmenter) -> tuple[torch.Tensor, torch.Tensor]:
    images = torch.rand(2, 3, model.input_size, model.input_size, generator=torch.Generator().manual_seed(0))
    tokens = model.tokenize(SENTENCES)
    pairs = (images, tokens, IMAGE_OF_PAIR, TEXT_OF_PAIR)
    return naive.one_row_per_pair(model, *pairs), model(*pairs)


@pytest.mark.parametrize("encoders", [Encoders.FROZEN, Encoders.TRAINED], ids=str)
def test_clipseg_draws_the_same_one_row_per_pair(
    benchmark: Callable[[str], ModuleType], make_tiny_model: Callable[..., ClipSeg], encoders: Encoders
) -> None:
    model = make_tiny_model()
    model.set_encoders(encoders)
    naive, ours = _both(benchmark("naive"), model)
    assert naive.shape == (3, 16, 16)
    assert ours.std() > 1e-3
    torch.testing.assert_close(naive, ours, atol=1e-6, rtol=1e-5)


def test_trained_encoders_get_the_same_gradient_one_row_per_pair(
    benchmark: Callable[[str], ModuleType], make_tiny_model: Callable[..., ClipSeg]
) -> None:
    model = make_tiny_model()
    first = model.encoder_blocks()["vision"][0][0].patch_embedding.weight  # type: ignore[union-attr]
    gradients = []
    for logits in _both(benchmark("naive"), model):
        (gradient,) = torch.autograd.grad(logits.square().mean(), first)
        gradients.append(gradient)
    assert gradients[1].abs().max() > 1e-5
    torch.testing.assert_close(gradients[0], gradients[1], atol=1e-7, rtol=1e-3)


def test_cris_draws_the_same_one_row_per_pair(benchmark: Callable[[str], ModuleType]) -> None:
    torch.set_num_threads(1)
    model = build_segmenter("cris", "tiny")
    with torch.no_grad():
        naive, ours = _both(benchmark("naive"), model)
    assert ours.std() > 1e-3
    torch.testing.assert_close(naive, ours, atol=1e-4, rtol=1e-4)


def test_sentences_are_padded_to_the_whole_length_by_the_models_own_padding(
    benchmark: Callable[[str], ModuleType], tiny_model: ClipSeg
) -> None:
    tokens = tiny_model.tokenize(SENTENCES)
    padded = benchmark("naive").pad(tiny_model, tokens)
    assert padded.shape == (2, 48)  # text_length of the tiny settings
    assert torch.equal(padded[:, : tokens.shape[1]], tokens)
    assert (padded[:, tokens.shape[1] :] == tiny_model.tokenizer.pad_token_id).all()


def test_targets_are_compared_with_and_never_hidden(benchmark: Callable[[str], ModuleType]) -> None:
    against = benchmark("harness").against
    assert against(6.8, 6.0) == "PASS (6.80 of 6)"
    assert against(5.99, 6.0) == "FAIL (5.99 of 6)"


def test_times_by_the_clock_are_not_compared_when_one_variant_got_more_cores(
    benchmark: Callable[[str], ModuleType],
) -> None:
    harness = benchmark("harness")
    starved = harness.Timing(wall_s=8.0, cpu_s=6.0, peak_gb=1.0, answer=np.zeros(1))  # 0.75 cores
    served = harness.Timing(wall_s=0.5, cpu_s=1.0, peak_gb=1.0, answer=np.zeros(1))  # 2 cores
    alike = harness.Timing(wall_s=1.0, cpu_s=0.8, peak_gb=1.0, answer=np.zeros(1))  # 0.8 cores
    assert "naive got 0.75 cores, this one 2.00" in harness.disturbance(starved, served)
    assert harness.disturbance(starved, alike) == ""


def test_a_variant_is_measured_in_a_process_of_its_own(benchmark: Callable[[str], ModuleType]) -> None:
    assert benchmark("harness").in_new_process(eval, "__import__('os').getpid()") != os.getpid()


def test_the_least_time_and_the_most_memory_of_all_repeats_are_kept(benchmark: Callable[[str], ModuleType]) -> None:
    harness = benchmark("harness")
    one = harness.Timing(wall_s=2.0, cpu_s=1.0, peak_gb=0.5, answer=np.zeros(2), preparation_s=3.0)
    other = harness.Timing(wall_s=1.5, cpu_s=1.2, peak_gb=0.6, answer=np.zeros(2), preparation_s=4.0)
    best = harness._best([one, other])
    assert (best.wall_s, best.cpu_s, best.peak_gb, best.preparation_s) == (1.5, 1.0, 0.6, 3.0)


@pytest.mark.parametrize(
    ("name", "arguments", "first_cells", "largest_difference"),
    [
        ("bench_training", ["--batch-images", "1", "--steps", "1"], ["naive", "shared", "cached"], 1e-2),
        ("bench_inference", [], ["1", "3", "24"], 1e-4),
    ],
)
def test_the_benchmark_runs_at_toy_size(
    run_benchmark: Callable[..., str], name: str, arguments: list[str], first_cells: list[str],
    largest_difference: float,
) -> None:  # fmt: skip
    said = run_benchmark(name, "--preset", "tiny", "--size", "64", "--repeats", "1", *arguments)
    rows = [
        line.strip("| ").split(" | ") for line in said.splitlines() if re.match(r"\| (naive|shared|cached|\d)", line)
    ]
    assert [cells[0] for cells in rows] == first_cells
    assert all(float(cells[1]) > 0 for cells in rows)
    differences = [float(cells[9]) for cells in rows]
    assert max(differences) < largest_difference
    assert said.count("memory no higher: ") == len(rows) - (name == "bench_training")


def test_the_benchmark_of_predictions_runs_at_toy_size_and_the_page_encodes_once(
    run_benchmark: Callable[..., str],
) -> None:
    small = ["--preset", "tiny", "--size", "64", "--frames", "3", "--batch", "2", "--repeats", "1"]
    said = run_benchmark("bench_predict", *small)
    rows = {line.split(" | ")[0].strip("| "): line.split(" | ") for line in said.splitlines() if line.startswith("| ")}
    del rows["what"]
    assert len(rows) == 13  # four ways and four parts, three clicks, two ways through a clip
    assert all(float(cells[2]) >= 0 for cells in rows.values())
    assert "encoder called in every round, first sentence: 1 times" in said
    assert "encoder called in every round, second sentence: 0 times" in said
    differences = [float(number) for number in re.findall(r"probabilities differ by (\S+)", said)]
    assert len(differences) == 2
    assert max(differences) < 1e-4


def test_threads_and_precision_on_a_cpu_are_compared(run_benchmark: Callable[..., str]) -> None:
    said = run_benchmark("bench_cpu", "--steps", "1", "--images", "2", "--threads", "1", "--only", "unet")
    assert "unet tiny, 487,523 weights; `auto` is no" in said
    assert re.search(r"bf16 \d\.\d\d of fp32 by processor time", said)


def test_a_flow_that_knows_the_image_predicts_the_noise_at_every_step(benchmark: Callable[[str], ModuleType]) -> None:
    generator = torch.Generator().manual_seed(0)
    image, noise = (torch.randn(3, 1, 4, 4, generator=generator, dtype=torch.float64) for _ in range(2))
    steps = torch.tensor([0, 300, 999])
    schedule = NoiseSchedule()
    told = []

    def velocity(images: torch.Tensor, times: torch.Tensor) -> torch.Tensor:
        share = times.view(-1, 1, 1, 1) / 1000
        torch.testing.assert_close(images, (1 - share) * image + share * noise, rtol=0, atol=1e-12)
        told.append(times)
        return noise - image

    found = benchmark("bench_sampler_fidelity").as_noise_predictor(velocity, schedule)(
        schedule.add_noise(image, noise, steps), steps
    )
    torch.testing.assert_close(found, noise, rtol=0, atol=1e-12)
    assert told[0][0] < told[0][1] < told[0][2]
