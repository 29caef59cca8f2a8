"""What is switched on for the machine at hand: precision, memory order, compilation, processes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from synthboost.models.base import Segmenter
from synthboost.processes import available_cores
from synthboost.training.config import TrainingConfig

if TYPE_CHECKING:  # slow to import, and predictions do without it
    from accelerate import PartialState

MOST_WORKERS = 8
SMALL = 2_000_000
"""Weights. Every operation of a smaller model is so short that a second thread wins little on a quiet machine, and on a
busy one all wait for the thread that is not scheduled: 50 times the time was seen. Larger models take 0.6 to 0.7 of the
time in bf16, most smaller ones more than in full precision (`benchmarks/bench_cpu.py`)."""
COMPILED_BATCHES = 1000
"""Compiling takes a minute or more; a shorter training does not win it back. A guess: no GPU was at hand."""


def prepare_network(model: Segmenter, config: TrainingConfig, device: torch.device, batches: int) -> None:
    """Move a model to the device and switch on what `config` says or, for `auto`, what the device profits from."""
    model.to(device)
    for parameter in model.parameter_groups()["unused"]:
        parameter.requires_grad_(False)  # several processes would wait for its gradient
    on_gpu = device.type == "cuda"
    if on_gpu:
        model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    recompute(model, config.recompute_activations)
    if config.compile == "on" or (config.compile == "auto" and on_gpu and batches >= COMPILED_BATCHES):
        model.compile()


def release_network(model: Segmenter) -> None:
    """Undo what `prepare_network` did, and leave the model on the CPU in evaluation mode."""
    model._compiled_call_impl = None
    recompute(model, False)
    model.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    model.cpu().eval()


def recompute(model: Segmenter, switched_on: bool) -> None:
    """Let every block of the encoders forget its activations after the forward pass, or no longer."""
    for steps in model.encoder_blocks().values():
        for step in steps:
            for module in step:
                if isinstance(module, nn.Module):
                    vars(module).pop("forward", None)
                    if switched_on:
                        module.forward = partial(_checkpointed, module, module.forward)


def _checkpointed(module: nn.Module, forward: Callable[..., Any], *inputs: Any, **named: Any) -> Any:
    if torch.compiler.is_compiling():  # it takes no contexts of ours, and repeats without side effects anyway
        return checkpoint(forward, *inputs, use_reentrant=False, **named)
    return checkpoint(forward, *inputs, use_reentrant=False, context_fn=partial(_contexts, module), **named)


def _contexts(module: nn.Module) -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
    """For the forward pass, and for the one that repeats it."""
    return nullcontext(), _buffers_stay(module)


@contextmanager
def _buffers_stay(module: nn.Module) -> Iterator[None]:
    """Undo what happens to buffers: running statistics would count every batch twice."""
    before = [(buffer, buffer.clone()) for buffer in module.buffers()]
    try:
        yield
    finally:
        for buffer, content in before:
            buffer.copy_(content)


def choose_precision(wish: str, model: nn.Module) -> str:
    """Resolve `auto`: bf16 where the GPU, or without one the processor, gains from it; full precision elsewhere.

    A processor gains if it computes in bf16 (AMX, AVX-512 BF16) and the model is not small. What it has decides, and no
    measurement, which would let a busy machine choose otherwise when a training resumes.
    """
    if wish != "auto":
        return wish
    if torch.cuda.is_available():  # a GPU may also imitate bf16
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "no"
    has = torch.cpu.get_capabilities()
    return "bf16" if not is_small(model) and (has.get("amx_bf16") or has.get("avx512_bf16")) else "no"


def is_small(model: nn.Module) -> bool:
    """Whether a model has fewer weights than `SMALL`."""
    return sum(p.numel() for p in model.parameters()) < SMALL


def rendering_workers() -> int:
    """Return how many processes render frames while a model trains: half the cores."""
    return max(1, available_cores() // 2)


def threads_beside(workers: int, model: nn.Module) -> int | None:
    """Return torch's threads beside so many processes that render, `None` where `limit_threads` decides."""
    own = is_small(model) or "OMP_NUM_THREADS" in os.environ
    return None if own else max(1, available_cores() - workers)


_threads_before: int | None = None
"""How many there were before a small model was given one."""


def limit_threads(model: nn.Module, wish: int | None = None) -> None:
    """Let torch compute with `wish` threads, by default with one if the model is small and computes on a CPU.

    Where the user has set OMP_NUM_THREADS, that is kept.
    """
    if wish is None and "OMP_NUM_THREADS" in os.environ:
        return
    global _threads_before
    if wish is None and is_small(model) and not torch.cuda.is_available():
        _threads_before = _threads_before or torch.get_num_threads()
        torch.set_num_threads(1)
    elif (chosen := wish or _threads_before) is not None:
        _threads_before = None
        torch.set_num_threads(chosen)


def choose_workers(config: TrainingConfig, device: torch.device) -> int:
    """Return how many processes prepare batches."""
    if config.workers is not None:
        return config.workers
    own = available_cores() // this_process().num_processes
    return min(MOST_WORKERS, max(own - 1, 0)) if device.type == "cuda" else 0


def this_process() -> PartialState:
    """Return accelerate's view of this process: `is_main_process`, `num_processes`, `wait_for_everyone()`.

    Unlike `Accelerator`, `PartialState` does not look at `ACCELERATE_USE_CPU` itself, and without it every process
    of a CPU job would take itself for the only one.
    """
    from accelerate import PartialState

    return PartialState(cpu=os.environ.get("ACCELERATE_USE_CPU", "").lower() in ("1", "true", "yes"))
