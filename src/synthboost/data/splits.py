"""Splits of patients into training, validation and testing: the official one, the paper's, and parts of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from synthboost.data.dataset import Dataset
from synthboost.domain import PatientId, SplitPart
from synthboost.errors import SplitError

PAPER_VALIDATION_PATIENTS = 50
"""arXiv 2309.12829, section on datasets: the first 50 patients that are not for testing validate."""


@dataclass(frozen=True)
class Split:
    """Which patients train, validate and test. `check_split` tells whether it is sound for a data set."""

    name: str
    parts: Mapping[SplitPart, tuple[PatientId, ...]]
    """All three parts; a part may be empty."""
    excluded: tuple[PatientId, ...] = ()
    """Patients left out on purpose."""

    def part_of(self, patient: PatientId) -> SplitPart | None:
        """The part a patient is in (the first, if the split is unsound), or `None`."""
        return self._part_by_patient.get(patient)

    @cached_property
    def _part_by_patient(self) -> dict[PatientId, SplitPart]:
        return {patient: part for part in reversed(SplitPart) for patient in self.parts[part]}


def make_split(name: str, dataset: Dataset) -> Split:
    """Form the split called `name` for a data set. Listed patients without a folder stay listed.

    Raises:
        SplitError: no split has that name, or the data set does not state the lists it needs.
    """
    if name not in SPLITS:
        raise SplitError(dataset.root, "split", name, f"one of {', '.join(SPLITS)}")
    if not dataset.official:
        raise SplitError(
            dataset.root, "database_split", "no lists", "subgroup_training.txt, _validation.txt and _testing.txt",
            "Add the lists of the release.",
        )  # fmt: skip
    return SPLITS[name](dataset)


def official_split(dataset: Dataset) -> Split:
    """What the release states: its subgroup lists, or, for `camus-mhd`, its two folders (no validation patients)."""
    return Split("official", {part: dataset.official.get(part, ()) for part in SplitPart})


def paper_split(dataset: Dataset) -> Split:
    """The paper's: the official test patients; of the others, by name, the first 50 validate and the rest train.

    Raises:
        SplitError: there are not more than 50 patients besides the test patients.
    """
    testing = dataset.official.get(SplitPart.TESTING, ())
    others = sorted({p for patients in dataset.official.values() for p in patients} - set(testing))
    if len(others) <= PAPER_VALIDATION_PATIENTS:
        raise SplitError(
            dataset.root, "split paper", f"{len(others)} patients besides the test patients",
            f"more than the {PAPER_VALIDATION_PATIENTS} that validate", "Use the official split.",
        )  # fmt: skip
    training, validation = tuple(others[PAPER_VALIDATION_PATIENTS:]), tuple(others[:PAPER_VALIDATION_PATIENTS])
    return Split("paper", dict(zip(SplitPart, (training, validation, testing), strict=True)))


def no_test_split(dataset: Dataset) -> Split:
    """For copies without the test patients: the official validation patients test, the last training ones validate.

    So the patients that choose the epoch are still not those evaluated. The last 50 training patients that the
    data set holds validate, or the last eighth if that is less; the official test patients are left out.

    Raises:
        SplitError: there is no validation patient, or fewer than two training patients.
    """
    present = set(dataset.patients)
    training = [p for p in dataset.official.get(SplitPart.TRAINING, ()) if p in present]
    testing = tuple(dataset.official.get(SplitPart.VALIDATION, ()))
    if len(training) < 2 or not testing:
        raise SplitError(
            dataset.root, "split no-test", f"{len(training)} training and {len(testing)} validation patients",
            "two or more training patients and one or more for validation",
        )  # fmt: skip
    count = min(PAPER_VALIDATION_PATIENTS, max(1, len(training) // 8))
    parts = dict(zip(SplitPart, (tuple(training[:-count]), tuple(training[-count:]), testing), strict=True))
    return Split("no-test", parts, excluded=tuple(sorted(set(dataset.official.get(SplitPart.TESTING, ())))))


SPLITS: dict[str, Callable[[Dataset], Split]] = {
    "official": official_split,
    "paper": paper_split,
    "no-test": no_test_split,
}
"""Name -> how the split is formed."""


def fewer_training_patients(split: Split, dataset: Dataset, count: int) -> Split:
    """The split with only `count` training patients, for studies with little data; the other parts stay.

    Those are the first by name of the training patients that `dataset` holds.

    Raises:
        SplitError: there are fewer patients than `count`, or `count` is less than 1.
    """
    training = sorted(set(split.parts[SplitPart.TRAINING]) & set(dataset.patients))
    if not 1 <= count <= len(training):
        expected = f"{'1 to ' if len(training) > 1 else ''}{len(training)}, which the data set holds"
        raise SplitError(dataset.root, "training patients", count, expected)
    chosen = tuple(training[:count])
    dropped = set(split.parts[SplitPart.TRAINING]) - set(chosen)
    return replace(
        split,
        name=f"{split.name}, first {count} training patients",
        parts={**split.parts, SplitPart.TRAINING: chosen},
        excluded=tuple(sorted({*split.excluded, *dropped})),
    )


def without_patients(split: Split, patients: Iterable[PatientId]) -> Split:
    """The split with some patients left out of every part, e.g. one of a pair that shares an image.

    Raises:
        SplitError: a patient is in no part.
    """
    left_out = set(patients)
    unknown = sorted(str(p) for p in left_out if split.part_of(p) is None)
    if unknown:
        raise SplitError(f"split {split.name}", "patients to leave out", ", ".join(unknown), "patients of the split")
    names = ", ".join(sorted(p.name for p in left_out))
    return replace(
        split,
        name=f"{split.name} without {names}" if names else split.name,
        parts={part: tuple(p for p in listed if p not in left_out) for part, listed in split.parts.items()},
        excluded=tuple(sorted({*split.excluded, *left_out})),
    )
