"""The words of the field, defined once: views, phases, structures, frames, prompts, triplets, strategies."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Literal, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from synthboost.errors import DataError

Scalar = TypeVar("Scalar", bound=np.generic)
GreyImage: TypeAlias = NDArray[np.uint8]
"""(H, W), 0-255, rows run from the probe (top) into the body."""
LabelMap: TypeAlias = NDArray[np.uint8]
"""(H, W), values 0-3, see `Structure`."""
Mask: TypeAlias = NDArray[np.bool_]
"""(H, W), true inside one structure."""

Metric: TypeAlias = Literal["dice", "iou", "nsd", "hd95_mm", "assd_mm"]
"""A score by which arms can be compared: its column in `rows.csv`."""
METRICS: dict[Metric, tuple[str, str, float]] = {
    "dice": ("Dice", "points (0-100)", 100.0),
    "iou": ("IoU", "points (0-100)", 100.0),
    "nsd": ("NSD", "points (0-100)", 100.0),
    "hd95_mm": ("HD95", "mm (lower is better)", 1.0),
    "assd_mm": ("ASSD", "mm (lower is better)", 1.0),
}
"""Metric -> its heading, its unit in tables, and the factor to that unit."""


class View(StrEnum):
    """An apical view of the heart."""

    TWO_CHAMBER = "2CH"
    FOUR_CHAMBER = "4CH"


class Phase(StrEnum):
    """An instant of the heart's cycle."""

    END_DIASTOLE = "ED"
    END_SYSTOLE = "ES"


class Structure(IntEnum):
    """What a sentence can name; the value is its label in CAMUS' label maps."""

    LEFT_VENTRICULAR_CAVITY = 1
    MYOCARDIUM = 2
    LEFT_ATRIUM_CAVITY = 3

    @property
    def short(self) -> str:
        """`LV`, `MYO` or `LA`: the name in tables and file names."""
        return _SHORT_NAMES[self]

    @property
    def colour(self) -> tuple[int, int, int]:
        """In every picture: of Okabe and Ito's palette, which colour-blind people can tell apart too."""
        return _COLOURS[self]


_SHORT_NAMES = {
    Structure.LEFT_VENTRICULAR_CAVITY: "LV",
    Structure.MYOCARDIUM: "MYO",
    Structure.LEFT_ATRIUM_CAVITY: "LA",
}
_COLOURS = {
    Structure.LEFT_VENTRICULAR_CAVITY: (0, 158, 115),
    Structure.MYOCARDIUM: (230, 159, 0),
    Structure.LEFT_ATRIUM_CAVITY: (86, 180, 233),
}
STRUCTURES: tuple[Structure, ...] = tuple(Structure)


class Sex(StrEnum):
    """The patient's sex, as CAMUS records it."""

    FEMALE = "F"
    MALE = "M"


class Quality(StrEnum):
    """The image quality of a view, as an expert or the simulator rates it."""

    GOOD = "Good"
    MEDIUM = "Medium"
    POOR = "Poor"


class Domain(StrEnum):
    """Where the pixels of a frame come from."""

    REAL = "real"
    DIFFUSION = "diffusion"
    SIMULATED = "simulated"
    PSEUDO_LABELLED = "pseudo-labelled"
    """Real pixels whose masks a model drew: no expert annotated them."""
    REFINED = "refined"
    """Simulated pixels that a diffusion model of real, unannotated frames went over; the masks are the simulator's."""


class PromptSet(StrEnum):
    """The paper's prompt sets: each adds one attribute to the one before; `P6-SDM` is its P6 for diffusion images.

    `P6-FUNCTION` is ours: P6, the ejection fraction and the wall; so is `P7-ANY`: P7, of which training drops clauses.
    """

    P0 = "P0"
    P1 = "P1"
    P2 = "P2"
    P3 = "P3"
    P4 = "P4"
    P5 = "P5"
    P6 = "P6"
    P7 = "P7"
    P6_SDM = "P6-SDM"
    P6_FUNCTION = "P6-FUNCTION"
    P7_ANY = "P7-ANY"

    @classmethod
    def add(cls, name: str) -> PromptSet:
        """Add a member, known in this process from then on: for `synthboost.prompts.own.add_prompt_set` alone."""
        member = str.__new__(cls, name)
        member._name_ = member._value_ = name
        cls._member_names_.append(name)
        cls._member_map_[name] = cls._value2member_map_[name] = member
        return member


class Strategy(StrEnum):
    """Which data train a model, and in which order (the paper's section on strategies)."""

    ZERO_SHOT = "zero-shot"
    REAL = "real"
    SYNTHETIC = "synthetic"
    SYNTHETIC_THEN_REAL = "synth-PT:real-FT"
    MIXED = "mixed"


class SplitPart(StrEnum):
    """A part of a split of patients."""

    TRAINING = "training"
    VALIDATION = "validation"
    TESTING = "testing"


@dataclass(frozen=True)
class SplitOptions:
    """How the patients of a data set are split, and whom to exclude."""

    split: str = "official"
    """How patients are split: `official`, `paper`, or `no-test` for copies without the test patients."""
    leave_out: tuple[str, ...] = ()
    """Patients to exclude from all parts, e.g. one of two that share an image; it makes every part smaller."""


OLDEST = 120
"""Years; the oldest verified person reached 122, and a larger number in a file is far more often a slip."""
_PATIENT_NAME = re.compile(r"[^\W_][^/\\]{0,127}")


