"""Files in the formats that others publish: what is in them is used to the last tensor, or nothing is written."""

from __future__ import annotations

import collections
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from synthboost.errors import CheckpointError, ConfigError
from synthboost.models.cris.model import Cris, CrisNetwork
from synthboost.models.cris.published import ConversionReport, check, convert, infer_settings, read_published
from synthboost.models.cris.settings import CrisSettings
from synthboost.models.freezing import Encoders
from synthboost.models.registry import load_segmenter

State = dict[str, Tensor]
TOKENS = 62
"""In the vocabulary of `clip_folder`."""
CONNECT = "backbone.visual.attnpool.connect."


@pytest.fixture
def state(small_cris: Cris, draw: Callable[[Mapping[str, Tensor], int], State]) -> State:
    """All tensors of a small CRIS for 62 tokens."""
    return draw(CrisNetwork(small_cris.settings, TOKENS).state_dict(), 0)


@pytest.fixture
def clip_state(state: State) -> State:
    """What OpenAI's archive has of them: half precision, its own names, and three numbers."""
    backbone = {name.removeprefix("backbone."): tensor for name, tensor in state.items() if "backbone." in name}
    own = {n: t.half() if t.is_floating_point() else t for n, t in backbone.items() if "connect" not in n}
    sizes = {"input_resolution": 64, "context_length": 12, "vocab_size": TOKENS}
    return own | {name: torch.tensor(value) for name, value in sizes.items()}


def write_training_file(path: Path, state: State, prefix: str = "module.") -> Path:
    """As the authors' `train.py` writes it, the state of AdamW and of the schedule included."""
    network = nn.Linear(2, 1)
    optimizer = torch.optim.Adam(network.parameters())
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, [35])
    assert isinstance(schedule.state_dict()["milestones"], collections.Counter)
    file = {
        "epoch": 3, "cur_iou": 0.5, "best_iou": 0.5, "prec": {"Pr@50": 0.6},
        "state_dict": {prefix + name: tensor for name, tensor in state.items()},
        "optimizer": optimizer.state_dict(), "scheduler": schedule.state_dict(),
    }  # fmt: skip
    torch.save(file, path)
    return path


class Tree(nn.Module):
    """Tensors under dotted names, without any function: what a TorchScript archive of weights amounts to."""

    def __init__(self, state: Mapping[str, Tensor]) -> None:
        super().__init__()
        branches: dict[str, State] = {}
        for name, tensor in state.items():
            first, _, rest = name.partition(".")
            if rest:
                branches.setdefault(first, {})[rest] = tensor
            else:
                self.register_buffer(first, tensor)
        for name, branch in branches.items():
            self.add_module(name, Tree(branch))

    def forward(self, x: Tensor) -> Tensor:
        return x


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def write_archive(path: Path, state: State) -> Path:
    """As OpenAI published CLIP."""
    torch.jit.save(torch.jit.trace(Tree(state), torch.zeros(1)), path)
    return path


pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")


def same(folder: Path, state: State) -> bool:
    loaded = load_segmenter(folder, model="cris")
    assert isinstance(loaded, Cris)
    own = loaded.network.state_dict()
    return own.keys() == state.keys() and all(torch.equal(own[name], tensor) for name, tensor in state.items())


@pytest.mark.parametrize("prefix", ["module.", "", "net.", "net.module."])
def test_a_file_of_the_authors_training_is_converted_whatever_wrapped_the_network(
    state: State, clip_folder: Path, tmp_path: Path, prefix: str
) -> None:
    path = write_training_file(tmp_path / "cris_best.pth", state, prefix)
    report = convert(path, tmp_path / "cris", clip_folder)
    beside = ("best_iou", "cur_iou", "epoch", "optimizer", "prec", "scheduler")
    assert report == ConversionReport("cris", tuple(sorted(state)), left_random=(), zeroed=(), dropped=beside)
    assert same(tmp_path / "cris", state)


