"""Fixtures of the reports' tests: finished runs made of numbers that can be worked by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from synthboost.io.typed_json import from_json
from synthboost.records.examples import Example
from synthboost.records.rows import Row, Status, rows_frame
from synthboost.records.run_folder import EpochLog, RunRecord
from synthboost.records.run_record import Manifest, Spec

MakeRow = Callable[..., Row]
MakeRun = Callable[..., RunRecord]


@pytest.fixture(scope="session")
def make_row() -> MakeRow:
    return _row


@pytest.fixture(scope="session")
def make_run() -> MakeRun:
    return _run


@pytest.fixture(scope="session")
def make_manifest() -> Callable[..., Manifest]:
    return _manifest


@pytest.fixture(scope="session")
def make_log() -> Callable[..., list[EpochLog]]:
    return _log


def _row(dice: float | None, **other: Any) -> Row:
    """A row of patient `p1`; a Dice of `None` makes it failed."""
    values: dict[str, Any] = {
        "run": "run-a", "model": "tiny", "strategy": "real", "encoders": "trained", "prompt_set": "P6",
        "synthetic": "", "real_patients": None,
        "paraphrase": 0, "sentence": "Myocardium.", "uses_ground_truth": False, "probe": "", "seed": 0,
        "split": "official", "part": "testing", "domain": "real", "patient": "p1", "frame": "p1_2CH_ED", "view": "2CH",
        "phase": "ED", "structure": "LV", "quality": "Good", "sex": None, "age": None, "ejection_fraction": None,
        "grid": "native", "row_mm": 0.5, "column_mm": 0.5, "status": Status.OK if dice is not None else Status.FAILED,
        "reason": "" if dice is not None else "mask is absent", "dice": dice, "iou": dice, "nsd": dice,
        "nsd_tolerance_mm": 2.0, "hd95_mm": None if dice is None else 4.0, "assd_mm": None if dice is None else 1.0,
        "area_true_mm2": None, "area_predicted_mm2": None,
    }  # fmt: skip
    return Row(**(values | other))  # type: ignore[typeddict-item]


def _run(
    rows: list[Row] | None = None,
    log: list[EpochLog] | None = None,
    examples: list[Example] | None = None,
    spec: dict[str, Any] | None = None,
    manifest: dict[str, Any] | None = None,
    root: str = "runs/abc123",
) -> RunRecord:
    known = None if manifest is None else _manifest(**manifest)
    return RunRecord(Path(root), _spec(**(spec or {})), known, log or [], rows_frame(rows or []), examples or [])


def _spec(**given: Any) -> Spec:
    """A spec with some fields given, as `spec.json` has them."""
    empty = {"name": "abc123", "model": "", "strategy": "", "encoders": "", "prompt_set": "", "domain_named": False,
             "preset": None, "architecture": None, "weights": None, "real_share": None, "seed": None, "stages": None,
             "data": {}}  # fmt: skip
    values = {**empty, **given}
    nothing = {"name": "", "release": "", "domain": "", "split": "", "patients": 0, "frames": 0, "fingerprint": ""}
    values["stages"] = values["stages"] and [{"training": {}, **stage} for stage in values["stages"]]
    values["data"] = {role: {**nothing, **item} for role, item in values["data"].items()}
    return from_json(Spec, values, Path("spec.json"))


def _manifest(**given: Any) -> Manifest:
    """A manifest with some fields given, as `manifest.json` has them."""
    versions = {"synthboost": "1.0", "python": "3.11.9", "packages": {}, "commit": None}
    nothing = {"versions": versions, "threads": 1, "device": "CPU", "cpu_capability": "AVX2", "wall_seconds": 1.0,
               "evaluated": "2026-01-01T00:00:00+00:00", "seed": 0, "data": {}, "parent": None}  # fmt: skip
    return from_json(Manifest, {**nothing, **given}, Path("manifest.json"))


def _log(dice: list[float], images_per_epoch: int = 100, stage: str = "real") -> list[EpochLog]:
    """One line per epoch with the given validation Dice."""
    return [
        EpochLog(stage, epoch, epoch * images_per_epoch, 0.5, 0.5, value, 1e-3, 10.0 * epoch)
        for epoch, value in enumerate(dice, start=1)
    ]


STAGES = {"zero-shot": (), "real": ("real",), "synthetic": ("synthetic",), "synth-PT:real-FT": ("synthetic", "real")}


@pytest.fixture(scope="session")
def make_study_run(make_row, make_run, make_log):
    """A run whose patients `p0`, `p1`, ... have one pair each with the Dice given."""

    def make(dice: list[float], strategy: str = "real", *, model: str = "cris", encoders: str = "trained",
             prompt_set: str = "P1", seed: int = 0, patients: int = 400, spec: dict[str, Any] | None = None,
             **other: Any) -> RunRecord:  # fmt: skip
        roles = STAGES[strategy]
        name = "-".join(map(str, (model, strategy, encoders, prompt_set, seed, patients)))
        rows = [
            make_row(
                value, run=name, model=model, strategy=strategy, encoders=encoders, prompt_set=prompt_set, seed=seed,
                patient=f"p{place}", synthetic="diffusion" if "synthetic" in roles else "",
                real_patients=patients if "real" in roles else None, **({"frame": f"p{place}_2CH_ED"} | other),
            )
            for place, value in enumerate(dice)
        ]  # fmt: skip
        data = {"real": {"name": "camus", "domain": "real", "patients": patients, "frames": 4 * patients}}
        if "synthetic" in roles:
            data["synthetic"] = {"name": "sdm", "domain": "diffusion", "patients": 5, "frames": 20}
        values = {
            "name": name, "model": model, "preset": "tiny", "weights": None, "strategy": strategy,
            "encoders": encoders, "prompt_set": prompt_set, "seed": seed, "data": data,
            "stages": [{"role": role, "training": {"epochs": 2}} for role in roles],
        }  # fmt: skip
        log = make_log([0.5, 0.8], stage=roles[-1]) if roles else []
        return make_run(
            rows,
            log,
            spec=values | (spec or {}),
            manifest={"mask_patients": 5 if "synthetic" in roles else 0},
            root=f"runs/{name}",
        )

    return make
