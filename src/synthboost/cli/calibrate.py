"""`synthboost calibrate`: shift the simulator's prior towards unannotated images."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import tyro

from synthboost.cli.options import Unannotated, WithModel

PATIENTS = 100
"""Training patients that are measured in each set, the first ones."""


@dataclass(frozen=True, kw_only=True)
class Calibrate(WithModel):
    """Measure by how much the simulator's hearts differ in size and pose from those in unannotated images.

    A model trained on simulated images predicts masks in both sets. Plausible masks are measured, and the differences
    of the medians are printed as options of `simulate`. Annotations of the images are not read. The simulated images
    must not have been used to train the model.
    """

    data: tyro.conf.Positional[Path]
    """A data set, or a plain folder of pictures. Only training patients are used; annotations are not read."""
    simulated: Path
    """A simulated set with the prior to shift; an earlier calibration of it is added."""
    out: Path
    """A new JSON file for the calibration and the number of frames."""
    images: Unannotated = field(default_factory=Unannotated)

    def run(self) -> None:
        """Measure both sets, and print and write the differences."""
        from synthboost.adaptation.calibrate import calibrate, measure_hearts, require_enough
        from synthboost.data.simulated_set import settings_of
        from synthboost.data.source import open_source
        from synthboost.errors import OutputError
        from synthboost.inference.predictor import Predictor
        from synthboost.io.atomic import write_json
        from synthboost.models.registry import name_with_checksum
        from synthboost.simulator.calibration import Calibration

        if self.out.exists():
            raise OutputError(self.out, "file", "exists", "a new file", "Choose another name.")
        real = self.images.open(self.data)
        simulated = open_source(self.simulated)
        named = (("images", real), ("simulated images", simulated))
        before = Calibration.of_items(settings_of(simulated.dataset.root).calibration)
        predictor = Predictor.from_pretrained(self.checkpoint)
        for name, source in named:
            require_enough(source, PATIENTS, name)
        sides = [measure_hearts(predictor, source, PATIENTS, name) for name, source in named]
        found = before.then(calibrate(sides[0][0], sides[1][0]))
        numbers = {
            name: {"frames": frames, "measured": sum(map(len, hearts.values()))}
            for name, (hearts, frames) in zip(("images", "simulated"), sides, strict=True)
        }
        model = name_with_checksum(predictor.model, self.checkpoint)
        write_json(self.out, {"calibration": dict(found.items), "model": model, **numbers})
        for name, side in numbers.items():
            print(f"{name}: {side['measured']} of {side['frames']} frames measured")
        print("synthboost simulate --calibration " + " ".join(f"{name} {value:g}" for name, value in found.items))
