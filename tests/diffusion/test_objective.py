from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.distributions import Normal, kl_divergence

from synthboost.diffusion.objective import (
    NoiseSchedule,
    bound,
    draw_steps,
    draw_times,
    drop_conditions,
    flow_loss,
    loss_of,
    noise_loss,
)
from synthboost.diffusion.settings import TINY, DiffusionSettings, NoiseSpacing, Objective

COSINE = NoiseSchedule()


def grey(value: float) -> Tensor:
    return torch.full((1, 1, 2, 2), value, dtype=torch.float64)


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_the_cosine_schedule_is_the_papers() -> None:
    # Half way: cos^2((0.5 + 0.008) / 1.008 pi / 2) / cos^2(0.008 / 1.008 pi / 2) = 0.49377 / 0.99984
    assert COSINE.kept[499].item() == pytest.approx(0.49384, abs=1e-5)
    assert COSINE.betas[-1] == 0.999
    assert COSINE.betas[0].item() == pytest.approx(4.128e-5, rel=1e-3)


def test_the_linear_schedule_is_the_papers() -> None:
    linear = NoiseSchedule(NoiseSpacing.LINEAR)
    assert linear.betas[[0, -1]].tolist() == pytest.approx([1e-4, 0.02])
    assert linear.kept[-1].item() == pytest.approx(4.04e-5, rel=1e-2)


def test_noise_is_added_and_removed_by_hand() -> None:
    steps = torch.tensor([499])
    noisy = COSINE.add_noise(grey(0.5), grey(2.0), steps)
    assert noisy[0, 0, 0, 0].item() == pytest.approx(math.sqrt(0.49384) * 0.5 + math.sqrt(1 - 0.49384) * 2, abs=1e-4)
    torch.testing.assert_close(COSINE.recover(noisy, grey(2.0), steps), grey(0.5))


def test_the_posterior_is_that_of_two_gaussians() -> None:
    """Bayes: x_(t-1) ~ N(a x_0, 1 - kept_(t-1)), and x_t ~ N(sqrt(1 - beta) x_(t-1), beta)."""
    step = 300
    beta, before = COSINE.betas[step].item(), COSINE.kept[step - 1].item()
    precision = 1 / (1 - before) + (1 - beta) / beta
    mean = (math.sqrt(before) * 0.7 / (1 - before) + math.sqrt(1 - beta) * -0.4 / beta) / precision
    assert COSINE.posterior_log_variance[step].exp().item() == pytest.approx(1 / precision)
    found = COSINE.posterior_mean(grey(0.7), grey(-0.4), torch.tensor([step]))
    assert found[0, 0, 0, 0].item() == pytest.approx(mean)
    assert COSINE.posterior_log_variance[0] == COSINE.posterior_log_variance[1]


def test_the_noise_loss_is_the_squared_error_of_each_image() -> None:
    images, noise = torch.zeros(2, 1, 2, 2), torch.ones(2, 1, 2, 2)
    predicted = torch.tensor([1.0, 4.0]).view(2, 1, 1, 1).expand(2, 1, 2, 2)
    loss = noise_loss(lambda x, t: predicted, images, noise, torch.tensor([5, 900]), COSINE)
    assert loss.tolist() == [0.0, 9.0]


def test_the_denoiser_sees_the_noisy_image_and_the_step() -> None:
    seen = []

    def denoiser(x: Tensor, times: Tensor) -> Tensor:
        seen.append((x, times))
        return x

    images, noise = torch.full((1, 1, 2, 2), 0.5), torch.ones(1, 1, 2, 2)
    noise_loss(denoiser, images, noise, torch.tensor([499]), COSINE)
    flow_loss(denoiser, images, noise, torch.tensor([0.25]))
    assert seen[0][0][0, 0, 0, 0].item() == pytest.approx(math.sqrt(0.49384) * 0.5 + math.sqrt(0.50616), abs=1e-4)
    assert seen[0][1].tolist() == [499.0]
    assert seen[1][0][0, 0, 0, 0].item() == 0.75 * 0.5 + 0.25
    assert seen[1][1].tolist() == [250.0]


def test_the_flow_loss_is_the_squared_error_of_the_velocity() -> None:
    images, noise = torch.full((2, 1, 2, 2), 0.5), torch.full((2, 1, 2, 2), -1.0)  # velocity -1.5
    loss = flow_loss(lambda x, t: torch.full_like(x, 0.5), images, noise, torch.tensor([0.1, 0.9]))
    assert loss.tolist() == [4.0, 4.0]


