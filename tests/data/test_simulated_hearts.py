from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from synthboost.data import open_dataset, simulated_set
from synthboost.data.simulated_readers import HEARTS, HeartRow
from synthboost.data.simulated_set import SHARE, UNFINISHED, settings_of, write_hearts
from synthboost.domain import Phase, View
from synthboost.errors import ConfigError, DataError, OutputError
from synthboost.simulator.render import describe_patient, simulate_frame, simulate_patient
from synthboost.simulator.settings import SimulationSettings

SETTINGS = SimulationSettings(patients=3, size=48, appearance="wild", calibration=(("wall_mm", 1.5),))  # type: ignore[arg-type]


@pytest.fixture
def written(tmp_path: Path) -> Path:
    write_hearts(tmp_path / "set", SETTINGS)
    return tmp_path / "set"


def test_one_frame_alone_is_the_frame_of_its_patient() -> None:
    patient = simulate_patient(2, SETTINGS)
    for (view, phase), frame in patient.frames.items():
        alone = simulate_frame(2, SETTINGS, view, phase)
        assert alone.image.tobytes() == frame.image.tobytes()
        assert alone.label_map.tobytes() == frame.label_map.tobytes()
        assert alone.spacing_mm == frame.spacing_mm


def test_attributes_without_an_image_are_those_of_the_patient() -> None:
    assert describe_patient(3, SETTINGS) == simulate_patient(3, SETTINGS).attributes


def test_hearts_and_settings_are_read_as_written(written: Path) -> None:
    assert settings_of(written) == SETTINGS
    dataset = open_dataset(written)
    assert len(dataset.frames) == 12
    patients = {number: simulate_patient(number, SETTINGS) for number in SETTINGS.patient_numbers}
    for info in dataset.frames:
        true = patients[int(info.patient.name[-1])]
        attributes = true.attributes[info.view]
        ejection_fraction = float(round(attributes.ejection_fraction or 0.0))
        assert info.attributes == replace(attributes, ejection_fraction=ejection_fraction)
        drawn, frame = dataset.load(info), true.frames[info.view, info.phase]
        assert drawn.image.tobytes() == frame.image.tobytes()
        assert drawn.label_map is not None
        assert drawn.label_map.tobytes() == frame.label_map.tobytes()
        assert drawn.spacing_mm == frame.spacing_mm


def test_no_image_is_written(written: Path) -> None:
    files = sorted(path.relative_to(written).as_posix() for path in written.rglob("*") if path.is_file())
    lists = [f"database_split/subgroup_{part}.txt" for part in ("testing", "training", "validation")]
    assert [name for name in files if not name.startswith(".")] == [*lists, HEARTS, "simulation.json"]


def test_workers_change_nothing(written: Path, tmp_path: Path) -> None:
    write_hearts(tmp_path / "two", SETTINGS, workers=2)
    assert (tmp_path / "two" / HEARTS).read_bytes() == (written / HEARTS).read_bytes()


def test_a_stopped_call_is_gone_on_with(written: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulated_set, "SHARE", 1)
    describe: Callable[..., HeartRow] = simulated_set._describe
    asked: list[int] = []

    def stopped(settings: SimulationSettings, number: int) -> HeartRow:
        asked.append(number)
        if len(asked) == 2:
            raise KeyboardInterrupt
        return describe(settings, number)

    monkeypatch.setattr(simulated_set, "_describe", stopped)
    with pytest.raises(KeyboardInterrupt):
        write_hearts(tmp_path / "stopped", SETTINGS)
    assert not (tmp_path / "stopped" / HEARTS).exists()
    write_hearts(tmp_path / "stopped", SETTINGS)
    assert asked == [1, 2, 2, 3]
    assert (tmp_path / "stopped" / HEARTS).read_bytes() == (written / HEARTS).read_bytes()
    assert not (tmp_path / "stopped" / UNFINISHED).exists()
    assert SHARE > 1


def test_a_folder_of_other_settings_or_another_layout_is_refused(written: Path) -> None:
    with pytest.raises(OutputError, match="seed is 0 there and 1 now"):
        write_hearts(written, replace(SETTINGS, seed=1))
    with pytest.raises(ConfigError, match="workers"):
        write_hearts(written, SETTINGS, workers=0)


def test_settings_of_another_version_are_refused(written: Path) -> None:
    record = written / "simulation.json"
    record.write_text(record.read_text().replace('"generator_version": "4"', '"generator_version": "3"'))
    with pytest.raises(DataError, match="generator_version"):
        open_dataset(written)


def test_the_instants_are_both_drawn() -> None:
    drawn = [simulate_frame(1, SETTINGS, View.TWO_CHAMBER, phase).label_map for phase in Phase]
    assert (drawn[0] == 1).sum() > (drawn[1] == 1).sum(), "the ventricle is smaller at end systole"
