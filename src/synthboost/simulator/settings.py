"""What to simulate: a frozen description that decides every pixel of a simulated data set."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Self

from tyro.conf import Suppress

from synthboost.errors import DataError, require_fields
from synthboost.io.typed_json import from_json
from synthboost.simulator.appearance import APPEARANCES, Appearance, AppearanceName
from synthboost.simulator.conditions import Condition
from synthboost.simulator.priors import PRIORS, Prior, PriorName, calibrated, calibration_of
from synthboost.simulator.visibility import QualityRule

NATIVE_SPACING_MM = 0.308
"""Of CAMUS' NIfTI release; give it as `spacing_mm` for frames as large as CAMUS' own."""


@dataclass(frozen=True)
class SimulationSettings:
    """A simulated data set. The same settings give the same masks on every machine, with any number of processes."""

    patients: int = 100
    """The number of patients; each has two views at two phases: four frames."""
    seed: int = 0
    """The seed of all random numbers. Sets share no patient if their seeds, priors or patient numbers differ."""
    prior: PriorName = PriorName.CAMUS
    """The hearts: from the literature, without any annotation, or fitted to CAMUS' annotations."""
    condition: Condition | None = None
    """A condition that all hearts or views have, for evaluation sets; by default the prior draws one for each."""
    appearance: AppearanceName = AppearanceName.CLINICAL
    """The images: `clean` (one scanner, no artefact), `clinical` (three scanners), or `wild` (all dials at 1)."""
    calibration: tuple[tuple[str, float], ...] = ()
    """Shifts of the prior, as printed by `synthboost calibrate`, e.g. `volume 0.93 wall_mm 1.2`."""
    dials: tuple[tuple[str, float], ...] = ()
    """Additional variation, 0-1 per dial, e.g. `anatomy 0.5 gain 1`; `docs/simulator.md` lists the dials."""
    quality_strength: Annotated[float, Suppress] = 1.0
    """How strongly the quality label shows in the image, 0 (not at all) to 1."""
    quality_rule: QualityRule = QualityRule.DRAWN
    """The quality label: `drawn` for the image, or `visible-wall` of the finished frames; pixels do not change."""
    phases_between: int = 0
    """Frames between end diastole and end systole, 0-100; above 0 each view also gets a half sequence, as in CAMUS."""
    size: int = 256
    """Pixels of the longer side of a frame, 32-2048."""
    spacing_mm: Annotated[float | None, Suppress] = None
    """Pixel spacing, which replaces `size`; CAMUS has 0.308. All frames then have their own size."""
    first_patient_number: Annotated[int, Suppress] = 1
    """The first patient's number; another range gives other patients of the same population."""
    split_counts: tuple[int, int, int] | None = None
    """Numbers of training, validation and test patients; by default 80, 10 and 10 %."""

    def __post_init__(self) -> None:
        """Refuse invalid values with a `ConfigError` that names the field."""
        spacing, counts = self.spacing_mm, self.split_counts
        require_fields(
            self,
            ("patients", self.patients >= 1, "at least 1"),
            ("seed", self.seed >= 0, "0 or more"),
            ("quality_strength", 0.0 <= self.quality_strength <= 1.0, "0-1"),
            ("phases_between", 0 <= self.phases_between <= 100, "0-100 frames"),
            ("size", 32 <= self.size <= 2048, "32-2048 pixels"),
            ("spacing_mm", spacing is None or 0.1 <= spacing <= 6.0, "0.1-6 mm"),
            ("first_patient_number", self.first_patient_number >= 1, "at least 1"),
            (
                "split_counts",
                counts is None or (min(counts) >= 0 and sum(counts) == self.patients),
                f"three counts that sum to {self.patients} patients",
            ),
        )
        calibration_of(self.calibration)
        APPEARANCES[self.appearance].turned(self.dials)

    @property
    def prior_table(self) -> Prior:
        """The parameters that `prior` names, calibrated."""
        return calibrated(PRIORS[self.prior], calibration_of(self.calibration))

    @property
    def preset(self) -> Appearance:
        """The preset that `appearance` names, its dials turned."""
        return APPEARANCES[self.appearance].turned(self.dials)

    @property
    def patient_numbers(self) -> range:
        """The numbers of the patients of this set."""
        return range(self.first_patient_number, self.first_patient_number + self.patients)

    @property
    def counts(self) -> tuple[int, int, int]:
        """Patients for training, validation and testing."""
        if self.split_counts is not None:
            return self.split_counts
        tenth = round(0.1 * self.patients) or (1 if self.patients >= 3 else 0)
        return self.patients - 2 * tenth, tenth, tenth

    def to_json(self) -> dict[str, Any]:
        """Plain values for a record of the settings."""
        plain = {key: list(v) if isinstance(v, tuple) else v for key, v in asdict(self).items()}
        return plain | {key: dict(plain[key]) for key in _PAIRS}

    @classmethod
    def from_json(cls, values: Any, path: Path) -> Self:
        """Return what `to_json` was called on; `path` is the file that holds it.

        Raises:
            DataError: a name is missing or unknown, or a value is of another type or cannot be.
        """
        plain = dict(values) if isinstance(values, dict) else {}
        for key in _PAIRS:
            if not isinstance(plain.get(key), dict):
                raise DataError(path, f"settings.{key}", str(plain.get(key))[:80], "a JSON object")
            plain[key] = [list(pair) for pair in plain[key].items()]
        settings: Self = from_json(cls, plain, path, "settings")
        return settings


_PAIRS = ("calibration", "dials")
