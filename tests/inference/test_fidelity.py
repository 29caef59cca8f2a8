"""Two sets compared: numbers, tables, a page and contact sheets are written."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import binary_dilation

from synthboost.data import open_dataset
from synthboost.data.simulated_set import write_dataset
from synthboost.errors import ConfigError, DataError, OutputError
from synthboost.inference.fidelity import _averaged, _write_sheet, compare_sets, read_echo_set
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


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    root = tmp_path_factory.mktemp("simulated")
    write_dataset(root, SimulationSettings(patients=1, size=96))
    return open_dataset(root)


def test_four_frames_come_on_one_grid_with_the_fan_they_were_painted_in(simulated):
    found = read_echo_set(simulated, simulated.frames, 64)
    assert found.shape == (64, 64)
    assert len(found) == 4
    assert set(found.patients) == {str(simulated.patients[0])}
    assert found.names[0] == "database_nifti/patient0001_2CH_ED"
    # The rim's pixels are partly in the fan; beyond it there is nothing at all.
    beyond = np.stack([~binary_dilation(sector, np.ones((3, 3))) for sector in found.sectors])
    assert found.images[beyond].max() == 0
    assert found.sectors[:, 50, 32].all()
    assert (found.label_maps > 0).any(axis=(1, 2)).all()


def test_a_sheet_has_every_other_image_outlined_and_white_gaps(simulated, tmp_path):
    _write_sheet(tmp_path / "sheet.png", read_echo_set(simulated, simulated.frames, 64))
    sheet = np.asarray(Image.open(tmp_path / "sheet.png")).astype(int)
    assert sheet.shape == (136, 4 * 132 + 4, 3)
    assert (sheet[:4] == 255).all()
    assert (sheet[:, 132:136] == 255).all()
    coloured = np.ptp(sheet, axis=2).max(axis=0) > 0
    assert [coloured[first : first + 128].any() for first in (4, 136, 268, 400)] == [True, False, True, False]


def test_a_smaller_image_holds_means():
    image = np.array([[0, 10, 20], [40, 30, 20]], np.uint8)
    # 2 x 3 to 2 x 2: a new pixel covers one and a half old ones: (0 + 5) / 1.5, (5 + 20) / 1.5, (40 + 15) / 1.5, ...
    assert _averaged(image, 2).tolist() == [[3, 17], [37, 23]]
    assert _averaged(np.full((7, 5), 99, np.uint8), 3).tolist() == [[99] * 3] * 3


def test_frames_that_would_have_to_be_enlarged_are_refused(simulated):
    with pytest.raises(DataError, match=r"patient0001_2CH_ED of .*at least 500 x 500 pixels"):
        read_echo_set(simulated, simulated.frames, 500)


def test_no_frames_and_no_size_are_refused(simulated, tiny_camus):
    with pytest.raises(DataError, match="frames: 0"):
        read_echo_set(simulated, [], 32)
    with pytest.raises(ConfigError, match="size: 0"):
        read_echo_set(simulated, simulated.frames, 0)
    for path in tiny_camus.rglob("*_gt.nii.gz"):
        path.unlink()
    bare = open_dataset(tiny_camus)
    with pytest.raises(DataError, match="patient0001_2CH_ED without a label map"):
        read_echo_set(bare, bare.frames, 32)