@pytest.mark.parametrize("name", ["cris.pth", "cris.safetensors"])
def test_a_bare_state_dict_is_converted(state: State, clip_folder: Path, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    save_file(state, path) if path.suffix == ".safetensors" else torch.save(state, path)
    assert convert(path, tmp_path / "cris", clip_folder).kind == "cris"
    assert same(tmp_path / "cris", state)


def test_the_sizes_are_read_from_the_shapes(state: State, small_cris: Cris) -> None:
    found = infer_settings(state, Path("x"), input_size=64)
    assert found == replace(small_cris.settings, dropout=0.1)  # 0.1 as published; no tensor tells it


def test_a_converted_model_draws_with_clips_tokenizer(state: State, clip_folder: Path, tmp_path: Path) -> None:
    path = write_training_file(tmp_path / "cris_best.pth", state)
    convert(path, tmp_path / "cris", clip_folder, input_size=96)
    model = load_segmenter(tmp_path / "cris")
    tokens = model.tokenize(["the heart.", "the"])
    # start, "the" as one pair, h e a r t, full stop, end; the shorter one is filled up with the end
    assert tokens.shape == (2, 9)
    assert tokens[1].tolist() == [60, 59, *[61] * 7]
    with torch.no_grad():
        logits = model(torch.zeros(1, 3, 96, 96), tokens, torch.tensor([0, 0]))
        alone = model(torch.zeros(1, 3, 96, 96), tokens[1:, :3], torch.tensor([0]))
    assert logits.shape == (2, 24, 24)
    torch.testing.assert_close(logits[1], alone[0], rtol=0.0, atol=1e-4)


@pytest.mark.parametrize("form", ["archive", "bare"])
def test_clips_archive_leaves_all_that_cris_adds_random_and_says_so(
    state: State, clip_state: State, clip_folder: Path, tmp_path: Path, form: str
) -> None:
    path = tmp_path / "RN50.pt"
    write_archive(path, clip_state) if form == "archive" else torch.save(clip_state, path)
    with pytest.warns(UserWarning, match=r"holds CLIP, not CRIS: \d+ of \d+ tensors are untrained. `connect`"):
        report = convert(path, tmp_path / "cris", clip_folder)
    assert report.kind == "clip"
    assert report.dropped == ("context_length", "input_resolution", "vocab_size")
    assert set(report.matched).isdisjoint(report.left_random)
    assert {name.split(".")[0] for name in report.matched} == {"backbone"}
    assert {n for n in report.left_random if "backbone" in n} == {n for n in state if n.startswith(CONNECT)}
    loaded = load_segmenter(tmp_path / "cris").state_dict()
    assert {f"network.{name}" for name in (*report.matched, *report.left_random)} == loaded.keys()
    assert sum("decoder.layers.2." in name for name in report.left_random) == 24  # three layers, as published
    for name in report.matched:
        expected = state[name].half().float() if state[name].is_floating_point() else state[name]
        assert torch.equal(loaded[f"network.{name}"], expected), name


@pytest.mark.filterwarnings("ignore:.*holds CLIP, not CRIS")
def test_the_untrained_layer_in_the_image_encoder_adds_nothing_until_it_is_trained(
    clip_state: State, clip_folder: Path, tmp_path: Path
) -> None:
    torch.save(clip_state, tmp_path / "RN50.pt")
    convert(tmp_path / "RN50.pt", tmp_path / "cris", clip_folder, input_size=64)
    model = load_segmenter(tmp_path / "cris")
    assert isinstance(model, Cris)
    image = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    coarse = model.encode_image(image)[2]
    pool = model.network.backbone.visual.attnpool
    with torch.no_grad():
        pool.connect[0].weight.fill_(7.0)
    assert torch.equal(coarse, model.encode_image(image)[2])
    model.set_encoders(Encoders.TRAINED)
    model.encode_image(image)[2].sum().backward()
    assert pool.connect[1].weight.grad is not None
    assert pool.connect[1].weight.grad.any()


@pytest.mark.filterwarnings("ignore:.*holds CLIP, not CRIS")
def test_what_is_left_random_depends_on_the_seed_alone(clip_state: State, clip_folder: Path, tmp_path: Path) -> None:
    torch.save(clip_state, tmp_path / "RN50.pt")
    torch.manual_seed(7)
    expected = torch.rand(2)
    torch.manual_seed(7)
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        convert(tmp_path / "RN50.pt", tmp_path / name, clip_folder, seed=seed)
    assert torch.equal(torch.rand(2), expected)
    a, b, c = ((tmp_path / name / "model.safetensors").read_bytes() for name in "abc")
    assert a == b != c


def test_missing_and_unexpected_tensors_are_listed_and_nothing_is_written(
    state: State, clip_folder: Path, tmp_path: Path
) -> None:
    state["neck.extra"] = state.pop("neck.aggr.0.weight")
    path = write_training_file(tmp_path / "cris_best.pth", state)
    with pytest.raises(CheckpointError, match=r"1 missing: neck\.aggr\.0\.weight; 1 unexpected: neck\.extra"):
        convert(path, tmp_path / "cris", clip_folder)
    assert not (tmp_path / "cris").exists()


def test_counters_that_a_file_leaves_out_begin_at_zero_and_are_told(
    state: State, clip_folder: Path, tmp_path: Path
) -> None:
    counters = {name for name in state if name.endswith("num_batches_tracked")}
    path = write_training_file(tmp_path / "x.pth", {n: t for n, t in state.items() if n not in counters})
    report = convert(path, tmp_path / "cris", clip_folder)
    assert len(counters) == len(report.zeroed) > 30
    assert set(report.matched) == state.keys() - counters
    assert report.left_random == ()
    assert same(tmp_path / "cris", state)  # `state` has zeros there
    del state["backbone.visual.bn1.running_mean"]
    torch.save(state, tmp_path / "y.pth")
    with pytest.raises(CheckpointError, match=r"1 missing: backbone\.visual\.bn1\.running_mean; expected"):
        check(tmp_path / "y.pth")


def test_a_tensor_under_two_names_is_refused_since_one_would_be_lost(state: State, tmp_path: Path) -> None:
    name = "proj.txt.bias"
    wrapped = {f"module.{n}": t for n, t in state.items()}
    torch.save(wrapped | {name: state[name] + 1}, tmp_path / "x.pth")
    with pytest.raises(CheckpointError, match=r"with and without the prefix 'module\.': module\.proj\.txt\.bias"):
        read_published(tmp_path / "x.pth")


@pytest.mark.parametrize(
    ("name", "tensor", "message"),
    [
        ("neck.aggr.0.weight", torch.zeros(3, 3).to_sparse(), r"entries: neck\.aggr\.0\.weight; expected .* dense"),
        ("proj.txt.bias", torch.zeros(37, device="meta"), r"entries: proj\.txt\.bias; expected .* with content"),
        ("proj.txt.bias", torch.ones(37, dtype=torch.bool), r"1 no real numbers: proj\.txt\.bias torch\.bool instead"),
        ("proj.txt.bias", torch.ones(37, dtype=torch.complex64), r"1 no real numbers: .* torch\.complex64 instead"),
        ("backbone.positional_embedding", torch.zeros(12, 0), r"positional_embedding is \(12, 0\)"),
        ("backbone.visual.attnpool.positional_embedding", torch.zeros(0, 128), r"positional_embedding is \(0, 128\)"),
    ],
)
def test_tensors_that_hold_no_weights_are_refused(
    state: State, tmp_path: Path, name: str, tensor: Tensor, message: str
) -> None:
    torch.save(state | {name: tensor}, tmp_path / "x.pth")
    with pytest.raises(CheckpointError, match=message):
        check(tmp_path / "x.pth")


def test_half_a_clip_is_refused(clip_state: State, clip_folder: Path, tmp_path: Path) -> None:
    del clip_state["ln_final.weight"]
    torch.save(clip_state, tmp_path / "RN50.pt")
    with pytest.raises(CheckpointError, match=r"1 missing: backbone\.ln_final\.weight"):
        convert(tmp_path / "RN50.pt", tmp_path / "cris", clip_folder)


@pytest.mark.parametrize("name", ["positional_embedding", "token_embedding.weight"])
def test_a_tensor_that_tells_a_size_must_be_there(state: State, tmp_path: Path, clip_folder: Path, name: str) -> None:
    del state[f"backbone.{name}"]
    path = write_training_file(tmp_path / "cris_best.pth", state)
    with pytest.raises(CheckpointError, match=f"backbone.{name} is missing; expected one of 2 dimensions"):
        convert(path, tmp_path / "cris", clip_folder)


def test_a_clip_with_a_vision_transformer_is_refused(tmp_path: Path) -> None:
    torch.save({"visual.conv1.weight": torch.zeros(8, 3, 16, 16), "visual.proj": torch.zeros(2)}, tmp_path / "ViT.pt")
    with pytest.raises(CheckpointError, match=r"image encoder: not a residual network.*Use RN50\.pt"):
        read_published(tmp_path / "ViT.pt")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"weight": torch.zeros(1)}, r"weights: 1 entries: weight; expected those of a CRIS or of CLIP"),
        ([torch.zeros(1)], "file: list; expected a file that maps names to tensors"),
        ({0: torch.zeros(1)}, "file: dict; expected a file that maps names to tensors"),
        ({"state_dict": {"visual.conv1.weight": torch.zeros(1), 3: 4}}, "file: dict; expected a file that maps names"),
        ({"state_dict": {}}, "weights: 0 entries"),
    ],
)
def test_weights_of_something_else_are_refused(tmp_path: Path, content: object, message: str) -> None:
    torch.save(content, tmp_path / "x.pth")
    with pytest.raises(CheckpointError, match=message):
        read_published(tmp_path / "x.pth")


