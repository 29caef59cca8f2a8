"""Published weights give the published network's output, or are refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from synthboost.diffusion.checkpoint import load_diffusion
from synthboost.diffusion.network import SemanticUNet
from synthboost.diffusion.published import (
    ECHO_FROM_NOISE_CLASSES,
    convert,
    infer_settings,
    load_published,
    rename_table,
)
from synthboost.diffusion.sampling import default_schedule
from synthboost.diffusion.settings import DiffusionSettings, NoiseSpacing
from synthboost.errors import CheckpointError, ConfigError

GOLDEN = Path(__file__).parent / "data" / "sdm_golden.npz"
SETTINGS = DiffusionSettings(
    size=32, channels=3, width=32, multipliers=(1, 1, 2), blocks=1, attention=(16, 8), head_width=16
)
TIMES = torch.tensor([17.0, 803.0])
State = dict[str, Tensor]


@pytest.fixture(scope="module")
def golden() -> dict[str, np.ndarray]:
    """What the authors' `UNetModel` made of the images of `draw_images`.

    github.com/WeilunWang/semantic-diffusion-model, built with the sizes of `SETTINGS`, `learn_sigma`,
    `use_scale_shift_norm` and `resblock_updown`, and with the weights of `draw_weights`; once for each order of
    attention, and once for a map of zeros. The module of Echo from Noise gave the same numbers to the last bit.
    `names` are those of its state dict, with shapes; `sum` and `images_sum` tell whether numpy still draws the same.
    """
    torch.set_num_threads(1)
    with np.load(GOLDEN) as file:
        return dict(file)


@pytest.fixture(scope="module")
def state(golden: dict[str, np.ndarray]) -> State:
    return draw_weights(json.loads(str(golden["names"])), 0)


@pytest.fixture
def path(state: State, tmp_path: Path) -> Path:
    torch.save(state, tmp_path / "ema_0.9999_050000.pt")
    return tmp_path / "ema_0.9999_050000.pt"


def draw_weights(shapes: Mapping[str, list[int]], seed: int) -> State:
    generator = np.random.default_rng(seed)
    return {name: _draw(name, tuple(shapes[name]), generator) for name in sorted(shapes)}


def _draw(name: str, shape: tuple[int, ...], generator: np.random.Generator) -> Tensor:
    uniform = generator.random(shape)
    if len(shape) == 1 and name.endswith("weight"):
        return torch.from_numpy(0.5 + uniform).float()
    return torch.from_numpy((2 * uniform - 1) * (0.1 if len(shape) < 2 else np.sqrt(3 / np.prod(shape[1:])))).float()


def draw_images() -> Tensor:
    return torch.from_numpy(np.random.default_rng(1).standard_normal((2, 3, 32, 32))).float()


def draw_labels() -> Tensor:
    """Tiles of 4 x 4 pixels, each of one of the five classes."""
    return torch.from_numpy(np.kron(np.random.default_rng(7).integers(0, 5, (2, 8, 8)), np.ones((4, 4), np.int64)))


def test_numpy_draws_the_numbers_of_the_golden_file(golden: dict[str, np.ndarray], state: State) -> None:
    total = sum(float(tensor.double().sum()) for tensor in state.values())
    assert total == pytest.approx(float(golden["sum"]), rel=1e-9)
    assert float(draw_images().double().sum()) == pytest.approx(float(golden["images_sum"]), rel=1e-9)


@torch.no_grad()
@pytest.mark.parametrize("tables", [False, True])
@pytest.mark.parametrize("order", ["kinds_first", "heads_first"])
def test_the_output_is_the_authors(golden: dict[str, np.ndarray], path: Path, order: str, tables: bool) -> None:
    network = load_published(path, size=32, head_width=16, heads_first=order == "heads_first")
    output = network(draw_images(), TIMES, network.condition(draw_labels(), tables=tables))
    torch.testing.assert_close(output, torch.from_numpy(golden[order]), rtol=0, atol=1e-4)


@torch.no_grad()
@pytest.mark.parametrize("tables", [False, True])
def test_no_label_is_the_authors_map_of_zeros(golden: dict[str, np.ndarray], path: Path, tables: bool) -> None:
    network = load_published(path, size=32, head_width=16)
    nothing = torch.full((2, 32, 32), network.settings.null)
    output = network(draw_images(), TIMES, network.condition(nothing, tables=tables))
    torch.testing.assert_close(output, torch.from_numpy(golden["unlabelled"]), rtol=0, atol=1e-4)


@torch.no_grad()
def test_classes_with_other_numbers_are_translated(golden: dict[str, np.ndarray], path: Path) -> None:
    network = load_published(path, size=32, head_width=16, classes=ECHO_FROM_NOISE_CLASSES)
    theirs = draw_labels()
    ours = torch.tensor([ECHO_FROM_NOISE_CLASSES.index(label) for label in range(5)])[theirs]
    assert (ours != theirs).any()
    output = network(draw_images(), TIMES, network.condition(ours))
    torch.testing.assert_close(output, torch.from_numpy(golden["kinds_first"]), rtol=0, atol=1e-4)
    with pytest.raises(ConfigError, match=r"classes: \(0, 1, 1, 3, 4\); expected each number from 0 to 4 once"):
        load_published(path, size=32, head_width=16, classes=(0, 1, 1, 3, 4))


def test_the_orders_of_attention_differ(golden: dict[str, np.ndarray]) -> None:
    assert np.abs(golden["kinds_first"] - golden["heads_first"]).max() > 0.01


def test_the_sizes_are_read_from_the_shapes(path: Path) -> None:
    assert load_published(path, size=32, head_width=16).settings == SETTINGS


def test_every_published_name_is_translated_to_a_name_of_ours_and_back() -> None:
    settings = DiffusionSettings()
    table = rename_table(settings)
    with torch.device("meta"):
        network = SemanticUNet(settings)
    modules = {name.rpartition(".")[0] for name in network.state_dict()}
    assert len(set(table.values())) == len(table)
    assert modules <= set(table.values())
    # What the table has beyond: shortcuts that change no number of channels have no weights.
    assert all(name.endswith(".skip") for name in set(table.values()) - modules)
    back = {ours: theirs for theirs, ours in table.items()}
    published = {
        f"{back[name.rpartition('.')[0]]}.{name.rpartition('.')[2]}": tensor
        for name, tensor in network.state_dict().items()
    }
    assert len(published) == 766
    assert published["input_blocks.0.0.weight"].shape == (256, 3, 3, 3)
    assert published["output_blocks.17.0.in_norm.mlp_gamma.weight"].shape == (512, 128, 3, 3)
    assert "output_blocks.14.1.in_layers.1.weight" in published  # 128 px to 256 px, a level without attention
    assert infer_settings(published, Path("x"), 256, 64) == settings


def test_a_file_of_another_architecture_is_refused_and_what_differs_is_named(state: State, tmp_path: Path) -> None:
    changed = dict(state) | {"extra.weight": torch.zeros(1)}
    del changed["time_embed.2.bias"]
    torch.save(changed, tmp_path / "x.pt")
    with pytest.raises(CheckpointError, match=r"1 missing: time\.2\.bias; 1 unexpected: extra\.weight"):
        load_published(tmp_path / "x.pt", size=32, head_width=16)
    torch.save({"weight": torch.zeros(1)}, tmp_path / "y.pt")
    with pytest.raises(CheckpointError, match=r"time_embed\.0\.weight is missing"):
        load_published(tmp_path / "y.pt")


def test_an_image_size_that_does_not_go_with_the_file_is_refused(path: Path) -> None:
    with pytest.raises(ConfigError, match="size: 30; expected a multiple of 4"):
        load_published(path, size=30, head_width=16)
    with pytest.raises(ConfigError, match="head_width: 24"):
        load_published(path, size=32, head_width=24)


class Evil:
    """Would run code when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return print, ("run",)


