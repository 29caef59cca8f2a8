"""Every way in which a folder of weights can be wrong is refused by name, and nothing loads by half."""

from __future__ import annotations

import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from small_files import files_of_at_most

from synthboost.errors import CheckpointError, OutputError
from synthboost.models.clipseg.model import ClipSeg
from synthboost.models.registry import load_segmenter, weights_fingerprint
from synthboost.models.weights_folder import load_strictly, save_weights, write_card

MakeModel = Callable[..., ClipSeg]
WEIGHTS, CARD = "model.safetensors", "synthboost.json"


@pytest.fixture
def folder(tiny_model: ClipSeg, tmp_path: Path) -> Path:
    tiny_model.save_pretrained(tmp_path / "weights")
    return tmp_path / "weights"


@pytest.fixture
def plain_folder(folder: Path) -> Path:
    """Without our card and our mark, as others publish: no checksum protects the weights."""
    (folder / CARD).unlink()
    config = json.loads((folder / "config.json").read_text())
    assert config.pop("synthboost") == 1
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def rewrite(folder: Path, change: Callable[[dict[str, torch.Tensor]], object]) -> None:
    state = load_file(folder / WEIGHTS)
    change(state)
    save_file(state, folder / WEIGHTS, metadata={"format": "pt"})


def edit_card(folder: Path, **changes: object) -> None:
    card = json.loads((folder / CARD).read_text())
    (folder / CARD).write_text(json.dumps(card | changes))


def sum_up_again(folder: Path, **changes: Any) -> None:
    """Write a card whose checksums are right, whatever else is wrong."""
    card = json.loads((folder / CARD).read_text()) | changes
    write_card(folder, card["model"], card["settings"])


@pytest.mark.parametrize("source", ["./nowhere", "nowhere", "a/b/c", Path("owner/name")])
def test_a_folder_that_is_not_there_is_named(source: str | Path) -> None:
    with pytest.raises(CheckpointError, match=r"folder: absent; expected a folder of weights, or a hub name"):
        load_segmenter(source)


@pytest.mark.parametrize("file", [WEIGHTS, "config.json"])
def test_an_absent_file_is_named(folder: Path, file: str) -> None:
    (folder / file).unlink()
    with pytest.raises(CheckpointError, match=f"{file}: absent"):
        load_segmenter(folder)


