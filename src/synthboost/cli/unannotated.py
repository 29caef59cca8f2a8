"""Options of verbs that read no annotation: which images of a data set, or of a plain folder of pictures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from synthboost.domain import Phase, SplitOptions, View

if TYPE_CHECKING:
    from synthboost.data.picture_folder import PictureDefaults
    from synthboost.data.source import Source


@dataclass(frozen=True)
class Unannotated(SplitOptions):
    """Which images to use, and facts that pictures do not state."""

    view: View | None = None
    """For a plain folder of pictures: the view of those whose names do not state it, as `x_4CH_ED.png` does."""
    phase: Phase | None = None
    """For a plain folder of pictures: the phase of those whose names do not state it."""
    spacing_mm: float | None = None
    """For a plain folder of pictures: mm per pixel of those whose files do not state it."""

    @property
    def defaults(self) -> PictureDefaults:
        """What was said of pictures.

        Raises:
            ConfigError: the spacing is none that an image has.
        """
        from synthboost.data.picture_folder import PictureDefaults

        return PictureDefaults(self.view, self.phase, self.spacing_mm)

    def open(self, root: Path, patients: int | None = None) -> Source:
        """Open the images in the folder `root`; of the training patients, the first `patients`.

        Raises:
            SynthboostError: as `open_source`.
        """
        from synthboost.data.source import open_source

        return open_source(root, self, patients, defaults=self.defaults)