def test_a_value_among_the_weights_and_weights_that_are_not_finite_are_refused(state: State, tmp_path: Path) -> None:
    torch.save(state | {"lr": 3}, tmp_path / "x.pth")
    with pytest.raises(CheckpointError, match="entries: lr; expected tensors only"):
        read_published(tmp_path / "x.pth")
    state["proj.vis.4.bias"][0] = float("nan")
    torch.save(state, tmp_path / "x.pth")
    with pytest.raises(CheckpointError, match=r"NaN or infinity in proj\.vis\.4\.bias"):
        read_published(tmp_path / "x.pth")


@pytest.mark.parametrize("name", ["x.pth", "x.pt", "x.safetensors"])
@pytest.mark.parametrize("content", [b"", b"<!DOCTYPE html>", b"PK\x03\x04 a broken archive"])
def test_a_damaged_file_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CheckpointError, match="file: .*expected an intact file"):
        read_published(tmp_path / name)


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"absent\.pth: file: absent"):
        read_published(tmp_path / "absent.pth")


@pytest.mark.parametrize("cut", [0.3, 0.99])
def test_a_truncated_archive_is_refused(clip_state: State, tmp_path: Path, cut: float) -> None:
    path = write_archive(tmp_path / "RN50.pt", clip_state)
    path.write_bytes(path.read_bytes()[: int(cut * path.stat().st_size)])
    with pytest.raises(CheckpointError, match="file: .*expected an intact file"):
        read_published(path)


