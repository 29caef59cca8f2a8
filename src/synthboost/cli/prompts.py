"""`synthboost prompts`: the sentences of all prompt sets, for an example frame or for a data set's frames."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from synthboost.domain import (
    STRUCTURES,
    Attributes,
    FrameInfo,
    PatientId,
    Phase,
    Prompt,
    PromptSet,
    Quality,
    Sex,
    Structure,
    View,
)

EXAMPLE = FrameInfo(
    PatientId("example", "example", "patient0001"),
    View.TWO_CHAMBER,
    Phase.END_DIASTOLE,
    Attributes(sex=Sex.MALE, age=73, quality=Quality.GOOD, ejection_fraction=45.0, wall_thickness_mm=9.0),
)
EXAMPLE_SHAPE = "oval"


@dataclass(frozen=True)
class Prompts:
    """Print the sentences as CSV: for an example frame, or for every frame of a data set."""

    data: Path | None = None
    """A data set's folder; by default an example frame of a 73-year-old man with all attributes known."""
    sets: tuple[PromptSet, ...] = tuple(PromptSet)
    """The prompt sets to print."""
    paraphrase: int = 0
    """0: "... of the heart ...", 1: "... in the cardiac ultrasound ..."."""
    name_domain: bool = False
    """End each sentence with the frame's domain, as the `mixed` strategy does."""

    def run(self) -> None:
        """Print a header and one line per frame, structure and prompt set."""
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(("frame", "structure", "prompt_set", "sentence", "left_out"))
        for info, shape in self._frames():
            for prompt_set in self.sets:
                for structure, prompt in self._sentences(info, prompt_set, shape):
                    left_out = " ".join(prompt.dropped)
                    writer.writerow((info.name, structure.short, prompt_set, prompt.text, left_out))

    def _frames(self) -> Iterator[tuple[FrameInfo, str | None]]:
        if self.data is None:
            yield EXAMPLE, EXAMPLE_SHAPE
            return
        from synthboost.data import open_dataset

        for info in open_dataset(self.data, allow_missing=True).frames:
            yield info, None  # a shape word needs a mask; naming the true one would give the answer away

    def _sentences(
        self, info: FrameInfo, prompt_set: PromptSet, shape: str | None
    ) -> Iterator[tuple[Structure, Prompt]]:
        from synthboost.prompts import build_prompt

        for structure in STRUCTURES:
            yield (
                structure,
                build_prompt(
                    prompt_set,
                    structure,
                    info,
                    shape=shape,
                    paraphrase=self.paraphrase,
                    name_domain=self.name_domain,
                ),
            )
