"""How like real ultrasound synthetic images are, without any downloaded network: texture, distances, copies."""

from synthboost.evaluation.fidelity.consistency import Consistency, mask_consistency
from synthboost.evaluation.fidelity.contact_sheet import contact_sheet, outlined
from synthboost.evaluation.fidelity.coverage import DensityCoverage, density_and_coverage
from synthboost.evaluation.fidelity.echo_set import EchoSet, Region
from synthboost.evaluation.fidelity.floor import AgainstFloor, against_floor
from synthboost.evaluation.fidelity.frechet import frechet_distance
from synthboost.evaluation.fidelity.kernel import KernelDistance, kernel_distance
from synthboost.evaluation.fidelity.memorisation import Memorisation, low_resolution, nearest_neighbour_test
from synthboost.evaluation.fidelity.radiomics import FEATURES, feature_names, radiomic_features
from synthboost.evaluation.fidelity.report import FidelityReport, FidelitySettings, judge
from synthboost.evaluation.fidelity.speckle import SPECKLE, Speckle, speckle
from synthboost.evaluation.fidelity.writing import to_html, to_markdown, write_fidelity

__all__ = [
    "FEATURES",
    "SPECKLE",
    "AgainstFloor",
    "Consistency",
    "DensityCoverage",
    "EchoSet",
    "FidelityReport",
    "FidelitySettings",
    "KernelDistance",
    "Memorisation",
    "Region",
    "Speckle",
    "against_floor",
    "contact_sheet",
    "density_and_coverage",
    "feature_names",
    "frechet_distance",
    "judge",
    "kernel_distance",
    "low_resolution",
    "mask_consistency",
    "nearest_neighbour_test",
    "outlined",
    "radiomic_features",
    "speckle",
    "to_html",
    "to_markdown",
    "write_fidelity",
]
