"""The page's examples: simulated hearts, made on the fly from a seed. No patient is behind any of them."""

from __future__ import annotations

from functools import lru_cache

from synthboost.app.intake import Intake
from synthboost.domain import Attributes, Phase, View
from synthboost.simulator.render import SimulatedPatient, simulate_patient
from synthboost.simulator.settings import SimulationSettings

SEED = 2026
SIZE = 256
EXAMPLES: dict[str, tuple[int, View, Phase]] = {
    f"Heart {number}, {'two' if view is View.TWO_CHAMBER else 'four'}-chamber view, {phase}": (number, view, phase)
    for number in (1, 2, 3)
    for view in (View.FOUR_CHAMBER, View.TWO_CHAMBER)
    for phase in Phase
}
"""Name on the page -> patient number, view, phase."""


def example(name: str) -> tuple[Intake, Attributes]:
    """Return the example and what is known of it; `name` is a key of `EXAMPLES`."""
    number, view, phase = EXAMPLES[name]
    patient = _heart(number)
    frame = patient.frames[view, phase]
    return Intake(f"Simulated: {name}", (frame.image,), frame.spacing_mm), patient.attributes[view]


@lru_cache(maxsize=4)
def _heart(number: int) -> SimulatedPatient:
    return simulate_patient(number, SimulationSettings(seed=SEED, size=SIZE))
