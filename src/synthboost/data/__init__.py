"""Readers of data sets, splits by patient, triplets: from folders on disk to image, sentence and mask."""

from synthboost.data.dataset import Dataset, FrameFiles, without_annotations
from synthboost.data.loading import load_many
from synthboost.data.registry import READERS, looks_like_dataset, open_dataset
from synthboost.data.split_check import (
    STRANGERS,
    SplitCheck,
    check_beside,
    check_sources,
    check_split,
    check_strangers,
    find_twins,
)
from synthboost.data.splits import SPLITS, Split, fewer_training_patients, frames_of, make_split, without_patients
from synthboost.data.triplets import ShapeSource, TripletRecipe, make_triplets

__all__ = [
    "READERS",
    "SPLITS",
    "STRANGERS",
    "Dataset",
    "FrameFiles",
    "ShapeSource",
    "Split",
    "SplitCheck",
    "TripletRecipe",
    "check_beside",
    "check_sources",
    "check_split",
    "check_strangers",
    "fewer_training_patients",
    "find_twins",
    "frames_of",
    "load_many",
    "looks_like_dataset",
    "make_split",
    "make_triplets",
    "open_dataset",
    "without_annotations",
    "without_patients",
]
