"""Many recordings to one folder of results, one folder each, and their tables; what is done already is kept."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synthboost.errors import OutputError, SynthboostError
from synthboost.inference.predict_recording import RESULT, Wanted, predict_recording
from synthboost.inference.predictor import Predictor
from synthboost.io.atomic import write_csv
from synthboost.io.claim import claim, read_claim
from synthboost.io.lock import exclusive
from synthboost.io.recordings import open_recording, stem
from synthboost.progress import Progress

CLAIM = "predict.json"
FRAME_COLUMNS = (
    "recording", "frame", "seconds", "phase", "structure", "sentence", "label", "mask", "pixels", "area_mm2", "reason",
)  # fmt: skip
RECORDING_COLUMNS = (
    "recording", "patient", "kind", "frames", "rows_mm", "columns_mm", "frame_seconds", "ED", "ES", "LV_ED", "LV_ES",
    "unit", "reason",
)  # fmt: skip
PATIENT_COLUMNS = ("patient", "recordings", "frames", "failed")


@dataclass(frozen=True)
class Outcome:
    """What became of one input."""

    name: str
    """Of its folder of results."""
    path: Path
    result: dict[str, Any] | None
    reason: str = ""
    """Why there is no result."""
    new: bool = False
    """Made now, not found."""


def predict_folder(
    predictor: Predictor, weights_sha256: str, root: Path, paths: Sequence[Path], out: Path, wanted: Wanted
) -> list[Outcome]:
    """Predict each recording that has no result yet, then write the tables of all.

    Args:
        predictor: ready to draw.
        weights_sha256: of its weights.
        root: what the user named: a file, or the folder that holds all `paths`.
        paths: the recordings.
        out: new, empty, or begun with the same weights, threshold and questions.
        wanted: what to draw and write.

    Raises:
        OutputError: the folder holds something else, is in use, or cannot be written.
    """
    decides = claim_of(predictor.threshold, weights_sha256, wanted)
    names = result_names(root, paths)
    with exclusive(out):
        claim(out / CLAIM, decides)
        outcomes = []
        with Progress("predicting", len(paths), "recording") as bar:
            for path, name in zip(paths, names, strict=True):
                outcomes.append(_one(predictor, path, out, name, wanted, json.dumps(decides, sort_keys=True)))
                bar.advance()
        _write_tables(out, root, outcomes)
    return outcomes


def claim_of(threshold: float, weights_sha256: str, wanted: Wanted) -> dict[str, Any]:
    """What decides the results; two calls with different ones may not share a folder."""
    return {
        "weights_sha256": weights_sha256,
        "threshold": threshold,
        "questions": {question.name: question.sentence for question in wanted.questions},
        "label_map": wanted.label_map,
        "dicom_seg": wanted.dicom_seg,
    }


def result_names(root: Path, paths: Sequence[Path]) -> list[str]:
    """Name each recording by its place under `root`.

    The file's ending goes, unless two files differ only there, or a folder beside it has the name that would remain.

    Raises:
        OutputError: two recordings would still have the same folder of results.
    """
    places = [path.parent.relative_to(root) if root.is_dir() else Path() for path in paths]
    short = [_printable(place / (stem(path) or path.name)) for place, path in zip(places, paths, strict=True)]
    taken = {_printable(folder) for place in places for folder in (place, *place.parents)}
    names = [
        _printable(place / path.name) if short.count(name) > 1 or name in taken else name
        for name, place, path in zip(short, places, paths, strict=True)
    ]
    if twice := next((name for name in names if names.count(name) > 1 or name in taken), None):
        raise OutputError(root, "names", f"two recordings are called {twice}", "different names", "Rename one of them.")
    return names


def _printable(place: Path) -> str:
    """As text that every file can hold, also if the system's name is not Unicode."""
    return place.as_posix().encode("utf-8", "backslashreplace").decode()


def _one(predictor: Predictor, path: Path, out: Path, name: str, wanted: Wanted, fingerprint: str) -> Outcome:
    folder = out / name
    if (folder / RESULT).is_file():
        return Outcome(name, path, read_claim(folder / RESULT))
    try:
        recording = open_recording(path)
        result = predict_recording(predictor, recording, folder, wanted, fingerprint)
    except OutputError:
        raise
    except SynthboostError as error:
        return Outcome(name, path, None, str(error).encode("utf-8", "backslashreplace").decode())
    return Outcome(name, path, result, new=True)


def _write_tables(out: Path, root: Path, outcomes: Sequence[Outcome]) -> None:
    write_csv(out / "predictions.csv", FRAME_COLUMNS, [row for outcome in outcomes for row in _frame_rows(outcome)])
    write_csv(out / "recordings.csv", RECORDING_COLUMNS, [_recording_row(outcome, root) for outcome in outcomes])
    patients: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        patients.setdefault(_patient(outcome.path, root), []).append(outcome)
    if "" not in patients:
        write_csv(out / "patients.csv", PATIENT_COLUMNS, [_patient_row(*item) for item in patients.items()])


def _frame_rows(outcome: Outcome) -> list[dict[str, Any]]:
    if outcome.result is None:
        return [{**dict.fromkeys(FRAME_COLUMNS, ""), "recording": outcome.name, "reason": outcome.reason}]
    return [
        {**row, "recording": outcome.name, "mask": f"{outcome.name}/{row['mask']}", "reason": ""}
        for row in outcome.result["rows"]
    ]


def _recording_row(outcome: Outcome, root: Path) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(RECORDING_COLUMNS, "")
    row |= {"recording": outcome.name, "patient": _patient(outcome.path, root), "reason": outcome.reason}
    result = outcome.result
    if result is None:
        return row
    spacing, phases = result["spacing_mm"] or ("", ""), result["phases"]
    row |= {"kind": result["kind"], "frames": result["frames"], "rows_mm": spacing[0], "columns_mm": spacing[1]}
    row["frame_seconds"] = "" if result["frame_seconds"] is None else result["frame_seconds"]
    if phases is not None:
        row |= {"ED": phases["ED"], "ES": phases["ES"], "unit": phases["unit"]}
        row |= {"LV_ED": phases["smoothed"][phases["ED"]], "LV_ES": phases["smoothed"][phases["ES"]]}
    return row


def _patient(path: Path, root: Path) -> str:
    """The folder under `root` that a recording lies in; nobody, if it lies in `root` itself."""
    if not root.is_dir():
        return ""
    parts = path.relative_to(root).parts
    return parts[0] if len(parts) > 1 else ""


def _patient_row(patient: str, outcomes: list[Outcome]) -> dict[str, Any]:
    done = [outcome.result for outcome in outcomes if outcome.result is not None]
    frames = sum(int(result["frames"]) for result in done)
    return {"patient": patient, "recordings": len(done), "frames": frames, "failed": len(outcomes) - len(done)}
