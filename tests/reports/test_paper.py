"""The paper's cells: all of them, as printed, and found by our names."""

from __future__ import annotations

import pytest

from synthboost.reports.paper import paper_cell, paper_dice


def test_all_cells_of_both_tables_are_there():
    cells = list(paper_dice())  # encoders, strategy, model, prompt set
    assert len(cells) == 108
    # Zero-shot: 2 models x 8; per table and model: synthetic 7, real 8, synth-PT:real-FT 8.
    assert sum(cell[1] == "zero-shot" for cell in cells) == 16
    assert sum(cell[0] == "frozen" for cell in cells) == 2 * 23


def test_a_cell_is_found_by_our_names():
    cell = paper_cell("trained", "synth-PT:real-FT", "cris", "P2")
    assert (cell.mean, cell.sd) == (91.39, 5.94)


def test_zero_shot_has_the_same_cell_whatever_the_encoders():
    assert paper_cell("random weights", "zero-shot", "clipseg", "P7") is paper_cell(
        "none", "zero-shot", "clipseg", "P7"
    )


@pytest.mark.parametrize("key", [("trained", "synthetic", "cris", "P7"), ("lora-8", "real", "cris", "P1"),
                                 ("trained", "real", "unet", "P1")])  # fmt: skip
def test_what_is_not_printed_is_not_there(key):
    assert paper_cell(*key) is None


def test_differences_are_of_the_printed_means():
    # 91.39 - 91.03.
    boosted, real = (paper_cell("trained", name, "cris", "P2") for name in ("synth-PT:real-FT", "real"))
    assert boosted is not None
    assert real is not None
    assert boosted.mean - real.mean == pytest.approx(0.36)
    assert paper_cell("trained", "synthetic", "cris", "P7") is None
