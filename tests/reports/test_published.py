"""The published scores give the paper's cells, its p-values, and what patients say of its claims."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from synthboost.domain import Strategy
from synthboost.errors import DataError
from synthboost.evaluation.statistics.contrast import contrast_family
from synthboost.records.published import PAPER_MODELS, read_published
from synthboost.reports.published import CONTRASTS, cell_table, contrast_table, p_value_table, published_tables
from synthboost.reports.series import rows_of_runs

PAPER = {
    ("synthetic", "clipseg (published)"):
        "45.69 ± 13.18 | 84.24 ± 11.95 | 84.87 ± 10.85 | 85.27 ± 9.66 | "
        "84.38 ± 11.00 | 83.18 ± 12.79 | 83.32 ± 12.51",
    ("synthetic", "cris (published)"):
        "42.29 ± 17.54 | 84.72 ± 11.85 | 84.72 ± 10.53 | 85.48 ± 10.19 | "
        "85.12 ± 11.15 | 85.84 ± 10.01 | 84.35 ± 13.28",
    ("real", "clipseg (published)"):
        "46.52 ± 13.30 | 88.53 ± 7.24 | 88.81 ± 7.16 | 88.77 ± 7.20 | "
        "88.58 ± 7.67 | 88.27 ± 7.39 | 88.45 ± 7.49 | 88.16 ± 7.95",
    ("real", "cris (published)"):
        "46.46 ± 13.08 | 91.00 ± 6.34 | 91.03 ± 6.18 | 89.90 ± 7.61 | "
        "90.94 ± 6.62 | 90.87 ± 6.36 | 90.79 ± 7.09 | 90.99 ± 6.25",
    ("synth-PT:real-FT", "clipseg (published)"):
        "46.26 ± 13.23 | 88.56 ± 7.49 | 89.44 ± 6.91 | 89.80 ± 6.82 | "
        "88.68 ± 7.51 | 88.55 ± 7.44 | 89.36 ± 6.81 | 89.53 ± 6.64",
    ("synth-PT:real-FT", "cris (published)"):
        "41.09 ± 18.64 | 91.26 ± 6.08 | 91.39 ± 5.94 | 91.12 ± 6.27 | "
        "91.04 ± 7.17 | 91.23 ± 6.36 | 91.11 ± 6.79 | 91.08 ± 6.60",
}  # fmt: skip
"""Table 2 of arXiv 2309.12829, encoders trained, P0 to P7 (`synthetic` has no P7)."""
REFERENCE = Path(__file__).with_name("patient_level_reference.csv")
"""Computed from the published scores by another program; points of Dice, BCa intervals of 10 000 draws."""
NAMES = ("first", "base", "model", "prompt_set")


def texts(table):
    return [[cell.text for cell in line] for line in table.shown.lines]


def test_every_strategy_and_model_is_a_line_and_a_missing_prompt_set_a_dash(published_scores):
    (published_scores / "sdm_camus_metrics_reduce_lr" / "cris" / "p5" / "metrics.csv").unlink()
    table = cell_table(read_published(published_scores))
    assert [column.heading for column in table.columns] == ["strategy", "model", "P0", "P1", "P2", "P5"]
    # Dice 85 plus -3, -1, 1, 3 by patient and -1, 0, 1 by structure: squares 3 x 20 + 4 x 2 = 68, SD sqrt(68 / 11).
    assert texts(table)[0][:3] == ["real", "clipseg (published)", "85.00 ± 2.49"]
    assert [line[:2] for line in texts(table)] == [
        [strategy, model] for strategy in ("real", "synthetic", "synth-PT:real-FT") for model in PAPER_MODELS
    ]
    assert texts(table)[3][-1] == "–"


def test_the_papers_tests_stand_beside_the_one_that_asks_the_patients(published_scores):
    lines = texts(p_value_table(read_published(published_scores)))
    # All 12 pairs and all 4 patients agree: 1 / 2^12 over pairs, 2 / 2^4 by patient.
    assert [line[4:] for line in lines] == [
        ["less", "0.00024", "0.00049", "0.12"],
        ["greater", "0.00024", "0.00049", "0.12"],
    ]


def test_the_empty_sentence_is_no_member_of_a_family(published_scores):
    table = contrast_table(read_published(published_scores), PAPER_MODELS, Strategy.SYNTHETIC, Strategy.REAL, draws=100)
    assert [line[:2] for line in texts(table)] == [[m, p] for m in PAPER_MODELS for p in ("P1", "P2", "P5")]
    assert table.name == "published_synthetic_minus_real"


def test_what_is_not_there_is_named(published_scores):
    runs = [run for run in read_published(published_scores) if run.spec.model != "cris (published)"]
    with pytest.raises(DataError, match="no synthetic of cris"):
        published_tables(runs)


@pytest.fixture(scope="module")
def published(authors_scores):
    return read_published(authors_scores)


def test_the_authors_scores_give_the_papers_table_cell_by_cell(published):
    found = {(line[0], line[1]): [cell for cell in line[2:] if cell != "–"] for line in texts(cell_table(published))}
    assert {key: cells for key, cells in found.items() if key[1] in PAPER_MODELS} == {
        key: text.split(" | ") for key, text in PAPER.items()
    }
    assert sum(len(text.split(" | ")) for text in PAPER.values()) == 46


def test_the_authors_scores_give_both_p_values_that_the_paper_prints(published):
    lines = p_value_table(published).lines
    assert [line[5].values[0] for line in lines] == pytest.approx([8.833e-73, 8.326e-6], rel=1e-3)
    assert [line[3].text for line in lines] == ["−5.19", "+0.36"]


@pytest.mark.parametrize(("first", "base"), CONTRASTS)
@pytest.mark.parametrize("models", [PAPER_MODELS, ("clipseg, second set (published)",)], ids=["paper", "second set"])
def test_patients_say_the_same_as_in_another_program(published, models, first, base):
    with REFERENCE.open() as handle:
        lines = [line for line in csv.DictReader(handle) if (line["first"], line["base"]) == (first, base)]
    expected = {(line["model"], line["prompt_set"]): line for line in lines if line["model"] in models}
    chosen = [run for run in published if (run.spec.model, run.spec.prompt_set) in expected]
    ours, theirs = (rows_of_runs([run for run in chosen if run.spec.strategy == name]) for name in (first, base))
    family = contrast_family(ours, theirs)
    model = models[0] if len(models) == 1 else None
    found = {(dict(s).get("model", model), dict(s)["prompt_set"]): contrast for s, contrast in family.members}
    assert found.keys() == expected.keys()
    for key, contrast in found.items():
        right = {name: float(value) for name, value in expected[key].items() if name not in NAMES}
        assert 100 * contrast.mean == pytest.approx(right["mean_diff"], abs=1e-4)
        assert contrast.p_value == pytest.approx(right["patient_wilcoxon_p"], rel=1e-3)
        assert contrast.holm_p == pytest.approx(right["holm_p"], rel=1e-3)
        assert contrast.p_over_pairs == pytest.approx(right["naive_wilcoxon_p"], rel=0.01)
        assert contrast.cliffs_delta == pytest.approx(right["cliff_delta_600"], abs=1e-4)
        assert contrast.rank_biserial == pytest.approx(right["rank_biserial_50"], abs=1e-4)
        assert contrast.patients_higher == right["patients_better"]
        # Two bootstraps of 10 000 draws differ by a few hundredths of a point, in the far tail by more.
        width = right["boot_hi"] - right["boot_lo"]
        assert 100 * contrast.over_patients.low == pytest.approx(right["boot_lo"], abs=0.05 * width)
        assert 100 * contrast.over_patients.high == pytest.approx(right["boot_hi"], abs=0.05 * width)
