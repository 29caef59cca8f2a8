"""Options that several verbs share: unannotated images, shards of the work, samplers."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from synthboost.domain import Phase, SplitOptions, View
from synthboost.errors import ConfigError
from synthboost.models.catalogue import DEFAULT

if TYPE_CHECKING:
    from synthboost.data.picture_folder import PictureDefaults
    from synthboost.data.source import FrameSet, Source
    from synthboost.inference.predictor import Predictor

SENTENCES = (
    "Left ventricular cavity of the heart.",
    "Myocardium of the heart.",
    "Left atrium cavity of the heart.",
)
"""Of the three structures, by name (P1)."""


@dataclass(frozen=True)
class Unannotated(SplitOptions):
    """Which images to use, and facts that pictures do not state."""

    pictures: tuple[str, ...] = ()
    """For a plain folder of pictures: what their names and files do not state: `view=4CH phase=ED spacing-mm=0.3`."""

    @property
    def defaults(self) -> PictureDefaults:
        """What pictures do not state themselves.

        Raises:
            ConfigError: a word is not understood, or the spacing is none that an image has.
        """
        from synthboost.data.picture_folder import PictureDefaults

        readers = {"view": View, "phase": Phase, "spacing-mm": float}
        found: dict[str, object] = {}
        for word in self.pictures:
            name, _, value = word.partition("=")
            try:
                found[name.replace("-", "_")] = readers[name](value)
            except (KeyError, ValueError):
                raise ConfigError(
                    "pictures", "pictures", word, "view=2CH or 4CH, phase=ED or ES, spacing-mm=NUMBER"
                ) from None
        return PictureDefaults(**found)  # type: ignore[arg-type]

    def open(self, root: Path, patients: int | None = None, images: bool = True) -> Source:
        """Open the images in the folder `root`; of the training patients, the first `patients`; see `open_source`.

        Raises:
            SynthboostError: as `open_source`.
        """
        from synthboost.data.source import open_source

        return open_source(root, self, patients, defaults=self.defaults, images=images)


@dataclass(frozen=True, kw_only=True)
class WithModel:
    """A trained model."""

    checkpoint: str = DEFAULT
    """A run's folder, a folder of weights, or a hub name; by default the weights that ship with the package."""


@dataclass(frozen=True, kw_only=True)
class Mirrored:
    """How images lie."""

    mirrored: bool = False
    """The images show left and right exchanged: predict in their mirror images; masks fit the images as they are."""


@dataclass(frozen=True, kw_only=True)
class Sharded:
    """Which share of the work to do, and the seed."""

    shard: str = "1/1"
    """`3/16` makes the third of sixteen shares, to run several processes in parallel."""
    seed: int = 0

    @property
    def share(self) -> tuple[int, int]:
        """The shard as (i, n).

        Raises:
            ConfigError: it is not `i/n` with i from 1 to n.
        """
        first, slash, last = self.shard.partition("/")
        if slash and first.isdecimal() and last.isdecimal() and 1 <= int(first) <= int(last):
            return int(first), int(last)
        raise ConfigError("shards", "shard", self.shard, "i/n with i from 1 to n, such as 3/16")


@dataclass(frozen=True, kw_only=True)
class Sampled(Sharded):
    """How a diffusion model samples."""

    method: Literal["default", "ddpm", "ddim", "dpm++", "unipc", "euler", "heun"] = "default"
    """The sampler; by default Euler for a flow, DPM-Solver++ for predicted noise."""
    steps: int | None = None
    """Steps from noise to image; by default 10 for a flow, 20 for predicted noise. `refine` takes its share of them."""


def note_orientation(predictor: Predictor, frames: FrameSet, weights: str | None) -> None:
    """Say on stderr if left and right look exchanged in frames; asked of the weights that ship alone."""
    from synthboost.inference.predict_dataset import orientation_of

    if weights == DEFAULT and not predictor.mirrored and (note := orientation_of(predictor, frames)):
        print(f"note: {note}", file=sys.stderr)


def refuse_idle(verb: object, names: Sequence[str], beside: str, remedy: str) -> None:
    """Raise a `ConfigError` that lists which of a verb's options are given though they are ignored with `beside`."""
    defaults = {one.name: one.default for one in fields(verb)}  # type: ignore[arg-type]
    if idle := [name for name in names if getattr(verb, name) != defaults[name]]:
        raise ConfigError(type(verb).__name__.lower(), ", ".join(idle), f"given together with {beside}", "a model",
                          remedy)  # fmt: skip


def require_different(*folders: Path | None) -> None:
    """Raise a `ConfigError` if the same folder is given as two data sets."""
    known = [folder.resolve() for folder in folders if folder is not None]
    if twice := next((folder for folder in known if known.count(folder) > 1), None):
        raise ConfigError("data sets", "folder", f"{twice} twice", "a folder for each")
