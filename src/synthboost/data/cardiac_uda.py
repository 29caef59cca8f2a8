"""CardiacUDA (CardiacUDC): clips of two hospitals' machines, some frames of each outlined.

Yang et al., ICCV 2023 (GraphEcho, arXiv 2309.11145). What is read, and where it is known from: docs/data.md.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Self

import numpy as np

from synthboost.data.dataset import Dataset, FrameFiles
from synthboost.data.image_file import UNKNOWN_SPACING
from synthboost.data.splits import drawn_split
from synthboost.domain import FrameInfo, LabelMap, PatientId, Structure, View
from synthboost.errors import DataError
from synthboost.io.nifti import open_nifti
from synthboost.io.recordings import read_frame
from synthboost.progress import track

IMAGE, LABEL, ALL_FRAMES = "_image.nii.gz", "_label.nii.gz", "label_all_frame"
FOUR_CHAMBERS = "-4"
"""Ends the name of a clip of the four-chamber view."""
NUMBERS = {1: Structure.LEFT_VENTRICULAR_CAVITY, 2: Structure.LEFT_ATRIUM_CAVITY}
"""In the label maps; 3 right atrium, 4 right ventricle, 5 and 6 others."""
MOST = 6


class CardiacUda(Dataset):
    """`Site_*/patient-7-4_image.nii.gz` and `..._label.nii.gz`; give one site's folder for that site alone."""

    looks_for: ClassVar[str] = f"Site_*/*{FOUR_CHAMBERS}{IMAGE}, perhaps in cardiacUDC_dataset/"

    @classmethod
    def find_root(cls, path: Path) -> Path | None:
        """The folder of the sites, the one that holds it, or a site's own."""
        if path.absolute().name.startswith("Site_"):
            return path if any(path.glob(f"*{IMAGE}")) else None
        places = (path, path / "cardiacUDC_dataset")
        return next((place for place in places if any(place.glob(f"Site_*/*{IMAGE}"))), None)

    @classmethod
    def open(cls, root: Path, allow_missing: bool = False) -> Self:
        """Read the label maps, since nothing else tells which frames are outlined, and no image.

        Raises:
            DataError: label maps are broken, no frame is outlined, or those of a clip are absent (unless allowed).
        """
        files: dict[FrameInfo, FrameFiles] = {}
        absent, ignored = list[str](), dict[str, int]()
        for path in track(sorted([*root.glob(f"Site_*/*{IMAGE}"), *root.glob(f"*{IMAGE}")]), "reading labels"):
            name, site = path.name.removesuffix(IMAGE), path.absolute().parent.name
            image = path.relative_to(root)
            label = image.with_name(f"{name}{LABEL}")
            if not name.endswith(FOUR_CHAMBERS):
                ignored["clips of other views"] = ignored.get("clips of other views", 0) + 1
                continue
            if not (root / label).is_file():
                absent.append(label.as_posix())
                continue
            recording = open_nifti(root / label)
            patient = PatientId("cardiac-uda", site, name.removesuffix(FOUR_CHAMBERS))
            known = recording.spacing_mm != UNKNOWN_SPACING  # 1 mm in clips that were made of films
            for number, labels in enumerate(recording.source()):
                if np.isin(labels, [*NUMBERS]).any():
                    info = FrameInfo(
                        patient, View.FOUR_CHAMBER, None, number=number, structures=tuple(NUMBERS.values()),
                        spacing_known=known,
                    )  # fmt: skip
                    files[info] = FrameFiles(image, label, number)
        if again := len([*(root / ALL_FRAMES).glob(f"*{IMAGE}")]):
            ignored[f"clips in {ALL_FRAMES}, whose labels have another coding"] = again
        official = drawn_split({info.patient for info in files})
        return cls.of(root, "cardiac-uda", files, absent, allow_missing, official=official, ignored=ignored)

    def label_map_of(self, info: FrameInfo, shape: tuple[int, ...]) -> tuple[LabelMap, None]:
        """Fill the outlines; see `Dataset.label_map_of`."""
        files = self.files_of(info)
        path = self.root / str(files.label_map)
        return _filled(path, read_frame(path, files.number)[0]), None


def _filled(path: Path, labels: np.ndarray) -> LabelMap:
    from scipy import ndimage

    if labels.min() < 0 or labels.max() > MOST or (labels != np.rint(labels)).any():
        raise DataError(path, "labels", f"{labels.min():g} to {labels.max():g}", f"whole numbers from 0 to {MOST}")
    label_map = np.zeros(labels.shape, np.uint8)
    for number, structure in NUMBERS.items():
        inside = ndimage.binary_fill_holes(labels == number) & ((labels == 0) | (labels == number))
        label_map[inside] = int(structure)
    return label_map
