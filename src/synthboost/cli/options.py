"""Options that several verbs share: unannotated images, and shards of the work."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from synthboost.domain import Phase, SplitOptions, View
from synthboost.errors import ConfigError

if TYPE_CHECKING:
    from synthboost.data.picture_folder import PictureDefaults
    from synthboost.data.source import Source


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

    def open(self, root: Path, patients: int | None = None) -> Source:
        """Open the images in the folder `root`; of the training patients, the first `patients`.

        Raises:
            SynthboostError: as `open_source`.
        """
        from synthboost.data.source import open_source

        return open_source(root, self, patients, defaults=self.defaults)


def parse_shard(verb: str, text: str) -> tuple[int, int]:
    """Return (i, n).

    Raises:
        ConfigError: the text is not `i/n` with i from 1 to n.
    """
    first, slash, last = text.partition("/")
    if slash and first.isdecimal() and last.isdecimal() and 1 <= int(first) <= int(last):
        return int(first), int(last)
    raise ConfigError(verb, "shard", text, "i/n with i from 1 to n, such as 3/16")


def still_to_come(out: Path) -> str:
    """Return what to add to the last line: nothing once the lists are written, which the last share does."""
    from synthboost.data.lists import FRAMES_CSV  # here: it loads what reads images, which no help needs

    return "" if (out / FRAMES_CSV).is_file() else "; other shards are still to come"
