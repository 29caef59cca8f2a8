"""Images to be compared: on one grid, each with labels, sector and patient; and sheets of many of them, for the eye."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from synthboost.domain import STRUCTURES, Mask, Structure
from synthboost.errors import DataError


class EchoRegion(StrEnum):
    """A part of an image whose texture is measured by itself."""

    LV = "LV"
    MYO = "MYO"
    LA = "LA"
    TISSUE = "tissue"
    """Inside the sector and in no structure."""


_STRUCTURES: dict[EchoRegion, Structure] = {EchoRegion(s.short): s for s in STRUCTURES}


@dataclass(frozen=True, eq=False)
class EchoSet:
    """A set of images of one size. Sets that are compared must share that size: texture depends on it."""

    images: NDArray[np.uint8]
    """(n, H, W)."""
    label_maps: NDArray[np.uint8]
    """(n, H, W), 0-3."""
    sectors: NDArray[np.bool_]
    """(n, H, W)."""
    patients: tuple[str, ...]
    """(n,) whose image it is; of a synthetic one, the patient whose mask it was made from."""
    names: tuple[str, ...]
    """(n,) for messages and lists."""

    def __post_init__(self) -> None:
        """Refuse arrays that do not belong together.

        Raises:
            DataError: names the array.
        """
        shape = self.images.shape
        for field, dtype in (("images", np.uint8), ("label_maps", np.uint8), ("sectors", np.bool_)):
            array = getattr(self, field)
            if array.dtype != dtype or array.ndim != 3 or array.size == 0 or array.shape != shape:
                expected = f"{np.dtype(dtype)} (n, H, W), {shape} as the images"
                raise DataError("image set", field, f"{array.dtype} {array.shape}", expected)
        if self.label_maps.max() > max(Structure):
            raise DataError("image set", "label_maps", f"up to {self.label_maps.max()}", "labels from 0 to 3")
        for field, values in (("patients", self.patients), ("names", self.names)):
            if len(values) != len(self.images):
                raise DataError("image set", field, len(values), f"{len(self.images)}, one per image")

    def __len__(self) -> int:
        """The number of images."""
        return len(self.images)

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W)."""
        return self.images.shape[1], self.images.shape[2]

    def mask(self, number: int, region: EchoRegion) -> Mask:
        """(H, W) pixels of a region of one image, inside the sector."""
        sector, label_map = self.sectors[number], self.label_maps[number]
        label = 0 if region is EchoRegion.TISSUE else int(_STRUCTURES[region])
        return np.asarray(sector & (label_map == label))
