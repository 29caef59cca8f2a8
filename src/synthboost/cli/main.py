"""`synthboost VERB ...`: parse, run, and turn the user's mistakes into one line and an exit code."""

from __future__ import annotations

import os
import signal
import sys
from typing import Annotated, Protocol

import tyro

from synthboost.cli.audit import Audit
from synthboost.cli.calibrate import Calibrate
from synthboost.cli.clinical import Clinical
from synthboost.cli.compare import Compare
from synthboost.cli.data import Data
from synthboost.cli.demo import Demo
from synthboost.cli.evaluate import Evaluate
from synthboost.cli.export import Export
from synthboost.cli.match import Match
from synthboost.cli.predict import Predict
from synthboost.cli.prompts import Prompts
from synthboost.cli.pseudo_label import PseudoLabel
from synthboost.cli.report import Report
from synthboost.cli.serve import Serve
from synthboost.cli.simulate import Simulate
from synthboost.cli.study import Study
from synthboost.cli.synthesize import Synthesize
from synthboost.cli.train import Train
from synthboost.cli.weights import Weights
from synthboost.errors import SynthboostError

USER_ERROR = 2
INTERRUPTED = 130


class Verb(Protocol):
    """What every verb can do."""

    def run(self) -> None:
        """Do it; raise a `SynthboostError` for the user's mistakes."""
        ...


Verbs = (
    Annotated[Demo, tyro.conf.subcommand("demo")]
    | Annotated[Simulate, tyro.conf.subcommand("simulate")]
    | Annotated[Synthesize, tyro.conf.subcommand("synthesize")]
    | Annotated[Match, tyro.conf.subcommand("match")]
    | Annotated[Calibrate, tyro.conf.subcommand("calibrate")]
    | Annotated[Data, tyro.conf.subcommand("data")]
    | Annotated[Prompts, tyro.conf.subcommand("prompts")]
    | Annotated[Train, tyro.conf.subcommand("train")]
    | Annotated[Evaluate, tyro.conf.subcommand("evaluate")]
    | Annotated[Predict, tyro.conf.subcommand("predict")]
    | Annotated[Serve, tyro.conf.subcommand("serve")]
    | Annotated[Clinical, tyro.conf.subcommand("clinical")]
    | Annotated[PseudoLabel, tyro.conf.subcommand("pseudo-label")]
    | Annotated[Export, tyro.conf.subcommand("export")]
    | Annotated[Audit, tyro.conf.subcommand("audit")]
    | Annotated[Weights, tyro.conf.subcommand("weights")]
    | Annotated[Compare, tyro.conf.subcommand("compare")]
    | Annotated[Study, tyro.conf.subcommand("study")]
    | Annotated[Report, tyro.conf.subcommand("report")]
)
DESCRIPTION = (
    "Language-guided segmentation of echocardiograms, boosted by synthetic data (arXiv 2309.12829). "
    "Research software, not a medical device."
)


def main(arguments: list[str] | None = None) -> None:
    """Run the program; exits with 0, 2 for a user's mistake, 130 when interrupted."""
    _quiet_libraries()
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        parse(arguments).run()
    except SynthboostError as error:
        print(f"ERROR {error}", file=sys.stderr)
        sys.exit(USER_ERROR)
    except KeyboardInterrupt:
        print(
            "\nInterrupted. Every file is whole; simulate, train, predict, study and demo go on where they stopped.",
            file=sys.stderr,
        )
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader has seen enough, e.g. `head`
        sys.exit(0)


def parse(arguments: list[str] | None = None) -> Verb:
    """Turn arguments into the verb they ask for, without running it; `None` takes the program's own.

    Raises:
        SynthboostError: an option has a value that cannot work.
        SystemExit: help was asked for (0), or the arguments are not ours (2).
    """
    verb: Verb = tyro.cli(
        Verbs,
        prog="synthboost",
        description=DESCRIPTION,
        args=arguments,
        config=(tyro.conf.OmitSubcommandPrefixes, tyro.conf.OmitArgPrefixes, tyro.conf.EnumChoicesFromValues),
    )
    return verb


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
