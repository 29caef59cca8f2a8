"""`synthboost audit`: what one training step updates under a freezing policy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from synthboost.cli.options import SENTENCES
from synthboost.errors import TrainingError
from synthboost.models.freezing import Encoders

HEADINGS = ("group", "parameters", "trainable", "tensors", "requires grad", "nonzero grad", "buffers", "changed")
PRESET = "tiny"


@dataclass(frozen=True)
class Audit:
    """Run one forward and backward pass on random images and count, per parameter group, what would be updated.

    A policy that is not carried out (a frozen encoder whose statistics change, a trained one without a gradient) is
    reported and makes the exit code 2.
    """

    model: str = "clipseg"
    """The architecture."""
    weights: str | None = None
    """Audit these weights instead: a run's folder, a folder of weights, or a hub name."""
    encoders: tuple[str, ...] = ("trained", "frozen")
    """Policies as of `train --encoders`: `trained`, `frozen`, `last-3`, `lora-8`, `vision=last-3,text=frozen`."""

    def run(self) -> None:
        """Print one table per policy."""
        policies = [Encoders.parse(text) for text in self.encoders]

        from synthboost.models.audit import audit, faults
        from synthboost.models.registry import build_segmenter, load_segmenter

        if self.weights is None:
            model = build_segmenter(self.model, PRESET)
            print(f"{self.model} {PRESET}, random weights; one step, nothing is updated")
        else:
            model = load_segmenter(self.weights)
            print(f"{model.name} from {self.weights}; one step, nothing is updated")
        wrong = []
        for encoders in policies:
            model.set_encoders(encoders)
            found = audit(model, SENTENCES)
            lines = [
                (group, one.parameters, one.learning, one.tensors, one.trainable, one.with_gradient, one.buffers,
                 one.buffers_moved)
                for group, one in found.items()
            ]  # fmt: skip
            print(f"\nencoders {encoders}")
            _print_table(lines)
            wrong += [f"{encoders}: {fault}" for fault in faults(encoders, found)]
        if wrong:
            raise TrainingError("audit", "policy", "; ".join(wrong), "that it does what it says")
        print("\nEvery policy does what it says.")


def _print_table(lines: Sequence[tuple[object, ...]]) -> None:
    texts = [HEADINGS, *(tuple(f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in line) for line in lines)]
    widths = [max(len(line[column]) for line in texts) for column in range(len(HEADINGS))]
    for group, *numbers in texts:
        cells = [text.rjust(width) for text, width in zip(numbers, widths[1:], strict=True)]
        print("  ".join(["", group.ljust(widths[0]), *cells]))
