from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from synthboost.data import open_dataset
from synthboost.data.simulated_set import export_camus, release_name, write_dataset, write_hearts, write_shards
from synthboost.domain import Phase, View
from synthboost.errors import ConfigError, DataError, OutputError
from synthboost.io.recordings import open_recording
from synthboost.simulator.appearance import AppearanceName
from synthboost.simulator.priors import PriorName
from synthboost.simulator.render import describe_patient, simulate_patient
from synthboost.simulator.settings import SimulationSettings

SETTINGS = SimulationSettings(patients=3, size=48, first_patient_number=7)
FILES_PER_PATIENT = 11  # four images, four label maps, two Info files, one record


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("simulated") / "set"
    write_dataset(out, SETTINGS, workers=1)
    return out


def test_the_layout_is_that_of_camus(written: Path) -> None:
    folders = sorted(p.name for p in (written / "database_nifti").iterdir())
    assert folders == ["patient0007", "patient0008", "patient0009"]
    folder = written / "database_nifti" / "patient0007"
    assert len(list(folder.iterdir())) == FILES_PER_PATIENT
    keys = [line.split(": ")[0] for line in (folder / "Info_4CH.cfg").read_text().splitlines()]
    assert keys == ["ED", "ES", "NbFrame", "Sex", "Age", "ImageQuality", "EF", "WallThickness", "FrameRate"]
    for part, name in (("training", "patient0007"), ("validation", "patient0008"), ("testing", "patient0009")):
        assert (written / "database_split" / f"subgroup_{part}.txt").read_text() == f"{name}\n"


def test_frames_and_label_maps_come_back_upright_with_their_spacing(written: Path) -> None:
    patient = simulate_patient(7, SETTINGS)
    for (view, phase), frame in patient.frames.items():
        stem = written / "database_nifti" / "patient0007" / f"patient0007_{view}_{phase}"
        image, labels = sitk.ReadImage(f"{stem}.nii.gz"), sitk.ReadImage(f"{stem}_gt.nii.gz")
        assert np.array_equal(sitk.GetArrayFromImage(image), frame.image)
        assert np.array_equal(sitk.GetArrayFromImage(labels), frame.label_map)
        assert image.GetSpacing() == pytest.approx(frame.spacing_mm[::-1])
        assert image.GetDirection() == (1.0, 0.0, 0.0, 1.0)


def test_half_sequences_have_camus_names_and_the_frames_at_their_ends(tmp_path: Path) -> None:
    settings = SimulationSettings(patients=1, size=48, phases_between=3)
    write_dataset(tmp_path, settings)
    folder = tmp_path / "database_nifti" / "patient0001"
    assert len(list(folder.iterdir())) == FILES_PER_PATIENT + 4
    for view in View:
        keys = dict(line.split(": ") for line in (folder / f"Info_{view}.cfg").read_text().splitlines())
        assert [keys[key] for key in ("ED", "ES", "NbFrame", "FrameRate")] == ["1", "5", "5", "13.3"]
        for ending in ("", "_gt"):
            clip = sitk.ReadImage(str(folder / f"patient0001_{view}_half_sequence{ending}.nii.gz"))
            frames = sitk.GetArrayFromImage(clip)
            assert (frames.dtype, len(frames), clip.GetDimension()) == (np.uint8, 5, 3)
            for place, phase in ((0, Phase.END_DIASTOLE), (-1, Phase.END_SYSTOLE)):
                still = sitk.ReadImage(str(folder / f"patient0001_{view}_{phase}{ending}.nii.gz"))
                assert np.array_equal(frames[place], sitk.GetArrayFromImage(still))
                assert clip.GetSpacing()[:2] == still.GetSpacing()
    assert len(open_dataset(tmp_path).frames) == 4
    recording = open_recording(folder / "patient0001_4CH_half_sequence.nii.gz")
    assert recording.length == 5


