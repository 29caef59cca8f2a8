"""`synthboost data inspect | export` and `prompts`: what a data set holds, as NIfTI files, and its sentences."""

from __future__ import annotations

import csv
import sys
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Literal

import tyro

from synthboost.cli.options import refuse_idle
from synthboost.domain import (
    STRUCTURES,
    Attributes,
    FrameInfo,
    PatientId,
    Phase,
    PromptSet,
    Quality,
    Sex,
    SplitOptions,
    View,
)
from synthboost.errors import people
from synthboost.processes import available_cores

EXAMPLE = FrameInfo(
    PatientId("example", "example", "patient0001"),
    View.TWO_CHAMBER,
    Phase.END_DIASTOLE,
    Attributes(sex=Sex.MALE, age=73, quality=Quality.GOOD, ejection_fraction=45.0, wall_thickness_mm=9.0),
)
EXAMPLE_SHAPE = "oval"


@dataclass(frozen=True)
class Inspect:
    """Print a data set's patients, views, phases, sizes, attributes and splits, and what is missing."""

    root: tyro.conf.Positional[Path]
    """The data set's folder, of any kind that docs/data.md lists."""
    deep: bool = False
    """Read every pixel to find damaged files, odd labels, tiny masks and identical images; list all missing items."""

    def run(self) -> None:
        """Print the report."""
        from synthboost.data import open_dataset
        from synthboost.data.inspection import inspect_dataset, render_report

        dataset = open_dataset(self.root, allow_missing=True)
        table = inspect_dataset(dataset, deep=self.deep, workers=available_cores())
        print(render_report(dataset, table, full=self.deep), end="")


@dataclass(frozen=True, kw_only=True)
class ExportData(SplitOptions):
    """Write a data set as NIfTI files: a simulated one in the layout of CAMUS, or any in that of nnU-Net."""

    root: tyro.conf.Positional[Path]
    """The data set."""
    out: Path
    """A new folder; for `camus` also one begun by the same command."""
    layout: Literal["camus", "nnunet"] = "camus"
    """`camus`: of a simulated set (shards, or rendered on the fly). `nnunet`: of the annotated frames of any set."""

    def run(self) -> None:
        """Export, and print what was made."""
        from synthboost.data import open_dataset
        from synthboost.data.nnunet_export import export_nnunet
        from synthboost.data.simulated_set import export_camus
        from synthboost.data.source import open_source

        if self.layout == "nnunet":
            source = open_source(self.root, self, allow_missing=True, images=False)
            print(f"{export_nnunet(source.dataset, source.split, self.out)} frames exported: {self.out}")
            return
        refuse_idle(self, ("split", "leave_out"), "--layout camus", "Give them with --layout nnunet.")
        made = export_camus(open_dataset(self.root), self.out)
        print(f"{people(made)} exported now: {self.out}")


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
        from synthboost.data import open_dataset
        from synthboost.io.atomic import to_cell
        from synthboost.prompts import build_prompt

        build_prompt(PromptSet.P1, STRUCTURES[0], EXAMPLE, paraphrase=self.paraphrase)  # before anything is read
        frames = [EXAMPLE] if self.data is None else open_dataset(self.data, allow_missing=True).frames
        # A shape word needs a mask; naming the true one would give the answer away.
        shape = EXAMPLE_SHAPE if self.data is None else None
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(("frame", "structure", "prompt_set", "sentence", "left_out"))
        for info, prompt_set, structure in product(frames, self.sets, STRUCTURES):
            prompt = build_prompt(
                prompt_set, structure, info, shape=shape, paraphrase=self.paraphrase, name_domain=self.name_domain
            )
            writer.writerow(
                map(to_cell, (info.name, structure.short, prompt_set, prompt.text, " ".join(prompt.dropped)))
            )
