"""Several processes that train one model together (torchrun or accelerate launch): which one this is."""

from __future__ import annotations

import os

from accelerate import PartialState


def this_process() -> PartialState:
    """Return accelerate's view of this process: `is_main_process`, `num_processes`, `wait_for_everyone()`.

    Unlike `Accelerator`, `PartialState` does not look at `ACCELERATE_USE_CPU` itself, and without it every process
    of a CPU job would take itself for the only one.
    """
    return PartialState(cpu=os.environ.get("ACCELERATE_USE_CPU", "").lower() in ("1", "true", "yes"))