@pytest.mark.parametrize("spread", [-1.0, 0.3, 1.0])
def test_the_bound_is_the_divergence_from_the_true_step(spread: float) -> None:
    steps, images, noisy, predicted = torch.tensor([300]), grey(0.7), grey(-0.4), grey(0.2)
    least, most = COSINE.posterior_log_variance[300], COSINE.betas[300].log()
    recovered = COSINE.recover(noisy, predicted, steps)
    true = Normal(COSINE.posterior_mean(images, noisy, steps), (0.5 * least).exp())
    ours = Normal(
        COSINE.posterior_mean(recovered, noisy, steps), (0.25 * ((1 - spread) * least + (1 + spread) * most)).exp()
    )
    expected = kl_divergence(true, ours).mean().item() / math.log(2)
    found = bound(predicted, grey(spread), images, noisy, steps, COSINE)
    assert found.item() == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("value", [-1.0, 0.0, 1.0])
def test_at_the_last_step_the_bound_is_the_surprise_of_the_grey_value(value: float) -> None:
    steps, images = torch.tensor([0]), grey(value)
    noisy = COSINE.add_noise(images, grey(0.0), steps)
    found = bound(grey(0.0), grey(1.0), images, noisy, steps, COSINE).item()
    sd = math.sqrt(COSINE.betas[0].item())  # 0.0064; a grey step is 0.0078, so half of one lies 0.61 SDs away
    inside = math.erf(1 / 255 / sd / math.sqrt(2))
    share = inside if value == 0 else (1 + inside) / 2  # black and white take a whole tail
    assert found == pytest.approx(-math.log2(share), rel=1e-3)


def test_the_bound_trains_the_variances_and_leaves_the_noise_alone() -> None:
    output = torch.zeros(1, 2, 2, 2, requires_grad=True)
    images, noise = torch.full((1, 1, 2, 2), 0.5), torch.ones(1, 1, 2, 2)
    gradients = []
    for weight in (0.0, 1.0):
        loss = noise_loss(lambda x, t: output, images, noise, torch.tensor([300]), COSINE, weight)
        gradients.append(torch.autograd.grad(loss.sum(), output)[0])
    assert torch.equal(gradients[0][:, 0], gradients[1][:, 0])
    assert not gradients[0][:, 1].any()
    assert gradients[1][:, 1].all()


def test_times_and_steps_cover_their_range() -> None:
    steps, times = draw_steps(20_000, generator()), draw_times(20_000, generator())
    assert (steps.min(), steps.max()) == (0, 999)
    assert steps.double().mean().item() == pytest.approx(499.5, abs=10)
    assert 0 < times.min() < times.max() < 1
    # Logit-normal: half of the times lie within +-0.6745 of 0 in logits, which is 0.3375 to 0.6625.
    assert ((times > 0.3375) & (times < 0.6625)).double().mean().item() == pytest.approx(0.5, abs=0.02)


def test_conditions_are_dropped_as_often_as_asked_and_independently() -> None:
    labels, attributes = torch.ones(4000, 2, 2, dtype=torch.int64), torch.full((4000, 3), 2)
    bare, unknown = drop_conditions(labels, attributes, TINY, 0.2, generator())
    empty = (bare == TINY.null).all(dim=(1, 2))
    assert set(bare.unique().tolist()) == {1, TINY.null}
    assert empty.double().mean().item() == pytest.approx(0.2, abs=0.02)
    assert (unknown == 0).double().mean(dim=0).tolist() == pytest.approx([0.2] * 3, abs=0.02)
    both = empty & (unknown[:, 0] == 0)
    assert both.double().mean().item() == pytest.approx(0.04, abs=0.01)
    kept, same = drop_conditions(labels, attributes, TINY, 0.0, generator())
    assert torch.equal(kept, labels)
    assert torch.equal(same, attributes)


@pytest.mark.parametrize("objective", list(Objective))
def test_the_settings_choose_the_objective(objective: Objective) -> None:
    settings = DiffusionSettings(objective=objective, learned_sigma=False)
    images, noise = torch.full((4, 1, 2, 2), 0.5), torch.full((4, 1, 2, 2), -1.0)
    right = -1.0 if objective is Objective.NOISE else -1.5
    assert not loss_of(settings, lambda x, t: torch.full_like(x, right), images, noise, COSINE, generator()).any()
    assert loss_of(settings, lambda x, t: torch.zeros_like(x), images, noise, COSINE, generator()).all()
