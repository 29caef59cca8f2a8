"""The contrasts of a report: what one strategy, or one way of training the encoders, gains over another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import pandas as pd

from synthboost.domain import METRICS, PromptSet, Strategy
from synthboost.errors import DataError
from synthboost.evaluation.statistics.arms import METHOD, TEST, Arm
from synthboost.evaluation.statistics.contrast import (
    NO_VALUES,
    Contrast,
    Family,
    contrast_family,
    contrast_in_common,
)
from synthboost.evaluation.statistics.tests import FEWEST_TO_TELL
from synthboost.reports.arms import HEADINGS, is_baseline, mean_percent, setting_of, strategy_place
from synthboost.reports.figure import file_stem
from synthboost.reports.paper import model_heading, model_place, paper_cell
from synthboost.reports.run_facts import NO_RUNS, Runs, trainings_text
from synthboost.reports.table import (
    NO_VALUE,
    Cell,
    Table,
    absent,
    count,
    interval,
    signed,
    unshown,
    words,
)

STRATEGY_PAIRS = (
    (Strategy.SYNTHETIC, Strategy.REAL),
    (Strategy.SYNTHETIC_THEN_REAL, Strategy.REAL),
    (Strategy.MIXED, Strategy.REAL),
)
"""The paper's two comparisons, and the one it left to the future."""
STRATEGIES, ENCODERS = "strategies", "encoders"
FROZEN, TRAINED = "frozen", "trained"
"""Encoders."""
BLIND = "neither beats a constant mask"
TOO_FEW_PATIENTS = "too few patients to tell"
TOO_FEW = "1 run per arm: training noise not covered"
"""What is said instead of an interval over trainings."""
_BOTH_SIDES = ("{} first", "{} second")


class Difference(NamedTuple):
    """Two arms of a report that can be compared, and what they differ by."""

    kind: str
    """`strategies` or `encoders`."""
    first: Arm
    base: Arm
    found: Contrast
    blind: Arm | None = None
    """The best constant predictor on the same images, when one was evaluated."""

    @property
    def name(self) -> str:
        """e.g. `synthetic − real`, or `real` for other encoders minus trained ones under that strategy."""
        first = str(self.first["strategy"])
        return f"{first} − {self.base['strategy']}" if self.kind == STRATEGIES else first

    @property
    def encoders(self) -> str:
        """Of both sides; e.g. `frozen − trained` when they are what differs."""
        own = str(self.first["encoders"])
        return own if self.kind == STRATEGIES else f"{own} − {TRAINED}"

    @property
    def points(self) -> float:
        """Mean difference in points of Dice (0-100)."""
        return 100 * self.found.mean

    @property
    def bounds(self) -> tuple[float, float] | None:
        """Its 95 % interval over patients, in points; `None` with fewer than two patients."""
        over = self.found.over_patients
        return None if over is None else (100 * over.low, 100 * over.high)

    @property
    def by_seed(self) -> tuple[float, ...]:
        """The difference of each seed that both sides have, in points."""
        return tuple(100 * value for value in self.found.by_seed)

    @property
    def paper(self) -> float | None:
        """The paper's difference in points; `None` where it prints none."""
        names = ("encoders", "strategy", "model", "prompt_set")
        cells = [paper_cell(*(arm[name] for name in names)) for arm in (self.first, self.base)]
        return None if cells[0] is None or cells[1] is None else cells[0].mean - cells[1].mean

    @property
    def is_blind(self) -> bool:
        """Whether neither side beats the constant predictor, so that no difference of theirs means anything."""
        both = max(map(mean_percent, (self.first, self.base)))
        return self.blind is not None and both <= mean_percent(self.blind)

    @property
    def reading(self) -> str:
        """What the interval allows to say, of enough patients for a test."""
        if self.is_blind:
            return BLIND
        if self.bounds is None or self.found.patients < FEWEST_TO_TELL:
            return TOO_FEW_PATIENTS
        low, high = self.bounds
        return "higher" if low > 0 else "lower" if high < 0 else "not told apart"


def differences(arms: Sequence[Arm]) -> list[Difference]:
    """Strategies against `real` in the same setting with as many real patients, then encoders against trained ones.

    Sides without a common pair are left out.
    """
    partners = [(STRATEGIES, first, base) for first in arms for base in arms if _is_base(base, first)]
    partners += [(ENCODERS, first, base) for first in arms for base in arms if _is_trained(base, first)]
    constant = sorted((arm for arm in arms if is_baseline(arm) and len(arm.scored)), key=mean_percent)
    blind = {tuple(arm[name] for name in TEST): arm for arm in constant}  # the best one, as the last, stays
    found = [
        Difference(kind, first, base, contrast, blind.get(tuple(first[name] for name in TEST)))
        for kind, first, base in partners
        if (contrast := contrast_in_common(first.rows, base.rows)) is not None
    ]
    return sorted(found, key=_place)


