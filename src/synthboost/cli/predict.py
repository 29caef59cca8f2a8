"""`synthboost predict`: recordings and structures or sentences in; label maps, masks, outlines and tables out."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import tyro

from synthboost.cli.options import Mirrored, WithModel
from synthboost.domain import Domain, View
from synthboost.errors import ConfigError, DataError, PromptError, counted, shown
from synthboost.models.catalogue import DEFAULT

MOST_NOTES = 8
"""Of recordings that do not look like a heart."""


@dataclass(frozen=True, kw_only=True)
class Predict(WithModel, Mirrored):
    """Segment structures, or what sentences name, in each image and each frame of each clip.

    Writes one folder per recording (label map, masks, outlines, overlay, and for DICOM a Segmentation object), and
    `predictions.csv`, `recordings.csv` and, if patients have folders, `patients.csv`. The same command resumes.
    Patients' names and dates are not copied to the outputs, nor is text burnt in beside the ultrasound sector where a
    sector is found: check overlays before you share them.
    """

    images: tyro.conf.Positional[Path]
    """A recording (DICOM, NIfTI, MHD, PNG, JPEG, BMP, TIFF, GIF, MP4, AVI ...) or a folder of recordings."""
    out: Path | None = None
    """A new folder, or one begun with the same images, weights and sentences; by default NAME-predicted beside
    the images."""
    structures: tuple[str, ...] | None = None
    """Structures by name: lv, myocardium (myo), la; by default all three. Excludes `sentences`."""
    sentences: tuple[str, ...] | None = None
    """Free sentences instead of structures, one mask each."""
    files: tuple[Literal["label-map", "dicom-seg"], ...] | None = None
    """Which files beside the masks: all merged into a label map, by default for structures only; and, for each DICOM
    recording, a DICOM Segmentation, by default always."""
    view: View | None = None
    """The view of all recordings, to name it in the sentences of structures."""
    whole_image: bool = False
    """Predict in the whole image of DICOM files, not in the region that the scanner names."""
    threshold: float = 0.5
    """A pixel is inside if its probability is larger."""

    def run(self) -> None:
        """Predict everything; unreadable recordings are listed with the reason, and make the exit code 2."""
        from synthboost.inference.doubts import orientation_note, some_of
        from synthboost.inference.predict_folder import beside, first_picture, predict_folder
        from synthboost.inference.predictor import INSTEAD, REFUSED, Predictor
        from synthboost.inference.sentences import ALL_NAMES, sentence_targets, structure_targets
        from synthboost.io.recordings import find_recordings, left_out, open_recording
        from synthboost.models.registry import name_with_checksum, weights_fingerprint
        from synthboost.prompts.templates import domain_clause
        from synthboost.studies.results import run_spec_of

        if self.structures is not None and self.sentences is not None:
            raise ConfigError("predict", "structures and sentences", "both", "one of the two")
        if self.sentences == () or self.structures == ():
            raise PromptError("predict", "sentences", "none", "one or more sentences or structures")
        if self.view is not None and self.sentences is not None:
            raise ConfigError("predict", "view", self.view, "none with free sentences", "Say it in the sentence.")
        paths = find_recordings(self.images)
        out = self.out or beside(self.images)
        spec = run_spec_of(self.checkpoint)
        named = spec is not None and spec.domain_named
        if self.sentences is not None:
            targets = sentence_targets(self.sentences)
            endings = [domain_clause(domain) for domain in Domain]
            if named and not all(any(ending in target.sentence for ending in endings) for target in targets):
                said = f'"{targets[0].sentence.rstrip(".")}{domain_clause(Domain.REAL)}."'
                print(f"note: the model was trained on sentences that end with the domain: {said}", file=sys.stderr)
        else:
            targets = structure_targets(self.structures or ALL_NAMES, self.view, named)
        predictor = Predictor.from_pretrained(self.checkpoint, threshold=self.threshold, mirrored=self.mirrored)
        model = name_with_checksum(predictor.model, self.checkpoint)
        sha256 = weights_fingerprint(self.checkpoint)
        print(f"model: {model}")
        for target in targets:
            if target.structure is None and (unknown := predictor.model.unknown_words(target.sentence)):
                print(f"note: the model does not know {', '.join(unknown)} ({target.sentence!r})", file=sys.stderr)
        if refused := predictor.refused([target.sentence for target in targets]):
            print(f"note: no mask for {', '.join(map(repr, refused))}: {REFUSED}. {INSTEAD}", file=sys.stderr)
        label_map = self.sentences is None if self.files is None else "label-map" in self.files
        dicom_seg = self.files is None or "dicom-seg" in self.files
        outcomes = predict_folder(
            predictor, model, sha256, self.images, paths, out, targets, label_map, dicom_seg, self.whole_image,
        )  # fmt: skip
        failed = [outcome for outcome in outcomes if outcome.reason]
        kept = sum(outcome.result is not None and not outcome.new for outcome in outcomes)
        print(
            f"{len(paths) - len(failed)} of {len(paths)} recordings predicted"
            f"{f' ({kept} of them before)' if kept else ''}: {out / 'predictions.csv'}"
        )
        pictures = [out / outcome.name / first_picture(outcome.result) for outcome in outcomes if outcome.result]
        if pictures:
            print(f"picture: {pictures[0]}{f' and {len(pictures) - 1} more' if pictures[1:] else ''}")
        fractions = [outcome.fraction for outcome in outcomes if outcome.fraction]
        if fractions:
            more = f" and {len(fractions) - MOST_NOTES} more: recordings.csv" if fractions[MOST_NOTES:] else ""
            print(f"EF, single plane: {', '.join(fractions[:MOST_NOTES])}{more}")
            if self.checkpoint == DEFAULT:
                print(
                    "note: the weights that ship find it too low in real patients; see their model card, and `adapt`",
                    file=sys.stderr,
                )
        doubtful = [outcome.note for outcome in outcomes if outcome.note]
        if others := left_out(self.images, paths):
            left = counted(len(others), "file")
            print(f"note: {left} left out, annotations or no recordings: {shown(others, 3)}", file=sys.stderr)
        for note in doubtful[:MOST_NOTES]:
            print(f"note: {note}", file=sys.stderr)
        if len(doubtful) > MOST_NOTES:
            print(f"note: {len(doubtful) - MOST_NOTES} more: {out / 'recordings.csv'}", file=sys.stderr)
        read = [(one.name, path) for path, one in zip(paths, outcomes, strict=True) if one.result is not None]
        if read and not self.mirrored:
            firsts = {name: next(open_recording(path, self.whole_image).frames()) for name, path in some_of(read)}
            if note := orientation_note(predictor, firsts, [target.sentence for target in structure_targets()]):
                print(f"note: {note}", file=sys.stderr)
        for outcome in failed:
            print(f"failed: {outcome.reason}", file=sys.stderr)
        if failed:
            raise DataError(self.images, "recordings", f"{len(failed)} could not be read", "readable recordings",
                            f"First: {failed[0].reason}")  # fmt: skip