def test_an_absent_tokenizer_is_named(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()
    with pytest.raises(CheckpointError, match=r"tokenizer\.json: absent; expected every file"):
        load_segmenter(folder)
    sum_up_again(folder)
    with pytest.raises(CheckpointError, match=r"tokenizer: absent; expected tokenizer\.json"):
        load_segmenter(folder)


@pytest.mark.parametrize("content", [b"<!DOCTYPE html><html>404</html>", b"", b"version https://git-lfs.github.com"])
def test_something_else_than_weights_is_refused_and_its_beginning_shown(plain_folder: Path, content: bytes) -> None:
    (plain_folder / WEIGHTS).write_bytes(content)
    with pytest.raises(CheckpointError) as caught:
        load_segmenter(plain_folder)
    assert f"begins with {content[:16]!r}" in str(caught.value)


@pytest.mark.parametrize("share", [0.01, 0.5, 0.999])
def test_truncated_weights_are_refused(plain_folder: Path, share: float) -> None:
    path = plain_folder / WEIGHTS
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(CheckpointError, match="intact file"):
        load_segmenter(plain_folder)


def test_one_flipped_bit_is_found_by_the_checksum(folder: Path) -> None:
    data = bytearray((folder / WEIGHTS).read_bytes())
    data[-5] ^= 1
    (folder / WEIGHTS).write_bytes(data)
    with pytest.raises(CheckpointError, match=r"model\.safetensors: sha256: .*copy the whole folder again"):
        load_segmenter(folder)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_neither_loaded_nor_saved(
    tiny_model: ClipSeg, plain_folder: Path, value: float, tmp_path: Path
) -> None:
    name = "decoder.film_mul.bias"
    rewrite(plain_folder, lambda state: state[name].fill_(value))
    with pytest.raises(CheckpointError, match=f"NaN or infinity in {name}"):
        load_segmenter(plain_folder)
    tiny_model.network.decoder.film_mul.bias.data.fill_(value)
    with pytest.raises(CheckpointError, match=name):
        tiny_model.save_pretrained(tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_missing_unexpected_and_misshapen_tensors_are_told_together(plain_folder: Path) -> None:
    def change(state: dict[str, torch.Tensor]) -> None:
        state["extra"] = state.pop("decoder.film_mul.bias")
        state["clip.logit_scale"] = torch.zeros(3)

    rewrite(plain_folder, change)
    with pytest.raises(CheckpointError) as caught:
        load_segmenter(plain_folder)
    message = str(caught.value)
    assert "1 missing: decoder.film_mul.bias" in message
    assert "1 unexpected: extra" in message
    assert "1 of another shape: clip.logit_scale (3,) instead of ()" in message


def test_a_refused_state_changes_no_tensor() -> None:
    module = torch.nn.Linear(2, 1)
    before = module.weight.clone()
    with pytest.raises(CheckpointError, match="missing: bias"):
        load_strictly(module, {"weight": torch.ones(1, 2)}, Path("x"))
    assert torch.equal(module.weight, before)


def test_position_numbers_of_older_releases_are_ignored(plain_folder: Path) -> None:
    rewrite(plain_folder, lambda state: state.update({"clip.text_model.embeddings.position_ids": torch.arange(5)}))
    assert isinstance(load_segmenter(plain_folder), ClipSeg)


def test_weights_of_another_architecture_are_refused(folder: Path) -> None:
    with pytest.raises(CheckpointError, match="model: clipseg; expected cris.*another architecture"):
        load_segmenter(folder, model="cris")
    edit_card(folder, model="vnet")
    with pytest.raises(
        CheckpointError,
        match="model: vnet; expected clipseg, cris, dual, medclipseg, sam3, textunet, unet.*another architecture",
    ):
        load_segmenter(folder)


def test_what_is_no_folder_of_ours_nor_of_the_library_is_said_to_need_conversion(plain_folder: Path) -> None:
    with pytest.raises(CheckpointError, match="model: clipseg; expected cris"):
        load_segmenter(plain_folder, model="cris")
    with pytest.raises(CheckpointError, match=r"folder: a file; .*`synthboost weights convert`"):
        load_segmenter(plain_folder / WEIGHTS)
    (plain_folder / "config.json").unlink()
    with pytest.raises(CheckpointError, match=r"synthboost\.json: absent; .*`synthboost weights convert`"):
        load_segmenter(plain_folder)


def test_weights_of_another_size_are_refused(folder: Path, make_tiny_model: MakeModel, tmp_path: Path) -> None:
    make_tiny_model(reduce_width=16).save_pretrained(tmp_path / "other")
    (folder / WEIGHTS).write_bytes((tmp_path / "other" / WEIGHTS).read_bytes())
    sum_up_again(folder)
    with pytest.raises(CheckpointError, match="of another shape.*model and preset"):
        load_segmenter(folder)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": 2}, "format: 2; expected format 1. Update synthboost"),
        ({"settings": {"input_size": 32}}, r"synthboost\.json: sha256"),
        ({"settings": "tiny"}, "card: settings"),
        ({"model": None}, "card: model"),
    ],
)
def test_a_card_that_was_changed_is_refused(folder: Path, changes: dict[str, object], message: str) -> None:
    edit_card(folder, **changes)
    with pytest.raises(CheckpointError, match=message):
        load_segmenter(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"reduce_width": None}, "settings: reduce_width; expected the settings of this version"),
        ({"colours": 3}, "settings: colours; expected the settings of this version"),
        ({"vision_width": "32"}, 'settings: settings.vision_width: "32"'),
        ({"input_size": 33}, "settings: settings.input_size: 33"),
    ],
)
def test_settings_that_form_no_network_are_refused(folder: Path, change: dict[str, object], message: str) -> None:
    settings = json.loads((folder / CARD).read_text())["settings"] | change
    sum_up_again(folder, settings={name: value for name, value in settings.items() if value is not None})
    with pytest.raises(CheckpointError, match=message):
        load_segmenter(folder)


