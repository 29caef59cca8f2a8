"""`synthboost match`: give simulated images the grey levels and speckle contrast of unannotated ones."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from synthboost.cli.unannotated import Unannotated


@dataclass(frozen=True)
class Match:
    """Give simulated frames the grey levels and speckle contrast of real frames; no annotation of these is read.

    Every frame is made like one training frame of the same view, chosen by seed. Masks stay as they are. Whether
    training gains by it has not been measured. The same command finishes what was begun.
    """

    images: Path
    """The simulated data set."""
    like: Path
    """The images to be alike: a data set whose frames need no annotation, or a plain folder of pictures. Only
    its training patients are looked at."""
    out: Path
    """A new folder, or one that the same command began."""
    likeness: Unannotated = field(default_factory=Unannotated)
    """Which images of `like` are looked at, and what is true of pictures that do not tell it."""
    shard: str = "1/1"
    """`3/16`: the third of sixteen shares."""
    seed: int = 0

    def run(self) -> None:
        """Match, and say what was made."""
        from synthboost.adaptation.match import MatchSettings, match
        from synthboost.cli.shards import parse_shard, still_to_come
        from synthboost.data.source import open_source

        shard = parse_shard("match", self.shard)
        settings = MatchSettings(seed=self.seed)
        simulated = open_source(self.images)
        like = self.likeness.open(self.like)
        made = match(simulated.dataset, simulated.split, like.dataset, like.split, self.out, settings, shard)
        print(f"{made} patients matched now: {self.out}{still_to_come(self.out)}")