class Payload:
    """When unpickled carelessly, it leaves a file behind."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Callable[[str], object], tuple[str]]:
        return eval, (f"open({str(self.trace)!r}, 'w').close()",)


def test_a_file_that_holds_code_is_refused_and_the_code_not_run(state: State, tmp_path: Path) -> None:
    torch.save({"state_dict": state, "epoch": Payload(tmp_path / "trace")}, tmp_path / "x.pth")
    with pytest.raises(CheckpointError, match="holds weights only"):
        read_published(tmp_path / "x.pth")
    assert not (tmp_path / "trace").exists()


def test_a_tokenizer_of_another_vocabulary_or_none_is_refused(state: State, clip_folder: Path, tmp_path: Path) -> None:
    path = write_training_file(tmp_path / "cris_best.pth", state)
    with pytest.raises(CheckpointError, match=r"tokenizer: absent; expected tokenizer\.json"):
        convert(path, tmp_path / "cris", tmp_path)
    with pytest.raises(CheckpointError, match="tokenizer: absent; expected a folder, or a hub name"):
        convert(path, tmp_path / "cris", "./nowhere")
    numbers = json.loads((clip_folder / "vocab.json").read_text())
    del numbers["<|endoftext|>"], numbers["the</w>"]
    (clip_folder / "vocab.json").write_text(json.dumps(numbers | {"<|endoftext|>": 60, "<|startoftext|>": 59}))
    (clip_folder / "merges.txt").write_text("#version: 0.2\nt h\n")
    with pytest.raises(CheckpointError, match="vocabulary: 61 tokens.*expected 62 tokens, as in cris_best.pth"):
        convert(path, tmp_path / "cris", clip_folder)
    assert not (tmp_path / "cris").exists()


def test_a_panic_of_the_tokenizers_library_is_one_line(
    state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    panic = type("PanicException", (BaseException,), {})

    def panics(*_: object, **__: object) -> None:
        raise panic("no entry found for key")

    monkeypatch.setattr("synthboost.models.tokenizing.CLIPTokenizer.from_pretrained", panics)
    path = write_training_file(tmp_path / "cris_best.pth", state)
    with pytest.raises(CheckpointError, match="tokenizer: PanicException: no entry found for key"):
        convert(path, tmp_path / "cris")


def test_without_a_network_the_way_to_give_a_tokenizer_is_named(
    state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(*_: object, **__: object) -> None:
        raise OSError("no network")

    monkeypatch.setattr("synthboost.models.tokenizing.CLIPTokenizer.from_pretrained", unreachable)
    path = write_training_file(tmp_path / "cris_best.pth", state)
    with pytest.raises(CheckpointError, match=r"openai/clip-vit-base-patch32: .*no network.*vocab\.json and merges"):
        convert(path, tmp_path / "cris")


def test_an_impossible_input_size_is_refused(state: State, clip_folder: Path, tmp_path: Path) -> None:
    path = write_training_file(tmp_path / "cris_best.pth", state)
    with pytest.raises(ConfigError, match="input_size: 100; expected a multiple of 32"):
        convert(path, tmp_path / "cris", clip_folder, input_size=100)
    assert CrisSettings.input_size == 416
