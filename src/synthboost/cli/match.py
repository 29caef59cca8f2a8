"""`synthboost match`: give simulated images the grey levels and speckle contrast of unannotated ones."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from synthboost.domain import Phase, View


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
    speckle_mm: float = 2.0
    """What is finer than a Gaussian of this standard deviation counts as speckle."""
    least: float = 0.5
    """Smallest factor on the contrast of speckle."""
    most: float = 2.0
    """Largest factor."""
    split: str = "official"
    """How the patients of `like` are split."""
    leave_out: tuple[str, ...] = ()
    """Patients of `like` that are not looked at."""
    allow_missing: bool = False
    """Go on when listed patients or files of `like` are absent."""
    view: View | None = None
    """Of a plain folder `like`: the view of those whose names do not say it, as `x_4CH_ED.png` does."""
    phase: Phase | None = None
    """Of a plain folder `like`: the phase of those whose names do not say it."""
    spacing_mm: float | None = None
    """Of a plain folder `like`: mm between the pixels of those whose files do not say it."""
    shard: str = "1/1"
    """`3/16`: the third of sixteen shares."""
    seed: int = 0

    def run(self) -> None:
        """Match, and say what was made."""
        from synthboost.cli.shards import parse_shard
        from synthboost.experiments.sources import open_source
        from synthboost.inference.match import MatchSettings, match
        from synthboost.inference.picture_folder import Untold
        from synthboost.simulator.likeness import LikenessSettings

        shard = parse_shard("match", self.shard)
        settings = MatchSettings(LikenessSettings(self.speckle_mm, self.least, self.most), self.seed)
        simulated = open_source(self.images, "official")
        untold = Untold(self.view, self.phase, self.spacing_mm)
        like = open_source(
            self.like, self.split, allow_missing=self.allow_missing, leave_out=self.leave_out, untold=untold
        )
        made = match(simulated.dataset, simulated.split, like.dataset, like.split, self.out, settings, shard)
        whole = "" if (self.out / "frames.csv").is_file() else "; other shards are still to come"
        print(f"{made} patients matched now: {self.out}{whole}")
