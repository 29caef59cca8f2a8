"""`synthboost VERB ...`: find the verb, run it, and turn user errors into one line and an exit code."""

from __future__ import annotations

import difflib
import gc
import importlib
import os
import resource
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import is_dataclass
from enum import StrEnum
from itertools import chain
from typing import (
    Literal,
    NamedTuple,
    NoReturn,
    Protocol,
    TextIO,
    cast,
    get_args,
    get_origin,
    get_type_hints,
)

import tyro

import synthboost
from synthboost.cli.streams import Stream, lead_nowhere, open_closed_streams
from synthboost.errors import OPTIONS, ConfigError, SynthboostError, lacks_memory
from synthboost.processes import NEW_OBJECTS

USER_ERROR = 2
INTERRUPTED = 130
LEAST_MEMORY = 2**30
NAME = "synthboost"
DESCRIPTION = (
    "Language-guided segmentation of echocardiograms, boosted by synthetic data (arXiv 2309.12829).\n"
    "Research software, not a medical device."
)


class Verb(Protocol):
    """The interface of every verb."""

    def run(self) -> None:
        """Run the verb; raise a `SynthboostError` for user errors."""
        ...


class Entry(NamedTuple):
    """Where a verb is defined: imported only when it is chosen."""

    module: str
    """With a dot in front: in `synthboost.cli`."""
    options: str
    """The dataclass of its options."""
    summary: str


GROUPS: dict[str, dict[str, Entry]] = {
    "Use a model": {
        "predict": Entry(".predict", "Predict", "segment images, clips and DICOM files"),
        "clinical": Entry(".clinical", "Clinical", "measure volumes and ejection fraction, and their agreement"),
        "evaluate": Entry(".evaluate", "Evaluate", "compute Dice and distances on an annotated data set"),
        "serve": Entry(".serve", "Serve", "open a page in the browser, on this machine"),
        "export": Entry(".export", "Export", "export a model as ONNX"),
    },
    "Train and study": {
        "demo": Entry(".demo", "Demo", "run the whole method in minutes, without data"),
        "pretrain": Entry(".pretrain", "Pretrain", "train a model on simulated frames alone"),
        "adapt": Entry(".adapt", "Adapt", "adapt the model of the package to your own images"),
        "train": Entry(".train", "Train", "train one run: a model, a strategy, a prompt set"),
        "study": Entry(".study", "RunStudy", "run a grid of runs that share stages, with its report"),
        "compare": Entry(".compare", "Compare", "compare two methods, patient by patient"),
        "report": Entry(".report", "Report", "write tables, figures and one page from finished runs"),
    },
    "Make data": {
        "simulate": Entry(".simulate", "Simulate", "simulate echocardiograms with exact masks"),
        "synthesize train": Entry(".synthesize", "TrainDiffusion", "train a semantic diffusion model"),
        "synthesize sample": Entry(".synthesize", "SampleDiffusion", "sample diffusion images of perturbed masks"),
        "synthesize fidelity": Entry(".synthesize", "Fidelity", "compare synthetic images with real ones"),
        "refine": Entry(".unannotated", "Refine", "refine simulated images with a diffusion model"),
        "match": Entry(".unannotated", "Match", "give simulated images the grey levels of real ones"),
        "calibrate": Entry(".unannotated", "Calibrate", "shift the simulator's prior towards unannotated images"),
        "pseudo-label": Entry(".unannotated", "PseudoLabel", "annotate images with a model's predictions"),
    },
    "Look at things": {
        "data inspect": Entry(".data", "Inspect", "list what a data set holds, what is missing or odd"),
        "data export": Entry(".data", "ExportData", "write a simulated data set as NIfTI files in CAMUS' layout"),
        "prompts": Entry(".data", "Prompts", "print the sentences P0-P7"),
        "audit": Entry(".audit", "Audit", "count what one training step updates"),
        "weights list": Entry(".weights", "ListWeights", "list the published weights, and their terms"),
        "weights convert": Entry(".weights", "ConvertWeights", "convert a published file into a folder of weights"),
        "weights verify": Entry(".weights", "VerifyWeights", "check a file or folder of weights"),
        "weights push": Entry(".weights", "PushWeights", "publish a run's weights on the Hugging Face hub"),
    },
}
"""Purpose -> verb -> where it is defined."""
ALSO_CALLED = {
    "segment": "predict", "segmentation": "predict", "infer": "predict", "inference": "predict", "test": "evaluate",
    "eval": "evaluate", "score": "evaluate", "validate": "evaluate", "fit": "train", "finetune": "adapt",
    "fine-tune": "adapt", "app": "serve", "web": "serve", "ui": "serve", "generate": "simulate", "measure": "clinical",
}  # fmt: skip
"""What others call a verb."""
VERBS = {name: entry for group in GROUPS.values() for name, entry in group.items()}


