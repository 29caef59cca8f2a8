"""How good a predicted mask is: overlap, boundary distances, clinical indices, and statistics by patient."""

from synthboost.evaluation.baselines import ConstantMasks, fit_image_blind, fit_text_blind
from synthboost.evaluation.bootstrap import Interval, bootstrap_mean
from synthboost.evaluation.clinical import (
    LabelledFrames,
    ejection_fraction_biplane,
    ejection_fraction_camus,
    long_axis_mm,
    volumes_ml,
)
from synthboost.evaluation.comparison import Comparison, PairedScores, compare, pair_rows
from synthboost.evaluation.distance import BoundaryDistances, boundary, boundary_distances
from synthboost.evaluation.overlap import area_mm2, dice, iou
from synthboost.evaluation.resample import spacing_on_grid, to_grid
from synthboost.evaluation.score import NSD_TOLERANCE_MM, Scores, score_masks
from synthboost.evaluation.statistics import MeanSd, cliffs_delta, holm, mean_and_sd, patient_wilcoxon
from synthboost.records.rows import TINY_SHARE

__all__ = [
    "NSD_TOLERANCE_MM",
    "TINY_SHARE",
    "BoundaryDistances",
    "Comparison",
    "ConstantMasks",
    "Interval",
    "LabelledFrames",
    "MeanSd",
    "PairedScores",
    "Scores",
    "area_mm2",
    "bootstrap_mean",
    "boundary",
    "boundary_distances",
    "cliffs_delta",
    "compare",
    "dice",
    "ejection_fraction_biplane",
    "ejection_fraction_camus",
    "fit_image_blind",
    "fit_text_blind",
    "holm",
    "iou",
    "long_axis_mm",
    "mean_and_sd",
    "pair_rows",
    "patient_wilcoxon",
    "score_masks",
    "spacing_on_grid",
    "to_grid",
    "volumes_ml",
]