def test_a_file_that_is_no_weights_is_refused_and_none_of_its_code_runs(
    state: State, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(CheckpointError, match="file: absent"):
        load_published(tmp_path / "absent.pt")
    path = tmp_path / "x.pt"
    path.write_bytes(b"<!DOCTYPE html>")
    with pytest.raises(CheckpointError, match="intact file"):
        load_published(path)
    torch.save({"weight": Evil()}, path)
    with pytest.raises(CheckpointError, match="holds weights only"):
        load_published(path)
    assert capsys.readouterr().out == ""
    torch.save([1], path)
    with pytest.raises(CheckpointError, match="file: list"):
        load_published(path)
    torch.save(state | {"out.0.bias": torch.full((32,), float("nan"))}, path)
    with pytest.raises(CheckpointError, match=r"NaN or infinity in out\.0\.bias"):
        load_published(path, size=32, head_width=16)


def test_building_from_a_file_draws_nothing_from_the_global_generator(path: Path) -> None:
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    load_published(path, size=32, head_width=16)
    assert torch.equal(torch.rand(1), expected)


def test_weights_trained_without_variances_are_recognised(state: State, tmp_path: Path) -> None:
    halved = dict(state) | {name: state[name][:3] for name in ("out.2.weight", "out.2.bias")}
    torch.save(halved, tmp_path / "x.pt")
    network = load_published(tmp_path / "x.pt", size=32, head_width=16)
    assert network.settings == replace(SETTINGS, learned_sigma=False)


@torch.no_grad()
def test_a_converted_file_is_a_folder_that_knows_its_origin(tmp_path: Path) -> None:
    settings = DiffusionSettings(size=16, width=64, multipliers=(1, 2), blocks=1, attention=(8,), spade_width=8)
    back = {ours: theirs for theirs, ours in rename_table(settings).items()}
    network = SemanticUNet(settings)
    published = {
        f"{back[name.rpartition('.')[0]]}.{name.rpartition('.')[2]}": torch.rand_like(tensor)
        for name, tensor in network.state_dict().items()
    }
    torch.save(published, tmp_path / "model.pt")
    for origin, spacing in (("sdm", "linear"), ("echo-from-noise", "cosine")):
        converted = convert(tmp_path / "model.pt", tmp_path / origin, origin, size=16)
        loaded = load_diffusion(tmp_path / origin)
        assert loaded.settings == replace(settings, spacing=NoiseSpacing(spacing))
        assert default_schedule(loaded.settings).spacing == spacing
        assert all(torch.equal(a, b) for a, b in zip(converted.parameters(), loaded.parameters(), strict=True))
    first = published["middle_block.0.in_norm.mlp_shared.0.weight"]
    assert torch.equal(loaded.middle.first.norm1.shared.weight, first[:, list(ECHO_FROM_NOISE_CLASSES)])
