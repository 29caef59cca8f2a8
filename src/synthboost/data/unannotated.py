"""A data set as if nobody had annotated it, for whatever must learn without labels."""

from __future__ import annotations

from dataclasses import replace

from synthboost.data.dataset import Dataset


def without_annotations(dataset: Dataset) -> Dataset:
    """Return the data set without label maps and ejection fractions, which are measured on them.

    No label file is opened through it, not for its fingerprint either.
    """
    files = {
        key: replace(one, label_map=None, raw=tuple(path for path in one.raw if path.stem == one.image.stem))
        for key, one in dataset.files.items()
    }
    frames = tuple(
        replace(info, attributes=replace(info.attributes, ejection_fraction=None, wall_thickness_mm=None))
        for info in dataset.frames
    )
    return replace(dataset, files=files, frames=frames)