def difference_table(found: Sequence[Difference], kind: str, known: Runs = NO_RUNS) -> Table:
    """The differences of one kind as lines, in points of Dice (0-100); `known` runs tell of their trainings."""
    of_strategies, chosen = kind == STRATEGIES, [d for d in found if d.kind == kind]
    kinds, policies = len({d.first["synthetic"] for d in chosen} - {""}) > 1, len({d.encoders for d in chosen}) > 1
    lines = [
        {
            "comparison" if of_strategies else "strategy": words(d.name),
            "model": words(model_heading(d.first["model"])),
            **({"encoders": words(d.encoders)} if of_strategies or policies else {}),
            "sentences": words(d.first["prompt_set"]),
            **({"synthetic images": words(d.first["synthetic"] or NO_VALUE)} if kinds else {}),
            "difference": signed(d.points),
            "95 % interval": interval(d.bounds, sign=True),
            "reading": words(d.reading),
            "patients higher": Cell(
                f"{d.found.patients_higher} of {d.found.patients}", (d.found.patients_higher, d.found.patients),
                ("patients higher", "patients"),
            ),
            "pairs": count(d.found.pairs),
            "seeds": count(len(d.by_seed)),
            "lowest and highest seed": interval(
                (min(d.by_seed), max(d.by_seed)) if len(d.by_seed) > 1 else None, sign=True
            )._replace(parts=("lowest seed", "highest seed")),
            "paper's difference": absent() if d.paper is None else signed(d.paper),
        }
        for d in chosen
    ]  # fmt: skip
    what = "Differences between strategies" if of_strategies else encoders_caption(chosen)
    caption = (
        f"{what} in points of Dice, over the pairs that all trainings of both sides scored: the mean, and its 95 % "
        "interval with patients resampled (seeds averaged first). The intervals are not corrected for their number."
    )
    sides: dict[str, list[Difference]] = {}
    for d in chosen:
        sides.setdefault(f"{d.name}, {d.encoders}", []).append(d)
    notes = [f"{name}: {text}" for name, own in sides.items() if (text := training_of_differences(own, known))]
    return Table.of(f"differences_{kind}", caption, lines, notes)


def encoders_caption(found: Sequence[Difference]) -> str:
    """What is compared with trained encoders."""
    kinds = {d.first["encoders"] for d in found}
    return "Frozen minus trained encoders" if kinds <= {FROZEN} else "Other encoders minus trained ones"


def training_of_differences(found: Sequence[Difference], known: Runs) -> str:
    """Whether the sides of differences were trained equally long; empty where no run is known to have been trained."""
    return trainings_text([({*d.first.rows.run}, {*d.base.rows.run}) for d in found], known)


def training_of_rows(first: pd.DataFrame, second: pd.DataFrame, columns: Sequence[str], known: Runs) -> str:
    """The same of two sides whose rows are compared where they agree in `columns`."""
    sides = [side[["run", *columns]].drop_duplicates().assign(every=0) for side in (first, second)]
    pairs = sides[0].merge(sides[1], on=[*columns, "every"])
    return trainings_text([({one}, {other}) for one, other in {*zip(pairs.run_x, pairs.run_y, strict=True)}], known)


def family_tables(rows: pd.DataFrame, known: Runs = NO_RUNS) -> tuple[list[Table], list[str]]:
    """Tests by patient, corrected together: one table per contrast of one series, and why a contrast has none.

    A family is a contrast (a strategy against `real`; other encoders against trained ones under a strategy) over all
    models, encoders and prompt sets that both sides were run with, for each kind of synthetic images; P0, which names
    no structure, is left out.
    """
    usable = rows[(rows.probe == "") & (rows.prompt_set != PromptSet.P0)]
    tables, reasons = list[Table](), list[str]()
    for name, ours, theirs, columns in _sides(usable):
        first, second = _with_partners(ours, theirs, columns)
        kinds = first.synthetic.unique()
        for kind in kinds:
            title = f"{name}, {kind}" if len(kinds) > 1 else name
            sides = _with_partners(first[first.synthetic == kind], second, columns)
            try:
                family = contrast_family(*sides)
            except DataError as error:  # the means stand in other tables; a p-value needs complete pairs
                reasons.append(f"{title}: not tested, because {error}")
                continue
            training = training_of_rows(*sides, columns, known)
            tables.append(family_table(family, file_stem("family", title), training))
    return tables, reasons


