"""`synthboost serve`: the web page on this machine."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

from synthboost.errors import CheckpointError, ConfigError
from synthboost.records.run_record import RANDOM_WEIGHTS

RANDOM = "random"


@dataclass(frozen=True)
class Serve:
    """Open a page in the browser: drop an image, type a sentence, see and download the mask and its numbers.

    The page is reachable from this machine only. It loads nothing from elsewhere, sends nothing, and stores nothing:
    images stay in memory until the visitor leaves. Research software, not a medical device.
    """

    checkpoint: str | None = None
    """A run's folder, a folder of weights, or a hub name; `random` serves a small untrained model, to try the page."""
    port: int = 7860
    """The port; 0 picks a free one."""
    host: str = "127.0.0.1"
    """The address to listen on; any other than this exposes the page to other machines."""

    def run(self) -> None:
        """Serve until Ctrl-C."""
        from synthboost.app.server import serving, warn_of_host
        from synthboost.inference.predictor import Predictor
        from synthboost.models.registry import build_segmenter
        from synthboost.studies.results import run_spec_of

        if self.checkpoint is None:
            raise CheckpointError(
                "serve", "checkpoint", "none", "a trained model: --checkpoint FOLDER",
                "Train one (synthboost simulate --out simulated; synthboost train --data simulated --out runs; "
                "then --checkpoint runs/NAME), or try the page with --checkpoint random.",
            )  # fmt: skip
        if not 0 <= self.port <= 65535:
            raise ConfigError("serve", "port", self.port, "0 to 65535")
        if self.checkpoint == RANDOM:
            predictor, spec, name = Predictor(build_segmenter("clipseg", "tiny")), None, "random weights"
        else:
            predictor, spec = Predictor.from_pretrained(self.checkpoint), run_spec_of(self.checkpoint)
            place = Path(self.checkpoint)
            name = place.absolute().name if place.exists() else self.checkpoint
        warn_of_host(self.host)
        random_weights = self.checkpoint == RANDOM or (spec is not None and spec.encoders == RANDOM_WEIGHTS)
        named = spec is not None and spec.domain_named
        with serving(predictor, name, self.host, self.port or None, random_weights, named) as address:
            print(f"synthboost serves {name} at {address}  (Ctrl-C ends it)", flush=True)
            threading.Event().wait()
