"""`synthboost clinical`: volumes, ejection fraction, walls and atrium of a data set's patients, and their agreement."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro

from synthboost.cli.options import Mirrored, note_orientation, refuse_idle
from synthboost.domain import PromptSet, SplitOptions, SplitPart
from synthboost.models.catalogue import DEFAULT

CLAIM = "clinical.json"
REFERENCE = "reference"
"""In the place of a model: the data set's own label maps."""
FOR_PREDICTING = ("prompts", "mend", "mirrored", "uncertainty")
"""Options that label maps which are not predicted now do not take."""


@dataclass(frozen=True, kw_only=True)
class Clinical(SplitOptions, Mirrored):
    """Measure patients from masks and compare with the reference: research software, not a medical device.

    Writes `patients.csv` (all numbers of each patient, and why a number is missing), `checks.csv` (plausibility),
    `agreement.json` and the same as tables, a Bland-Altman plot, and `overlays/` of frames without an annotation.
    """

    data: Path
    """The data set; if nothing of it is annotated, patients are measured and not compared."""
    out: Path
    """A new folder, or one begun by the same command."""
    masks: tyro.conf.Positional[str] = DEFAULT
    """A run's folder, weights or hub name, by default the package's weights; a folder of masks with `index.csv`; or
    `reference`: the true label maps."""
    prompts: PromptSet | None = None
    """The prompt set for prediction; by default the run's, or P6."""
    mend: bool = False
    """Repair predictions: largest piece of each structure, holes filled, gaps between ventricle and wall closed."""
    uncertainty: bool = False
    """Also write the agreement over sentences and mirror images (`uncertainty.csv`); takes about 20 times as long."""

    def run(self) -> None:
        """Get the label maps, measure, compare, write, print the table."""
        from synthboost.data.source import open_source
        from synthboost.inference import predict_dataset as maps
        from synthboost.inference.clinical import (
            AGAINST_STATED,
            compare_cases,
            fractions,
            measure_cases,
            with_overlays,
            write_clinical,
        )
        from synthboost.inference.predictor import Predictor
        from synthboost.inference.sentences import EvaluationSentences
        from synthboost.inference.uncertainty import write_uncertainty
        from synthboost.io.lock import claim, exclusive, require_own
        from synthboost.io.typed_json import to_json
        from synthboost.models.registry import name_with_checksum
        from synthboost.progress import track
        from synthboost.records.masks import INDEX_FILE, read_index
        from synthboost.reports.bland_altman import agreement_lines
        from synthboost.studies.manifest import versions
        from synthboost.studies.results import UNKNOWN, run_spec_of

        folder, reference, overlays = Path(self.masks), self.masks == REFERENCE, self.out / "overlays"
        stored = self.masks not in (REFERENCE, DEFAULT) and (folder / INDEX_FILE).is_file()
        if reference or stored:
            refuse_idle(self, FOR_PREDICTING, "label maps", "Give a run's folder or weights, or leave them out.")
        require_own(self.out / CLAIM)
        run = None if reference else run_spec_of(self.masks)
        spec, predictor, sentences = run or UNKNOWN, None, None
        facts: dict[str, Any] = {"model": "reference label maps", "run": run and run.name, "sentences": "none"}
        if stored:
            sets = sorted({entry.prompt_set for entry in read_index(folder) if not entry.probe})
            facts |= {"model": run.model if run else "masks on disk", "sentences": ", ".join(sets)}
            facts["overlaps"] = maps.resolved_by(folder)
        elif not reference:
            predictor = Predictor.from_pretrained(self.masks, mirrored=self.mirrored)
            prompts = self.prompts or PromptSet(spec.prompt_set or PromptSet.P6)
            sentences = EvaluationSentences(prompts, name_domain=spec.domain_named)
            model = predictor.model.name if run else name_with_checksum(predictor.model, self.masks)
            facts |= {"model": model, "sentences": str(prompts), "domain named": spec.domain_named}
            facts |= {"threshold": predictor.threshold, "overlaps": maps.MOST_PROBABLE, "mended": self.mend}
            facts |= {"mirrored": self.mirrored}
        source = open_source(self.data, self, images=False)
        frames = source.evaluation_frames(SplitPart.TESTING, or_unannotated=not reference)
        source.check_images()
        listed = {*source.split.parts[SplitPart.TESTING], *(info.patient for info in frames.infos)}
        facts |= {
            "data": source.dataset.root.name,
            "release": source.dataset.release,
            "domain": ", ".join(source.domains),
            "fingerprint": source.fingerprint,
            "split": source.split.name,
            "part": str(SplitPart.TESTING),
            "patients listed": len(listed),
            "patients without a folder": sorted(p.name for p in listed - set(source.dataset.patients)),
        }
        if predictor is not None and sentences is not None:
            note_orientation(predictor, frames, self.masks)
            found = maps.predicted_label_maps(predictor, frames, sentences, self.mend)
        else:
            found = maps.true_label_maps(frames) if reference else maps.stored_label_maps(folder, frames)
        with exclusive(self.out):
            claim(self.out / CLAIM, {**facts, "masks": self.masks, "uncertainty": self.uncertainty})
            drawn = found if reference else with_overlays(found, overlays)
            tracked = track(drawn, f"measuring {frames.name}", len(frames), "frame")
            cases = list(measure_cases(tracked, with_reference=not reference))
            if self.uncertainty and predictor is not None:
                write_uncertainty(self.out / "uncertainty.csv", predictor, frames, spec.domain_named)
            compared = compare_cases(cases, "reference" if reference else "predicted")
            table = write_clinical(self.out, cases, compared, {**facts, "software": to_json(versions())})
        *_, hearts, notice = table.notes
        alone = all(case.stated_ef is None and case.reference is None for case in cases)
        lines = [fractions(cases)] if alone else agreement_lines(compared[: len(AGAINST_STATED)])
        print("\n".join([table.caption, *lines, hearts, notice]))
        if overlays.is_dir():
            other = "" if sentences is None or sentences.prompt_set is PromptSet.P1 else (
                f"; the sentences are those of {sentences.prompt_set}: --prompts P1 measures what `predict` draws"
            )  # fmt: skip
            print(f"overlays: {overlays}{other}")
        print(f"all numbers: {self.out / 'agreement.md'}, by patient: {self.out / 'patients.csv'}")
