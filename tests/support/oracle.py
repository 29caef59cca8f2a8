"""A model that knows the true masks, for tests of what is made of a model's predictions."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace

import numpy as np

from synthboost.adaptation.pseudo_labels import GAMMAS
from synthboost.data import Dataset
from synthboost.domain import STRUCTURES, GreyImage, Structure
from synthboost.inference.predictor import Prediction


class Oracle:
    """Knows the true masks by the image's pixels; counts how often it predicts."""

    threshold = 0.5
    model = SimpleNamespace(name="oracle")

    def __init__(
        self,
        dataset: Dataset,
        confidence: float = 0.9,
        blind_to: str = "",
        unseen: Structure = Structure.LEFT_ATRIUM_CAVITY,
    ) -> None:
        """Read the truth; of frames with `blind_to` in their names the structure `unseen` is not found."""
        frames = [dataset.load(info) for info in dataset.frames]
        self.truth = {frame.image.tobytes(): frame for frame in frames}
        self.confidence, self.blind_to, self.unseen, self.predicted = confidence, blind_to, unseen, 0

    def predict_batch(self, images: Sequence[GreyImage], sentences: Sequence[Sequence[str]]) -> list[Prediction]:
        """Predict as `Predictor.predict_batch` does: one frame under all gammas, the first of which changes nothing."""
        assert len(images) == len(GAMMAS)
        self.predicted += 1
        frame = self.truth[images[0].tobytes()]
        assert frame.label_map is not None
        masks = np.stack([frame.label_map == int(structure) for structure in STRUCTURES])
        if self.blind_to and self.blind_to in frame.info.name:
            masks[STRUCTURES.index(self.unseen)] = False
        probability = (self.confidence * masks).astype(np.float32)
        return [Prediction(tuple(own), probability, self.threshold) for own in sentences]
