"""`synthboost predict`: an image or a folder of images and sentences in, masks and overlays out."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import tyro

from synthboost.domain import Domain
from synthboost.errors import DataError, PromptError

COLUMNS = ("image", "sentence", "mask", "overlay", "pixels", "area_mm2", "reason")


@dataclass(frozen=True)
class Predict:
    """Draw what each sentence names in each image, at the image's own size.

    Writes one mask per image and sentence (NIfTI with the image's spacing where it has one, else PNG), one overlay
    per image, and `predictions.csv`.
    """

    images: tyro.conf.Positional[Path]
    """An image (NIfTI, MHD, PNG, JPEG, BMP, TIFF) or a folder of images."""
    checkpoint: str
    """A run's folder, a folder of weights, or a hub name."""
    out: Path
    """A new folder."""
    sentences: tuple[str, ...] = (
        "Left ventricular cavity of the heart.",
        "Myocardium of the heart.",
        "Left atrium cavity of the heart.",
    )
    """What to draw, one mask each."""
    threshold: float = 0.5
    """A pixel is inside when its probability is larger."""
    device: str = "auto"

    def run(self) -> None:
        """Predict everything; images that cannot be read are listed with the reason, and make the exit code 2."""
        from synthboost.experiments.evaluated import run_spec_of
        from synthboost.files import require_new_folder, write_csv
        from synthboost.inference.picture import find_pictures
        from synthboost.inference.predictor import Predictor
        from synthboost.progress import track
        from synthboost.prompts import clean_sentence
        from synthboost.prompts.templates import domain_clause

        if not self.sentences:
            raise PromptError("predict", "sentences", "none", "one or more sentences")
        paths = find_pictures(self.images)
        sentences = tuple(clean_sentence(sentence) for sentence in self.sentences)
        predictor = Predictor.from_pretrained(self.checkpoint, self.device, self.threshold)
        for sentence in sentences:
            if unknown := predictor.model.unknown_words(sentence):
                print(f"note: the model has never read {', '.join(unknown)!s} ({sentence!r})", file=sys.stderr)
        if run_spec_of(self.checkpoint).get("domain_named") is True and not all(map(_names_a_domain, sentences)):
            example = f'"{sentences[0].rstrip(".")}{domain_clause(Domain.REAL)}."'
            print(f"note: the model learnt from sentences that end with the image's domain: {example}", file=sys.stderr)
        require_new_folder(self.out, "out")
        lines = [
            line for path in track(paths, "predicting", unit="image") for line in self._one(path, sentences, predictor)
        ]
        write_csv(self.out / "predictions.csv", COLUMNS, lines)
        failed = [line for line in lines if line["reason"]]
        print(f"{len(paths) - len(failed)} of {len(paths)} images predicted: {self.out / 'predictions.csv'}")
        if failed:
            raise DataError(self.images, "images", f"{len(failed)} could not be read", "readable images",
                            f"First: {failed[0]['reason']}")  # fmt: skip

    def _one(self, path: Path, sentences: tuple[str, ...], predictor) -> list[dict[str, object]]:  # type: ignore[no-untyped-def]
        from synthboost.inference.picture import read_picture, write_mask_image, write_overlay

        empty: dict[str, object] = dict.fromkeys(COLUMNS, "")
        try:
            picture = read_picture(path)
        except DataError as error:
            return [{**empty, "image": str(path), "reason": str(error)}]
        prediction = predictor.predict(picture.image, sentences)
        name = self._name(path, picture.stem)
        overlay = f"{name}_overlay.png"
        write_overlay(self.out / overlay, picture, prediction.masks)
        lines = []
        for number, (sentence, mask) in enumerate(zip(sentences, prediction.masks, strict=True), start=1):
            file = write_mask_image(self.out, f"{name}_mask{number}", mask, picture)
            pixels = int(mask.sum())
            area = "" if picture.spacing_mm is None else pixels * picture.spacing_mm[0] * picture.spacing_mm[1]
            lines.append(
                {**empty, "image": str(path), "sentence": sentence, "mask": file, "overlay": overlay,
                 "pixels": pixels, "area_mm2": area}
            )  # fmt: skip
        return lines

    def _name(self, path: Path, stem: str) -> str:
        # Files of the same name in different folders must not overwrite each other.
        if path == self.images:
            return stem
        return "_".join([*path.relative_to(self.images).parent.parts, stem])


def _names_a_domain(sentence: str) -> bool:
    from synthboost.prompts.templates import domain_clause

    return any(domain_clause(domain) in sentence for domain in Domain)
