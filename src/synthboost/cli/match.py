"""`synthboost match`: give simulated images the grey levels and speckle contrast of unannotated ones."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from synthboost.cli.options import Sharded, Unannotated


@dataclass(frozen=True, kw_only=True)
class Match(Sharded):
    """Give simulated frames the grey levels and speckle contrast of real frames, without reading their annotations.

    Every frame is matched to one training frame of the same view, chosen by seed. Masks are kept. The effect on
    training has not been measured. The same command resumes.
    """

    images: Path
    """The simulated data set."""
    like: Path
    """The images to match: a data set, or a plain folder of pictures. Only training patients are used."""
    out: Path
    """A new folder, or one begun by the same command."""
    likeness: Unannotated = field(default_factory=Unannotated)
    """Which images of `like` are used, and facts that pictures do not state."""

    def run(self) -> None:
        """Match, and print what was made."""
        from synthboost.adaptation.match import match
        from synthboost.data.lists import still_to_come
        from synthboost.data.source import open_source

        shard = self.share
        made = match(open_source(self.images), self.likeness.open(self.like), self.out, self.seed, shard)
        print(f"{made} patients matched now: {self.out}{still_to_come(self.out)}")