def exchange_two_words(path: Path) -> None:
    said = json.loads(path.read_text())
    words = said["model"]["vocab"]
    words["heart"], words["atrium"] = words["atrium"], words["heart"]
    path.write_text(json.dumps(said))


def change_the_activation(path: Path) -> None:
    path.write_text(path.read_text().replace('"quick_gelu"', '"relu"'))


CHANGES: dict[str, Callable[[Path], object]] = {
    "tokenizer.json": exchange_two_words,
    "config.json": change_the_activation,
    "tokenizer_config.json": lambda path: path.write_text("{}"),
    "preprocessor_config.json": lambda path: path.write_text(path.read_text().replace("0.485", "0.5")),
}


@pytest.mark.parametrize("name", CHANGES)
def test_each_file_that_a_prediction_depends_on_is_under_the_one_checksum(folder: Path, name: str) -> None:
    before = weights_fingerprint(folder)
    load_segmenter(folder)
    CHANGES[name](folder / name)
    with pytest.raises(CheckpointError, match=rf"{name}: sha256: .*copy the whole folder again"):
        load_segmenter(folder)
    sum_up_again(folder)
    assert weights_fingerprint(folder) != before
    (folder / name).unlink()
    with pytest.raises(CheckpointError, match=rf"{name}: absent; expected every file"):
        load_segmenter(folder)


def test_a_file_that_the_libraries_would_read_must_not_come_in_and_notes_may(folder: Path) -> None:
    (folder / "README.md").write_text("a model card")
    load_segmenter(folder)
    (folder / "special_tokens_map.json").write_text("{}")
    with pytest.raises(CheckpointError, match=r"files: special_tokens_map\.json; .*Move it out"):
        load_segmenter(folder)


def test_a_lost_card_is_missed(folder: Path) -> None:
    (folder / CARD).unlink()
    with pytest.raises(CheckpointError, match=r"synthboost\.json: file: absent; .*copy the whole folder again"):
        load_segmenter(folder)


@pytest.mark.parametrize("content", ["", "[]", "{}", "<html>", '{"format": 1, "sha256": "0"}'])
def test_a_card_that_does_not_parse_is_refused(folder: Path, content: str) -> None:
    (folder / CARD).write_text(content)
    with pytest.raises(CheckpointError, match=r"synthboost\.json: card"):
        load_segmenter(folder)


@pytest.mark.parametrize("content", ["", "<html>404</html>", "[]"])
def test_a_configuration_that_does_not_parse_is_refused(folder: Path, content: str) -> None:
    (folder / "config.json").write_text(content)
    with pytest.raises(CheckpointError, match="config.json"):
        load_segmenter(folder)


