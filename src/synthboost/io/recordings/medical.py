"""NIfTI and MHD recordings: one frame, or a clip whose last axis is time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from synthboost.domain import GreyImage
from synthboost.io.mhd import MhdClip, open_mhd_clip
from synthboost.io.nifti import NiftiClip, open_nifti_clip
from synthboost.io.pixels import to_grey_image
from synthboost.io.recordings.recording import Recording, Region

SUFFIXES = (".nii", ".nii.gz", ".mhd")


def open_medical(path: Path) -> Recording:
    """Open a NIfTI-1 or MHD file; see `data/nifti_file.py` and `data/mhd_file.py`.

    Raises:
        DataError: the header is damaged, or a size or spacing is impossible.
    """
    clip: NiftiClip | MhdClip
    if path.name.lower().endswith(".mhd"):
        kind, clip, seconds, header = "mhd", open_mhd_clip(path), None, None
    else:
        nifti = open_nifti_clip(path)
        kind, clip, seconds, header = "nifti", nifti, nifti.frame_seconds, nifti.header

    def frames() -> Iterator[GreyImage]:
        return (to_grey_image(path, pixels) for pixels in clip.frames())

    length, *shape = clip.shape
    size = (shape[0], shape[1])
    return Recording(path, kind, length, Region.whole(size), size, clip.spacing_mm, seconds, frames, header)
