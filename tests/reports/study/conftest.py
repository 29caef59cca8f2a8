"""A small study made of numbers that can be worked by hand."""

from __future__ import annotations

from typing import Any

import pytest

from synthboost.records.run_folder import RunRecord

STAGES = {"zero-shot": (), "real": ("real",), "synthetic": ("synthetic",), "synth-PT:real-FT": ("synthetic", "real")}


@pytest.fixture(scope="session")
def make_study_run(make_row, make_run, make_log):
    """A run whose patients `p0`, `p1`, ... have one pair each with the Dice given."""

    def make(dice: list[float], strategy: str = "real", *, model: str = "cris", encoders: str = "trained",
             prompt_set: str = "P1", seed: int = 0, patients: int = 400, spec: dict[str, Any] | None = None,
             **other: Any) -> RunRecord:  # fmt: skip
        roles = STAGES[strategy]
        name = "-".join(map(str, (model, strategy, encoders, prompt_set, seed, patients)))
        rows = [
            make_row(
                value, run=name, model=model, strategy=strategy, encoders=encoders, prompt_set=prompt_set, seed=seed,
                patient=f"p{place}", synthetic="diffusion" if "synthetic" in roles else "",
                real_patients=patients if "real" in roles else None, **({"frame": f"p{place}_2CH_ED"} | other),
            )
            for place, value in enumerate(dice)
        ]  # fmt: skip
        data = {"real": {"name": "camus", "domain": "real", "patients": patients, "frames": 4 * patients}}
        if "synthetic" in roles:
            data["synthetic"] = {"name": "sdm", "domain": "diffusion", "patients": 5, "frames": 20}
        values = {
            "name": name, "model": model, "preset": "tiny", "weights": None, "strategy": strategy,
            "encoders": encoders, "prompt_set": prompt_set, "seed": seed, "data": data,
            "stages": [{"role": role, "training": {"epochs": 2}} for role in roles],
        }  # fmt: skip
        log = make_log([0.5, 0.8], stage=roles[-1]) if roles else []
        return make_run(
            rows,
            log,
            spec=values | (spec or {}),
            manifest={"mask_patients": 5 if "synthetic" in roles else 0},
            root=f"runs/{name}",
        )

    return make
