"""`synthboost pretrain` refuses what cannot work before it renders a frame, and says where the weights are."""

from __future__ import annotations

from pathlib import Path

import pytest

from synthboost.cli.main import main, parse
from synthboost.cli.pretrain import Pretrain
from synthboost.models.textunet.settings import PRESETS, TextUNetSettings
from synthboost.training import config, simulated_stream
from synthboost.training import pretrain as pretraining


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--steps", "0"], "--steps: 0; expected 1 or more"),
        (["--seed", "-1"], "--seed: -1; expected zero or more"),
        (["--prior", "camus", "camus"], "--prior: "),
    ],
)
def test_what_cannot_work_is_refused_before_anything(
    options: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["pretrain", "--out", str(tmp_path / "out"), *options])
    assert stop.value.code == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(SystemExit) as stop:
        main(["pretrain", "--out", str(tmp_path), "--steps", "1"])
    assert stop.value.code == 2
    assert "holds 'notes.txt'" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_the_record_repeats_the_command() -> None:
    verb = parse(["pretrain", "--out", "FOLDER", "--prior", "camus", "literature", "--steps", "7", "--seed", "2"])
    assert isinstance(verb, Pretrain)
    again = parse(verb.settings.command.split()[1:])
    assert again == verb


def test_it_says_where_the_weights_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    small = TextUNetSettings(input_size=32, widths=(4, 6, 8), text_width=8, text_layers=1, scales=2)
    monkeypatch.setitem(PRESETS, "base", small)
    monkeypatch.setattr(pretraining, "HELD_OUT_PATIENTS", 1)
    monkeypatch.setattr(simulated_stream, "WINDOW_BATCHES", 1)
    monkeypatch.setattr(pretraining, "rendering_workers", lambda: 0)
    monkeypatch.setattr(config, "APPEARANCES", config.APPEARANCES[:1])
    main(["pretrain", "--out", str(tmp_path / "out"), "--steps", "1"])
    said = capsys.readouterr().out
    assert "Dice on 1 simulated patients held out: LV " in said
    assert f"weights: {tmp_path / 'out' / 'checkpoint'}" in said