def main(arguments: list[str] | None = None) -> None:
    """Run the program; exits with 0, 2 for a mistake of the user's or the machine's limits, 130 when interrupted."""
    _quiet_libraries()
    gc.set_threshold(NEW_OBJECTS)
    open_closed_streams()
    signal.signal(signal.SIGTERM, _interrupt)
    out, err = Stream(sys.stdout, ends=True), Stream(sys.stderr, ends=False)
    with redirect_stdout(cast(TextIO, out)), redirect_stderr(cast(TextIO, err)):
        try:
            code = _run(arguments)
            out.flush()
        except BrokenPipeError:  # the reader has seen enough, e.g. `head`
            code = 0
            lead_nowhere(1)
        if out.error is not None:
            lead_nowhere(1)
            print(f"ERROR standard output: {out.error.strerror}; expected room for what is printed. Files are whole.",
                  file=err)  # fmt: skip
            code = code or USER_ERROR
        err.flush()
    if err.error is not None:
        lead_nowhere(2)
    if code:
        sys.exit(code)


def _run(arguments: Sequence[str] | None) -> int:
    """Run a verb and return the exit code; what went wrong is told in one line."""
    try:
        _require_memory()
        parse(arguments).run()
    except SynthboostError as error:
        _tell(error)
        return USER_ERROR
    except ExceptionGroup as group:
        if group.split(SynthboostError)[1] is not None:
            raise
        for one in group.exceptions:
            _tell(cast(SynthboostError, one))
        return USER_ERROR
    except KeyboardInterrupt:
        gc.freeze()  # Python looks for garbage in all libraries at its end: for seconds on a busy machine
        print("\nInterrupted. Every file is whole; the same command resumes.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        raise
    except SystemExit as end:  # help, or arguments that are not ours
        return int(end.code or 0)
    except Exception as error:
        if (limit := _limit(error)) is None:
            raise
        print(f"ERROR {' '.join(limit.split())} Every file is whole; the same command resumes.", file=sys.stderr)
        return USER_ERROR
    return 0


def _tell(error: SynthboostError) -> None:
    option = f"{OPTIONS}: {error.field}"
    print(f"ERROR {str(error).replace(option, _option(error.field), 1)}", file=sys.stderr)


def _option(field: str) -> str:
    return f"--{field.replace('_', '-')}"


def _require_memory() -> None:
    """Refuse a limit (`ulimit -v`) under which libraries that are loaded later would hang, not fail."""
    most, _ = resource.getrlimit(resource.RLIMIT_AS)
    if most != resource.RLIM_INFINITY and most < LEAST_MEMORY:
        raise ConfigError("ulimit -v", "memory", f"{most // 1024} kB", f"{LEAST_MEMORY // 1024} kB or more")


def _limit(error: Exception) -> str | None:
    """What the machine lacks or refuses; `None` when the fault is ours."""
    if lacks_memory(error):
        return "memory: not enough; expected more. Free some, or make batches smaller and workers fewer."
    if isinstance(error, OSError):
        return f"{error.filename or 'system'}: {error.strerror or error}; expected a machine that allows it."
    return None


def parse(arguments: Sequence[str] | None = None) -> Verb:
    """Turn arguments into the verb they ask for, without running it; `None` takes the program's own.

    Raises:
        SynthboostError: an option has an invalid value.
        SystemExit: help or the version was asked for (0), or the arguments are not ours (2).
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    name = next((" ".join(words[:n]) for n in (2, 1) if " ".join(words[:n]) in VERBS), None)
    if name is None:
        _answer_without_verb(words)
    if "" in words:
        raise ConfigError(
            f"{NAME} {name}", "argument", '"" (empty)', "no empty ones",
            "Leave it out, or fill it in; a shell variable that is not set, as in \"$NAME\", gives an empty one.",
        )  # fmt: skip
    entry = VERBS[name]
    options = getattr(importlib.import_module(entry.module, "synthboost.cli"), entry.options)
    verb: Verb = tyro.cli(
        options,
        prog=f"{NAME} {name}",
        args=list(_as_spelt(options, words[len(name.split()) :])),
        config=(tyro.conf.OmitArgPrefixes, tyro.conf.EnumChoicesFromValues, tyro.conf.DisallowNone),
    )
    return verb


def _as_spelt(options: type, words: Sequence[str]) -> Iterator[str]:
    """The words of a verb, the values of an option as its list spells them: `--prompts p1` becomes `--prompts P1`."""
    known = {option: (choices, several) for option, choices, several in _choices(options)}
    own, several = dict[str, str](), False
    for word in words:
        if word.startswith("--"):
            option, equals, value = word.partition("=")
            choices, several = known.get(option.replace("_", "-"), ([], False))
            own = {one.lower(): one for one in choices}
            yield f"{option}{equals}{own.get(value.lower(), value)}"
            own = {} if equals and not several else own
        else:
            yield own.get(word.lower(), word)
            own = own if several else {}  # what follows the value of a single choice is no value of it


def _choices(options: type) -> Iterator[tuple[str, list[str], bool]]:
    """Each option that takes some of a few words, these words, and whether it takes several."""
    for name, hint in get_type_hints(options).items():
        if is_dataclass(hint) and isinstance(hint, type):
            yield from _choices(hint)
        several = any(get_origin(part) is tuple for part in (hint, *get_args(hint)))
        for part in (hint, *get_args(hint), *chain.from_iterable(map(get_args, get_args(hint)))):
            if isinstance(part, type) and issubclass(part, StrEnum):
                yield _option(name), [str(member) for member in part], several
            elif get_origin(part) is Literal:
                yield _option(name), [word for word in get_args(part) if isinstance(word, str)], several


def help_text(beginning: str = "") -> str:
    """Return the list of verbs by purpose; only those whose name begins with the word `beginning`."""
    lines = [f"usage: {NAME} {beginning or 'VERB'} ...", "", DESCRIPTION, ""]
    for group, entries in GROUPS.items():
        shown = {name: entry for name, entry in entries.items() if not beginning or name.split()[0] == beginning}
        if shown:
            lines += [f"{group}:", *(f"  {name:20s} {entry.summary}" for name, entry in shown.items()), ""]
    lines.append(f"`{NAME} VERB --help` lists the options of a verb; `{NAME} --version` prints the version.")
    return "\n".join(lines)


def _answer_without_verb(words: Sequence[str]) -> NoReturn:
    """Print the help or the version, or what is wrong with the first word; always exits."""
    first = words[0] if words else ""
    if first in ("--version", "-V"):
        print(f"{NAME} {synthboost.__version__}")
        sys.exit(0)
    if first in ("--help", "-h"):
        print(help_text())
        sys.exit(0)
    families = {name.split()[0] for name in VERBS}
    if first in families and words[1:2] in ([], ["--help"], ["-h"]):
        print(help_text(first))
        sys.exit(0 if words[1:] else USER_ERROR)
    asked = " ".join(words[:2]) if first in families else first
    known = [name for name in VERBS if name.startswith(f"{first} ")] or sorted({*VERBS, *families})
    near = [ALSO_CALLED[first]] if first in ALSO_CALLED else difflib.get_close_matches(asked, known, n=1, cutoff=0.5)
    hint = f"did you mean `{NAME} {near[0]}`?" if near else f"verbs are {', '.join(known)}."
    print(f"ERROR no verb {asked!r}: {hint} `{NAME} --help` lists all." if asked else help_text(), file=sys.stderr)
    sys.exit(USER_ERROR)


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def _quiet_libraries() -> None:
    # Advice of libraries that a user can do nothing with; it would interleave with the progress bars.
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("TRANSFORMERS_NO_ADVISORY_WARNINGS", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")


if __name__ == "__main__":
    main()