@pytest.mark.real_data
def test_our_files_are_oriented_as_those_of_the_release(written: Path, real_camus: Path) -> None:
    name = "patient0001_4CH_ED.nii.gz"
    theirs = sitk.ReadImage(str(real_camus / "database_nifti" / "patient0001" / name))
    ours = sitk.ReadImage(str(written / "database_nifti" / "patient0007" / "patient0007_4CH_ED.nii.gz"))
    assert ours.GetDirection() == theirs.GetDirection()
    assert ours.GetPixelIDTypeAsString() == theirs.GetPixelIDTypeAsString()
    for image in (ours, theirs):
        fan = sitk.GetArrayFromImage(image) > 0
        # The fan widens downwards from the tip in the middle of the upper edge.
        upper, lower = fan[fan.shape[0] // 10].sum(), fan[fan.shape[0] // 2].sum()
        assert 0 < upper < lower


def test_the_cfg_holds_the_ejection_fraction_of_the_label_maps(written: Path) -> None:
    attributes = describe_patient(7, SETTINGS)[View.TWO_CHAMBER]
    lines = (written / "database_nifti" / "patient0007" / "Info_2CH.cfg").read_text().splitlines()
    values = dict(line.split(": ") for line in lines)
    assert attributes.ejection_fraction is not None
    assert abs(int(values["EF"]) - attributes.ejection_fraction) <= 0.5
    assert float(values["WallThickness"]) == attributes.wall_thickness_mm
    assert values["Sex"] == attributes.sex
    assert int(values["Age"]) == attributes.age
    assert values["ImageQuality"] == attributes.quality


def test_every_frame_is_listed_as_simulated(written: Path) -> None:
    with (written / "frames.csv").open(newline="") as handle:
        rows = list(csv.DictReader(handle))
    assert len(rows) == 3 * len(View) * len(Phase)
    assert rows[0]["frame"] == "patient0007_2CH_ED"
    assert {row["domain"] for row in rows} == {"simulated"}
    assert {row["generator"] for row in rows} == {"synthboost.simulator"}
    assert json.loads((written / "simulation.json").read_text())["settings"]["size"] == 48


def test_the_release_says_which_people_the_patients_are(written: Path) -> None:
    with (written / "frames.csv").open(newline="") as handle:
        assert {row["release"] for row in csv.DictReader(handle)} == {"simulated-4-camus-seed0"}
    same = [
        replace(SETTINGS, patients=9),
        replace(SETTINGS, appearance=AppearanceName.CLEAN),
        replace(SETTINGS, size=64),
        replace(SETTINGS, calibration=(("volume", 1.0), ("wall_mm", 0.0))),
    ]
    assert {release_name(settings) for settings in same} == {release_name(SETTINGS)}
    for settings in same:  # the same hearts, then: sex, age and ejection fraction are the heart's
        one, other = (describe_patient(7, s)[View.TWO_CHAMBER] for s in (SETTINGS, settings))
        assert (one.sex, one.age) == (other.sex, other.age)
    others = [replace(SETTINGS, seed=1), replace(SETTINGS, prior=PriorName.LITERATURE)]
    assert len({release_name(settings) for settings in (SETTINGS, *others)}) == 3


def test_two_processes_write_the_same_files_as_one(written: Path, tmp_path: Path) -> None:
    write_dataset(tmp_path / "two", SETTINGS, workers=2)
    for file in (p for p in written.rglob("*") if p.suffix == ".gz"):
        one, two = (
            sitk.GetArrayFromImage(sitk.ReadImage(str(p))) for p in (file, tmp_path / "two" / file.relative_to(written))
        )
        assert np.array_equal(one, two)


def test_finished_patients_are_not_made_again_and_missing_ones_are(tmp_path: Path) -> None:
    out = tmp_path / "set"
    write_dataset(out, SETTINGS)
    kept = out / "database_nifti" / "patient0007" / "Info_2CH.cfg"
    before = kept.stat().st_mtime_ns
    gone = out / "database_nifti" / "patient0008"
    gone.rename(tmp_path / "aside")
    (out / "database_nifti" / ".writing-1-patient0008").mkdir()
    write_dataset(out, SETTINGS)
    assert kept.stat().st_mtime_ns == before
    assert len(list(gone.iterdir())) == FILES_PER_PATIENT
    assert not list((out / "database_nifti").glob(".writing-*"))


def test_a_folder_of_other_settings_is_refused_and_the_difference_named(written: Path) -> None:
    with pytest.raises(OutputError, match="seed is 0 there and 5 now"):
        write_dataset(written, replace(SETTINGS, seed=5))


def test_a_folder_with_other_content_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(OutputError, match=r"thesis\.txt"):
        write_dataset(tmp_path, SETTINGS)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.txt"]


def test_no_workers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="workers"):
        write_dataset(tmp_path / "set", SETTINGS, workers=0)


