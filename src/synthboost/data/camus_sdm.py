"""The public diffusion images of CAMUS ("SDM CAMUS", arXiv 2305.05424): PNGs whose names tell view, phase and part.

`images/**/patient0001_2CH_ES_validation_1.png` and a label map of the same name. What its authors' code leaves is read:
the first copy has no number or 1, split folders may be there or not. Nothing is known of patients' attributes, and the
spacing is lost: frames were squeezed to a square.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import ClassVar, Self

from synthboost.data.dataset import Dataset, FrameFiles
from synthboost.domain import Domain, FrameInfo, PatientId, Phase, SplitPart, View
from synthboost.errors import DataError

RELEASE = "camus-sdm"
IMAGES = "images"
LABEL_FOLDERS = ("sector_annotations", "annotations", "labels")
"""In the order of preference: the first holds what the images were made from, tissue marked or not."""
INNER_FOLDERS = ("all_frames_combined", "all_views")
"""The folder of all views, which holds those two, may be given by the folder around it."""
SOURCE_RELEASE = "camus-mhd"
SOURCE_FOLDERS = {
    SplitPart.TRAINING: "training",
    SplitPart.VALIDATION: "training",
    SplitPart.TESTING: "testing",
}
"""Whose masks they are: the authors read CAMUS' first release, and took their validation patients from its training
folder. The NIfTI release numbers patients otherwise, so a name there may be another person."""
_NAME = re.compile(
    rf"(?P<patient>patient[0-9]{{4,8}})_(?P<view>{'|'.join(View)})_(?P<phase>{'|'.join(Phase)})"
    rf"_(?P<part>{'|'.join(SplitPart)})(?:_(?P<copy>[0-9]{{1,4}}))?"
)


class CamusSdm(Dataset):
    """PNGs; each copy of a mask is a patient of its own."""

    looks_for: ClassVar[str] = f"{IMAGES}/**/patientXXXX_2CH_ED_training_1.png with {LABEL_FOLDERS[0]}/"

    @classmethod
    def find_root(cls, path: Path) -> Path | None:
        """The folder that holds `images` and a folder of label maps, both of PNGs: `path` or one in it; else `None`."""
        for place in (path, *(path / name for name in INNER_FOLDERS)):
            if _has_png(place / IMAGES) and _label_folder(place) is not None:
                return place
        return None

    @classmethod
    def open(cls, root: Path, allow_missing: bool = False) -> Self:
        """Read names, no pixel. The official split is the part in each name; a copy belongs to the part of its source.

        Statistics by patient should go by `FrameInfo.source`: the copies of one mask are not independent.

        Raises:
            DataError: a name is not understood, a frame is there twice, a file lies in another part's folder, or an
                image or a label map has no partner (unless allowed: it is then left out and listed in `absent`).
        """
        label_folder = _label_folder(root)
        assert label_folder is not None, "find_root found one"
        images, labels = (_by_stem(root, folder) for folder in (IMAGES, label_folder))
        alone = sorted(images.keys() ^ labels.keys())
        absent = [f"{label_folder if stem in images else IMAGES}/.../{stem}.png" for stem in alone]
        files: dict[FrameInfo, FrameFiles] = {}
        for stem in sorted(images.keys() & labels.keys()):
            info = _parse(root, images[stem])
            if info in files:
                raise DataError(root / images[stem], "frame", f"{stem} again under another number", "each copy once")
            files[info] = FrameFiles(images[stem], labels[stem])
        patients = sorted({info.patient for info in files})
        parts = {part: tuple(p for p in patients if p.folder.partition("-")[0] == part) for part in SplitPart}
        official = {part: own for part, own in parts.items() if own}
        return cls.of(root, RELEASE, files, absent, allow_missing, official=official)


def _has_png(folder: Path) -> bool:
    return next(folder.rglob("patient*.png"), None) is not None


def _label_folder(root: Path) -> str | None:
    return next((name for name in LABEL_FOLDERS if _has_png(root / name)), None)


def _by_stem(root: Path, folder: str) -> dict[str, Path]:
    """Name without suffix -> path relative to the root, of all PNGs in a folder and those in it; hidden ones not."""
    found: dict[str, Path] = {}
    for path in sorted((root / folder).rglob("*.png")):
        if path.name.startswith("."):
            continue
        relative = path.relative_to(root)
        if path.stem in found:
            raise DataError(path, "frame", f"also at {found[path.stem].as_posix()}", "each name once")
        _parse(root, relative)
        found[path.stem] = relative
    return found


def _parse(root: Path, path: Path) -> FrameInfo:
    """What a name says. Each copy is a patient of its own, told apart by the folder: a frame has one view and phase."""
    match = _NAME.fullmatch(path.stem)
    if match is None:
        raise DataError(
            root / path, "name", path.name, "patient0001_2CH_ES_validation_1.png: patient, view, phase, part, copy",
            "Move other pictures away: they would silently be left out.",
        )  # fmt: skip
    part = SplitPart(match["part"])
    folders = {folder for folder in path.parts[:-1] if folder in set(SplitPart)}
    if folders - {str(part)}:
        raise DataError(root / path, "folder", ", ".join(sorted(folders)), f"{part}, as the name says")
    copy = f"-{match['copy'].lstrip('0') or '0'}" if match["copy"] else ""
    return FrameInfo(
        PatientId(RELEASE, f"{part}{copy}", match["patient"]),
        View(match["view"]),
        Phase(match["phase"]),
        domain=Domain.DIFFUSION,
        source=PatientId(SOURCE_RELEASE, SOURCE_FOLDERS[part], match["patient"]),
    )
