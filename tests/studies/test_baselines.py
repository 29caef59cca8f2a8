from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from synthboost.domain import SplitPart, Strategy
from synthboost.records.run_folder import read_run
from synthboost.records.run_record import Evaluation
from synthboost.studies.baselines import FITS, Baseline
from synthboost.studies.spec import Role, RunSpec


@pytest.mark.parametrize("kind", FITS)
def test_a_constant_predictor_is_a_run_like_any_other(
    make_spec: Callable[..., RunSpec], evaluation: Evaluation, tmp_path: Path, kind: str
) -> None:
    source = make_spec(Strategy.REAL).sources[Role.REAL]
    record = read_run(Baseline(kind, source).execute(tmp_path / "runs", evaluation).root)
    assert len(record.rows) == 4 * 3
    assert {(row.model, row.strategy, row.encoders) for row in record.rows.itertuples()} == {("baseline", kind, "none")}
    areas = {(row.frame, row.structure): row.area_predicted_mm2 for row in record.rows.itertuples()}
    of_first = [areas["patient0004_2CH_ED", structure] for structure in ("LV", "MYO", "LA")]
    assert (len(set(of_first)) == 1) is (kind == "text-blind")  # one mask whatever the sentence
    assert areas["patient0004_2CH_ED", "LV"] == areas["patient0004_4CH_ES", "LV"]  # whatever the image


def test_baselines_of_fewer_patients_are_other_runs_and_judging_otherwise_is_done_anew(
    make_spec: Callable[..., RunSpec], evaluation: Evaluation, tmp_path: Path
) -> None:
    source = make_spec(Strategy.REAL).sources[Role.REAL]
    names = {Baseline("text-blind", one).name for one in (source, source.with_patients(1))}
    assert len(names) == 2
    first = Baseline("text-blind", source).execute(tmp_path / "runs", evaluation)
    again = Baseline("text-blind", source).execute(tmp_path / "runs", replace(evaluation, part=SplitPart.VALIDATION))
    assert first == again
    rows = read_run(again.root).rows
    assert {(row.part, row.real_patients) for row in rows.itertuples()} == {("validation", 2)}
