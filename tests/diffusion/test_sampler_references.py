"""Every sampler against its published formula, written once more, in numpy and double precision."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from synthboost.diffusion.sampling import Method, Schedule, sample
from synthboost.diffusion.settings import NoiseSpacing

Numbers = NDArray[np.float64]
Predict = Callable[[Numbers, int], Numbers]
LEAST_LOG_SNR = -5.1


def guess(x: Numbers, time: float) -> Numbers:
    """Some smooth prediction that nearly is the noise at the beginning, and whose image often leaves [-1, 1]."""
    return np.asarray((0.3 + 0.65 * time / 1000) * x + 0.1 * np.sin(3 * x) + 0.05)


def kept_after(spacing: NoiseSpacing) -> Numbers:
    """Alpha bar of the 1000 steps: arXiv 2006.11239, and equation 17 of arXiv 2102.09672."""
    if spacing == NoiseSpacing.LINEAR:
        return np.cumprod(1 - np.linspace(1e-4, 0.02, 1000))
    bar = np.cos((np.arange(1001) / 1000 + 0.008) / 1.008 * np.pi / 2) ** 2
    return np.cumprod(1 - np.minimum(1 - bar[1:] / bar[:-1], 0.999))


def walk(count: int, last: int = 1000) -> list[int]:
    """Step numbers, evenly spaced and from the last one ("trailing", arXiv 2305.08891)."""
    return [int(step) - 1 for step in np.arange(last, 0, -1000 / count).round()]


def image_of(x: Numbers, kept: float, noise: Numbers) -> Numbers:
    return np.asarray(np.clip((x - np.sqrt(1 - kept) * noise) / np.sqrt(kept), -1, 1))


def ddim(x: Numbers, kept: Numbers, count: int, drawn: Callable[[], Numbers]) -> Numbers:
    """Equation 12 of arXiv 2010.02502 with sigma 0; the noise is that between x and the clipped image."""
    steps = walk(count)
    for step, then in zip(steps, [*steps[1:], -1], strict=True):
        image, now = image_of(x, kept[step], guess(x, step)), kept[step]
        before = kept[then] if then >= 0 else 1.0
        x = np.sqrt(before) * image + np.sqrt(1 - before) * (x - np.sqrt(now) * image) / np.sqrt(1 - now)
    return x


def ddpm(x: Numbers, kept: Numbers, count: int, drawn: Callable[[], Numbers]) -> Numbers:
    """Equations 6 and 7 of arXiv 2006.11239, for steps that leave some out, with the smaller variance."""
    steps = walk(count)
    for step, then in zip(steps, [*steps[1:], -1], strict=True):
        now, before = kept[step], kept[then] if then >= 0 else 1.0
        alpha, image = now / before, image_of(x, now, guess(x, step))
        mean = np.sqrt(before) * (1 - alpha) * image + np.sqrt(alpha) * (1 - before) * x
        x = mean / (1 - now)
        if then >= 0:
            x = x + np.sqrt((1 - before) / (1 - now) * (1 - alpha)) * drawn()
    return x


def solver_steps(kept: Numbers, count: int, least: float) -> tuple[list[int], Numbers, Numbers, Numbers]:
    """The steps, and alpha, sigma and the half log ratio at each of them and at the image."""
    log_ratio = np.log(kept / (1 - kept)) / 2
    steps = walk(count, int((log_ratio >= least).sum()))
    alpha, sigma = np.sqrt(np.append(kept[steps], 1.0)), np.sqrt(np.append(1 - kept[steps], 0.0))
    return steps, alpha, sigma, np.append(log_ratio[steps], np.inf)


def dpm(x: Numbers, kept: Numbers, count: int, drawn: Callable[[], Numbers]) -> Numbers:
    """Algorithm 2 of arXiv 2211.01095 (2M, data prediction); the first and the last step are of first order."""
    steps, alpha, sigma, lam = solver_steps(kept, count, LEAST_LOG_SNR)
    images: list[Numbers] = []
    for n, step in enumerate(steps):
        images.append(image_of(x, kept[step], guess(x, step)))
        h, slope = lam[n + 1] - lam[n], images[-1]
        if 0 < n < len(steps) - 1:
            r = (lam[n] - lam[n - 1]) / h
            slope = (1 + 1 / (2 * r)) * images[-1] - 1 / (2 * r) * images[-2]
        x = sigma[n + 1] / sigma[n] * x - alpha[n + 1] * np.expm1(-h) * slope
    return x


def unipc(x: Numbers, kept: Numbers, count: int, drawn: Callable[[], Numbers]) -> Numbers:
    """UniPC-2 of arXiv 2302.04867 with B(h) = e^h - 1, data prediction: corrected at every step but the first."""
    steps, alpha, sigma, lam = solver_steps(kept, count, -np.inf)
    images: list[Numbers] = []
    last, order = x, 0
    for n, step in enumerate(steps):
        image = image_of(x, kept[step], guess(x, step))
        if n:  # UniC: the new evaluation corrects the step that led here
            h = lam[n] - lam[n - 1]
            base = sigma[n] / sigma[n - 1] * last - alpha[n] * np.expm1(-h) * images[-1]
            if order == 1:
                x = base - alpha[n] * np.expm1(-h) * 0.5 * (image - images[-1])
            else:
                r = (lam[n - 2] - lam[n - 1]) / h
                phi2 = np.expm1(-h) / -h - 1
                phi3 = phi2 / -h - 0.5
                matrix, right = [[1, 1], [r, 1]], [phi2 / np.expm1(-h), 2 * phi3 / np.expm1(-h)]
                first, second = np.linalg.solve(matrix, right)
                bend = first * (images[-2] - images[-1]) / r + second * (image - images[-1])
                x = base - alpha[n] * np.expm1(-h) * bend
        images.append(image)
        last, order = x, min(2, n + 1, len(steps) - n)
        h = lam[n + 1] - lam[n]
        x = sigma[n + 1] / sigma[n] * last - alpha[n + 1] * np.expm1(-h) * image
        if order == 2:  # UniP
            r = (lam[n - 1] - lam[n]) / h
            x = x - alpha[n + 1] * np.expm1(-h) * 0.5 * (images[-2] - image) / r
    return x


REFERENCES = {Method.DDPM: ddpm, Method.DDIM: ddim, Method.DPM: dpm, Method.UNIPC: unipc}


@pytest.mark.parametrize("count", [4, 12, 30])
@pytest.mark.parametrize("spacing", list(NoiseSpacing))
@pytest.mark.parametrize("method", REFERENCES)
def test_a_sampler_for_noise_is_the_published_one(method: Method, spacing: NoiseSpacing, count: int) -> None:
    start = torch.randn(2, 1, 3, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    ours = [torch.Generator().manual_seed(seed) for seed in (1, 2)]
    theirs = [torch.Generator().manual_seed(seed) for seed in (1, 2)]

    def drawn() -> Numbers:
        return torch.stack([torch.randn(1, 3, 4, generator=one, dtype=torch.float64) for one in theirs]).numpy()

    def denoiser(x: Tensor, times: Tensor) -> Tensor:
        return torch.from_numpy(guess(x.numpy(), float(times[0])))

    expected = REFERENCES[method](start.numpy(), kept_after(spacing), count, drawn).clip(-1, 1)
    found = sample(denoiser, start, Schedule(method, count, spacing), ours)
    assert 0.1 < np.abs(expected).mean() < 0.99
    np.testing.assert_allclose(found.numpy(), expected, rtol=0, atol=1e-9 if method == Method.DDIM else 2e-4)


@pytest.mark.parametrize("method", [Method.EULER, Method.HEUN])
def test_a_sampler_for_flows_is_the_published_one(method: Method) -> None:
    """Euler's and Heun's rule, from time 1 to 0, as in arXiv 2209.03003 and 2206.00364."""
    start = torch.randn(2, 1, 3, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    x = start.numpy()
    for n in range(8):
        time, then = 1 - n / 8, 1 - (n + 1) / 8
        slope = guess(x, 1000 * time)
        if method == Method.HEUN:
            slope = (slope + guess(x - slope / 8, 1000 * then)) / 2
        x = x - slope / 8
    found = sample(lambda x, t: torch.from_numpy(guess(x.numpy(), float(t[0]))), start, Schedule(method, 8))
    np.testing.assert_allclose(found.numpy(), x.clip(-1, 1), rtol=0, atol=1e-12)


def test_a_thousand_steps_of_ddim_stay_with_the_reference() -> None:
    """Where the direction is not that of the clipped image, the difference is up to 2."""
    start = torch.randn(2, 1, 3, 4, generator=torch.Generator().manual_seed(0))
    found = sample(
        lambda x, t: torch.from_numpy(guess(x.double().numpy(), float(t[0]))).float(), start,
        Schedule(Method.DDIM, 1000, NoiseSpacing.LINEAR),
    )  # fmt: skip
    expected = ddim(start.double().numpy(), kept_after(NoiseSpacing.LINEAR), 1000, lambda: start.numpy())
    np.testing.assert_allclose(found.numpy(), expected, rtol=0, atol=1e-3)
