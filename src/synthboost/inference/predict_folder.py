"""Many recordings to one folder of results, one folder each, and their tables; what is up to date already is kept."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synthboost.errors import DataError, OutputError, SynthboostError
from synthboost.inference.predict_recording import input_sha256, predict_recording
from synthboost.inference.predictor import Predictor
from synthboost.inference.sentences import Target
from synthboost.io.atomic import LONG_NAME, write_csv
from synthboost.io.lock import claim, exclusive
from synthboost.io.recordings import CLAIM, RESULT, open_recording, stem
from synthboost.io.typed_json import read_json
from synthboost.progress import track

FRAME_COLUMNS = (
    "recording", "frame", "seconds", "phase", "structure", "sentence", "label", "mask", "pixels", "area_mm2", "doubts",
    "reason",
)  # fmt: skip
RECORDING_COLUMNS = (
    "recording", "patient", "kind", "frames", "rows_mm", "columns_mm", "frame_seconds", "ED", "ES",
    "LV_ED_smoothed", "LV_ES_smoothed", "unit", "EF_single_plane", "EF_model_sd", "EF_doubts", "doubtful", "reason",
)  # fmt: skip
PATIENT_COLUMNS = ("patient", "recordings", "frames", "failed")


@dataclass(frozen=True)
class RecordingResult:
    """What became of one recording."""

    name: str
    """Of its folder of results."""
    result: dict[str, Any] | None
    """What its `result.json` holds."""
    reason: str = ""
    """Why there is no result."""
    new: bool = False
    """Made now, not found."""

    @property
    def patient(self) -> str:
        """The folder under the root that it lies in; empty if it lies in the root itself."""
        return self.name.split("/")[0] if "/" in self.name else ""

    @property
    def note(self) -> str:
        """How many frames are doubtful, and why; empty if none is."""
        if self.result is None or not self.result["doubtful"]:
            return ""
        reasons = {reason: None for row in self.result["rows"] if row["doubts"] for reason in row["doubts"].split("; ")}
        frames = f"{self.result['doubtful']} of {self.result['frames']} frames"
        return f"{self.name}: this may be no apical heart, or one shown poorly, in {frames}: {'; '.join(reasons)}"

    @property
    def fraction(self) -> str:
        """The ejection fraction of a clip and its spreads, for a terminal; empty if there is none."""
        if self.result is None or (found := self.result["ejection_fraction"]) is None:
            return ""
        spreads = {"in other words and mirrored": found["model_sd"], "over the beats": found["beats_sd"]}
        said = ", ".join(f"{sd:.1f} points {how}" for how, sd in spreads.items() if sd is not None)
        doubtful = f"; do not rely on it: {found['doubts']}" if found["doubts"] else ""
        return f"{self.name} {found['percent']:.1f} %{f' (SD, no interval: {said})' if said else ''}{doubtful}"


def predict_folder(
    predictor: Predictor,
    model: str,
    weights_sha256: str,
    root: Path,
    paths: Sequence[Path],
    out: Path,
    targets: Sequence[Target],
    label_map: bool = True,
    dicom_seg: bool = True,
    whole_image: bool = False,
    batch: int = 8,
) -> list[RecordingResult]:
    """Predict each recording that has no result, or one of another file, then write the tables of all results in `out`.

    Args:
        predictor: holds the model.
        model: its name, for the record; see `name_with_checksum`.
        weights_sha256: of its weights.
        root: what the user named: a file, or the folder that holds all `paths`.
        paths: the recordings.
        out: new, empty, or begun with images of the same folder, and the same weights, threshold and sentences.
        targets, label_map, dicom_seg, batch: as for `predict_recording`.
        whole_image: see `open_dicom`.

    Raises:
        OutputError: the folder holds something else, is in use, or cannot be written.
    """
    wanted = {
        "model": model,
        "weights_sha256": weights_sha256,
        "threshold": predictor.threshold,
        "mirrored": predictor.mirrored,
        "sentences": {target.name: target.sentence for target in targets},
        "label_map": label_map,
        "dicom_seg": dicom_seg,
        "whole_image": whole_image,
    }
    fingerprint = json.dumps(wanted, sort_keys=True)
    outcomes, names = [], dict(zip(paths, result_names(root, paths), strict=True))
    with exclusive(out):
        claim(out / CLAIM, {**wanted, "images": str((root if root.is_dir() else root.parent).resolve())})
        for path in track(paths, "predicting", unit="recording"):
            folder = out / names[path]
            try:
                found = _up_to_date(path, folder)
                result = found or predict_recording(
                    predictor, open_recording(path, whole_image), folder, targets, fingerprint, label_map, dicom_seg,
                    batch,
                )  # fmt: skip
                outcomes.append(RecordingResult(names[path], result, new=not found))
            except SynthboostError as error:
                if isinstance(error, OutputError) and error.field != LONG_NAME:
                    raise
                outcomes.append(RecordingResult(names[path], None, str(error)))
        _write_tables(out, [*outcomes, *_earlier(out, names.values())])
    return outcomes


def _earlier(out: Path, names: Iterable[str]) -> Iterator[RecordingResult]:
    """Results of other recordings, which an earlier call left."""
    known = {out / name for name in names}
    for path in sorted(out.rglob(RESULT)):
        if path.parent not in known:
            with suppress(DataError):  # damaged, and made again by a call for its recording
                yield RecordingResult(path.parent.relative_to(out).as_posix(), read_json(path))


def beside(images: Path) -> Path:
    """Return the folder for results of which nobody said where they go: NAME-predicted beside a file or a folder."""
    place = images.resolve()
    return place.with_name(f"{place.name if place.is_dir() else stem(place)}-predicted")


def result_names(root: Path, paths: Sequence[Path]) -> list[str]:
    """Name each recording by its place under `root`.

    The file's ending goes, unless two files differ only there, or a folder beside it has the name that would remain.

    Raises:
        OutputError: two recordings would still have the same folder of results.
    """
    places = [path.relative_to(root) if root.is_dir() else Path(path.name) for path in paths]
    short = [_printable(place.with_name(stem(place) or place.name).as_posix()) for place in places]
    taken = {_printable(folder.as_posix()) for place in places for folder in place.parents}
    names = [
        _printable(place.as_posix()) if short.count(name) > 1 or name in taken else name
        for name, place in zip(short, places, strict=True)
    ]
    if twice := next((name for name in names if names.count(name) > 1 or name in taken), None):
        raise OutputError(root, "names", f"two recordings are called {twice}", "different names", "Rename one of them.")
    return names


def _printable(text: str) -> str:
    """As text that every file can hold, also if a name of the system is not Unicode."""
    return text.encode("utf-8", "backslashreplace").decode()


def first_picture(result: Mapping[str, Any]) -> str:
    """Return the name of the picture to look at first: the overlay, of a clip that of end diastole."""
    files = result["files"]
    return str(files.get("overlay") or files["overlay_ED"])


def _up_to_date(path: Path, folder: Path) -> dict[str, Any] | None:
    """The result that is there, if it is a whole one of this very file."""
    try:
        found = read_json(folder / RESULT)
        whole = {*(folder / name for name in found["files"].values())} <= {*folder.iterdir()}
    except (DataError, KeyError, AttributeError):  # absent or damaged
        return None
    return found if whole and found.get("input_sha256") == input_sha256(path) else None


def _write_tables(out: Path, outcomes: Sequence[RecordingResult]) -> None:
    frames = [row for outcome in outcomes for row in _frame_rows(outcome)]
    write_csv(out / "predictions.csv", FRAME_COLUMNS, frames, for_people=True)
    write_csv(out / "recordings.csv", RECORDING_COLUMNS, map(_recording_row, outcomes), for_people=True)
    patients: dict[str, list[RecordingResult]] = {}
    for outcome in outcomes:
        patients.setdefault(outcome.patient, []).append(outcome)
    if "" not in patients:
        write_csv(out / "patients.csv", PATIENT_COLUMNS, (_patient_row(*patient) for patient in patients.items()))
    else:
        (out / "patients.csv").unlink(missing_ok=True)  # an older one would lack these recordings


def _frame_rows(outcome: RecordingResult) -> Iterator[dict[str, Any]]:
    if outcome.result is None:
        yield {"recording": outcome.name, "reason": outcome.reason}
        return
    for row in outcome.result["rows"]:
        yield {**row, "recording": outcome.name, "mask": f"{outcome.name}/{row['mask']}"}


def _recording_row(outcome: RecordingResult) -> dict[str, Any]:
    row: dict[str, Any] = {"recording": outcome.name, "patient": outcome.patient, "reason": outcome.reason}
    if (result := outcome.result) is None:
        return row
    rows_mm, columns_mm = result["spacing_mm"] or (None, None)
    row |= {name: result[name] for name in ("kind", "frames", "frame_seconds", "doubtful")}
    row |= {"rows_mm": rows_mm, "columns_mm": columns_mm}
    if (phases := result["phases"]) is not None:
        row |= {"ED": phases["ED"], "ES": phases["ES"], "unit": phases["unit"]}
        row |= {f"LV_{phase}_smoothed": phases["smoothed"][phases[phase]] for phase in ("ED", "ES")}
    if (fraction := result["ejection_fraction"]) is not None:
        row |= {"EF_single_plane": fraction["percent"], "EF_model_sd": fraction["model_sd"]}
        row |= {"EF_doubts": fraction["doubts"]}
    return row


def _patient_row(patient: str, outcomes: list[RecordingResult]) -> dict[str, Any]:
    done = [outcome.result for outcome in outcomes if outcome.result is not None]
    frames = sum(result["frames"] for result in done)
    return {"patient": patient, "recordings": len(done), "frames": frames, "failed": len(outcomes) - len(done)}
