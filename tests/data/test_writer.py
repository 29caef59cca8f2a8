from __future__ import annotations

import errno
import os
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from synthboost.data import open_dataset
from synthboost.data.writer import MadePatient, NewPatient, Origin, make_dataset
from synthboost.domain import Attributes, Domain, Frame, FrameInfo, PatientId, Phase, Quality, Sex, SplitPart, View
from synthboost.errors import ConfigError, OutputError, SynthboostError

ATTRIBUTES = Attributes(Sex.FEMALE, 61, Quality.POOR, 55.0)
ORIGIN = Origin(Domain.SIMULATED, "maker", "1", 7, "toys-1", "made.json")
PATIENTS = [NewPatient(f"patient{number:06d}", part) for number, part in enumerate((*SplitPart, SplitPart.TRAINING), 1)]
IMAGE, LABELS = np.arange(12, dtype=np.uint8).reshape(3, 4), np.eye(3, 4, dtype=np.uint8)


def frame(view: View, phase: Phase, labels: np.ndarray | None = LABELS) -> Frame:
    return Frame(FrameInfo(PatientId("r", "f", "patient0001"), view, phase, ATTRIBUTES), IMAGE, labels, (0.5, 0.25))


def make(patient: NewPatient) -> MadePatient:
    frames = [frame(View.TWO_CHAMBER, Phase.END_DIASTOLE), frame(View.TWO_CHAMBER, Phase.END_SYSTOLE)]
    return MadePatient([] if patient is PATIENTS[-1] else frames, {"name": patient.name})


def write(out: Path, **changes: object) -> int:
    arguments = {"wanted": {"settings": {"size": 3}}, "patients": PATIENTS, "make": make, "doing": "making", **changes}
    return make_dataset(out, ORIGIN, **arguments)  # type: ignore[arg-type]


def test_what_is_written_is_read_back_with_parts_attributes_and_release(tmp_path: Path) -> None:
    assert write(tmp_path) == 4
    dataset = open_dataset(tmp_path)
    assert dataset.release == "toys-1"
    assert {part: [p.name for p in named] for part, named in dataset.official.items()} == {
        p.part: [p.name] for p in PATIENTS[:3]
    }
    assert [info.name for info in dataset.frames[:2]] == ["patient000001_2CH_ED", "patient000001_2CH_ES"]
    assert {info.attributes for info in dataset.frames} == {ATTRIBUTES}
    read = dataset.load(dataset.frames[0])
    np.testing.assert_array_equal(read.image, IMAGE)
    np.testing.assert_array_equal(read.label_map, LABELS)
    assert read.spacing_mm == (0.5, 0.25)


def test_a_patient_without_a_frame_is_made_once_and_listed_nowhere(tmp_path: Path) -> None:
    write(tmp_path)
    assert write(tmp_path) == 0
    lists = "".join(path.read_text() for path in [tmp_path / "frames.csv", *tmp_path.rglob("subgroup_*.txt")])
    assert PATIENTS[-1].name not in lists
    assert PATIENTS[0].name in lists


def test_a_frame_without_labels_has_no_label_file_and_the_texts_say_what_is_known(tmp_path: Path) -> None:
    bare = frame(View.TWO_CHAMBER, Phase.END_SYSTOLE, None)
    unmeasured = replace(bare, info=replace(bare.info, attributes=replace(ATTRIBUTES, ejection_fraction=None)))
    write(tmp_path, patients=PATIENTS[:1], make=lambda patient: MadePatient([unmeasured], {}))
    folder = tmp_path / "database_nifti" / "patient000001"
    assert sorted(path.name for path in folder.iterdir()) == [
        "Info_2CH.cfg",
        "made.json",
        "patient000001_2CH_ES.nii.gz",
    ]
    text = "ED: 1\nES: 2\nNbFrame: 2\nSex: F\nAge: 61\nImageQuality: Poor\n"
    assert (folder / "Info_2CH.cfg").read_text() == text
    write(tmp_path / "measured", patients=PATIENTS[:1])
    measured = tmp_path / "measured" / "database_nifti" / "patient000001" / "Info_2CH.cfg"
    assert measured.read_text() == text + "EF: 55\n"


def test_an_image_that_was_cut_is_made_again_and_the_others_are_kept(tmp_path: Path) -> None:
    write(tmp_path)
    images = sorted((tmp_path / "database_nifti").rglob("*.nii.gz"))
    before = {path: path.read_bytes() for path in images}
    images[0].write_bytes(before[images[0]][:-9])  # without the end of the gzip: its sum and its length
    images[-1].write_bytes(b"")
    assert write(tmp_path) == 2
    assert {path: path.read_bytes() for path in images} == before
    assert write(tmp_path) == 0


def _die(patient: NewPatient) -> MadePatient:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def test_a_killed_worker_is_one_line_and_not_the_end(tmp_path: Path) -> None:
    with pytest.raises(SynthboostError, match=r"one died, .*fewer --workers"):
        write(tmp_path, make=_die, workers=2)
    assert write(tmp_path) == 4


def test_no_shared_memory_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("multiprocessing.synchronize.SemLock.__init__", full)
    with pytest.raises(SynthboostError, match=r"2: No space left on device; .*/dev/shm.* Use one worker"):
        write(tmp_path, workers=2)
    assert write(tmp_path) == 4


def test_shards_make_every_patient_once_and_the_last_writes_the_lists(tmp_path: Path) -> None:
    assert write(tmp_path, shard=(2, 2)) == 2
    assert not (tmp_path / "frames.csv").exists()
    assert write(tmp_path, shard=(1, 2)) == 2
    assert (tmp_path / "frames.csv").exists()


@pytest.mark.parametrize("wrong", [{"shard": (0, 2)}, {"shard": (3, 2)}, {"workers": 0}])
def test_impossible_shares_are_refused_before_anything_is_written(tmp_path: Path, wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        write(tmp_path / "new", **wrong)
    assert not (tmp_path / "new").exists()


def test_other_settings_are_refused_and_what_differs_is_named(tmp_path: Path) -> None:
    write(tmp_path)
    with pytest.raises(OutputError, match="settings: not as the folder was begun with: size is 3 there and 4 now"):
        write(tmp_path, wanted={"settings": {"size": 4}})
