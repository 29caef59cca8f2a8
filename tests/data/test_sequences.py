"""Annotated sequences: CAMUS' half cycles and TED, in their exact layout."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from synthboost.data import open_dataset
from synthboost.data.sequences import CamusSequences, Ted
from synthboost.data.simulated_set import write_dataset
from synthboost.domain import Phase, SplitPart, Structure
from synthboost.errors import DataError
from synthboost.simulator.settings import SimulationSettings

LV = Structure.LEFT_VENTRICULAR_CAVITY


def write_clip(path, frames, labels=False):
    """Frames of 6 x 4 px: grey 10 t, or t pixels of the cavity."""
    pixels = np.zeros((frames, 6, 4), np.uint8)
    for t in range(frames):
        pixels[t].reshape(-1)[: t if labels else 24] = 1 if labels else 10 * t
    image = sitk.GetImageFromArray(pixels)
    image.SetSpacing((0.25, 0.5, 1.0))
    sitk.WriteImage(image, str(path))


def write_half(tiny_camus, name="patient0001", view="4CH", frames=5):
    folder = tiny_camus / "database_nifti" / name
    write_clip(folder / f"{name}_{view}_half_sequence.nii.gz", frames)
    write_clip(folder / f"{name}_{view}_half_sequence_gt.nii.gz", frames, labels=True)
    (folder / f"Info_{view}.cfg").write_text(f"ED: 1\nES: {frames}\nNbFrame: {frames}\nSex: M\nAge: 41\nEF: 60\n")
    return folder


def opened(root, **options):
    return open_dataset(Path(f"camus-sequences:{root}"), **options)


def test_a_half_sequence_gives_every_frame_in_its_order(tiny_camus):
    write_half(tiny_camus)
    (tiny_camus / "database_nifti" / "patient0001-predicted").mkdir()
    dataset = opened(tiny_camus)
    assert isinstance(dataset, CamusSequences)
    assert [info.name for info in dataset.frames] == [
        "patient0001_4CH_ED_0000", "patient0001_4CH_0001", "patient0001_4CH_0002", "patient0001_4CH_0003",
        "patient0001_4CH_ES_0004",
    ]  # fmt: skip
    assert [info.phase for info in dataset.frames] == [Phase.END_DIASTOLE, None, None, None, Phase.END_SYSTOLE]
    frames = [dataset.load(info) for info in reversed(dataset.frames)]
    assert [int(frame.image[0, 0]) for frame in frames] == [40, 30, 20, 10, 0]
    assert [int(frame.mask(LV).sum()) for frame in frames] == [4, 3, 2, 1, 0]
    assert frames[0].spacing_mm == (0.5, 0.25)
    assert frames[0].info.attributes.ejection_fraction == 60
    assert dataset.ignored == {"views of patients without a sequence": 7}
    assert [len(dataset.official[part]) for part in SplitPart] == [2, 1, 1]


def test_the_same_folder_without_the_kind_is_the_single_frames(tiny_camus):
    write_half(tiny_camus)
    dataset = open_dataset(tiny_camus)
    assert (dataset.release, len(dataset.frames)) == ("camus-nifti", 16)
    assert dataset.patients[0] == opened(tiny_camus).patients[0]


def test_a_sequence_without_labels_is_bare(tiny_camus):
    (write_half(tiny_camus) / "patient0001_4CH_half_sequence_gt.nii.gz").unlink()
    dataset = opened(tiny_camus)
    assert not any(map(dataset.has_annotation, dataset.frames))


def test_a_simulated_set_keeps_its_release_and_domain(tmp_path):
    write_dataset(tmp_path / "made", SimulationSettings(patients=1, split_counts=(1, 0, 0), size=32, phases_between=2))
    dataset = opened(tmp_path / "made")
    assert (len(dataset.frames), dataset.release) == (8, open_dataset(tmp_path / "made").release)
    assert {str(info.domain) for info in dataset.frames} == {"simulated"}


@pytest.mark.parametrize(
    ("name", "text", "field"),
    [
        ("Info_4CH.cfg", "ED: 1\nES: 5\n", "NbFrame"),
        ("Info_4CH.cfg", "ED: 1\nES: 6\nNbFrame: 5\n", "ES"),
        ("Info_4CH.cfg", "ED: 1\nES: 1\nNbFrame: 5\n", "ED and ES"),
        ("Info_4CH.cfg", None, "1 missing files"),
        ("patient0001_4CH_half_sequence.nii.gz", None, "data set"),
    ],
)
def test_what_is_missing_or_wrong_is_refused(tiny_camus, name, text, field):
    path = write_half(tiny_camus) / name
    path.unlink() if text is None else path.write_text(text)
    with pytest.raises(DataError) as caught:
        opened(tiny_camus)
    assert caught.value.field == field


def test_a_sequence_that_is_shorter_than_stated_is_an_error_when_it_is_read(tiny_camus):
    folder = write_half(tiny_camus)
    (folder / "Info_4CH.cfg").write_text("ED: 1\nES: 6\nNbFrame: 6\n")
    dataset = opened(tiny_camus)
    with pytest.raises(DataError, match="frame: 5; expected one of 5, counted from 0"):
        dataset.load(dataset.frames[-1])


def test_ted_is_full_cycles_of_the_four_chamber_view(tmp_path):
    for number in range(1, 4):
        name = f"patient{number:03d}"
        folder = tmp_path / "database" / name
        folder.mkdir(parents=True)
        write_clip(folder / f"{name}_4CH_sequence.mhd", 6)
        write_clip(folder / f"{name}_4CH_sequence_gt.mhd", 6, labels=True)
        (folder / f"{name}_4CH_info.cfg").write_text("ED: 1\nES: 3\nNbFrame: 6\nSex: M\nAge: 60\nImageQuality: Good\n")
    dataset = open_dataset(tmp_path)
    assert isinstance(dataset, Ted)
    assert len(dataset.frames) == 18
    assert [info.number for info in dataset.frames[:6]] == [0, 1, 2, 3, 4, 5]
    assert next(info.name for info in dataset.frames if info.phase is Phase.END_SYSTOLE) == "patient001_4CH_ES_0002"
    assert int(dataset.load(dataset.frames[4]).mask(LV).sum()) == 4
    assert [len(dataset.official[part]) for part in SplitPart] == [1, 1, 1]
