"""Two sets compared: numbers, tables, a page and contact sheets are written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from synthboost.data.simulated_set import write_dataset
from synthboost.errors import OutputError
from synthboost.inference.fidelity import compare_sets
from synthboost.simulator.settings import SimulationSettings


def test_numbers_tables_page_and_sheets_are_written(tmp_path: Path) -> None:
    for seed, (name, counts) in enumerate((("real", (4, 4, 0)), ("made", (4, 0, 0)))):
        settings = SimulationSettings(patients=sum(counts), size=64, seed=seed, split_counts=counts)
        write_dataset(tmp_path / name, settings)
    out = tmp_path / "out"
    said = compare_sets(tmp_path / "real", tmp_path / "made", out, size=48)
    values = json.loads((out / "fidelity.json").read_text())
    assert (values["n_real"], values["n_synthetic"], values["reference"]) == (16, 16, "held-out")
    assert said == (out / "fidelity.md").read_text()
    assert f"{values['frechet']['value']:.2f} [" in said
    page = (out / "fidelity.html").read_text()
    assert "<h1>Fidelity of made</h1>" in page
    assert page.count("<table") == page.count("</table>") >= 4
    assert {path.name for path in out.glob("*.png")} == {"real.png", "synthetic.png"}
    with pytest.raises(OutputError):
        compare_sets(tmp_path / "real", tmp_path / "made", out, size=48)
