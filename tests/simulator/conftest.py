"""A few simulated patients, made once: they are the dear part of these tests."""

from __future__ import annotations

import pytest

from synthboost.domain import Quality, View
from synthboost.simulator.appearance import AppearanceName
from synthboost.simulator.priors import PriorName
from synthboost.simulator.render import SimulatedPatient, simulate_patient
from synthboost.simulator.settings import SimulationSettings

CLINICAL = SimulationSettings(patients=6, size=192)


@pytest.fixture(scope="session")
def clinical() -> list[SimulatedPatient]:
    return [simulate_patient(number, CLINICAL) for number in CLINICAL.patient_numbers]


@pytest.fixture(scope="session")
def clean() -> list[SimulatedPatient]:
    settings = SimulationSettings(
        patients=2, size=128, prior=PriorName.LITERATURE, appearance=AppearanceName.CLEAN, first_patient_number=50
    )
    return [simulate_patient(number, settings) for number in settings.patient_numbers]


@pytest.fixture(scope="session")
def by_quality() -> dict[Quality, list[SimulatedPatient]]:
    """The same four patients as seen through a good, a medium and a poor window."""
    settings = SimulationSettings(patients=4, size=128)
    return {
        quality: [simulate_patient(n, settings, dict.fromkeys(View, quality)) for n in settings.patient_numbers]
        for quality in Quality
    }
