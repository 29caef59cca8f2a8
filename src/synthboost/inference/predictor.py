"""The Predictor: an image and sentences in, one mask per sentence out, at the image's own size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from synthboost.data.sector import without_marks
from synthboost.domain import STRUCTURES, GreyImage, LabelMap, Mask, largest_piece, mirror_image
from synthboost.errors import OPTIONS, ConfigError, DataError, PromptError
from synthboost.models.base import Features, Segmenter, TextMemory
from synthboost.models.catalogue import DEFAULT
from synthboost.models.registry import load_segmenter
from synthboost.training.hardware import limit_threads

THRESHOLD = 0.5
"""A pixel is inside when its probability is larger (the paper's text; its CRIS configuration says 0.35)."""
MOST_PAIRS = 48
"""Decoded at a time at most, which bounds the memory that many sentences take."""
LINING = 0.1
"""Share of the ventricle's outline; a guess: half a valve's. Less is a fragment."""
REFUSED = "the sentence names none or more than one of left ventricle, myocardium, left atrium"
"""Why a mask is empty."""
INSTEAD = 'Name one in each, e.g. "wall of the left ventricle".'
"""What to do about it."""


@dataclass(frozen=True, eq=False)
class Prediction:
    """What a model predicts for one image: a probability per sentence, and the masks and the label map they give."""

    sentences: tuple[str, ...]
    probability: NDArray[np.float32]
    """(N, H, W), 0-1."""
    threshold: float
    refused: tuple[str, ...] = ()
    """The sentences that name no structure: their probability is 0 everywhere. See `Predictor.refused`."""

    @property
    def masks(self) -> NDArray[np.bool_]:
        """(N, H, W), true inside; each sentence by itself, so they may overlap."""
        return self.probability > self.threshold

    def label_map(self, labels: Sequence[int] = STRUCTURES, one_heart: bool = False) -> LabelMap:
        """Return the label map (H, W) without overlaps: every pixel is the most probable sentence's, or nobody's.

        Args:
            labels: the value of each sentence; see `resolve`.
            one_heart: remove what no heart has; the sentences are those of `STRUCTURES` then. See `whole_heart`.
        """
        if one_heart:
            return whole_heart(self.probability, self.threshold)
        return resolve(self.probability, labels, self.threshold)


@dataclass(frozen=True, eq=False)
class EncodedImages:
    """Images that were encoded once, for any number of predictions."""

    features: Features
    sizes: tuple[tuple[int, int], ...]
    """(H, W) of each."""


class Predictor:
    """A model that segments: `Predictor.from_pretrained(folder).predict(image, ["Myocardium of the heart."])`."""

    def __init__(
        self, model: Segmenter, device: str = "auto", threshold: float = THRESHOLD, mirrored: bool = False
    ) -> None:  # fmt: skip
        """Move `model` to `device` (`auto` takes a GPU if there is one) and switch it to evaluation.

        With `mirrored` the images show left and right exchanged: the model gets their mirror images, and masks are
        mirrored back.

        Raises:
            ConfigError: the threshold is not between 0 and 1, or the device does not exist.
        """
        if not 0 < threshold < 1:
            raise ConfigError(OPTIONS, "threshold", threshold, "a number between 0 and 1")
        self.device = choose_device(device)
        self.model = model.to(self.device).eval()
        limit_threads(self.model)
        self.threshold, self.mirrored = threshold, mirrored
        self.texts = TextMemory(self.model)

    @classmethod
    def from_pretrained(
        cls, source: str | Path, device: str = "auto", threshold: float = THRESHOLD, mirrored: bool = False
    ) -> Self:
        """Load a folder of weights, a finished run's folder, or a model from the hub; see `load_segmenter`."""
        return cls(load_segmenter(source), device, threshold, mirrored)

    @classmethod
    def default(cls, device: str = "auto", threshold: float = THRESHOLD) -> Self:
        """Load the weights that ship with the package; nobody's images but simulated ones are in them."""
        return cls.from_pretrained(DEFAULT, device, threshold)

    def predict(self, image: GreyImage, sentences: Sequence[str]) -> Prediction:
        """Segment what each sentence names.

        Args:
            image: (H, W) uint8, any size, the probe on top.
            sentences: one or more.

        Raises:
            DataError: the image is not a two-dimensional uint8 array.
            PromptError: there is no sentence, or one is longer than the text encoder takes.
        """
        return self.predict_batch([image], [sentences])[0]

    def predict_batch(self, images: Sequence[GreyImage], sentences: Sequence[Sequence[str]]) -> list[Prediction]:
        """Segment several images at once, each with sentences of its own; sizes may differ.

        Each image and each distinct sentence is encoded once.
        """
        return self.predict_encoded(self.encode_images(images), sentences)

    @torch.inference_mode()
    def encode_images(self, images: Sequence[GreyImage]) -> EncodedImages:
        """Encode images, for one or more calls of `predict_encoded`; see `without_marks` for what is left out.

        Raises:
            DataError: one is not a two-dimensional uint8 array.
        """
        for image in images:
            if image.ndim != 2 or image.dtype != np.uint8 or 0 in image.shape:
                raise DataError(
                    "image", "array", f"{image.dtype} of shape {image.shape}", "uint8 of shape (rows, columns)",
                    "Convert to grey values 0-255 first.",
                )  # fmt: skip
        images = [without_marks(image) for image in images]
        if self.mirrored:
            images = [mirror_image(image) for image in images]
        pixels = torch.stack([self.model.preprocess(image) for image in images]).to(self.device)
        sizes = tuple((image.shape[0], image.shape[1]) for image in images)
        return EncodedImages(self.model.encode_image(pixels), sizes)

    @torch.inference_mode()
    def refused(self, sentences: Sequence[str]) -> tuple[str, ...]:
        """Return those of one or more sentences that get an empty mask, because of `REFUSED`.

        Raises:
            PromptError: one is longer than the text encoder takes.
        """
        named = self.model.names_structure(self.texts.recall(sentences)).tolist()
        return tuple(sentence for sentence, known in zip(sentences, named, strict=True) if not known)

    @torch.inference_mode()
    def predict_encoded(self, images: EncodedImages, sentences: Sequence[Sequence[str]]) -> list[Prediction]:
        """Segment what each sentence names in the image that it is about; see `predict_batch` and `refused`.

        Raises:
            PromptError: an image has no sentence, or one is longer than the text encoder takes.
        """
        for own in sentences:
            if isinstance(own, str) or not own:
                raise PromptError("predict", "sentences", repr(own), "a list of one or more sentences")
        flat = [sentence for of_image in sentences for sentence in of_image]
        distinct = list(dict.fromkeys(flat))
        text = self.texts.recall(distinct)
        number = {sentence: position for position, sentence in enumerate(distinct)}
        text_index = torch.tensor([number[sentence] for sentence in flat])
        counts = [len(of_image) for of_image in sentences]
        image_index = torch.arange(len(images.sizes)).repeat_interleave(torch.tensor(counts))
        logits = self.decode(images.features, text, image_index, text_index)
        predictions, unnamed = [], self.refused(distinct)
        for size, own, part in zip(images.sizes, sentences, torch.split(logits, counts), strict=True):
            probability = self.model.postprocess(part, size).cpu().numpy()
            if self.mirrored:
                probability = mirror_image(probability)
            refused = tuple(sentence for sentence in own if sentence in unnamed)
            probability[[sentence in refused for sentence in own]] = 0
            predictions.append(Prediction(tuple(own), probability, self.threshold, refused))
        return predictions

    def decode(self, features: Features, text: Features, image_index: Tensor, text_index: Tensor) -> Tensor:
        """Decode N pairs a few at a time; of the images, each lot gets only those that it is about.

        Args:
            features: of B images.
            text: of M sentences.
            image_index: (N,) int64 on the CPU, ascending.
            text_index: (N,) int64 on the CPU.

        Returns:
            Logits (N, s, s).
        """
        at_once = min(MOST_PAIRS, self.model.cpu_pairs) if self.device.type == "cpu" else MOST_PAIRS
        lots = []
        for images, texts in zip(torch.split(image_index, at_once), torch.split(text_index, at_once), strict=True):
            first, last = int(images[0]), int(images[-1])
            own = tuple(tensor[first : last + 1] for tensor in features)
            lots.append(self.model(own, text, (images - first).to(self.device), texts.to(self.device)))
        return torch.cat(lots)


def resolve(probability: NDArray[np.floating[Any]], labels: Sequence[int], threshold: float) -> LabelMap:
    """Give each pixel the label whose probability is largest among those larger than `threshold`, else 0.

    Args:
        probability: (N, H, W), 0-1.
        labels: N numbers from 1 to 255. Of equal probabilities the one listed first wins.
        threshold: as for a single mask, so that the union of the labels is the union of the masks.

    Returns:
        (H, W) uint8.
    """
    values = np.array(labels, dtype=np.uint8)
    winner = probability.argmax(axis=0)
    return np.where(probability.max(axis=0) > threshold, values[winner], 0).astype(np.uint8)


def whole_heart(probability: NDArray[np.floating[Any]], threshold: float) -> LabelMap:
    """Make one label map of a probability per structure (see `resolve`) and repair what no heart has.

    Of every structure the largest piece is kept, and of the wall each that lines the ventricle: one that is open at the
    apex has two sides. Holes in a cavity are filled; what ventricle and wall enclose, such as a seam between two masks
    that were predicted apart, goes to the more probable of the two.

    Args:
        probability: (3, H, W), in the order of `STRUCTURES`.
        threshold: a pixel is inside when its probability is larger.

    Returns:
        (H, W) uint8, 0-3.
    """
    ventricle, wall, atrium = STRUCTURES
    label_map = resolve(probability, STRUCTURES, threshold)
    for structure in (ventricle, atrium, wall):
        mask = np.asarray(label_map == structure)
        kept = largest_piece(mask, corners_join=False)
        label_map[mask & ~(kept | _lining(mask, label_map == ventricle) if structure == wall else kept)] = 0
    for cavity in (ventricle, atrium):
        holes = ndimage.binary_fill_holes(label_map == cavity) & (label_map == 0)
        label_map[holes] = cavity
    heart = (label_map == ventricle) | (label_map == wall)
    seams = ndimage.binary_fill_holes(heart) & ~heart
    label_map[seams] = np.array([ventricle, wall], dtype=np.uint8)[probability[:2].argmax(axis=0)][seams]
    return label_map


def _lining(wall: Mask, ventricle: Mask) -> Mask:
    """(H, W) the pieces of the wall that border at least `LINING` of the ventricle's outline."""
    around = ndimage.binary_dilation(ventricle, np.ones((3, 3), dtype=np.bool_), iterations=2) & ~ventricle
    pieces, count = ndimage.label(wall)
    borders = np.bincount(pieces[around], minlength=count + 1) >= LINING * np.count_nonzero(around)
    borders[0] = False
    return np.asarray(borders[pieces])


def choose_device(wish: str) -> torch.device:
    """Resolve `auto` (a GPU if there is one), or check a device's name.

    Raises:
        ConfigError: there is no such device on this machine.
    """
    if wish == "auto":
        kind = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
        return torch.device(kind)
    try:
        device = torch.device(wish)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ConfigError("device", "name", wish, "auto, cpu, or a device of this machine such as cuda:0") from error
    return device
