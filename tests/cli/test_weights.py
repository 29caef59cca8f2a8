"""`synthboost weights`: the catalogue, and files of the published formats that the tests make."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from synthboost.diffusion.checkpoint import load_diffusion
from synthboost.diffusion.network import SemanticUNet
from synthboost.diffusion.published import rename_table
from synthboost.diffusion.settings import DiffusionSettings
from synthboost.models.catalogue import MODELS, Published
from synthboost.models.cris.model import CrisNetwork
from synthboost.models.cris.settings import TINY
from synthboost.models.registry import build_segmenter
from synthboost.models.weights_folder import file_sha256

TOKENS = 62
"""The vocabulary of the tokenizer in `clip_folder`."""


@pytest.fixture
def trained_file(tmp_path: Path) -> Path:
    """A small CRIS as the authors' training script saves it."""
    state = {f"module.{name}": tensor for name, tensor in CrisNetwork(TINY, TOKENS).state_dict().items()}
    torch.save({"epoch": 1, "best_iou": 0.5, "state_dict": state}, tmp_path / "cris_best.pth")
    return tmp_path / "cris_best.pth"


def test_the_catalogue_names_source_licence_and_use_of_each(synthboost: Callable[..., Any]) -> None:
    text = synthboost("weights", "list").out
    for model, one in ((model, one) for model, entry in MODELS.items() for one in entry.published):
        assert f"{one.name} (for {model})\n" in text
        assert one.licence in text
        assert one.source in text
    assert "CIDAS/clipseg-rd64-refined" in text


def test_a_published_file_is_verified_converted_and_verified_again(
    synthboost: Callable[..., Any], trained_file: Path, clip_folder: Path, tmp_path: Path
) -> None:
    tensors = len(CrisNetwork(TINY, TOKENS).state_dict())
    before = synthboost("weights", "verify", trained_file)
    assert before.code == 0, before.err
    assert f"sha256: {file_sha256(trained_file)} (not one with a stated sum)" in before.out
    assert f"matched: {tensors}\nmissing, would be left random: 0\n" in before.out
    assert "not weights, left out, 2: best_iou, epoch\nunexpected: 0\n" in before.out
    answer = synthboost(
        "weights", "convert", trained_file, "--out", tmp_path / "cris", "--tokenizer", clip_folder, "--input-size", 64
    )
    assert answer.code == 0, answer.err
    assert f"kind: cris\nmatched: {tensors}\nleft random, to be trained: 0\n" in answer.out
    after = synthboost("weights", "verify", tmp_path / "cris")
    assert after.code == 0, after.err
    assert f"kind: cris\nmatched: {tensors}\nmissing: 0\nunexpected: 0\n" in after.out