def family_table(family: Family, name: str = "comparison", training: str = "") -> Table:
    """One line per contrast of the family, effect and intervals first; differences in points (0-100) or mm.

    `training` says how long both sides were trained, see `trainings_text`.
    """
    metric, unit, scale = METRICS[family.metric]
    settings = [dict(setting) for setting, _ in family.members]
    shared = {column: value for column, value in settings[0].items() if all(s[column] == value for s in settings)}
    varying = [column for column in METHOD if column in settings[0] and column not in shared]
    said = [f"{_heading(column)} {value}" for column, value in shared.items() if value not in NO_VALUES]
    shown = f" All: {', '.join(said)}." if said else ""
    n, contrasts = len(family.members), [found for _, found in family.members]
    caption = (
        f"{metric}, {family.name}: mean difference in {unit}.{shown} The family "
        f"that Holm's correction covers: {'1 comparison' if n == 1 else f'{n} comparisons'}."
    )
    covers_seeds = any(found.over_trainings is not None for found in contrasts)
    heads = [
        {"comparison": unshown(family.name)}
        | {_heading(column): words(NO_VALUE if setting[column] in NO_VALUES else setting[column]) for column in varying}
        for setting in settings
    ]
    lines = [head | _contrast_cells(found, scale, covers_seeds) for head, found in zip(heads, contrasts, strict=True)]
    return Table.of(name, caption, lines, (*([training] if training else []), *_notes(contrasts)))


def p_value(p: float) -> Cell:
    """A p-value with two digits that count."""
    return Cell(f"{p:.2g}", (p,))


def _is_base(base: Arm, first: Arm) -> bool:
    """Whether an arm is `first` under the strategy it is compared with, with as many real patients if it had any."""
    same = setting_of(base) == setting_of(first) and first["real_patients"] in (None, base["real_patients"])
    return same and (first["strategy"], base["strategy"]) in STRATEGY_PAIRS


def _is_trained(base: Arm, first: Arm) -> bool:
    """Whether an arm is `first` with trained encoders, and that has others."""
    return first["encoders"] != TRAINED and {**first.values, "encoders": TRAINED} == base.values


def _place(d: Difference) -> tuple[object, ...]:
    setting = (model_place(d.first["model"]), d.encoders != "trained", d.encoders, d.first["prompt_set"])
    return (d.kind == ENCODERS, strategy_place(d.first["strategy"]), setting)


def _sides(rows: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame, pd.DataFrame, list[str]]]:
    """What is tested: its name, the rows of both sides, and the columns in which they have to agree."""
    for ours, theirs in STRATEGY_PAIRS:
        columns = ["model", "encoders", "prompt_set"]
        yield f"{ours} minus {theirs}", rows[rows.strategy == ours], rows[rows.strategy == theirs], columns
    columns, trained = [name for name in METHOD if name != "encoders"], rows[rows.encoders == TRAINED]
    others = rows[rows.strategy.isin(trained.strategy) & (rows.encoders != TRAINED)]
    for (policy, name), first in others.groupby(["encoders", "strategy"]):
        yield f"{policy} minus {TRAINED} {name}", first, trained[trained.strategy == name], columns


def _with_partners(first: pd.DataFrame, second: pd.DataFrame, columns: list[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows of the settings that both sides have."""
    common = first[columns].drop_duplicates().merge(second[columns].drop_duplicates())
    return first.merge(common, on=columns), second.merge(common, on=columns)


def _heading(column: str) -> str:
    return HEADINGS.get(column, column)


def _contrast_cells(found: Contrast, scale: float, covers_seeds: bool) -> dict[str, Cell]:
    assert found.holm_p is not None, "a family is corrected"
    over_seeds = {
        "95 % over patients and trainings": interval(found.over_trainings, scale=scale, sign=True),
        "SD over trainings": _deviations(found.sd_trainings, scale),
    }
    return {
        "difference": signed(found.mean, scale=scale),
        "95 % over patients": interval(found.over_patients, scale=scale, sign=True),
        **(over_seeds if covers_seeds else {}),
        "Cliff's delta": signed(found.cliffs_delta),
        "rank biserial": signed(found.rank_biserial),
        "patients higher": count(found.patients_higher),
        "patients": count(found.patients),
        "trainings": Cell(f"{found.trainings[0]}, {found.trainings[1]}", found.trainings, _BOTH_SIDES),
        "p by patient": p_value(found.p_value),
        "p Holm": p_value(found.holm_p),
        "p over pairs": p_value(found.p_over_pairs),
    }


def _deviations(found: tuple[float | None, float | None], scale: float) -> Cell:
    if found == (None, None):
        return absent(_BOTH_SIDES)
    scaled = [None if sd is None else scale * sd for sd in found]
    text = ", ".join(NO_VALUE if sd is None else f"{sd:.2f}" for sd in scaled)
    return Cell(text, tuple(scaled), _BOTH_SIDES, decimals=2)


def _notes(members: Sequence[Contrast]) -> tuple[str, ...]:
    missing = [found for found in members if found.over_trainings is None]
    notes = [
        "Over patients: resampling patients with all their images (BCa bootstrap); it holds for these trained models. "
        "p by patient: Wilcoxon on patient means, two-sided, for these trained models as well. "
        "p over pairs: the paper's test, which treats the images of one patient as independent: too small."
    ]
    if len(missing) < len(members):
        notes.append(
            "Over patients and trainings: what other patients and other seeds would give (Student's t, Satterthwaite)."
        )
    if missing and all(found.trainings == (1, 1) for found in missing):
        notes.append(f"{TOO_FEW}.")
    elif missing:
        notes.append("Where an arm has a single training: training noise not covered.")
    return tuple(notes)
