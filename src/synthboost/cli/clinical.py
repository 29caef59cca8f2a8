"""`synthboost clinical`: volumes, ejection fraction, walls and atrium of a data set's patients, and their agreement."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tyro

from synthboost.domain import PromptSet, SplitOptions, SplitPart
from synthboost.errors import ConfigError

if TYPE_CHECKING:
    from synthboost.data.frame_set import FrameSet
    from synthboost.data.source import Source
    from synthboost.inference.dataset_label_maps import FrameLabelMap
    from synthboost.inference.predictor import Predictor

REFERENCE = "reference"
"""In the place of a model: the data set's own label maps."""


@dataclass(frozen=True)
class Clinical:
    """Measure patients from masks and compare with the reference: research software, not a medical device.

    Writes `patients.csv` (all numbers of each patient, and why a number is missing), `checks.csv` (plausibility),
    `agreement.json` and the same as tables, and a Bland-Altman plot.
    """

    masks: tyro.conf.Positional[str]
    """A run's folder, weights or hub name; a folder of masks with `index.csv`; or `reference`: the true label maps."""
    data: Path
    """The annotated data set."""
    out: Path
    """A new folder."""
    prompts: PromptSet | None = None
    """The prompt set for prediction; by default the run's, or P6."""
    splitting: SplitOptions = field(default_factory=SplitOptions)
    threshold: float = 0.5
    """A pixel belongs to the most probable structure if its probability is larger."""
    mend: bool = False
    """Repair predictions: largest piece of each structure, holes filled, gaps between ventricle and wall closed."""
    uncertainty: bool = False
    """Also write the agreement over sentences and mirror images (`uncertainty.csv`); takes about 20 times as long."""

    def run(self) -> None:
        """Get the label maps, measure, compare, write, print the table."""
        from synthboost.data.source import open_source
        from synthboost.inference.clinical import compare_cases, measure_cases, write_clinical, write_uncertainty
        from synthboost.inference.uncertainty import Variations
        from synthboost.io.atomic import require_new_folder
        from synthboost.io.typed_json import to_json
        from synthboost.progress import track
        from synthboost.reports.formats import to_text
        from synthboost.studies.manifest import versions

        source = open_source(self.data, self.splitting)
        frames = source.frames(SplitPart.TESTING, f"{self.data.name} {SplitPart.TESTING}")
        if not len(frames):
            split = self.splitting.split
            raise ConfigError("clinical", "part", SplitPart.TESTING, f"a part of split {split} with annotated frames")
        predictor, found, facts = self._found(frames)
        require_new_folder(self.out, "out")
        judged = "reference" if self.masks == REFERENCE else "predicted"
        cases = list(
            measure_cases(
                track(found, f"measuring {frames.name}", len(frames), "frame"), with_reference=judged == "predicted"
            )
        )
        if self.uncertainty and predictor is not None:
            write_uncertainty(self.out, predictor, frames, Variations(name_domain=bool(facts["domain named"])))
        compared = compare_cases(cases, judged)
        table = write_clinical(
            self.out, cases, compared, {**facts, **self._facts(source), "software": to_json(versions())}
        )
        print(f"{to_text(table)}\npatients: {self.out / 'patients.csv'}")

    def _facts(self, source: Source) -> dict[str, Any]:
        listed = source.split.parts[SplitPart.TESTING]
        absent = sorted(patient.name for patient in set(listed) - set(source.dataset.patients))
        return {
            "data": source.dataset.root.name,
            "release": source.dataset.release,
            "domain": ", ".join(source.domains),
            "fingerprint": source.fingerprint,
            "split": source.split.name,
            "part": str(SplitPart.TESTING),
            "patients listed": len(listed),
            "patients without a folder": absent,
        }

    def _found(self, frames: FrameSet) -> tuple[Predictor | None, Iterator[FrameLabelMap], dict[str, Any]]:
        from synthboost.inference.dataset_label_maps import (
            MOST_PROBABLE,
            predicted_label_maps,
            resolved_by,
            stored_label_maps,
            true_label_maps,
        )
        from synthboost.inference.predictor import Predictor
        from synthboost.inference.sentences import EvaluationSentences
        from synthboost.records.masks import INDEX_FILE, read_index
        from synthboost.studies.evaluated import run_spec_of

        folder = Path(self.masks)
        stored = (folder / INDEX_FILE).is_file()
        if self.masks == REFERENCE or stored:
            self._refuse_idle_options()
        if self.masks == REFERENCE:
            return None, true_label_maps(frames), {"model": "reference label maps", "run": None, "sentences": "none"}
        spec = run_spec_of(self.masks)
        run = spec and spec.name
        if stored:
            sets = sorted({entry.prompt_set for entry in read_index(folder) if not entry.probe})
            model = spec.model if spec else "masks on disk"
            facts: dict[str, Any] = {"model": model, "run": run, "sentences": ", ".join(sets)}
            facts["overlaps"] = resolved_by(folder)
            return None, stored_label_maps(folder, frames), facts
        predictor = Predictor.from_pretrained(self.masks, threshold=self.threshold)
        prompts = self.prompts or (PromptSet(spec.prompt_set) if spec else PromptSet.P6)
        named = spec is not None and spec.domain_named
        sentences = EvaluationSentences(prompts, name_domain=named)
        facts = {
            "model": predictor.model.name,
            "run": run,
            "sentences": str(prompts),
            "domain named": named,
            "threshold": self.threshold,
            "overlaps": MOST_PROBABLE,
            "mended": self.mend,
        }
        return predictor, predicted_label_maps(predictor, frames, sentences, self.mend), facts

    def _refuse_idle_options(self) -> None:
        given = {
            "prompts": self.prompts is not None,
            "threshold": self.threshold != 0.5,
            "mend": self.mend,
            "uncertainty": self.uncertainty,
        }
        if idle := [name for name, is_given in given.items() if is_given]:
            raise ConfigError(
                "clinical", ", ".join(idle), "given with masks predicted earlier", "a model",
                "Give a run's folder or weights, or leave them out.",
            )  # fmt: skip
