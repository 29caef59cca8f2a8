"""How sure a model is of a mask, without any annotation: other words and the mirror image should give the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from synthboost.domain import STRUCTURES, Frame, GreyImage, PromptSet, Structure
from synthboost.errors import ConfigError
from synthboost.evaluation.metrics.overlap import SelfAgreement, self_agreement
from synthboost.inference.predict_dataset import final_prompts
from synthboost.inference.predictor import EncodedImages, Predictor
from synthboost.inference.sentences import EvaluationSentences
from synthboost.prompts import PARAPHRASES

K = TypeVar("K")
NAMING_SETS = tuple(PromptSet(f"P{number}") for number in range(1, 8))
"""The paper's sets that name a structure; P0 names none."""


@dataclass(frozen=True)
class Variations:
    """How a structure is named, and whether the image is mirrored.

    A model that was trained on one prompt set reads the sentences of the others for the first time, and one that never
    saw a mirrored heart sees one: its disagreement then says how far it generalises, not how hard the image is.
    """

    prompt_sets: tuple[PromptSet, ...] = NAMING_SETS
    """Each with both paraphrases; sentences that read the same count once."""
    flip: bool = True
    """Also predict each sentence in the mirror image."""
    name_domain: bool = False
    """End the sentences with the image's domain, as models of the `mixed` strategy were trained."""

    def __post_init__(self) -> None:
        """Refuse sets that do not name a structure.

        Raises:
            ConfigError: none is given, or P0 is among them.
        """
        if not self.prompt_sets or PromptSet.P0 in self.prompt_sets:
            raise ConfigError("uncertainty", "prompt_sets", ", ".join(self.prompt_sets) or "none", "some of P1 to P7")


def uncertainty_of_frame(
    predictor: Predictor, frame: Frame, variations: Variations | None = None
) -> dict[Structure, SelfAgreement]:
    """Predict every structure of a frame in all variations, and say how far the masks of each agree.

    Raises:
        DataError: a structure has one variation only.
    """
    variations = variations or Variations()
    images = predictor.encode_images([frame.image])
    texts = varied_sentences(predictor, images, frame, variations)
    return uncertainty_of_sentences(predictor, frame.image, texts, variations.flip, images)


def uncertainty_of_sentences(
    predictor: Predictor,
    image: GreyImage,
    sentences: Mapping[K, Sequence[str]],
    flip: bool = True,
    images: EncodedImages | None = None,
) -> dict[K, SelfAgreement]:
    """Predict things in an image (H, W), each in several sentences that all mean it.

    Args:
        predictor: holds the model.
        image: uint8.
        sentences: of each thing; one that comes twice counts once.
        flip: also predict in the mirror image.
        images: `image`, encoded, if it is already.

    Raises:
        DataError: one sentence for a thing, and no flip.
        PromptError: there is no sentence, or one is too long.
    """
    distinct = list(dict.fromkeys(text for own in sentences.values() for text in own))
    encoded = images or predictor.encode_images([image])
    masks = [predictor.predict_encoded(encoded, [distinct])[0].masks]
    if flip:
        masks.append(predictor.predict(np.ascontiguousarray(image[:, ::-1]), distinct).masks[:, :, ::-1])
    places = {key: [distinct.index(text) for text in dict.fromkeys(own)] for key, own in sentences.items()}
    return {key: self_agreement([some[n] for some in masks for n in own]) for key, own in places.items()}


def varied_sentences(
    predictor: Predictor, images: EncodedImages, frame: Frame, variations: Variations
) -> dict[Structure, tuple[str, ...]]:
    """Return the sentences that name each structure of a frame, whose image is encoded; no two are the same.

    The shape word of P7 is that of the mask which P6 gives.
    """
    texts: dict[Structure, dict[str, None]] = {structure: {} for structure in STRUCTURES}
    for prompt_set in variations.prompt_sets:
        for paraphrase in range(len(PARAPHRASES)):
            sentences = EvaluationSentences(prompt_set, paraphrase, name_domain=variations.name_domain)
            [prompts] = final_prompts(predictor, images, [frame], sentences)
            for structure, prompt in prompts.items():
                texts[structure].setdefault(prompt.text)
    return {structure: tuple(of_structure) for structure, of_structure in texts.items()}
