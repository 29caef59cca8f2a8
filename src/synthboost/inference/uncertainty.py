"""How sure a model is of a mask, without any annotation: other words and the mirror image should give the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TypeVar

from synthboost.data.source import FrameSet
from synthboost.domain import STRUCTURES, Frame, GreyImage, PromptSet, Structure, mirror_image
from synthboost.errors import ConfigError, DataError
from synthboost.evaluation.metrics.score import SelfAgreement, self_agreement
from synthboost.inference.predict_dataset import final_prompts
from synthboost.inference.predictor import EncodedImages, Prediction, Predictor
from synthboost.inference.sentences import EvaluationSentences
from synthboost.io.atomic import write_csv
from synthboost.progress import track
from synthboost.prompts import PARAPHRASES
from synthboost.training.sentences_of_batch import NAMING_SETS

K = TypeVar("K")
COLUMNS = (
    "patient", "set", "frame", "structure", "masks", "mean_dice", "lowest_dice", "disputed_share", "flipped",
    "sentences", "reason",
)  # fmt: skip


def write_uncertainty(path: Path, predictor: Predictor, frames: FrameSet, name_domain: bool) -> None:
    """Write one line per frame and structure as CSV; `name_domain` as for `uncertainty_of_frame`.

    Raises:
        OutputError: it cannot be written.
    """
    lines: list[dict[str, object]] = []
    for position in track(range(len(frames)), f"predicting {frames.name} in other words", unit="frame"):
        info = frames.infos[position]
        head = {**dict.fromkeys(COLUMNS, ""), "patient": info.patient.name, "set": info.patient.origin}
        head |= {"frame": info.name}
        try:
            found = uncertainty_of_frame(predictor, frames[position], name_domain=name_domain)
        except DataError as error:
            lines.append({**head, "reason": str(error)})
            continue
        for structure, agreement in found.items():
            own = {name: value for name, value in vars(agreement).items() if name in COLUMNS}
            more = {"structure": structure.short, "flipped": True, "sentences": agreement.masks // 2}
            lines.append({**head, **own, **more})
    write_csv(path, COLUMNS, lines, for_people=True)


def uncertainty_of_frame(
    predictor: Predictor,
    frame: Frame,
    prompt_sets: Sequence[PromptSet] = NAMING_SETS,
    flip: bool = True,
    name_domain: bool = False,
) -> dict[Structure, SelfAgreement]:
    """Predict every structure of a frame in many sentences, and say how far the masks of each agree.

    A model that was trained on one prompt set reads the sentences of the others for the first time, and one that never
    saw a mirrored heart sees one: its disagreement then says how far it generalises, not how hard the image is.

    Args:
        predictor: holds the model.
        frame: needs no annotation.
        prompt_sets, name_domain: see `varied_sentences`.
        flip: also predict each sentence in the mirror image.

    Raises:
        DataError: a structure has one sentence only, and no flip.
        ConfigError: see `varied_sentences`.
    """
    images = predictor.encode_images([frame.image])
    texts = varied_sentences(predictor, images, frame, prompt_sets, name_domain)
    return uncertainty_of_sentences(predictor, frame.image, texts, flip, images)


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
    ways = predict_variants(predictor, image, [distinct], images)
    masks = [one.masks for one in islice(ways, None if flip else 1)]
    places = {key: [distinct.index(text) for text in dict.fromkeys(own)] for key, own in sentences.items()}
    return {key: self_agreement([some[n] for some in masks for n in own]) for key, own in places.items()}


def predict_variants(
    predictor: Predictor, image: GreyImage, wordings: Sequence[Sequence[str]], images: EncodedImages | None = None
) -> Iterator[Prediction]:
    """Predict each wording in an image (H, W), encoded already or not, then each in its mirror image, mirrored back."""
    encoded = images or predictor.encode_images([image])
    for words in wordings:
        yield predictor.predict_encoded(encoded, [words])[0]
    encoded = predictor.encode_images([mirror_image(image)])
    for words in wordings:
        [found] = predictor.predict_encoded(encoded, [words])
        yield replace(found, probability=mirror_image(found.probability))


def varied_sentences(
    predictor: Predictor,
    images: EncodedImages,
    frame: Frame,
    prompt_sets: Sequence[PromptSet] = NAMING_SETS,
    name_domain: bool = False,
) -> dict[Structure, tuple[str, ...]]:
    """Return the sentences that name each structure of a frame, whose image is encoded; no two are the same.

    Args:
        predictor: gives the mask (for P6) whose shape P7 names.
        images, frame: the frame.
        prompt_sets: each with both paraphrases.
        name_domain: end the sentences with the image's domain, as models of the `mixed` strategy were trained.

    Raises:
        ConfigError: no set is given, or P0, which names no structure, is among them.
    """
    if not prompt_sets or PromptSet.P0 in prompt_sets:
        raise ConfigError("uncertainty", "prompt_sets", ", ".join(prompt_sets) or "none", "some of P1 to P7")
    texts: dict[Structure, dict[str, None]] = {structure: {} for structure in STRUCTURES}
    for prompt_set in prompt_sets:
        for paraphrase in range(len(PARAPHRASES)):
            sentences = EvaluationSentences(prompt_set, paraphrase, name_domain=name_domain)
            [prompts] = final_prompts(predictor, images, [frame], sentences)
            for structure, prompt in prompts.items():
                texts[structure].setdefault(prompt.text)
    return {structure: tuple(of_structure) for structure, of_structure in texts.items()}
