"""`synthboost serve`: the web page on this machine."""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from synthboost.errors import ConfigError
from synthboost.models.catalogue import DEFAULT
from synthboost.records.run_record import RANDOM_WEIGHTS

RANDOM = "random"


@dataclass(frozen=True)
class Serve:
    """Open a page in the browser: drop an image, type a sentence, see and download the mask and its numbers.

    The page is reachable from this machine only. It loads nothing from elsewhere, sends nothing, and stores nothing:
    images stay in memory until the visitor leaves. Research software, not a medical device.
    """

    checkpoint: str = DEFAULT
    """A run's folder, a folder of weights, a hub name, or `random`, a small untrained model; by default the weights
    that ship with the package."""
    address: str = "127.0.0.1:7860"
    """Where to listen; port 0 picks a free one. Any other host than this exposes the page to other machines."""

    def run(self) -> None:
        """Serve until Ctrl-C."""
        from synthboost.app.server import serving, warn_of_host
        from synthboost.inference.predictor import Predictor
        from synthboost.models.registry import build_segmenter, name_with_checksum
        from synthboost.studies.results import run_spec_of

        host, _, port = self.address.rpartition(":")
        if not (host and port.isdecimal() and int(port) <= 65535):
            raise ConfigError("serve", "address", self.address, "HOST:PORT, the port 0 to 65535")
        if self.checkpoint == RANDOM:
            predictor, spec, name = Predictor(build_segmenter("clipseg", "tiny")), None, "random weights"
        else:
            predictor, spec = Predictor.from_pretrained(self.checkpoint), run_spec_of(self.checkpoint)
            place = Path(self.checkpoint)
            name = place.absolute().name if place.exists() else self.checkpoint
            name = name_with_checksum(predictor.model, DEFAULT) if self.checkpoint == DEFAULT else name
        warn_of_host(host)
        random_weights = self.checkpoint == RANDOM or (spec is not None and spec.encoders == RANDOM_WEIGHTS)
        named = spec is not None and spec.domain_named
        with serving(predictor, name, host, int(port) or None, random_weights, named) as address:
            print(f"synthboost serves {name} at {address}  (Ctrl-C ends it)", flush=True)
            with suppress(KeyboardInterrupt):
                threading.Event().wait()
            print("\nThe page is closed; nothing was stored.")
