"""How good a predicted mask is: overlap, boundary distances, clinical indices, and statistics by patient."""

from synthboost.evaluation.baselines import ConstantMasks, fit_image_blind, fit_text_blind
from synthboost.evaluation.clinical.indices import (
    LabelledFrames,
    ejection_fraction_biplane,
    ejection_fraction_camus,
    ejection_fractions,
    long_axis_mm,
    volumes_ml,
)
from synthboost.evaluation.clinical.method_agreement import MethodAgreement, method_agreement
from synthboost.evaluation.clinical.patient_numbers import Measurement, PatientNumbers, measure_patient
from synthboost.evaluation.clinical.plausibility import Check, check_frame, check_patient
from synthboost.evaluation.metrics.distance import BoundaryDistances, boundary, boundary_distances
from synthboost.evaluation.metrics.overlap import area_mm2, dice, iou
from synthboost.evaluation.metrics.resample import spacing_on_grid, to_grid
from synthboost.evaluation.metrics.score import NSD_TOLERANCE_MM, Scores, score_masks
from synthboost.evaluation.metrics.uncertainty import SelfAgreement, self_agreement
from synthboost.evaluation.statistics.arms import ArmPair, pair_arms
from synthboost.evaluation.statistics.bootstrap import Interval, bootstrap_mean
from synthboost.evaluation.statistics.comparison import Comparison, PairedScores, compare, pair_rows
from synthboost.evaluation.statistics.family import Contrast, Family, compare_family, find_contrast
from synthboost.evaluation.statistics.groups import GROUPINGS, group_rows
from synthboost.evaluation.statistics.seeds import SeedInterval, SeedVariation, seed_variation
from synthboost.evaluation.statistics.signed_rank import rank_biserial, wilcoxon_over_pairs
from synthboost.evaluation.statistics.tests import MeanSd, cliffs_delta, holm, mean_and_sd, patient_wilcoxon
from synthboost.records.rows import TINY_SHARE

__all__ = [
    "GROUPINGS",
    "NSD_TOLERANCE_MM",
    "TINY_SHARE",
    "ArmPair",
    "BoundaryDistances",
    "Check",
    "Comparison",
    "ConstantMasks",
    "Contrast",
    "Family",
    "Interval",
    "LabelledFrames",
    "MeanSd",
    "Measurement",
    "MethodAgreement",
    "PairedScores",
    "PatientNumbers",
    "Scores",
    "SeedInterval",
    "SeedVariation",
    "SelfAgreement",
    "area_mm2",
    "bootstrap_mean",
    "boundary",
    "boundary_distances",
    "check_frame",
    "check_patient",
    "cliffs_delta",
    "compare",
    "compare_family",
    "dice",
    "ejection_fraction_biplane",
    "ejection_fraction_camus",
    "ejection_fractions",
    "find_contrast",
    "fit_image_blind",
    "fit_text_blind",
    "group_rows",
    "holm",
    "iou",
    "long_axis_mm",
    "mean_and_sd",
    "measure_patient",
    "method_agreement",
    "pair_arms",
    "pair_rows",
    "patient_wilcoxon",
    "rank_biserial",
    "score_masks",
    "seed_variation",
    "self_agreement",
    "spacing_on_grid",
    "to_grid",
    "volumes_ml",
    "wilcoxon_over_pairs",
]
