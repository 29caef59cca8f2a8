"""nnU-Net's layout, version 2: `dataset.json`, `imagesTr`, `labelsTr` and, for the test patients, `...Ts`.

As of `documentation/dataset_format.md` of its repository. `nnunet_export.py` writes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

from synthboost.data.dataset import Dataset, FrameFiles
from synthboost.data.image_file import SUFFIXES
from synthboost.data.picture_folder import said_by
from synthboost.data.splits import drawn_split
from synthboost.data.table import TableFolder
from synthboost.domain import STRUCTURES, FrameInfo, PatientId, Phase, SplitPart, Structure, View
from synthboost.errors import DataError
from synthboost.io.typed_json import read_json
from synthboost.prompts.templates import STRUCTURE_NAMES

FACTS, ENDING = Path("dataset.json"), ".nii.gz"
NAMES = {
    **{structure.short.lower(): structure for structure in STRUCTURES},
    **{name.lower(): structure for structure, name in STRUCTURE_NAMES.items()},
    "left ventricle": Structure.LEFT_VENTRICULAR_CAVITY,
    "left atrium": Structure.LEFT_ATRIUM_CAVITY,
}
"""What labels may be called, in any case, with _ or - for blanks. Others are background here."""


class NnUnet(Dataset):
    """A folder as `nnUNet_raw/DatasetXXX_Name`."""

    looks_for: ClassVar[str] = f"{FACTS} beside imagesTr/CASE_0000{ENDING} and labelsTr/CASE{ENDING}"

    @classmethod
    def find_root(cls, path: Path) -> Path | None:
        """The folder itself, unless a `frames.csv` says more of its images; else `None`."""
        found = (path / FACTS).is_file() and (path / "imagesTr").is_dir()
        return path if found and TableFolder.find_root(path) is None else None

    @classmethod
    def open(cls, root: Path, allow_missing: bool = False) -> Self:
        """Read `dataset.json` and names, no pixel.

        View and phase are those in a case's name (`anna_4CH_ED`); cases whose names differ in anything else are
        different patients. Those of `imagesTs` test; `drawn_split` divides the others.

        Raises:
            DataError: `dataset.json` names no structure or several channels, its number of cases is another, or a label
                map of `imagesTr` is absent (unless allowed: its patient is left out).
        """
        facts = read_json(root / FACTS)
        numbers, ending = _numbers(root, facts), str(facts.get("file_ending", ENDING))
        if ending not in SUFFIXES:
            raise DataError(root / FACTS, "file_ending", ending, f"one of {', '.join(SUFFIXES)}")
        structures = tuple(map(Structure, sorted({*numbers.values()} - {0})))
        release, files, absent, testing = f"nnunet-{root.absolute().name}", dict[FrameInfo, FrameFiles](), [], set()
        for part in ("Tr", "Ts"):
            for image in sorted((root / f"images{part}").glob(f"*_0000{ending}")):
                case = image.name.removesuffix(f"_0000{ending}")
                person, views, phases = said_by(case)
                view, phase = (found.pop() if len(found) == 1 else None for found in (views, phases))
                label_map = Path(f"labels{part}") / f"{case}{ending}"
                info = FrameInfo(
                    PatientId(release, "cases", person), View(view) if view else None, Phase(phase) if phase else None,
                    structures=structures, spacing_known=ending != ".png",
                )  # fmt: skip
                if info in files:
                    raise DataError(image, "case", case, f"another name than {files[info].image.name}")
                annotated = (root / label_map).is_file()
                if part == "Tr" and not annotated:
                    absent.append(label_map.as_posix())
                    continue
                testing |= {info.patient} if part == "Ts" else set()
                files[info] = FrameFiles(image.relative_to(root), label_map if annotated else None)
        training = sum(files[info].image.parts[0] == "imagesTr" for info in files) + len(absent)
        if training != facts.get("numTraining", training):
            raise DataError(root / FACTS, "numTraining", facts["numTraining"], f"{training}, which imagesTr holds")
        official = drawn_split({info.patient for info in files} - testing)
        if testing:
            official[SplitPart.TRAINING] = tuple(sorted((*official[SplitPart.TRAINING], *official[SplitPart.TESTING])))
            official[SplitPart.TESTING] = tuple(sorted(testing))
        return cls.of(
            root, release, files, absent, allow_missing, side_files=(FACTS,), official=official, labels=numbers
        )


def _numbers(root: Path, facts: Mapping[str, Any]) -> dict[int, int]:
    path, channels, labels = root / FACTS, facts.get("channel_names", facts.get("modality", {})), facts.get("labels")
    if len(channels) != 1:
        raise DataError(path, "channel_names", len(channels), "one channel, the grey image")
    if not isinstance(labels, dict) or not all(isinstance(number, int) for number in labels.values()):
        raise DataError(path, "labels", labels, 'names with a number each, as {"background": 0, "LV": 1}')
    named = {name.lower().replace("_", " ").replace("-", " "): number for name, number in labels.items()}
    if "ignore" in named:  # nnU-Net leaves such pixels out of loss and score; here they would count as background
        raise DataError(path, "labels", "ignore", "label maps in which every pixel has a meaning")
    numbers = {number: int(NAMES[name]) if name in NAMES else 0 for name, number in named.items()}
    if not any(numbers.values()):
        raise DataError(path, "labels", ", ".join(labels), f"one of {', '.join(NAMES)}")
    return numbers
