"""Is a split sound? No patient, no image and no source of a synthetic image may be in two parts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import chain, combinations

from synthboost.data.dataset import Dataset, image_digest, ordered_map
from synthboost.data.splits import Split
from synthboost.domain import Domain, FrameInfo, PatientId, SplitPart
from synthboost.errors import SplitError, shown

SIMULATED_RELEASE = "simulated-"
"""Releases of the simulator begin so. Frames made from masks of another simulated set show no patient of this one."""
PICTURES_RELEASE = "pictures-"
"""Releases of plain folders of pictures begin so. No split names their people; `check_pictures` compares pixels."""


def check_split(
    split: Split, dataset: Dataset, allow_missing: bool = False, workers: int = 0, sources: Split | None = None
) -> tuple[tuple[PatientId, ...], tuple[tuple[FrameInfo, FrameInfo], ...]]:
    """Check a split against the data set it is for; reads every image once.

    Args:
        allow_missing: report listed patients without a folder instead of refusing them.
        sources: the split of the real data set whose patients the diffusion frames were made from. Needed unless
            `dataset` holds those patients' real frames itself.

    Returns:
        Listed patients without a folder; and pairs of frames of different patients in the same part with identical
        pixels, who probably are one person twice.

    Raises:
        SplitError: a patient is in two parts, a patient of the data set is in none, a listed patient has no folder
            (unless allowed), frames in different parts have identical pixels, or a diffusion frame's source patient
            is in another part than the frame. Names the pairs.
        DataError: an image is broken.
    """
    absent = check_patients(split, dataset, allow_missing, sources)
    return absent, check_images(split, dataset, workers)


def check_patients(
    split: Split, dataset: Dataset, allow_missing: bool = False, sources: Split | None = None
) -> tuple[PatientId, ...]:
    """Do the first half of `check_split`, which reads no pixel; return listed patients without a folder."""
    parts: dict[PatientId, list[SplitPart]] = defaultdict(list)
    for part, patients in split.parts.items():
        for patient in patients:
            parts[patient].append(part)
    twice = [f"{patient} ({' and '.join(found)})" for patient, found in sorted(parts.items()) if len(found) > 1]
    _refuse(split, "patients in two parts", twice, "each patient in one part")
    unlisted = sorted(set(dataset.patients) - parts.keys() - set(split.excluded))
    _refuse(split, "patients in no part", map(str, unlisted), "every patient in a part, or left out on purpose")
    absent = tuple(sorted(parts.keys() - set(dataset.patients)))
    if not allow_missing:
        _refuse(
            split, "patients without a folder", map(str, absent), "all listed patients",
            "For a copy without the test patients give --split no-test; --allow-missing skips who is absent.",
        )  # fmt: skip
    check_sources(split, dataset, sources)
    return absent


def check_images(split: Split, dataset: Dataset, workers: int = 0) -> tuple[tuple[FrameInfo, FrameInfo], ...]:
    """Do the second half of `check_split`, which reads every image; return identical images in one part."""
    identical = _find_identical(dataset, [i for i in dataset.frames if split.part_of(i.patient)], workers)
    across = [(a, b) for a, b in identical if split.part_of(a.patient) != split.part_of(b.patient)]
    _refuse(
        split, "identical images in different parts",
        (" = ".join(f"{i.patient.folder}/{i.name} ({split.part_of(i.patient)})" for i in pair) for pair in across),
        "one part per image",
        "The two names probably are one person: leave one of them out of the split.",
    )  # fmt: skip
    return tuple(pair for pair in identical if pair not in across)


def check_sources(split: Split, dataset: Dataset, sources: Split | None = None) -> None:
    """Check that diffusion frames were made from real patients of the same part; reads no pixel.

    Args:
        sources: as for `check_split`.

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


HELD_OUT = {
    SplitPart.TRAINING: (SplitPart.VALIDATION, SplitPart.TESTING),
    SplitPart.VALIDATION: (SplitPart.TESTING,),
    SplitPart.TESTING: (),
}
"""What a frame that trains, or that chooses the epoch, must not show anybody of."""


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


def _find_identical(dataset: Dataset, infos: Iterable[FrameInfo], workers: int) -> list[tuple[FrameInfo, FrameInfo]]:
    """Pairs of frames of different patients whose images are identical in size and every pixel.

    Frames that are drawn when read are not: each patient's speckle has random numbers of its own.
    """
    infos = tuple(info for info in infos if dataset.has_images)
    same: dict[bytes, list[FrameInfo]] = defaultdict(list)
    for info, digest in zip(infos, _digests(dataset, infos, workers), strict=True):
        same[digest].append(info)
    pairs = (pair for group in same.values() for pair in combinations(group, 2))
    return [(a, b) for a, b in pairs if a.patient != b.patient]


def _digests(dataset: Dataset, infos: Iterable[FrameInfo], workers: int) -> Iterator[bytes]:
    return ordered_map(lambda info: image_digest(dataset.read(info, False).image), infos, workers)


def _refuse(split: Split, what: str, items: Iterable[str], expected: str, remedy: str = "") -> None:
    found = list(items)
    if found:
        raise SplitError(f"split {split.name}", f"{len(found)} {what}", shown(found), expected, remedy)
