from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from synthboost.diffusion.network import SemanticUNet
from synthboost.diffusion.objective import STEPS, Denoiser, NoiseSchedule
from synthboost.diffusion.sampling import (
    Method,
    Schedule,
    Start,
    default_schedule,
    draw_noise,
    image_generator,
    require_method,
    sample,
    sample_images,
    to_grey,
)
from synthboost.diffusion.settings import DiffusionSettings, NoiseSpacing, Objective
from synthboost.errors import ConfigError

Make = Callable[[DiffusionSettings], SemanticUNet]
Maps = Callable[[int, int], Tensor]
NOISE_METHODS = [Method.DDPM, Method.DDIM, Method.DPM, Method.UNIPC]
FLOW = [Method.EULER, Method.HEUN]


def perfect_noise(mean: float, sd: float, spacing: NoiseSpacing) -> Denoiser:
    """The expected noise where all images are N(mean, sd^2): what a perfect network would predict."""
    kept_after = NoiseSchedule(spacing).kept.float()

    def denoise(x: Tensor, times: Tensor) -> Tensor:
        kept = kept_after[times.long()].view(-1, 1, 1, 1)
        return (1 - kept).sqrt() * (x - kept.sqrt() * mean) / (kept * sd**2 + 1 - kept)

    return denoise


def perfect_velocity(mean: float, sd: float) -> Denoiser:
    """The same for a flow."""

    def denoise(x: Tensor, times: Tensor) -> Tensor:
        time = (times / STEPS).view(-1, 1, 1, 1)
        deviation = (x - (1 - time) * mean) / ((1 - time) ** 2 * sd**2 + time**2)
        return time * deviation - mean - (1 - time) * sd**2 * deviation

    return denoise


