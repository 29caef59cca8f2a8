"""The benchmark for a GPU runs on a CPU as a rehearsal, and reports each of its parts."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
import torch
from smallest_models import SETTINGS

from synthboost.diffusion.settings import PRESETS
from synthboost.models.catalogue import MODELS
from synthboost.models.textunet.settings import TextUNetSettings
from synthboost.training import pretrain as pretraining

CPU = torch.device("cpu")


def test_a_rehearsal_reports_every_part(
    run_benchmark: Callable[..., str], benchmark: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:  # fmt: skip
    monkeypatch.setattr(benchmark("gpu_checks"), "MODELS", ("textunet",))
    textunet = TextUNetSettings(input_size=32, widths=(4, 6, 8), text_width=8, text_layers=1, scales=2)
    for model, smallest in (
        ("clipseg", SETTINGS["clipseg tiny"]),
        ("cris", SETTINGS["cris tiny"]),
        ("textunet", textunet),
    ):
        monkeypatch.setitem(MODELS[model].presets, "tiny", smallest)
    monkeypatch.setitem(PRESETS, "tiny", replace(PRESETS["tiny"], size=32, width=8, head_width=8, groups=4))
    monkeypatch.setattr(benchmark("bench_gpu"), "available_cores", lambda: 1)  # no processes
    monkeypatch.setattr(pretraining, "HELD_OUT_PATIENTS", 1)
    said = run_benchmark("bench_gpu", "--rehearse", "--out", str(tmp_path))
    found = json.loads((tmp_path / "results.json").read_text())
    parts = ["device", "checks", "throughput", "pretraining, planned", "pretraining"]
    assert [name for name in found if name != "seconds"] == parts
    assert all(f"## {part}, after " in said for part in parts)
    assert found["device"][0]["torch"] == torch.__version__
    assert [check["name"] for check in found["checks"] if not check["passed"]] == []
    assert len(found["checks"]) == 10
    assert {row["what"]: row["batch"] for row in found["throughput"]} == {
        "recipe textunet base": 2, "clipseg rd64": 2, "cris rn50": 2, "diffusion sdm256": 2,
    }  # fmt: skip
    assert all(row["images_per_s"] > 0 and row["tflops"] > 0 for row in found["throughput"])
    assert found["pretraining"][0]["dice_LV"] >= 0
    weights = tmp_path / "pretrained" / "checkpoint"
    assert json.loads((weights / "training.json").read_text())["trained_on"] == "simulated frames alone"
    assert (weights / "model.safetensors").is_file()


def test_without_a_gpu_it_says_so(run_benchmark: Callable[..., str], tmp_path: Path) -> None:
    assert run_benchmark("bench_gpu", "--out", str(tmp_path)).startswith("nothing measured")
    assert list(tmp_path.iterdir()) == []


def test_a_check_that_fails_or_raises_is_a_row_and_no_end(benchmark: Callable[[str], ModuleType]) -> None:
    checks = benchmark("gpu_checks")
    assert checks.compared("same", lambda: [3.0, 0.1], lambda: [3.003, 0.1]).passed
    apart = checks.compared("apart", lambda: [3.0], lambda: [3.3])
    assert apart.difference == pytest.approx(0.3 / 3.3)
    assert not apart.passed
    assert not checks.compared("NaN", lambda: [float("nan")], lambda: [0.0]).passed
    broken = checks.compared("broken", lambda: [1 / 0], lambda: [0.0])
    assert (broken.difference, broken.error) == (None, "ZeroDivisionError: division by zero")
    assert checks.compared("nothing", lambda: [1.0], list).error.startswith("AssertionError: no answer")


def test_batches_double_until_memory_or_time_ends(
    benchmark: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bench = benchmark("bench_gpu")
    monkeypatch.setattr(bench, "LEAST_S", 0.001)

    def steps(images: int) -> Callable[[], object]:
        if images == 8:
            raise torch.cuda.OutOfMemoryError
        return lambda: torch.ones(images, 10) @ torch.ones(10, 10)

    results = bench.Results(tmp_path, 1000.0)
    *fitting, last = bench.growing("product", lambda: steps, 2, CPU, False, 1.0, results, 1.0)
    # Twice 10 x 10 multiplications and additions for every row.
    assert [(row["batch"], round(1e9 * row["gflop_per_step"])) for row in fitting] == [(2, 400), (4, 800)]
    assert all(row["of_peak"] == row["tflops"] > 0 for row in fitting)
    assert last == {"what": "product", "batch": 8, "error": "out of memory"}
    assert list(bench.growing("product", lambda: steps, 2, CPU, False, 1.0, results, -1.0)) == []


@pytest.mark.parametrize(
    ("name", "expected"),
    [("NVIDIA H200", 989.0), ("NVIDIA H100 80GB HBM3", 989.0), ("NVIDIA H100 PCIe", 756.0), ("NVIDIA A10G", 125.0),
     ("NVIDIA A100-SXM4-80GB", 312.0), ("GeForce GT 710", None)],
)  # fmt: skip
def test_the_peak_is_known_by_name(benchmark: Callable[[str], ModuleType], name: str, expected: float | None) -> None:
    assert benchmark("bench_gpu").peak_of(name) == expected
