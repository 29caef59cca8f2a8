"""What each part of a sentence contributes, and what a model draws for sentences that are wrong."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import NDArray

from synthboost.domain import STRUCTURES
from synthboost.evaluation.statistics.arms import PairedArms
from synthboost.evaluation.statistics.contrast import Contrast, contrast
from synthboost.evaluation.statistics.shapley import shapley_values
from synthboost.records.clauses import SUBSET
from synthboost.records.run_folder import RunRecord
from synthboost.reports.figure import INK, QUIET, Plot, dress, file_stem, legend_above, panels, plain_label
from synthboost.reports.paper import model_heading
from synthboost.reports.table import Cell, Table, absent, count, fixed, interval, number, signed, words

ALL = "all"
"""Structures together."""
STRUCTURE, TRUE_SHAPE = "structure", "true shape"
_PAIR = ["patient", "frame", "structure"]


class TakenApart:
    """The sentences of runs that differ in their seed alone, taken apart: arrays of (trainings, pairs)."""

    def __init__(self, runs: Sequence[RunRecord]) -> None:
        self.spec, self.seeds = runs[0].spec, tuple(run.spec.seed for run in runs)
        self._rows = [run.clauses.set_index(_PAIR) for run in runs if run.clauses is not None]

    @property
    def name(self) -> str:
        """E.g. `CRIS, real, trained encoders`."""
        return f"{model_heading(self.spec.model)}, {self.spec.strategy}, {self.spec.encoders} encoders"

    @property
    def stem(self) -> str:
        """The name as a part of file names."""
        return file_stem(self.spec.model, self.spec.strategy, self.spec.encoders)

    @cached_property
    def pairs(self) -> pd.Index[Any]:
        """Patient, frame and structure of all that every training drew."""
        first, *others = (rows.index[rows.probe == SUBSET].unique() for rows in self._rows)
        for other in others:
            first = first.intersection(other, sort=False)
        return first

    @cached_property
    def clauses(self) -> list[str]:
        """In the order in which a sentence says them."""
        return str(max(self._rows[0].said, key=len)).split()

    @cached_property
    def _scores(self) -> dict[frozenset[str], NDArray[np.float64]]:
        subsets = self._rows[0].said[self._rows[0].probe == SUBSET].unique()
        return {frozenset(said.split()): self.dice(said) for said in subsets}

    @cached_property
    def shapley(self) -> dict[str, NDArray[np.float64]]:
        """Of each clause, in units of Dice (0-1)."""
        return shapley_values(self._scores)

    @cached_property
    def beside_structure(self) -> dict[str, NDArray[np.float64]]:
        """Of each other clause, among sentences that all name the structure."""
        return shapley_values({said - {STRUCTURE}: dice for said, dice in self._scores.items() if STRUCTURE in said})

    def dice(self, said: str) -> NDArray[np.float64]:
        """Of the sentence with these clauses."""
        return np.stack([self._subset(rows, said).dice.to_numpy() for rows in self._rows])

    def known(self, clause: str) -> NDArray[np.bool_]:
        """(pairs,) where the sentence says something else without this clause, in every training."""
        whole = " ".join(self.clauses)
        less = " ".join(other for other in self.clauses if other != clause)
        texts = [(self._subset(rows, said).sentence.to_numpy() for said in (whole, less)) for rows in self._rows]
        return np.asarray(np.all([one != other for one, other in texts], axis=0))

    def of(self, structure: str) -> NDArray[np.bool_]:
        """(pairs,) of a structure, or of `ALL`."""
        return np.array([structure in (ALL, own) for own in self.pairs.get_level_values("structure")])

    def contrast(self, values: NDArray[np.float64], chosen: NDArray[np.bool_], pairs: pd.Index[Any]) -> Contrast:
        """The mean of paired differences (trainings, pairs), where they are chosen, against zero."""
        own = values[:, chosen]
        patients = tuple(pairs.get_level_values("patient")[chosen])
        return contrast(PairedArms(own, np.zeros_like(own), patients, (self.seeds, self.seeds)))

    def value(self, clause: str, structure: str = ALL, named: bool = False) -> Contrast | None:
        """The Shapley value of a clause by patient, or that `beside_structure`; `None` if no sentence says it."""
        chosen, values = self.known(clause) & self.of(structure), self.beside_structure if named else self.shapley
        return self.contrast(values[clause], chosen, self.pairs) if clause in values and chosen.any() else None

    @cached_property
    def probes(self) -> list[str]:
        """What is wrong with the sentences, in order."""
        return [probe for probe in self._rows[0].probe.unique() if probe != SUBSET]

    def probe(self, name: str, column: str) -> tuple[NDArray[np.float64], pd.Index[Any]]:
        """A column of the rows of a probe (trainings, pairs), and the pairs that every training has it of."""
        tables = [rows[rows.probe == name][column] for rows in self._rows]
        pairs = tables[0].index
        for other in tables[1:]:
            pairs = pairs.intersection(other.index, sort=False)
        return np.stack([table.loc[pairs].to_numpy(dtype=np.float64) for table in tables]), pairs

    def right(self, pairs: pd.Index[Any]) -> NDArray[np.float64]:
        """Dice of the whole, right sentence (trainings, pairs)."""
        whole = " ".join(self.clauses)
        return np.stack([self._subset(rows, whole).loc[pairs].dice.to_numpy() for rows in self._rows])

    def _subset(self, rows: pd.DataFrame, said: str) -> pd.DataFrame:
        return rows[(rows.probe == SUBSET) & (rows.said == said)].loc[self.pairs]


def taken_apart(runs: Sequence[RunRecord]) -> list[TakenApart]:
    """Sort the runs that were asked into groups that differ in their seed alone."""
    groups: dict[tuple[object, ...], list[RunRecord]] = {}
    for run in (run for run in runs if run.clauses is not None and len(run.clauses)):
        groups.setdefault((run.spec.model, run.spec.strategy, run.spec.encoders), []).append(run)
    return [TakenApart(sorted(group, key=lambda run: run.spec.seed or 0)) for group in groups.values()]


def clause_table(found: TakenApart) -> Table:
    """The Shapley value of each clause, over all structures and of each."""
    lines, inset = list[dict[str, Cell]](), set[int]()
    for clause in found.clauses:
        for structure in (ALL, *(s.short for s in STRUCTURES)):
            if (value := found.value(clause, structure)) is not None:
                inset |= {len(lines)} if structure != ALL else set()
                beside = found.value(clause, structure, named=True)
                lines.append(
                    {
                        "clause": words(clause),
                        "structure": words(structure),
                        **_cells(value),
                        "where the structure is named": absent() if beside is None else signed(beside.mean, scale=100),
                        "95 % of it over patients": interval(
                            beside.over_patients if beside else None, scale=100, sign=True
                        ),
                        "95 % of it over patients and seeds": interval(
                            beside.over_trainings if beside else None, scale=100, sign=True
                        ),
                    }
                )
    everything, nothing = found.dice(" ".join(found.clauses)).mean(), found.dice("").mean()
    caption = (
        f"What each part of the sentence contributes to {found.name}: Shapley values in points of Dice, over every "
        f"subset of the clauses. The whole sentence reaches {fixed(100 * everything, 2)} %, one that says none of them "
        f"{fixed(100 * nothing, 2)} %."
    )
    notes = (
        "A clause's gain, averaged over what else is said; they sum up to the difference between everything and "
        "nothing said, where all are known. Dice at the model's own resolution. Frames of which a clause says nothing, "
        "because the fact is unknown, are left out of its line. The shape word is that of the model's own first mask, "
        "not of the truth. Without the structure's name, other clauses tell something of it; the last columns are the "
        "values among sentences that name it. Intervals over seeds hold for other patients and other trainings.",
    )
    return Table.of(f"clauses_{found.stem}", caption, lines, notes, inset=frozenset(inset), fold="never")


def counterfactual_table(found: TakenApart) -> Table:
    """How far each wrong sentence moves the mask, and whether the mask follows it."""
    lines = []
    for probe in (probe for probe in found.probes if probe != TRUE_SHAPE):
        unmoved, pairs = found.probe(probe, "unmoved")
        every = np.ones(len(pairs), dtype=bool)
        moved = found.contrast(1 - unmoved, every, pairs)
        lost = found.contrast(found.probe(probe, "dice")[0] - found.right(pairs), every, pairs)
        follows = found.probe(probe, "dice_named")[0]
        lines.append(
            {
                "the sentence is": words(probe),
                "mask moves by": number(moved.mean, scale=100),
                "95 % over patients": interval(moved.over_patients, scale=100),
                "Dice minus the right sentence's": signed(lost.mean, scale=100),
                "95 % of it over patients": interval(lost.over_patients, scale=100, sign=True),
                "95 % over patients and seeds": interval(lost.over_trainings, scale=100, sign=True),
                "Dice of the structure named %": words("names none") if np.isnan(follows).all() else number(
                    float(follows.mean()), scale=100
                ),
                "pairs": count(len(pairs)),
            }
        )  # fmt: skip
    caption = (
        f"Wrong sentences about the same images, {found.name}: by how much the mask moves (100 minus the Dice between "
        "the masks of the right and the wrong sentence), what that costs, and whether the mask follows the sentence."
    )
    notes = (
        "Dice is against the structure that the right sentence names, but for the column of the structure named. The "
        "German sentence says the structure alone, and its mask is compared with the one of the English sentence that "
        "does; its costs are against the whole sentence. Of a misspelt one, two letters of every longer "
        "word are swapped.",
    )
    return Table.of(f"counterfactuals_{found.stem}", caption, lines, notes, fold="never")


def leak_table(found: TakenApart) -> Table:
    """What the shape word of the true mask gains over that of the predicted one, by structure."""
    true, pairs = found.probe(TRUE_SHAPE, "dice") if TRUE_SHAPE in found.probes else (np.empty((1, 0)), found.pairs)
    lines = []
    for structure in (ALL, *(s.short for s in STRUCTURES)):
        chosen = np.array([structure in (ALL, own) for own in pairs.get_level_values("structure")], dtype=bool)
        if true.size and chosen.any():
            leak = found.contrast(true - found.right(pairs), chosen, pairs)
            lines.append({"structure": words(structure), **_cells(leak)})
    caption = (
        f"What the truth leaks through the shape word, {found.name}: points of Dice gained when the word is that of "
        "the true mask, as in the paper, and not that of the model's own first mask."
    )
    return Table.of(f"shape_leak_{found.stem}", caption, lines)


def clause_plot(found: TakenApart) -> Plot:
    """Shapley values and moved masks, as bars: what matters is long."""
    figure, (above, below) = panels(2, 2.6)
    values = [(clause, value) for clause in found.clauses if (value := found.value(clause)) is not None]
    of = {s: [found.value(clause, s.short) for clause, _ in values] for s in STRUCTURES}
    _bars(above, [(clause, value) for clause, value in values], sign=True)
    for structure, own in of.items():
        places = [(100 * v.mean, place) for place, v in enumerate(own) if v is not None]
        colour = np.divide(structure.colour, 255)
        above.plot(*zip(*places, strict=True), "o", color=colour, markeredgecolor=INK, markeredgewidth=0.4,
                   markersize=4, linestyle="none", label=structure.short)  # fmt: skip
    beside = [(100 * v.mean, place) for place, (c, _) in enumerate(values) if (v := found.value(c, named=True))]
    above.plot(*zip(*beside, strict=True), "D", color=INK, markersize=4.5, markerfacecolor="white", linestyle="none",
               label="all, where the structure is named")  # fmt: skip
    dress(above, "What each part of a sentence adds, in points of Dice")
    moved = [(probe, _moved(found, probe)) for probe in found.probes if probe != TRUE_SHAPE]
    _bars(below, moved)
    dress(below, "How far a wrong sentence moves the mask, in %")
    for axes in (above, below):
        axes.grid(visible=False, axis="y")
    legend_above(figure, [above], columns=4)
    said = [f"{clause} {fixed(100 * value.mean, 1, sign=True)} points" for clause, value in values]
    said += [f"{probe}: moves {fixed(100 * value.mean, 1)} %" for probe, value in moved]
    caption = (
        f"{plain_label(found.name)}: Shapley value of each clause (dots: single structures; diamonds: among sentences "
        "that name the structure), and 100 minus the Dice between the masks of the right and the wrong sentence; 95 % "
        "intervals over patients."
    )
    return Plot(f"clauses_{found.stem}", caption, "; ".join(said), figure)


def clause_blocks(runs: Sequence[RunRecord]) -> Iterator[Plot | Table]:
    """Everything of this kind that runs have to show."""
    for found in taken_apart(runs):
        yield clause_plot(found)
        yield clause_table(found)
        yield counterfactual_table(found)
        yield leak_table(found)


def _moved(found: TakenApart, probe: str) -> Contrast:
    unmoved, pairs = found.probe(probe, "unmoved")
    return found.contrast(1 - unmoved, np.ones(len(pairs), dtype=bool), pairs)


def _cells(value: Contrast) -> dict[str, Cell]:
    return {
        "points of Dice": signed(value.mean, scale=100),
        "95 % over patients": interval(value.over_patients, scale=100, sign=True),
        "95 % over patients and seeds": interval(value.over_trainings, scale=100, sign=True),
        "pairs": count(value.pairs),
        "seeds": count(value.trainings[0]),
    }


def _bars(axes: Axes, values: Sequence[tuple[str, Contrast]], sign: bool = False) -> None:
    """A bar for each value, from the top, its interval, and the number at the right edge."""
    means = [100 * value.mean for _, value in values]
    axes.barh(range(len(values)), means, height=0.62, color=QUIET, alpha=0.45)
    for place, (_, value) in enumerate(values):
        if value.over_patients is not None:
            ends = [100 * value.over_patients.low, 100 * value.over_patients.high]
            axes.plot(ends, [place, place], color=INK, linewidth=1.4)
        text, right = fixed(means[place], 1, sign), axes.get_yaxis_transform()
        axes.annotate(text, (1.02, place), xycoords=right, annotation_clip=False, va="center", fontsize=9, color=INK)
    axes.set_yticks(range(len(values)), [plain_label(name) for name, _ in values])
    axes.invert_yaxis()
    axes.axvline(0, color=QUIET, linewidth=1)
