"""Names of the files that tell a simulated set; here, because readers need them without the simulator itself."""

from __future__ import annotations

RECORD = "simulation.json"
"""At the root: what was asked for. In a patient's folder: what is known of the patient besides CAMUS' keys."""
HEARTS = "hearts.csv"
"""Who is in a set that is drawn when read."""