@dataclass(frozen=True, order=True)
class PatientId:
    """A person. CAMUS' first release numbers `training/` and `testing/` independently, so a name is not enough."""

    release: str
    """Which publication of the data set, e.g. `camus-nifti` or `camus-mhd`."""
    folder: str
    """The folder that gives the name its meaning, e.g. `database_nifti`, `training`, `testing`."""
    name: str
    """e.g. `patient0001`."""

    def __post_init__(self) -> None:
        """Refuse (`DataError`) what would be no name of its own in tables, paths and messages.

        Spreadsheets run cells that begin with = + - or @; a slash or a line break would make two names of one.
        """
        for what in ("release", "folder", "name"):
            text = getattr(self, what)
            if not (isinstance(text, str) and _PATIENT_NAME.fullmatch(text) and text.isprintable()):
                expected = "a letter or digit, then printable characters without slashes, 128 at most"
                raise DataError("patient", what, ascii(text)[:80], expected)

    def __str__(self) -> str:
        """`release/folder/name`: unique over all releases."""
        return f"{self.origin}/{self.name}"

    @property
    def origin(self) -> str:
        """`release/folder`, which gives the name its meaning."""
        return f"{self.release}/{self.folder}"


@dataclass(frozen=True)
class Attributes:
    """What is known of a patient and an image besides the pixels; `None` means unknown, and is never guessed."""

    sex: Sex | None = None
    age: int | None = None
    """In years, 0-120."""
    quality: Quality | None = None
    ejection_fraction: float | None = None
    """In percent, by the convention of the data set."""
    wall_thickness_mm: float | None = None
    """Mean of the left ventricular wall at end diastole, measured on the true masks of both views."""


@dataclass(frozen=True)
class FrameInfo:
    """Everything about a frame except its pixels."""

    patient: PatientId
    view: View | None
    """`None`: the data set does not say."""
    phase: Phase | None
    """`None`: between ED and ES, or the data set does not say."""
    attributes: Attributes = field(default_factory=Attributes)
    domain: Domain = Domain.REAL
    source: PatientId | None = None
    """For a diffusion frame: the real patient whose (perturbed) mask it was made from."""
    number: int | None = None
    """In its film, from 0: tells apart, and orders, frames of one patient, view and phase."""
    structures: tuple[Structure, ...] = STRUCTURES
    """What the data set annotates, if it annotates the frame: of others the label map says nothing."""
    spacing_known: bool = True
    """If not, `Frame.spacing_mm` is a placeholder, and nothing that is measured by it is stated."""

    @property
    def has_place(self) -> bool:
        """Whether it is the patient's frame of a known view and phase, as CAMUS' layout has them."""
        return self.view is not None and self.phase is not None and self.number is None

    @property
    def name(self) -> str:
        """e.g. `patient0001_2CH_ED`, `patient0001_2CH_0007`; unique within one folder of one release."""
        number = None if self.number is None else f"{self.number:04d}"
        return "_".join(str(part) for part in (self.patient.name, self.view, self.phase, number) if part is not None)


@dataclass(frozen=True, eq=False)
class Frame:
    """One image of one patient, view and phase, upright (the probe on top)."""

    info: FrameInfo
    image: GreyImage
    """(H, W) uint8."""
    label_map: LabelMap | None
    """(H, W) uint8 with values 0-3, or `None` when the frame is not annotated."""
    spacing_mm: tuple[float, float]
    """Distance between neighbouring (rows, columns) in mm; they may differ."""

    @property
    def known_spacing_mm(self) -> tuple[float, float] | None:
        """`spacing_mm`, or `None` where it is a placeholder."""
        return self.spacing_mm if self.info.spacing_known else None

    def mask(self, structure: Structure) -> Mask:
        """The true mask of one structure, (H, W) bool; asking an unannotated frame is a programming error."""
        assert self.label_map is not None, f"{self.info.name} has no annotation"
        return np.asarray(self.label_map == int(structure))


@dataclass(frozen=True)
class Prompt:
    """A sentence and how it came about."""

    text: str
    prompt_set: PromptSet
    paraphrase: int
    """0: "... of the heart ...", 1: "... in the cardiac ultrasound ..."."""
    dropped: tuple[str, ...] = ()
    """Attributes of the prompt set that are unknown for this frame, so that their clause is left out."""
    uses_ground_truth: bool = False
    """True when a word of the sentence was derived from the true mask."""


@dataclass(frozen=True, eq=False)
class Triplet:
    """One image, one sentence, one mask: the unit of training and of evaluation."""

    frame: Frame
    structure: Structure
    prompt: Prompt

    @property
    def mask(self) -> Mask:
        """The true mask of the structure that the sentence names, (H, W) bool."""
        return self.frame.mask(self.structure)


def mirror_image(array: NDArray[Scalar]) -> NDArray[Scalar]:
    """Left and right of images or masks (..., H, W) exchanged."""
    return np.ascontiguousarray(array[..., ::-1])


def largest_piece(mask: Mask, corners_join: bool = True) -> Mask:
    """The largest connected piece of a mask (H, W); pixels that meet at a corner are one piece, or are not."""
    from scipy import ndimage  # here, because scipy is slow to import

    labels, count = ndimage.label(mask, structure=np.ones((3, 3)) if corners_join else None)
    return np.asarray(labels == 1 + int(np.bincount(labels.ravel())[1:].argmax())) if count else mask
