"""Calibrate the simulator to unannotated images: shift its prior over hearts towards theirs.

A model predicts masks in real images and in simulated ones; `measure_heart` measures both. The difference of the
medians is added to the prior that drew the simulated ones. Errors that the model makes on both sides cancel; nothing
guarantees that all do. Indirect inference (Gourieroux, Monfort and Renault, J Appl Econom 8:S85-S118, 1993), with a
model's masks as the auxiliary statistic and one step for each call.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np

from synthboost.adaptation.pseudo_labels import PseudoLabelSettings, annotate
from synthboost.data.source import Source
from synthboost.domain import LabelMap, PatientId, Phase, SplitPart, Structure, View, largest_piece
from synthboost.errors import ConfigError, DataError
from synthboost.evaluation.clinical.apical_view import ApicalView
from synthboost.evaluation.clinical.geometry import farthest_from
from synthboost.inference.predictor import Predictor
from synthboost.progress import track
from synthboost.simulator.priors import DECIMALS, Calibration, calibration_of

LEAST_FRAMES = 10
"""Of each view at end diastole, on either side: a median of fewer says little."""
_ED = Phase.END_DIASTOLE
Heart: TypeAlias = dict[str, float]
"""What `measure_heart` finds in one frame."""
Hearts: TypeAlias = Mapping[tuple[View, Phase], Sequence[Heart]]


def measure_heart(label_map: LabelMap, spacing_mm: tuple[float, float], name: str = "label map") -> Heart:
    """Measure a label map (H, W) of an apical view, the probe on top.

    Returns:
        Lengths in mm, areas in mm2, angles in degrees.
        length: of the left ventricular cavity, middle of the mitral plane to the farthest point of its contour.
        area: of the cavity.
        annulus: distance between the hinges of the mitral valve.
        wall: mean thickness of the myocardium.
        tilt: of the axis from the outer apex to the middle of the mitral plane, against the vertical; positive if the
            base lies to the right of the apex.
        apex_depth: of the outer apex below the upper edge of the image, where the fan's tip is.
        apex_lateral: of the outer apex to the right of the image's vertical midline.

    Raises:
        DataError: it is not valid, shows no cavity or no myocardium, or no mitral plane (see `ApicalView.plane`).
    """
    view = ApicalView.of(label_map, spacing_mm, name)
    cavity = label_map == int(Structure.LEFT_VENTRICULAR_CAVITY)
    middle, apex = view.plane.middle, view.apex
    heart = largest_piece(np.asarray(cavity | (label_map == int(Structure.MYOCARDIUM))))
    outer = farthest_from(middle, heart, np.asarray(spacing_mm))
    down, right = middle - outer
    if down <= 0:
        raise DataError(
            name, "left ventricle", "upside down", "an apex above the base", "Turn the image: probe on top."
        )
    return {
        "length": float(np.linalg.norm(apex - middle)),
        "area": view.area(Structure.LEFT_VENTRICULAR_CAVITY),
        "annulus": view.plane.width,
        "wall": view.wall_thickness,
        "tilt": float(np.degrees(np.arctan2(right, down))),
        "apex_depth": float(outer[0]),
        "apex_lateral": float(outer[1] - label_map.shape[1] * spacing_mm[1] / 2),
    }


def require_enough(images: Source, patients: int, name: str) -> None:
    """Check whether so many training patients can be enough, before a model predicts any.

    Raises:
        DataError: they have fewer frames of a view at end diastole than a median takes.
    """
    chosen = _chosen(images, patients)
    for view in View:
        found = sum(i.patient in chosen and (i.view, i.phase) == (view, _ED) for i in images.dataset.frames)
        if found < LEAST_FRAMES:
            raise DataError(
                name, f"{view} frames at end diastole", f"{found} of {len(chosen)} training patients",
                f"at least {LEAST_FRAMES}", "Give more images.",
            )  # fmt: skip


def measure_hearts(predictor: Predictor, images: Source, patients: int, name: str) -> tuple[Hearts, int]:
    """Annotate the first training patients by a model and measure what could be a heart; no annotation is read.

    Returns:
        The measured hearts by view and phase, and the number of frames that were annotated, plausible or not.

    Raises:
        ConfigError: `patients` is less than 1.
        DataError: an image is broken.
    """
    if patients < 1:
        raise ConfigError("calibrate", "patients", patients, "at least 1")
    bare = images.without_annotations().dataset
    hearts: defaultdict[tuple[View, Phase], list[Heart]] = defaultdict(list)
    frames = 0
    for patient in track(_chosen(images, patients), f"annotating {name}", unit="patient"):
        for one in annotate(predictor, bare, patient, PseudoLabelSettings()):
            frames += 1
            info, label_map = one.frame.info, one.frame.label_map
            if one.reasons or label_map is None or info.view is None or info.phase is None:
                continue
            try:
                hearts[info.view, info.phase].append(measure_heart(label_map, one.frame.spacing_mm, info.name))
            except DataError:
                continue  # plausible by its pieces, but without a mitral plane or a wall: counted by `frames` alone
    return dict(hearts), frames


def calibrate(real: Hearts, simulated: Hearts) -> Calibration:
    """Find what must be done to the prior of `simulated` for its medians at end diastole to be those of `real`.

    The volume goes as area squared over length. Sizes are means over the two views, poses are each view's own.

    Raises:
        DataError: either side has fewer than ten frames of a view at end diastole.
        ConfigError: the shift is larger than any that makes sense.
    """
    ours, theirs = _medians("simulated", simulated), _medians("real", real)

    def ratio(name: str) -> float:
        wanted, found = (np.mean([side[view][name] for view in View]) for side in (theirs, ours))
        return float(wanted / found)

    def difference(name: str, *views: View) -> float:
        return float(np.mean([theirs[view][name] - ours[view][name] for view in views]))

    volume = ratio("area") ** 2 / ratio("length")
    found = {
        "volume": volume,
        "length": ratio("length") / volume ** (1 / 3),
        "annulus": ratio("annulus"),
        "wall_mm": difference("wall", *View),
        "tilt_2ch_deg": difference("tilt", View.TWO_CHAMBER),
        "tilt_4ch_deg": difference("tilt", View.FOUR_CHAMBER),
        "apex_depth_mm": difference("apex_depth", *View),
        "apex_2ch_mm": difference("apex_lateral", View.TWO_CHAMBER),
        "apex_4ch_mm": difference("apex_lateral", View.FOUR_CHAMBER),
    }
    return calibration_of((name, round(value, DECIMALS)) for name, value in found.items())


def _medians(side: str, hearts: Hearts) -> dict[View, Heart]:
    medians = {}
    for view in View:
        found = hearts.get((view, _ED), ())
        if len(found) < LEAST_FRAMES:
            raise DataError(
                side, f"plausible {view} frames at end diastole", len(found), f"at least {LEAST_FRAMES}",
                "Give more images, or a model that was trained longer.",
            )  # fmt: skip
        medians[view] = {name: float(np.median([one[name] for one in found])) for name in found[0]}
    return medians


def _chosen(images: Source, patients: int) -> list[PatientId]:
    present = set(images.dataset.patients)
    return [patient for patient in images.split.parts[SplitPart.TRAINING] if patient in present][:patients]
