"""How sure a model is of a mask, without any annotation: ask in other words, and ask the mirror image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthboost.domain import STRUCTURES, Frame, GreyImage, PromptSet, Structure
from synthboost.errors import ConfigError
from synthboost.evaluation.metrics.uncertainty import SelfAgreement, self_agreement
from synthboost.inference.predictor import Predictor, Seen
from synthboost.inference.prompting import final_prompts
from synthboost.inference.sentences import EvaluationSentences
from synthboost.prompts import PARAPHRASES

NAMING_SETS = (
    PromptSet.P1, PromptSet.P2, PromptSet.P3, PromptSet.P4, PromptSet.P5, PromptSet.P6, PromptSet.P7,
)  # fmt: skip
"""The paper's sets that name a structure; P0 names none."""


@dataclass(frozen=True)
class Variations:
    """In how many ways a structure is asked for.

    A model that learnt from one prompt set reads the sentences of the others for the first time, and one that never
    saw a mirrored heart sees one: its disagreement then says how far it generalises, not how hard the image is.
    """

    prompt_sets: tuple[PromptSet, ...] = NAMING_SETS
    """Each with both paraphrases; sentences that read the same count once."""
    flip: bool = True
    """Also ask each sentence about the mirror image."""
    name_domain: bool = False
    """End the sentences with the image's domain, as models of the `mixed` strategy learnt it."""

    def __post_init__(self) -> None:
        """Refuse sets that do not name a structure.

        Raises:
            ConfigError: none is given, or P0 is among them.
        """
        if not self.prompt_sets or PromptSet.P0 in self.prompt_sets:
            raise ConfigError("uncertainty", "prompt_sets", ", ".join(self.prompt_sets) or "none", "some of P1 to P7")


@dataclass(frozen=True, eq=False)
class CaseUncertainty:
    """How far the answers for one structure of one image agree."""

    sentences: tuple[str, ...]
    flipped: bool
    """Whether the mirror image was asked too."""
    agreement: SelfAgreement


def uncertainty_of_frame(
    predictor: Predictor, frame: Frame, variations: Variations | None = None
) -> dict[Structure, CaseUncertainty]:
    """Ask for every structure of a frame in all variations.

    The shape word of P7 is that of the mask which P6 draws.

    Raises:
        DataError: a structure has one way to be asked for only.
    """
    variations = variations or Variations()
    seen = predictor.look_at([frame.image])
    texts = _texts(predictor, seen, frame, variations)
    everything = list(dict.fromkeys(text for of_structure in texts.values() for text in of_structure))
    straight, mirrored = _answers(predictor, seen, frame.image, everything, variations.flip)
    found = {}
    for structure, own in texts.items():
        places = [everything.index(text) for text in own]
        masks = [masks[place] for masks in (straight, mirrored) if masks is not None for place in places]
        found[structure] = CaseUncertainty(own, variations.flip, self_agreement(masks))
    return found


def uncertainty_of_sentences(
    predictor: Predictor, image: GreyImage, sentences: Sequence[str], flip: bool = True
) -> CaseUncertainty:
    """Ask an image (H, W) for one structure in free sentences that all mean it.

    Raises:
        DataError: one sentence and no flip.
        PromptError: there is no sentence, or one is too long.
    """
    texts = tuple(dict.fromkeys(sentences))
    straight, mirrored = _answers(predictor, predictor.look_at([image]), image, list(texts), flip)
    return CaseUncertainty(texts, flip, self_agreement([*straight, *([] if mirrored is None else mirrored)]))


def _answers(
    predictor: Predictor, seen: Seen, image: GreyImage, texts: list[str], flip: bool
) -> tuple[NDArray[np.bool_], NDArray[np.bool_] | None]:
    """Masks (N, H, W) of the image, which was `seen`, and those of its mirror image, mirrored back."""
    straight = predictor.ask(seen, [texts])[0].masks
    if not flip:
        return straight, None
    return straight, predictor.predict(np.ascontiguousarray(image[:, ::-1]), texts).masks[:, :, ::-1]


def _texts(predictor: Predictor, seen: Seen, frame: Frame, variations: Variations) -> dict[Structure, tuple[str, ...]]:
    texts: dict[Structure, dict[str, None]] = {structure: {} for structure in STRUCTURES}
    for prompt_set in variations.prompt_sets:
        for paraphrase in range(len(PARAPHRASES)):
            sentences = EvaluationSentences(prompt_set, paraphrase, name_domain=variations.name_domain)
            [prompts] = final_prompts(predictor, seen, [frame], sentences)
            for structure, prompt in prompts.items():
                texts[structure].setdefault(prompt.text)
    return {structure: tuple(of_structure) for structure, of_structure in texts.items()}
