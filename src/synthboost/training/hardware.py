"""What is switched on for the machine at hand: precision, memory order, compilation, processes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Any

import torch
from accelerate import PartialState
from torch import nn
from torch.utils.checkpoint import checkpoint

from synthboost.models.base import Segmenter
from synthboost.processes import available_cores
from synthboost.training.config import TrainingConfig

MOST_WORKERS = 8
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


def choose_precision(wish: str) -> str:
    """Resolve `auto`: bf16 on a GPU that computes in it and does not only imitate it, full precision elsewhere."""
    if wish != "auto":
        return wish
    computes_in_it = torch.cuda.is_available() and torch.cuda.is_bf16_supported(including_emulation=False)
    return "bf16" if computes_in_it else "no"


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
    return PartialState(cpu=os.environ.get("ACCELERATE_USE_CPU", "").lower() in ("1", "true", "yes"))
