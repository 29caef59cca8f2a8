"""The flag for pictures that show no heart: its benchmark runs, and the weights that ship pass it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from pathlib import Path
from types import ModuleType

import pytest

from synthboost.cli.main import parse
from synthboost.errors import CheckpointError
from synthboost.inference.doubts import reasons_against_heart
from synthboost.inference.predictor import Predictor
from synthboost.models.registry import BOX, build_segmenter

LEAST_HEARTS, LEAST_OTHERS = 0.95, 0.9


def test_the_benchmark_counts_every_kind_of_picture(run_benchmark: Callable[..., str], box: Path) -> None:
    said = run_benchmark("bench_flag", "--patients", "1", "--each", "1")
    assert "| heart | 4 | " in said
    assert "| all but hearts | 11 | " in said


def test_the_figures_of_the_box_are_measured_on_the_weights_in_it(
    run_benchmark: Callable[..., str], box: Path, tiny_camus: Path, tmp_path: Path
) -> None:
    scores = tmp_path / "scores"
    parse(["evaluate", "--data", str(tiny_camus), "--out", str(scores)]).run()
    said = run_benchmark("bench_box", "--rounds", "1", "--patients", "1", "--each", "1", "--evaluated", str(scores))
    assert "real images of tiny_camus, testing patients, sentences of P6, native size" in said
    assert "| mean | " in said
    assert "| three structures, 512 px, loaded | " in said
    build_segmenter("textunet", "tiny", seed=1).save_pretrained(box)
    with pytest.raises(CheckpointError, match="Evaluate them again"):
        run_benchmark("bench_box", "--evaluated", str(scores))


@pytest.mark.skipif(not (BOX / "model.safetensors").is_file(), reason="no weights ship yet")
def test_the_weights_that_ship_tell_hearts_from_other_pictures(benchmark: Callable[[str], ModuleType]) -> None:
    bench = benchmark("bench_flag")
    predictor = Predictor.default("cpu")
    hearts = [image for kind, image in bench.pictures(patients=5, each=0)]
    others = [image for kind, image in islice(bench.pictures(patients=0, each=2), 20)]
    for images, flagged, least in ((hearts, False, LEAST_HEARTS), (others, True, LEAST_OTHERS)):
        assert len(images) == 20
        pairs = zip(images, bench.probabilities(predictor, images), strict=True)
        found = [bool(reasons_against_heart(*pair)) for pair in pairs]
        assert found.count(flagged) >= least * len(images)
