"""Splits of patients into training, validation and testing: the official one, the paper's, and parts of them; and
whether one is sound: no patient, no image and no source of a synthetic image may be in two parts."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain, combinations

from synthboost.data.dataset import Dataset, image_digest, ordered_map
from synthboost.domain import Domain, FrameInfo, PatientId, SplitPart
from synthboost.errors import SplitError, people, shown

SIMULATED_RELEASE = "simulated-"
"""Releases of the simulator begin so. Frames made from masks of another simulated set show no patient of this one."""
PICTURES_RELEASE = "pictures-"
"""Releases of plain folders of pictures begin so. No split names their people; `check_pictures` compares pixels."""
HELD_OUT = {
    SplitPart.TRAINING: (SplitPart.VALIDATION, SplitPart.TESTING),
    SplitPart.VALIDATION: (SplitPart.TESTING,),
    SplitPart.TESTING: (),
}
"""What a frame that trains, or that chooses the epoch, must not show anybody of."""
DRAWN_VALIDATION, DRAWN_TESTING = 0.1, 0.2
"""Shares of the patients; see `drawn_split`."""
PAPER_VALIDATION_PATIENTS = 50
"""arXiv 2309.12829, section on datasets: the first 50 patients that are not for testing validate."""


@dataclass(frozen=True)
class Split:
    """Which patients train, validate and test. `check_patients` and `check_images` tell whether it is sound."""

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


def drawn_split(patients: Iterable[PatientId]) -> dict[SplitPart, tuple[PatientId, ...]]:
    """What takes the place of the official split in releases that state none: ours, by a hash of the patients' names.

    A tenth validates and a fifth tests, at least one patient each; of two one trains and one tests, a single one tests.
    """
    order = sorted(patients, key=lambda patient: hashlib.sha256(str(patient).encode()).digest())
    testing = max(1, round(DRAWN_TESTING * len(order)))
    validation = max(len(order) > 2, round(DRAWN_VALIDATION * len(order)))
    training = len(order) - testing - validation
    parts = (order[:training], order[training : training + validation], order[training + validation :])
    return {part: tuple(sorted(own)) for part, own in zip(SplitPart, parts, strict=True)}


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
        expected = (
            f"{'1 to ' if len(training) > 1 else ''}{len(training)}, as the data set holds {people(len(training))}"
        )
        raise SplitError(dataset.root, "number of training patients", count, expected, "Give --patients.")
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


def check_patients(split: Split, dataset: Dataset, allow_missing: bool = False, sources: Split | None = None) -> None:
    """Check a split against the data set it is for; reads no pixel.

    Args:
        allow_missing: listed patients may have no folder.
        sources: the split of the real data set whose patients the diffusion frames were made from. Needed unless
            `dataset` holds those patients' real frames itself.

    Raises:
        SplitError: a patient is in two parts, a patient of the data set is in none, a listed patient has no folder
            (unless allowed), or a diffusion frame's source patient is in another part than the frame. Names them.
    """
    parts: dict[PatientId, list[SplitPart]] = defaultdict(list)
    for part, patients in split.parts.items():
        for patient in patients:
            parts[patient].append(part)
    twice = [f"{patient} ({' and '.join(found)})" for patient, found in sorted(parts.items()) if len(found) > 1]
    _refuse(split, "patients in two parts", twice, "each patient in one part")
    unlisted = sorted(set(dataset.patients) - parts.keys() - set(split.excluded))
    _refuse(split, "patients in no part", map(str, unlisted), "every patient in a part, or left out on purpose")
    absent = () if allow_missing else sorted(parts.keys() - set(dataset.patients))
    _refuse(
        split, "patients without a folder", map(str, absent), "all listed patients",
        "For a copy without the test patients give --split no-test; --allow-missing skips who is absent.",
    )  # fmt: skip
    check_sources(split, dataset, sources)


def check_images(split: Split, dataset: Dataset, workers: int = 0) -> None:
    """Check that no image of one patient is another's in another part; reads every image.

    Frames that are drawn when read are not: each patient's speckle has random numbers of its own.

    Raises:
        SplitError: frames in different parts are identical in size and every pixel. Names the pairs.
        DataError: an image is broken.
    """
    infos = [info for info in dataset.frames if dataset.has_images and split.part_of(info.patient)]
    same: dict[bytes, list[FrameInfo]] = defaultdict(list)
    for info, digest in zip(infos, _digests(dataset, infos, workers), strict=True):
        same[digest].append(info)
    pairs = chain.from_iterable(combinations(group, 2) for group in same.values())
    across = [(a, b) for a, b in pairs if split.part_of(a.patient) != split.part_of(b.patient)]
    _refuse(
        split, "identical images in different parts",
        (" = ".join(f"{i.patient.folder}/{i.name} ({split.part_of(i.patient)})" for i in pair) for pair in across),
        "one part per image",
        "The two names probably are one person: leave one of them out of the split.",
    )  # fmt: skip


def check_sources(split: Split, dataset: Dataset, sources: Split | None = None) -> None:
    """Check that diffusion frames were made from real patients of the same part; reads no pixel.

    Args:
        sources: as for `check_patients`.

    Raises:
        SplitError: a frame's source patient is in another part of `sources` than the frame is of `split`; or nothing
            can be said, because `sources` is needed and absent, or is of another release. Names the pairs.
    """
    made = [(info, info.source) for info in dataset.frames if info.source and split.part_of(info.patient) is not None]
    if sources is None:
        real = {info.patient for info in dataset.frames if info.domain is Domain.REAL}
        unknown = [f"{info.name} from {source}" for info, source in made if source not in real]
        _refuse(
            split, "frames with source patients of another data set", unknown,
            "the split of that data set, to compare with", "Give it as `sources`.",
        )  # fmt: skip
        sources = split
    everyone = chain(sources.excluded, *sources.parts.values())
    places = {(patient.release, patient.folder) for patient in everyone}
    elsewhere = [
        f"{info.name} from {source}"
        for info, source in made
        if (source.release, source.folder) not in places
        and not source.release.startswith((SIMULATED_RELEASE, PICTURES_RELEASE))
    ]
    _refuse(split, "frames from elsewhere", elsewhere, f"source patients of split {sources.name}")
    leaks = [
        f"{info.name} ({split.part_of(info.patient)}) from {source} ({sources.part_of(source)})"
        for info, source in made
        if sources.part_of(source) not in (None, split.part_of(info.patient))
    ]
    _refuse(split, "frames made from patients of another part", leaks, "frame and source patient in the same part")


def check_beside(split: Split, dataset: Dataset, real: Split) -> None:
    """Check that a synthetic data set shows, and was made from, no patient whom a real split holds out.

    `split` is of the synthetic `dataset`; the same model validates or is evaluated on `real`.

    Raises:
        SplitError: names the frames and the patients.
    """
    leaks = [
        f"{info.name} ({part}) shows {person} ({real.part_of(person)})"
        for info in dataset.frames
        if (part := split.part_of(info.patient)) is not None
        for person in (info.patient, info.source)
        if person is not None and real.part_of(person) in HELD_OUT[part]
    ]
    _refuse(
        split, f"frames of people whom split {real.name} holds out", leaks, "synthetic images of no held-out patient"
    )


def check_pictures(split: Split, dataset: Dataset, real: Split, real_dataset: Dataset, workers: int = 0) -> None:
    """Check that no plain picture is an image that a real split holds out; reads these images.

    Only exact copies are found. Whether another picture shows somebody who is held out is for the user to know.

    As `check_beside`; of the synthetic data set, only frames that were made from plain pictures are compared.

    Raises:
        SplitError: names the frames and the images.
        DataError: an image is broken.
    """
    made = [info for info in dataset.frames if info.source and info.source.release.startswith(PICTURES_RELEASE)]
    if not made:
        return
    held = [info for info in real_dataset.frames if real.part_of(info.patient) not in (None, SplitPart.TRAINING)]
    by_digest = dict(zip(_digests(real_dataset, held, workers), held, strict=True))
    leaks = []
    for info, digest in zip(made, _digests(dataset, made, workers), strict=True):
        part, same = split.part_of(info.patient), by_digest.get(digest)
        if part is not None and same is not None and real.part_of(same.patient) in HELD_OUT[part]:
            leaks.append(f"{info.name} ({part}) = {same.name} ({real.part_of(same.patient)})")
    _refuse(
        split, f"pictures that split {real.name} holds out", leaks, "pictures of no held-out patient",
        "Take these pictures out of the folder.",
    )  # fmt: skip


def _digests(dataset: Dataset, infos: Iterable[FrameInfo], workers: int) -> Iterator[bytes]:
    return ordered_map(lambda info: image_digest(dataset.read(info, False).image), infos, workers)


def _refuse(split: Split, what: str, items: Iterable[str], expected: str, remedy: str = "") -> None:
    found = list(items)
    if found:
        raise SplitError(f"split {split.name}", f"{len(found)} {what}", shown(found), expected, remedy)