def test_a_file_that_holds_no_weights_is_one_line(synthboost: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello\n")
    answer = synthboost("weights", "verify", tmp_path / "notes.txt")
    assert answer.code == 2
    assert answer.err == (
        f"ERROR {tmp_path}/notes.txt: file: no weights; it begins with b'hello\\n'; "
        "expected an intact file that holds weights only\n"
    )


def test_verify_names_the_file_that_was_changed(synthboost: Callable[..., Any], tmp_path: Path) -> None:
    build_segmenter("cris", "tiny").save_pretrained(tmp_path / "cris")
    before = synthboost("weights", "verify", tmp_path / "cris")
    assert (before.code, before.err) == (0, "")
    path = tmp_path / "cris" / "tokenizer.json"
    path.write_text(path.read_text().replace("heart", "hearth"))
    answer = synthboost("weights", "verify", tmp_path / "cris")
    assert answer.code == 2
    assert "tokenizer.json: sha256: " in answer.err
    assert "can be used" not in answer.out


def test_a_clip_says_what_stays_random_and_that_its_sum_is_known(
    synthboost: Callable[..., Any], clip_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = CrisNetwork(TINY, TOKENS).state_dict()
    clip = {name.removeprefix("backbone."): t for name, t in state.items() if name.startswith("backbone.")}
    clip = {name: tensor.half() for name, tensor in clip.items() if "connect" not in name}
    path = tmp_path / "RN50.pt"
    torch.save(clip, path)
    known = Published("a known file", "", "", "", "", file_sha256(path))
    monkeypatch.setitem(MODELS, "cris", replace(MODELS["cris"], published=(known,)))
    answer = synthboost("weights", "convert", path, "--out", tmp_path / "cris", "--tokenizer", clip_folder)
    assert answer.code == 0, answer.err
    assert "(as published: a known file)" in answer.out
    # CLIP does not say how many decoder layers there are: the published 3, where tiny has 2 of 24 tensors each.
    left = len(state) - len(clip) + 24
    assert f"kind: clip\nmatched: {len(clip)}\n" in answer.out
    [line] = [line for line in answer.out.splitlines() if line.startswith("left random")]
    assert line.startswith(f"left random, to be trained, {left}: backbone.visual.attnpool.connect.0.weight, ")


def test_what_does_not_fit_is_one_line_with_what_is_missing_and_unexpected(
    synthboost: Callable[..., Any], trained_file: Path, clip_folder: Path, tmp_path: Path
) -> None:
    content = torch.load(trained_file, weights_only=True)
    content["state_dict"]["module.proj.extra"] = content["state_dict"].pop("module.proj.txt.bias")
    torch.save(content, trained_file)
    for arguments in (("verify", trained_file),
                      ("convert", trained_file, "--out", tmp_path / "cris", "--tokenizer", clip_folder)):  # fmt: skip
        answer = synthboost("weights", *arguments)
        assert answer.code == 2
        assert "1 missing: proj.txt.bias; 1 unexpected: proj.extra" in answer.err
        assert "Nothing was loaded." in answer.err
        assert len(answer.err.splitlines()) == 1
    assert not list((tmp_path / "cris").iterdir())


def test_an_occupied_folder_and_absent_weights_are_refused(
    synthboost: Callable[..., Any], trained_file: Path, clip_folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("kept")
    answer = synthboost("weights", "convert", trained_file, "--out", tmp_path / "full", "--tokenizer", clip_folder)
    assert answer.code == 2
    assert (tmp_path / "full" / "file").read_text() == "kept"
    assert synthboost("weights", "verify", tmp_path / "nothing").code == 2


def test_published_weights_of_a_diffusion_model_become_a_folder_to_sample_from(
    synthboost: Callable[..., Any], tmp_path: Path
) -> None:
    settings = DiffusionSettings(size=16, width=64, multipliers=(1, 2), blocks=1, attention=(8,), spade_width=8)
    ours = {name: theirs for theirs, name in rename_table(settings).items()}
    state = {
        f"{ours[name.rpartition('.')[0]]}.{name.rpartition('.')[2]}": tensor
        for name, tensor in SemanticUNet(settings).state_dict().items()
    }
    torch.save(state, tmp_path / "ema.pt")
    convert = ("weights", "convert", tmp_path / "ema.pt", "--origin", "echo-from-noise", "--input-size", "16")
    answer = synthboost(*convert, "--out", tmp_path / "echo")
    assert answer.code == 0, answer.err
    assert f"kind: semantic diffusion (echo-from-noise)\nmatched: {len(state)}\n" in answer.out
    assert load_diffusion(tmp_path / "echo").settings == settings
    verified = synthboost("weights", "verify", tmp_path / "echo")
    assert (verified.code, verified.err) == (0, "")
    assert f"kind: semantic-diffusion\nmatched: {len(state)}\nmissing: 0\n" in verified.out
    assert verified.out.endswith("It can be used with --model.\n")


def test_medclipseg_requires_its_tokenizer(synthboost: Callable[..., Any], trained_file: Path, tmp_path: Path) -> None:
    answer = synthboost("weights", "convert", trained_file, "--origin", "medclipseg", "--out", tmp_path / "out")
    assert (answer.code, "--origin medclipseg requires --tokenizer." in answer.err) == (2, True)
    assert not list((tmp_path / "out").iterdir())