@pytest.mark.parametrize(("blow", "workers"), [(signal.SIGINT, 2), (signal.SIGINT, 1), (signal.SIGKILL, 2)])
def test_an_interrupted_simulation_leaves_whole_patients_only(
    tmp_path: Path, blow: signal.Signals, workers: int
) -> None:
    out, script = tmp_path / "set", tmp_path / "run.py"
    script.write_text(
        "from pathlib import Path\n"
        "from synthboost.simulator.settings import SimulationSettings\n"
        "from synthboost.data.simulated_set import write_dataset\n"
        "if __name__ == '__main__':\n"
        f"    write_dataset(Path({str(out)!r}), SimulationSettings(patients=500, size=48), workers={workers})\n"
    )
    process = subprocess.Popen([sys.executable, str(script)], stderr=subprocess.DEVNULL, start_new_session=True)
    deadline = time.monotonic() + 300
    while len(list(out.glob("database_nifti/patient*"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    # Ctrl-C in a terminal reaches all processes; a kill reaches the one that was named.
    if blow is signal.SIGINT:
        os.killpg(process.pid, blow)
    else:
        process.send_signal(blow)
    process.wait(timeout=300)
    _wait_until_quiet(out)
    folders = list(out.glob("database_nifti/patient*"))
    assert 2 <= len(folders) < 500
    assert all(len(list(folder.iterdir())) == FILES_PER_PATIENT for folder in folders)
    assert not (out / "frames.csv").exists()


def _wait_until_quiet(out: Path) -> None:
    """Return when no worker writes any more; orphans end with their parent."""
    for _ in range(40):
        before = sorted(out.glob("database_nifti/*"))
        time.sleep(0.25)
        if sorted(out.glob("database_nifti/*")) == before:
            return
    raise AssertionError("orphans go on writing")


THREE = SimulationSettings(patients=3, size=48)


@pytest.mark.parametrize("write", [write_shards, write_hearts])
def test_an_export_is_the_set_that_simulate_would_have_written(write, tmp_path: Path) -> None:
    write(tmp_path / "set", THREE)
    write_dataset(tmp_path / "camus", THREE)
    assert export_camus(open_dataset(tmp_path / "set"), tmp_path / "out") == 3
    ours, theirs = open_dataset(tmp_path / "out"), open_dataset(tmp_path / "camus")
    assert (ours.frames, ours.official, ours.release) == (theirs.frames, theirs.official, theirs.release)
    for path in (tmp_path / "camus").rglob("*.nii.gz"):
        assert (tmp_path / "out" / path.relative_to(tmp_path / "camus")).read_bytes() == path.read_bytes()


def test_a_set_of_patients_is_not_exported(tiny_camus: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"simulation\.json"):
        export_camus(open_dataset(tiny_camus), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_half_sequences_are_not_lost_in_silence(tmp_path: Path) -> None:
    write_dataset(tmp_path / "set", replace(THREE, patients=1, phases_between=1))
    with pytest.raises(DataError, match="half sequences: 1 frames"):
        export_camus(open_dataset(tmp_path / "set"), tmp_path / "out")
    assert not (tmp_path / "out").exists()
