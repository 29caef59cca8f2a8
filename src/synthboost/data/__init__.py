"""Readers of data sets, splits by patient, triplets: from folders on disk to image, sentence and mask."""

from synthboost.data.dataset import Dataset, without_annotations
from synthboost.data.registry import READERS, looks_like_dataset, open_dataset
from synthboost.data.splits import (
    PICTURES_RELEASE,
    SPLITS,
    Split,
    check_beside,
    check_images,
    check_patients,
    check_pictures,
    check_sources,
    fewer_training_patients,
    make_split,
    without_patients,
)
from synthboost.data.triplets import TripletRecipe, make_triplets

__all__ = [
    "PICTURES_RELEASE",
    "READERS",
    "SPLITS",
    "Dataset",
    "Split",
    "TripletRecipe",
    "check_beside",
    "check_images",
    "check_patients",
    "check_pictures",
    "check_sources",
    "fewer_training_patients",
    "looks_like_dataset",
    "make_split",
    "make_triplets",
    "open_dataset",
    "without_annotations",
    "without_patients",
]
