"""Pretrained weights as the package ships them: probabilities that mean what they say, half the bytes, and a card.

A network that was trained to be right is surer than it is right. Its logits are divided by one number, the temperature,
that makes simulated frames, which it was not trained on, most likely (Guo et al., ICML 2017, arXiv 1706.04599). The
largest logit stays the largest, so label maps stay. It is not a setting: the weights of the layers that make the
kernels, in which logits are linear, are divided by it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from scipy.optimize import minimize_scalar
from torch import Tensor

from synthboost.domain import STRUCTURES
from synthboost.errors import CheckpointError
from synthboost.io.atomic import write_json, write_text
from synthboost.io.typed_json import from_json, read_json, read_record, to_json
from synthboost.models.registry import folder_of, load_segmenter
from synthboost.models.textunet.model import NAMES, TextUNet
from synthboost.models.weights_folder import TRAINING_FILE, WEIGHTS_FILE, file_sha256
from synthboost.reports.box_card import BOX_CARD, box_card
from synthboost.simulator.render import SimulatedFrame, simulate_patient
from synthboost.simulator.settings import SimulationSettings
from synthboost.training.pretrain import TRAINED_ON, PretrainingRecord
from synthboost.training.recipe import RecipeSettings

FIRST_PATIENT = 15_000_000
"""Number of the first simulated patient to calibrate on; no training comes so far."""
PATIENTS = 20
LIMIT = math.e**2
"""The temperature lies between 1 / LIMIT and LIMIT."""


@dataclass(frozen=True)
class Packaging:
    """How weights were changed after their training; stands in `training.json`."""

    temperature: float
    """By which the logits were divided."""
    frames: int
    """Simulated, that it was found on."""
    likelihood_before: float
    """Mean negative log-likelihood of a pixel of these frames."""
    likelihood_after: float
    precision: str
    """Of the stored weights."""
    source_sha256: str
    """Of the file of weights that training left."""


def pack(source: str | Path, out: Path, patients: int = PATIENTS) -> Packaging:
    """Write the folder `out` with calibrated weights in half precision, `training.json` and `MODEL_CARD.md`.

    Args:
        source: a TextUNet that was pretrained on simulated frames alone; its `training.json` says how.
        out: replaced as a whole.
        patients: that are simulated to calibrate.

    Raises:
        CheckpointError, DataError: the weights are another model's, or nobody knows how they came about.
    """
    model, folder = load_segmenter(source, TextUNet.name), folder_of(source)
    assert isinstance(model, TextUNet)
    training, simulations = story_of(folder)
    logits, targets = logits_of(model, held_out(simulations, patients))
    temperature = temperature_of(logits, targets)
    soften(model, temperature)
    packaging = Packaging(
        temperature, len(logits), _loss(logits, targets), _loss(logits / temperature, targets),
        "float16", file_sha256(folder / WEIGHTS_FILE),
    )  # fmt: skip
    model.network.half()
    model.save_pretrained(out)
    training |= {"packaging": asdict(packaging), "weights_sha256": file_sha256(out / WEIGHTS_FILE)}
    write_json(out / TRAINING_FILE, training)
    write_text(out / BOX_CARD, box_card(training))
    return packaging


def story_of(folder: Path) -> tuple[dict[str, Any], list[SimulationSettings]]:
    """Read how pretrained weights came about: what `training.json` holds, and the settings of the simulator in it.

    Raises:
        CheckpointError, DataError: it is absent or damaged, or tells of other weights or of patients.
    """
    if not (folder / TRAINING_FILE).is_file():
        raise CheckpointError(folder, TRAINING_FILE, "absent", "how the weights were trained",
                              "Pack what `synthboost pretrain` wrote.")  # fmt: skip
    training = read_json(folder / TRAINING_FILE)
    if training.get("trained_on") != TRAINED_ON:
        raise CheckpointError(folder / TRAINING_FILE, "trained_on", training.get("trained_on"), TRAINED_ON,
                              "Only such weights may be given to anybody.")  # fmt: skip
    training = to_json(read_record(folder / TRAINING_FILE, PretrainingRecord))
    if training["weights_sha256"] != file_sha256(folder / WEIGHTS_FILE):
        raise CheckpointError(folder / TRAINING_FILE, "weights_sha256", training["weights_sha256"][:16],
                              "that of the weights beside it", "It tells of other weights.")  # fmt: skip
    if not training["simulation"]:
        raise CheckpointError(folder / TRAINING_FILE, "simulation", "none", "the settings of the simulator")
    from_json(RecipeSettings, training["recipe"], folder / TRAINING_FILE, "recipe")
    plain = SimulationSettings().to_json()
    return training, [SimulationSettings.from_json({**plain, **one}, folder) for one in training["simulation"]]


def held_out(simulations: Sequence[SimulationSettings], patients: int) -> list[SimulatedFrame]:
    """Simulate the four frames of each of so many patients that no training draws, with the settings in turn."""
    frames: list[SimulatedFrame] = []
    for number in range(patients):
        settings = replace(simulations[number % len(simulations)], spacing_mm=None)
        frames += simulate_patient(FIRST_PATIENT + number, settings).frames.values()
    return frames


@torch.inference_mode()
def logits_of(model: TextUNet, frames: Sequence[SimulatedFrame]) -> tuple[Tensor, Tensor]:
    """Return logits and targets (N, 4, s, s) of background, whose logit is 0, and the three structures in N frames."""
    text, index = model.encode_text(model.tokenize(NAMES)), torch.zeros(len(NAMES), dtype=torch.int64)
    logits, targets = [], []
    for frame in frames:
        features = model.encode_image(model.preprocess(frame.image)[None])
        logits.append(model.decode_scales(features, text, index)[0])
        inside = [model.preprocess_mask(np.asarray(frame.label_map == structure)) for structure in STRUCTURES]
        targets.append(torch.stack([1 - torch.stack(inside).sum(0), *inside]))
    return F.pad(torch.stack(logits), (0, 0, 0, 0, 1, 0)), torch.stack(targets)


def temperature_of(logits: Tensor, targets: Tensor) -> float:
    """Return the number by which to divide logits (N, 4, ...) so that targets, probabilities, become most likely."""
    limit = math.log(LIMIT)
    found = minimize_scalar(
        lambda log: _loss(logits * math.exp(-log), targets), bounds=(-limit, limit), method="bounded"
    )
    return round(math.exp(found.x), 4)


def soften(model: TextUNet, temperature: float) -> None:
    """Divide the model's logits by `temperature`, in its weights.

    What is not divided is the logarithm of the probability that a sentence names a structure at all, which is about 0
    for those that do.
    """
    with torch.no_grad():
        for layer in model.network.kernels:
            for parameter in layer.parameters():
                parameter.div_(temperature)


def _loss(logits: Tensor, targets: Tensor) -> float:
    return float(F.cross_entropy(logits, targets))
