"""Help without torch, the user's mistakes as one line, interruption."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from synthboost import __version__ as synthboost_version
from synthboost.cli.main import ALSO_CALLED, GROUPS, VERBS, parse

HEAVY = ("torch", "transformers", "accelerate", "scipy", "matplotlib", "pandas", "nibabel", "SimpleITK", "PIL")
ASK_EVERYONE_FOR_HELP = f"""
import contextlib, io, sys
from synthboost.cli.main import main
for arguments in [["--help"], *([*verb.split(), "--help"] for verb in {tuple(VERBS)!r})]:
    with contextlib.redirect_stdout(io.StringIO()) as answer:
        try:
            main(arguments)
        except SystemExit as stop:
            assert stop.code == 0, (arguments, stop.code)
    assert "usage: synthboost" in answer.getvalue(), arguments
print(sorted(set({HEAVY!r}) & set(sys.modules)))
"""
LOOK_AT_DATA = """
import sys
from synthboost.cli.main import main
main(["prompts", "--sets", "P6"])
main(["data", "inspect", sys.argv[1], "--deep"])
print([name for name in ("torch", "transformers", "accelerate") if name in sys.modules])
"""


def test_help_of_every_verb_loads_nothing_heavy() -> None:
    answer = subprocess.run([sys.executable, "-c", ASK_EVERYONE_FOR_HELP], capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.strip() == "[]"


def test_looking_at_prompts_and_data_never_loads_torch(tiny_camus: Path) -> None:
    command = [sys.executable, "-c", LOOK_AT_DATA, str(tiny_camus)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.splitlines()[-1] == "[]"


def test_help_names_every_verb_and_says_what_the_program_is_not(synthboost: Callable[..., Any]) -> None:
    answer = synthboost("--help")
    assert answer.code == 0
    lines = answer.out.splitlines()
    places = [lines.index(f"{group}:") for group in GROUPS]
    assert places == sorted(places)
    assert all(any(line.startswith(f"  {verb} ") for line in lines) for verb in VERBS)
    assert "not a medical device" in answer.out


def test_help_of_a_family_lists_its_verbs_and_no_other(synthboost: Callable[..., Any]) -> None:
    answer = synthboost("weights", "--help")
    assert answer.code == 0
    assert [line.split("  ")[1] for line in answer.out.splitlines() if line.startswith("  ")] == [
        "weights list", "weights convert", "weights verify", "weights push",
    ]  # fmt: skip


def test_the_version_is_printed(synthboost: Callable[..., Any]) -> None:
    answer = synthboost("--version")
    assert (answer.code, answer.out) == (0, f"synthboost {synthboost_version}\n")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("simulte", "simulate"), ("pseudolabel", "pseudo-label"), ("data inspct", "data inspect"), ("weight", "weights")],
)
def test_a_misspelt_verb_gets_the_nearest_one(synthboost: Callable[..., Any], typed: str, meant: str) -> None:
    answer = synthboost(*typed.split())
    assert answer.code == 2
    assert f"did you mean `synthboost {meant}`?" in answer.err


def test_a_word_that_is_like_no_verb_gets_the_list(synthboost: Callable[..., Any]) -> None:
    answer = synthboost("xyzzy")
    assert answer.code == 2
    assert "no verb 'xyzzy': verbs are adapt, audit," in answer.err


@pytest.mark.parametrize(("said", "verb"), ALSO_CALLED.items())
def test_what_others_call_a_verb_leads_to_it(synthboost: Callable[..., Any], said: str, verb: str) -> None:
    assert said not in VERBS
    assert verb in VERBS
    assert f"no verb '{said}': did you mean `synthboost {verb}`?" in synthboost(said, "echo").err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["data", "inspect", "nowhere"], ["nowhere", "no such folder"]),
        (["train", "--data", "nowhere"], ["nowhere", "no such folder"]),
        (["train", "--data", "nowhere", "--epochs", "0"], ["ERROR --epochs: 0; expected 1 or more"]),
        (
            ["train", "--data", "nowhere", "--model", "nonsense"],
            ["model: nonsense", "one of clipseg, cris, dual, medclipseg, sam3, textunet, unet"],
        ),
        (["train", "--data", "nowhere", "--encoders", "nonsense"], ["encoders", "nonsense"]),
        (["train", "--data", "nowhere", "--strategy", "synthetic"], ["no synthetic data", "--synthetic FOLDER"]),
        (["train", "--data", "nowhere", "--weights", "absent"], ["absent", "a folder of weights"]),
        (["study", "paper", "--data", "nowhere", "--synthetic", "x", "--models", "nonsense"], ["model: nonsense"]),
        (["study", "paper", "--data", "nowhere", "--synthetic", "x", "--encoders", "nonsense"], ["nonsense"]),
        (["study", "paper", "--data", "nowhere", "--synthetic", "x", "--patients", "0"], ["patients: 0", "from 1 on"]),
        (["study", "paper", "--data", "nowhere", "--synthetic", "x", "--preset", "huge"], ["one of smoke, small"]),
        (["study", "paper", "--data", "nowhere", "--synthetic", "x", "--weights", "cris=absent"], ["absent"]),
        (["study", "paper", "--data", "same", "--synthetic", "same", "--plan"], ["same twice", "a folder for each"]),
        (
            ["evaluate", "--data", "nowhere", "--checkpoint", "w", "--out", "new", "--threshold", "2"],
            ["threshold: 2.0", "between 0 and 1"],
        ),
        (
            ["evaluate", "--data", "nowhere", "--checkpoint", "w", "--out", "new", "--paraphrase", "9"],
            ["paraphrase: 9", "expected 0"],
        ),
        (["evaluate", "--data", "nowhere", "--checkpoint", "w", "--out", "new", "--grid", "0", "9"], ["grid: (0, 9)"]),
        (["evaluate", "--data", "nowhere", "--checkpoint", "w", "--out", "new"], ["w: folder: absent"]),
        (["clinical", "w", "--data", "nowhere", "--out", "new"], ["w: folder: absent"]),
        (["pseudo-label", "nowhere", "--checkpoint", "w", "--out", "new"], ["w: folder: absent"]),
        (["calibrate", "nowhere", "--simulated", "x", "--checkpoint", "w", "--out", "new"], ["w: folder: absent"]),
        (["synthesize", "sample", "--model", "w", "--masks", "nowhere", "--out", "new"], ["w"]),
        (["prompts", "--data", "nowhere", "--paraphrase", "7"], ["paraphrase: 7"]),
        (
            ["train", "--data", "nowhere", "--learning-rate", "nan"],
            ["--learning-rate: nan", "a positive number"],
        ),
        (["simulate", "--out", "new", "--patients", "0"], ["patients: 0", "at least 1"]),
        (["prompts", "--paraphrase", "3"], ["paraphrase: 3", "expected 0"]),
        (["predict", "nowhere.png", "--checkpoint", "w", "--out", "new"], ["nowhere.png", "no such file"]),
        (["train", "--data", "same", "--synthetic", "./same", "--strategy", "synthetic"], ["same twice"]),
        (["serve", "--address", "127.0.0.1"], ["address: 127.0.0.1", "HOST:PORT"]),
        (["compare", "one", "two"], ["runs, with: 2 and 0 folders"]),
        (["compare", "nowhere"], ["nowhere: runs: no such folder"]),
        (["report", "nowhere"], ["nowhere", "no such folder"]),
        (["report"], ["runs: none", "a run's folder"]),
        (
            ["predict", "", "--checkpoint", "w", "--out", "new"],
            ['argument: "" (empty); expected no empty ones', 'a shell variable that is not set, as in "$NAME"'],
        ),
    ],
    ids=lambda value: " ".join(value) if value[0].islower() else "",
)
def test_a_mistake_is_answered_by_one_line_and_exit_code_2(
    synthboost: Callable[..., Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    words: list[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    answer = synthboost(*arguments)
    assert answer.code == 2
    line, *others = answer.err.splitlines()
    assert line.startswith("ERROR ")
    assert all(word in line for word in words), line
    if others:  # several mistakes are told at once
        assert arguments[:2] == ["study", "paper"]
        assert [other.split(":")[0] for other in others] == ["ERROR nowhere", "ERROR x"]
    assert answer.out == ""
    assert not (tmp_path / "new").exists()


def test_a_seed_that_no_generator_takes_is_refused(synthboost: Callable[..., Any], tmp_path: Path) -> None:
    for verb in (["pretrain"], ["simulate"], ["adapt", tmp_path]):
        answer = synthboost(*verb, "--out", tmp_path / "out", "--seed", 2**63)
        assert (answer.code, "--seed: 9223372036854775808; expected less than 2**63" in answer.err) == (2, True)
        assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("arguments", [["paint"], ["train"], ["train", "--data", "x", "--strategy", "hope"]])
def test_arguments_that_are_not_ours_exit_with_2_and_point_to_the_help(
    synthboost: Callable[..., Any], arguments: list[str]
) -> None:
    answer = synthboost(*arguments)
    assert answer.code == 2
    assert "--help" in answer.err + answer.out


def test_choices_are_spelled_as_in_tables_and_docs(synthboost: Callable[..., Any]) -> None:
    answer = synthboost("train", "--help")
    assert "zero-shot,real,synthetic,synth-PT:real-FT" in "".join(answer.out.split())


def test_choices_are_taken_in_any_case_and_nothing_else_changes() -> None:
    verb: Any = parse(["prompts", "--sets", "p1", "p6-sdm"])
    assert verb.sets == ("P1", "P6-SDM")
    verb = parse(["predict", "p1.png", "--view", "4ch", "--sentences", "p1", "4ch"])
    assert (str(verb.images), verb.view, verb.sentences) == ("p1.png", "4CH", ("p1", "4ch"))
    study: Any = parse(["study", "paper", "--prompts", "p1", "--strategies", "SYNTH-pt:REAL-ft", "--recipe=AS-RUN"])
    assert (study.grid.prompts, study.grid.strategies, study.recipe) == (("P1",), ("synth-PT:real-FT",), "as-run")
    verb = parse(["evaluate", "--data", "d", "--out", "o", "--name_domain", "YES"])
    assert verb.name_domain == "yes"
    verb = parse(["prompts", "--sets=p1", "p2"])
    assert verb.sets == ("P1", "P2")


@pytest.mark.parametrize("words", [["--origin", "CRIS", "CRIS"], ["--origin=CRIS", "CRIS"]])
def test_what_follows_a_choice_is_left_as_it_is(words: list[str]) -> None:
    verb: Any = parse(["weights", "convert", *words, "--out", "o"])
    assert (verb.origin, str(verb.file)) == ("cris", "CRIS")


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(), ImportError("libtorch_cpu.so: failed to map segment from shared object"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory"),
    ],
)  # fmt: skip
def test_a_lack_of_memory_is_one_line(
    synthboost: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def lacking(*_: object) -> None:
        raise error

    monkeypatch.setattr("synthboost.cli.main.parse", lacking)
    answer = synthboost("prompts")
    assert answer.code == 2
    assert answer.err.startswith("ERROR memory: not enough; expected more.")
    assert len(answer.err.splitlines()) == 1


def test_ctrl_c_exits_with_130_and_the_same_command_goes_on(synthboost: Callable[..., Any], tmp_path: Path) -> None:
    out = tmp_path / "simulated"
    arguments = ["simulate", "--out", str(out), "--patients", "12", "--size", "48", "--workers", "2"]
    command = [sys.executable, "-m", "synthboost.cli.main", *arguments]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 300
    while not list(out.glob("database_nifti/patient*")):
        assert time.monotonic() < deadline, "no patient in five minutes"
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=300)
    assert process.returncode == 130, err
    assert "Interrupted" in err
    assert "Traceback" not in err

    assert not [path for path in out.rglob("*") if path.name.startswith(".")]
    assert not (out / "frames.csv").exists()
    patients = list((out / "database_nifti").iterdir())
    assert 1 <= len(patients) < 12
    # A patient's folder is whole: four images, four label maps, two Info files, one record.
    assert {len(list(patient.iterdir())) for patient in patients} == {11}

    assert synthboost(*arguments[:-1], "1").out == f"48 simulated frames of 12 patients in {out}\n"
    assert len(list((out / "database_nifti").iterdir())) == 12