def noise(count: int = 4) -> Tensor:
    return torch.randn(count, 1, 16, 16, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("spacing", list(NoiseSpacing))
@pytest.mark.parametrize("method", NOISE_METHODS)
def test_where_all_images_are_one_grey_every_method_finds_it(method: Method, spacing: NoiseSpacing) -> None:
    images = sample(perfect_noise(0.3, 0.0, spacing), noise(), Schedule(method, 10, spacing))
    torch.testing.assert_close(images, torch.full_like(images, 0.3), rtol=0, atol=0.01)


@pytest.mark.parametrize("method", FLOW)
def test_a_constant_velocity_is_integrated_exactly(method: Method) -> None:
    start = noise().clamp(-0.5, 0.5)
    images = sample(lambda x, t: torch.full_like(x, 0.25), start, Schedule(method, 7))
    torch.testing.assert_close(images, start - 0.25, rtol=0, atol=1e-6)


@pytest.mark.parametrize("method", [Method.DDIM, Method.DPM, Method.UNIPC, *FLOW])
def test_gaussian_images_come_out_with_their_mean_and_spread(method: Method) -> None:
    flow = method in FLOW
    denoiser = perfect_velocity(0.1, 0.2) if flow else perfect_noise(0.1, 0.2, NoiseSpacing.COSINE)
    images = sample(denoiser, noise(64), Schedule(method, 20))
    assert images.mean().item() == pytest.approx(0.1, abs=0.02)
    # DDIM, of first order, is the worst: 0.17 with 20 steps
    assert images.std().item() == pytest.approx(0.2, abs=0.035)


def test_heun_converges_a_power_faster_than_euler() -> None:
    """The flow of Gaussian images ends at mean + sd noise, whatever lies between."""
    start = noise()
    exact = 0.1 + 0.2 * start

    def error(method: Method, steps: int) -> float:
        return (sample(perfect_velocity(0.1, 0.2), start, Schedule(method, steps)) - exact).abs().mean().item()

    # Halving the step halves the error of the first order, and quarters that of the second.
    assert 1.7 < error(Method.EULER, 40) / error(Method.EULER, 80) < 2.3
    assert 3.4 < error(Method.HEUN, 20) / error(Method.HEUN, 40) < 4.6
    assert error(Method.HEUN, 20) < error(Method.EULER, 40) / 5


def test_the_times_of_a_flow_run_from_noise_to_image() -> None:
    seen: list[float] = []

    def denoise(x: Tensor, times: Tensor) -> Tensor:
        seen.append(times[0].item())
        return torch.zeros_like(x)

    sample(denoise, noise(), Schedule(Method.EULER, 4))
    assert seen == [1000.0, 750.0, 500.0, 250.0]
    seen.clear()
    sample(denoise, noise(), Schedule(Method.HEUN, 2))
    assert seen == [1000.0, 500.0, 500.0, 0.0]


@pytest.mark.parametrize("method", list(Method))
def test_the_denoiser_is_called_as_often_as_stated(method: Method) -> None:
    calls = 0

    def denoise(x: Tensor, times: Tensor) -> Tensor:
        nonlocal calls
        calls += 1
        assert times.shape == (len(x),)
        return torch.zeros_like(x)

    schedule = Schedule(method, 12)
    sample(denoise, noise(), schedule)
    assert calls == schedule.evaluations == (24 if method is Method.HEUN else 12)


@pytest.mark.parametrize("learned", [False, True])
def test_a_step_of_ddpm_is_the_papers(learned: bool) -> None:
    """One step from x_999, by hand: the mean of x_(t-1), and noise of the least or the given variance."""
    schedule, spread = NoiseSchedule(), 0.4
    start, seen = noise(2), []

    def denoise(x: Tensor, times: Tensor) -> Tensor:
        seen.append(x)
        return torch.cat((0.9 * x, torch.full_like(x, spread)), dim=1)

    generators = [torch.Generator().manual_seed(seed) for seed in (1, 2)]
    sample(denoise, start, Schedule(Method.DDPM, STEPS, learned_sigma=learned), generators)
    step = torch.tensor([999, 999])
    # kept is about 2e-9 here, so the image is clipped to +-1
    image = schedule.recover(start, 0.9 * start, step).clamp(-1, 1)
    drawn = torch.cat([torch.randn(1, 1, 16, 16, generator=torch.Generator().manual_seed(seed)) for seed in (1, 2)])
    least, most = schedule.posterior_log_variance[999].item(), schedule.betas[999].log().item()
    log_variance = least + (spread + 1) / 2 * (most - least) if learned else least
    expected = schedule.posterior_mean(image, start, step) + drawn * torch.tensor(log_variance / 2).exp()
    torch.testing.assert_close(seen[1], expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("schedule", [Schedule(Method.DDPM, 5), Schedule(Method.DPM, 5)])
def test_an_image_depends_on_its_name_and_not_on_its_batch_or_order(
    make_network: Make, settings: DiffusionSettings, make_maps: Maps, schedule: Schedule
) -> None:
    network = make_network(settings)
    maps, names = make_maps(32, 3), ["a", "b", "c"]
    codes = torch.tensor([[1, 1, 1], [2, 2, 2], [0, 0, 0]])
    together = sample_images(network, maps, codes, names, schedule)
    backwards = sample_images(network, maps.flip(0), codes.flip(0), names[::-1], schedule).flip(0)
    alone = sample_images(network, maps[1:2], codes[1:2], ["b"], schedule)
    torch.testing.assert_close(together, backwards, rtol=0, atol=1e-4)
    torch.testing.assert_close(together[1:2], alone, rtol=0, atol=1e-4)
    other = sample_images(network, maps, codes, ["a", "x", "c"], schedule)
    torch.testing.assert_close(other[::2], together[::2], rtol=0, atol=1e-4)
    assert (other[1] - together[1]).abs().max() > 0.1
    assert (sample_images(network, maps, codes, names, schedule, seed=1) - together).abs().amax((1, 2, 3)).min() > 0.1


def test_the_global_generator_has_no_say(make_network: Make, settings: DiffusionSettings, make_maps: Maps) -> None:
    network, outputs = make_network(settings), []
    for seed in (0, 1):
        torch.manual_seed(seed)
        outputs.append(sample_images(network, make_maps(32, 1), None, ["a"], Schedule(Method.DDPM, 3)))
    assert torch.equal(*outputs)


def test_names_have_generators_that_never_change() -> None:
    first = draw_noise([image_generator("patient0001_2CH_ED_0"), image_generator("x", seed=3)], (1, 2, 2))
    assert first.shape == (2, 1, 2, 2)
    # Written down once, so that images of today can be made again tomorrow.
    assert image_generator("patient0001_2CH_ED_0").initial_seed() == SEED_OF_THE_NAME
    assert not torch.equal(first[1], draw_noise([image_generator("x", seed=4)], (1, 2, 2))[0])


SEED_OF_THE_NAME = 4558782162337013039


@pytest.mark.parametrize("objective", list(Objective))
def test_the_default_schedule_goes_with_the_network(settings: DiffusionSettings, objective: Objective) -> None:
    settings = replace(settings, objective=objective)
    schedule = default_schedule(settings)
    require_method(schedule, settings)
    assert schedule.evaluations == {Objective.FLOW: 10, Objective.NOISE: 20}[objective]


def test_a_method_for_something_else_is_refused(settings: DiffusionSettings) -> None:
    with pytest.raises(
        ConfigError, match=r"method: euler; expected ddim, ddpm, dpm\+\+, unipc\. The network predicts n"
    ):
        require_method(Schedule(Method.EULER, 10), settings)
    with pytest.raises(ConfigError, match=r"method: ddpm; expected euler, heun\. The network predicts flow"):
        require_method(Schedule(Method.DDPM, 10), replace(settings, objective=Objective.FLOW))


@pytest.mark.parametrize("steps", [0, 1001])
def test_a_number_of_steps_that_cannot_be_is_refused(steps: int) -> None:
    with pytest.raises(ConfigError, match=f"steps: {steps}; expected 1 to 1000"):
        Schedule(Method.DPM, steps)


def test_without_diffusers_flows_work_and_the_others_say_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "diffusers", None)
    sample(lambda x, t: x, noise(), Schedule(Method.HEUN, 1))
    with pytest.raises(ConfigError, match=r"diffusers is not installed; .* pip install 'synthboost\[synthesis\]'"):
        sample(lambda x, t: x, noise(), Schedule(Method.DPM, 1))


def test_the_module_does_not_load_diffusers() -> None:
    code = "import sys, synthboost.diffusion.sampling; sys.exit('diffusers' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_grey_values_are_rounded_and_channels_averaged() -> None:
    images = torch.tensor([[-1.0, 0.0, 1.0], [-1.0, 0.01, 1.0]]).view(1, 2, 1, 3)
    assert to_grey(images).tolist() == [[[0, 128, 255]]]  # (0.005 + 1) 127.5 = 128.1


@pytest.mark.parametrize("time", [0.05, 0.3, 0.4, 0.99])
@pytest.mark.parametrize("method", FLOW)
def test_a_flow_that_starts_on_the_way_leads_straight_back_to_the_image(method: Method, time: float) -> None:
    """The velocity noise - image is constant; (1 - time) image + time noise less time times it is the image."""
    known, drawn = torch.full((2, 1, 4, 4), 0.25), torch.randn(2, 1, 4, 4)
    images = sample(lambda x, t: drawn - known, drawn, Schedule(method, 10), start=Start(known, time))
    torch.testing.assert_close(images, known, rtol=0, atol=1e-6)


def test_a_start_takes_its_share_of_the_steps_at_its_own_times() -> None:
    seen: list[float] = []

    def denoise(x: Tensor, times: Tensor) -> Tensor:
        seen.append(round(times[0].item(), 3))
        return torch.zeros_like(x)

    sample(denoise, noise(), Schedule(Method.EULER, 10), start=Start(noise(), 0.3))
    assert seen == [300.0, 200.0, 100.0]
    seen.clear()
    sample(denoise, noise(), Schedule(Method.EULER, 4), start=Start(noise(), 0.3))  # 4 steps of 0.25: two, of 0.15
    assert seen == [300.0, 150.0]
    seen.clear()
    sample(denoise, noise(), Schedule(Method.DDIM, 10), start=Start(noise(), 0.3))
    assert seen == [299.0, 199.0, 99.0]


def test_noise_is_mixed_in_as_far_as_the_start_says() -> None:
    """Without velocity what comes out is what went in: 0.7 image + 0.3 noise."""
    known, drawn = torch.full((1, 1, 2, 2), 0.5), torch.full((1, 1, 2, 2), -1.0)
    images = sample(lambda x, t: torch.zeros_like(x), drawn, Schedule(Method.EULER, 10), start=Start(known, 0.3))
    torch.testing.assert_close(images, torch.full((1, 1, 2, 2), 0.05))


@pytest.mark.parametrize("method", list(Method))
def test_strength_zero_is_the_image_itself_and_strength_one_a_fresh_sample(method: Method) -> None:
    known = torch.rand(4, 1, 16, 16) * 2 - 1
    denoiser = perfect_velocity(0.1, 0.2) if method in FLOW else perfect_noise(0.1, 0.2, NoiseSpacing.COSINE)
    generators = [[torch.Generator().manual_seed(seed) for seed in range(4)] for _ in range(2)]
    schedule = Schedule(method, 4)
    assert torch.equal(sample(denoiser, noise(), schedule, start=Start(known, 0.0)), known)
    fresh = sample(denoiser, noise(), schedule, generators[0])
    assert torch.equal(sample(denoiser, noise(), schedule, generators[1], Start(known, 1.0)), fresh)


@pytest.mark.parametrize("method", NOISE_METHODS)
def test_predicted_noise_is_removed_from_the_middle_of_the_steps(method: Method) -> None:
    """Who knows the noise that was mixed in gets the image back, by every method."""
    known, drawn = torch.full((2, 1, 4, 4), 0.25), torch.randn(2, 1, 4, 4)
    kept_after = NoiseSchedule().kept.float()

    def denoise(x: Tensor, times: Tensor) -> Tensor:
        kept = kept_after[times.long()].view(-1, 1, 1, 1)
        return (x - kept.sqrt() * known) / (1 - kept).sqrt()

    generators = [torch.Generator().manual_seed(seed) for seed in (1, 2)]
    images = sample(denoise, drawn, Schedule(method, 10), generators, Start(known, 0.4))
    torch.testing.assert_close(images, known, rtol=0, atol=0.01)


@pytest.mark.parametrize("time", [-0.1, 1.01, float("nan")])
def test_a_start_that_cannot_be_is_refused(time: float) -> None:
    with pytest.raises(ConfigError, match=r"start: .*; expected 0 \(the image\) to 1 \(noise\)"):
        Start(noise(), time)
