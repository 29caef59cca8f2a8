"""Who is trained on, who is held out, and whose annotations can be read at all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from synthboost.adaptation import real_frames
from synthboost.adaptation.real_frames import RealFrames, choose_frames, load_annotated, load_bare
from synthboost.data.source import Source, open_source
from synthboost.domain import FrameInfo, SplitPart
from synthboost.errors import ConfigError, DataError


@pytest.fixture
def source(make_tiny_camus: Callable[..., Path], tmp_path: Path) -> Source:
    """Twelve annotated patients, the eleventh of whom validates; the twelfth tests."""
    return open_source(make_tiny_camus(tmp_path / "set", patients=12))


def numbers(infos: tuple[FrameInfo, ...]) -> list[int]:
    return sorted({int(info.patient.name.removeprefix("patient")) for info in infos})


def of(frames: RealFrames) -> tuple[list[int], list[int], list[int], bool]:
    return numbers(frames.annotated), numbers(frames.unannotated), numbers(frames.held_out), frames.scored


def bared(source: Source, *parts: SplitPart) -> Source:
    """The source, as if nobody of these parts were annotated."""
    gone = {patient for part in parts for patient in source.split.parts[part]}
    files = {k: replace(one, label_map=None) if k[0] in gone else one for k, one in source.dataset.files.items()}
    return replace(source, dataset=replace(source.dataset, files=files))


def without_validation(source: Source) -> Source:
    parts = {**source.split.parts, SplitPart.VALIDATION: ()}
    return replace(source, split=replace(source.split, parts=parts))


ALL = list(range(1, 11))


def test_annotated_validation_patients_are_held_out(source: Source) -> None:
    assert of(choose_frames(source)) == (ALL, [], [11], True)
    assert of(choose_frames(source, 3)) == ([1, 2, 3], ALL[3:], [11], True)
    assert of(choose_frames(bared(source, SplitPart.TRAINING))) == ([], ALL, [11], True)


def test_without_any_the_last_fifth_of_the_annotated_patients_is(source: Source) -> None:
    assert of(choose_frames(without_validation(source))) == (ALL[:8], [], [9, 10], True)
    assert of(choose_frames(without_validation(source), 4)) == ([1, 2, 3], ALL[4:], [4], True)
    assert of(choose_frames(bared(source, SplitPart.VALIDATION))) == (ALL[:8], [], [9, 10], True)


def test_without_annotations_to_hold_out_unannotated_patients_are(source: Source) -> None:
    assert of(choose_frames(source, 0)) == ([], ALL, [11], False)
    assert of(choose_frames(without_validation(source), 0)) == ([], ALL[:8], [9, 10], False)
    assert of(choose_frames(without_validation(source), 1)) == ([1], ALL[1:8], [9, 10], False)


def test_only_the_annotations_that_are_used_can_be_read(source: Source) -> None:
    frames = choose_frames(source, 2)
    with_labels = {info for info in frames.dataset.frames if frames.dataset.has_annotation(info)}
    assert numbers(tuple(with_labels)) == [1, 2, 11]
    assert {info.attributes.ejection_fraction for info in frames.dataset.frames} == {None}
    none = choose_frames(source, 0).dataset
    assert not any(map(none.has_annotation, none.frames))


def test_frames_without_a_label_map_of_an_annotated_patient_are_unannotated(source: Source) -> None:
    first = source.dataset.frames[0]
    key = (first.patient, first.name)
    files = {**source.dataset.files, key: replace(source.dataset.files[key], label_map=None)}
    frames = choose_frames(replace(source, dataset=replace(source.dataset, files=files)))
    assert (len(frames.annotated), len(frames.unannotated)) == (39, 1)


def test_of_very_many_unannotated_patients_some_are_drawn(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(real_frames, "MOST_UNANNOTATED", 4)
    drawn = [numbers(choose_frames(source, 2, seed).unannotated) for seed in (0, 0, 1)]
    assert len(drawn[0]) == 4
    assert not {1, 2} & {*drawn[0]}
    assert drawn[0] == drawn[1] != drawn[2]


@pytest.mark.parametrize("count", [-1, 11])
def test_more_patients_than_are_annotated_are_refused(source: Source, count: int) -> None:
    with pytest.raises(ConfigError, match=f"patients: {count}; expected 0 to 10"):
        choose_frames(source, count)


def test_one_patient_is_too_few(source: Source) -> None:
    one = without_validation(source)
    parts = {**one.split.parts, SplitPart.TRAINING: source.split.parts[SplitPart.TRAINING][:1]}
    one = replace(one, split=replace(one.split, parts=parts))
    for patients in (None, 0):
        with pytest.raises(DataError, match="another to hold out"):
            choose_frames(one, patients)


def test_frames_are_read_at_the_networks_size_with_the_spacing_on_its_grid(source: Source) -> None:
    frames = choose_frames(source, 0)
    bare = load_bare(frames.dataset, frames.unannotated[:3], 32)
    assert (bare.images.shape, len(bare)) == ((3, 32, 32), 3)
    assert bare.spacings_mm[0] == pytest.approx((0.8 * 64 / 32, 1.0 * 48 / 32))
    known = choose_frames(source, 2)
    batch = load_annotated(known.dataset, known.annotated[:3], 32)
    assert {*np.unique(batch.labels)} == {0, 1, 2, 3}
    assert batch.infos == known.annotated[:3]