class Payload:
    """When unpickled carelessly, it leaves a file behind."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Callable[[str], object], tuple[str]]:
        return eval, (f"open({str(self.trace)!r}, 'w').close()",)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("writer", ["torch", "pickle"])
def test_a_pickle_that_holds_code_is_refused_and_the_code_not_run(
    plain_folder: Path, tmp_path: Path, writer: str
) -> None:
    (plain_folder / WEIGHTS).unlink()
    target, payload = plain_folder / "pytorch_model.bin", {"weight": Payload(tmp_path / "trace")}
    if writer == "torch":
        torch.save(payload, target)
    else:
        target.write_bytes(pickle.dumps(payload))
    with pytest.raises(CheckpointError, match=r"pytorch_model\.bin"):
        load_segmenter(plain_folder)
    assert not (tmp_path / "trace").exists()


@pytest.mark.parametrize("content", [[torch.zeros(2)], {"weight": 3.0}, torch.zeros(2)])
def test_a_pickle_that_holds_no_named_tensors_is_refused(plain_folder: Path, content: object) -> None:
    (plain_folder / WEIGHTS).unlink()
    torch.save(content, plain_folder / "pytorch_model.bin")
    with pytest.raises(CheckpointError, match="maps names to tensors"):
        load_segmenter(plain_folder)


def test_a_pickle_of_plain_tensors_as_older_releases_have_loads(plain_folder: Path, tiny_model: ClipSeg) -> None:
    torch.save(load_file(plain_folder / WEIGHTS), plain_folder / "pytorch_model.bin")
    (plain_folder / WEIGHTS).unlink()
    loaded = load_segmenter(plain_folder).state_dict()
    assert all(torch.equal(tensor, loaded[name]) for name, tensor in tiny_model.state_dict().items())


def test_a_target_that_cannot_be_written_is_an_output_error(tiny_model: ClipSeg, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="file"):
        tiny_model.save_pretrained(tmp_path / "file" / "weights")
    with pytest.raises(FileNotFoundError, match="No such file"):  # which `whole_folder` turns into an OutputError
        save_weights(tmp_path / "absent", {"weight": torch.zeros(2)})


def test_a_full_disk_is_told_as_the_system_tells_it(
    tiny_model: ClipSeg, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    monkeypatch.setattr("synthboost.models.weights_folder.save_file", full)
    with pytest.raises(OutputError, match=r"weights: disk: no space left; expected room"):
        tiny_model.save_pretrained(tmp_path / "weights")
    assert not list(tmp_path.iterdir())


def test_a_limit_of_files_under_a_tokenizer_is_told_as_the_system_tells_it(tiny_model: ClipSeg, tmp_path: Path) -> None:
    with files_of_at_most(1000), pytest.raises(OutputError, match="weights: disk: .*File too large"):
        tiny_model.save_pretrained(tmp_path / "weights")
    assert not list(tmp_path.iterdir())


def test_an_interrupted_save_leaves_the_old_folder_whole(
    folder: Path, make_tiny_model: MakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("synthboost.models.base.write_card", interrupt)
    with pytest.raises(KeyboardInterrupt):
        make_tiny_model(seed=1).save_pretrained(folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert [path.name for path in folder.parent.iterdir()] == ["weights"]


HOSTILE: dict[str, object] = {
    "no mapping": [], "no layers": {"vision_config": {"num_hidden_layers": 0}},
    "text for a number": {"text_config": {"hidden_size": "many"}},
    "a million layers": {"vision_config": {"num_hidden_layers": 10**6}},
    "a petabyte": {"text_config": {"vocab_size": 10**12}}, "negative": {"projection_dim": -3},
    "no heads": {"vision_config": {"num_attention_heads": 0}}, "blocks that are not": {"extract_layers": [7]},
    "no blocks": {"extract_layers": []}, "no heads of text": {"text_config": {"num_attention_heads": -1}},
    "no first weights": {"text_config": {"initializer_factor": None}},
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_foreign_configuration_that_forms_no_network_is_refused_at_once(plain_folder: Path, name: str) -> None:
    said, change = json.loads((plain_folder / "config.json").read_text()), HOSTILE[name]
    if isinstance(change, dict):
        change = said | {k: said[k] | v if isinstance(v, dict) else v for k, v in change.items()}
    (plain_folder / "config.json").write_text(json.dumps(change))
    with pytest.raises(CheckpointError):
        load_segmenter(plain_folder)


@pytest.mark.parametrize("content", ["[]", "{", "{}", "\x00", '{"tokenizer_class": "Foo", "auto_map": {"a": "x.F"}}'])
@pytest.mark.parametrize("file", ["tokenizer_config.json", "tokenizer.json"])
def test_a_foreign_tokenizer_that_is_damaged_is_refused(plain_folder: Path, file: str, content: str) -> None:
    (plain_folder / file).write_text(content)
    with pytest.raises(CheckpointError, match="tokenizer: "):
        load_segmenter(plain_folder)


def test_a_foreign_folder_without_a_tokenizers_configuration_is_refused_if_it_is_not_clips(plain_folder: Path) -> None:
    (plain_folder / "tokenizer_config.json").unlink()
    with pytest.raises(CheckpointError, match=r"tokenizer: .*expected the files of a tokenizer"):
        load_segmenter(plain_folder)


def test_a_foreign_tokenizer_at_which_its_library_panics_is_refused(plain_folder: Path) -> None:
    said = json.loads((plain_folder / "tokenizer.json").read_text())
    said["post_processor"]["single"][0]["SpecialToken"]["id"] = "<begin>"
    (plain_folder / "tokenizer.json").write_text(json.dumps(said))
    with pytest.raises(CheckpointError, match="tokenizer: PanicException: no entry found for key"):
        load_segmenter(plain_folder)


def test_a_foreign_tokenizer_must_not_have_more_words_than_the_network(plain_folder: Path) -> None:
    said = json.loads((plain_folder / "tokenizer.json").read_text())
    said["model"]["vocab"]["zebra"] = len(said["model"]["vocab"])
    (plain_folder / "tokenizer.json").write_text(json.dumps(said))
    with pytest.raises(
        CheckpointError, match=r"78 tokens, numbered up to 77; expected at most 77, from 0 on, as config"
    ):
        load_segmenter(plain_folder)


@pytest.mark.parametrize("place", ["vocabulary", "around a sentence"])
def test_a_foreign_tokenizer_must_not_give_numbers_that_the_network_does_not_know(
    plain_folder: Path, place: str
) -> None:
    said = json.loads((plain_folder / "tokenizer.json").read_text())
    if place == "vocabulary":
        said["model"]["vocab"]["heart"] = 1000
    else:
        said["post_processor"]["special_tokens"]["<start>"]["ids"] = [1000]
    (plain_folder / "tokenizer.json").write_text(json.dumps(said))
    with pytest.raises(CheckpointError, match="tokenizer: .* numbered up to 1000; expected at most 77"):
        load_segmenter(plain_folder)


def test_a_foreign_tokenizer_must_end_sentences_where_the_text_encoder_looks_for_it(plain_folder: Path) -> None:
    config = json.loads((plain_folder / "config.json").read_text())
    config["text_config"]["eos_token_id"] += 1
    (plain_folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match=r"tokenizer: ends with 3; expected 4, as in config\.json"):
        load_segmenter(plain_folder)


@pytest.mark.parametrize("form", ["expanded", "compressed"])
def test_a_small_file_cannot_cost_much_memory(plain_folder: Path, form: str) -> None:
    (plain_folder / WEIGHTS).unlink()
    path = plain_folder / "pytorch_model.bin"
    torch.save({"weight": torch.zeros(1).expand(10**6, 10**6) if form == "expanded" else torch.zeros(10**6)}, path)
    if form == "compressed":
        with zipfile.ZipFile(path) as archive:
            entries = {name: archive.read(name) for name in archive.namelist()}
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in entries.items():
                archive.writestr(name, content)
    with pytest.raises(CheckpointError, match="weight; expected tensors that are stored whole|it is compressed"):
        load_segmenter(plain_folder)


def test_the_preprocessing_of_a_foreign_folder_is_honoured(plain_folder: Path) -> None:
    said = {"size": 64, "image_mean": [0.5, 0.5, 0.25], "image_std": [0.5, 0.5, 0.5], "resample": 2}
    (plain_folder / "preprocessor_config.json").write_text(json.dumps(said))
    model = load_segmenter(plain_folder)
    white = model.preprocess(np.full((10, 12), 255, np.uint8))
    assert white.shape == (3, 64, 64)
    assert white[:, 5, 5].tolist() == [1.0, 1.0, 1.5]
    model.save_pretrained(plain_folder.parent / "again")
    again = load_segmenter(plain_folder.parent / "again")
    assert torch.equal(again.preprocess(np.full((10, 12), 255, np.uint8)), white)


@pytest.mark.parametrize(
    "change",
    [
        {"resample": 3}, {"do_normalize": False}, {"do_center_crop": True}, {"rescale_factor": 1.0},
        {"size": {"shortest_edge": 64}}, {"size": {"height": 64, "width": 32}}, {"size": 33}, {"size": "big"},
        {"image_mean": [0.5]}, {"image_std": [0, 1, 1]}, {"image_std": None}, {"image_mean": [1e999, 0, 0]},
    ],
)  # fmt: skip
def test_preprocessing_that_we_do_not_do_is_refused(plain_folder: Path, change: dict[str, object]) -> None:
    path = plain_folder / "preprocessor_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(CheckpointError, match=r"preprocessor_config\.json: preprocessing: "):
        load_segmenter(plain_folder)
