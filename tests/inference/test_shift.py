from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from synthboost.data import open_dataset
from synthboost.data.simulated_set import write_dataset
from synthboost.data.source import FrameSet
from synthboost.domain import Frame, PromptSet, Structure
from synthboost.errors import ConfigError
from synthboost.inference import robustness
from synthboost.inference.predictor import Predictor
from synthboost.inference.sentences import EvaluationSentences
from synthboost.inference.shift import CHANGES, UNCHANGED, shifted
from synthboost.simulator.settings import SimulationSettings


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> list[Frame]:
    root = tmp_path_factory.mktemp("shift") / "set"
    write_dataset(root, SimulationSettings(patients=1, size=96))
    dataset = open_dataset(root)
    return [dataset.load(info) for info in dataset.frames]


@pytest.mark.parametrize("change", CHANGES)
def test_every_change_gives_a_frame_whose_masks_fit_its_image_the_same_each_time(frames, change) -> None:
    worst = len(CHANGES[change].levels)
    first, second = (shifted(frames[0], change, worst) for _ in range(2))
    assert first.image.dtype == np.uint8
    assert first.label_map is not None
    assert first.label_map.shape == first.image.shape
    assert np.array_equal(first.image, second.image)
    assert not np.array_equal(first.image, frames[0].image)


def test_a_gain_of_12_dB_is_a_fifth_of_the_60_shown(frames) -> None:
    frame, changed = frames[0], shifted(frames[0], "gain", 3)
    middle = (frame.image > 20) & (frame.image < 150) & (changed.image > frame.image)
    assert np.unique(changed.image[middle].astype(int) - frame.image[middle]).tolist() == [51]  # 12 / 60 * 255
    assert np.array_equal(changed.label_map, frame.label_map)


def test_a_shallower_depth_keeps_the_probe_and_cuts_what_lies_below(frames) -> None:
    frame, changed = frames[0], shifted(frames[0], "depth", 5)
    assert changed.image.shape[0] == pytest.approx(0.75 * frame.image.shape[0], abs=2)
    ventricle = [np.count_nonzero(each.mask(Structure.LEFT_VENTRICULAR_CAVITY)) for each in (frame, changed)]
    atrium = [np.count_nonzero(each.mask(Structure.LEFT_ATRIUM_CAVITY)) for each in (frame, changed)]
    assert ventricle[1] > 0.9 * ventricle[0]
    assert atrium[1] < atrium[0]


def test_the_right_hand_wall_alone_drops_out(frames) -> None:
    frame, changed = frames[0], shifted(frames[0], "lateral dropout", 5)
    dark = frame.image.astype(int) - changed.image > 40
    cavity = np.argwhere(frame.mask(Structure.LEFT_VENTRICULAR_CAVITY))
    assert dark.any()
    assert np.argwhere(dark)[:, 1].min() >= cavity[:, 1].mean() - 8  # the edge is soft


def test_unknown_changes_and_severities_are_refused(frames) -> None:
    assert shifted(frames[0], UNCHANGED, 0) is frames[0]
    for change, severity in (("weather", 1), ("gain", 6), ("mirrored", 2)):
        with pytest.raises(ConfigError, match="mirrored, from 1 on"):
            shifted(frames[0], change, severity)


def test_a_model_is_evaluated_under_changes_and_goes_on_where_it_stopped(
    frames, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(robustness, "SEVERITIES", ((UNCHANGED, 0), ("low gain", 5), ("mirrored", 1)))
    asked = []

    class Listening(Predictor):
        def encode_images(self, images):
            asked.append(len(images))
            return super().encode_images(images)

    class Kept:
        root = "set"

        def load(self, info):
            return next(frame for frame in frames if frame.info == info)

    own = FrameSet("set", [(Kept(), frame.info) for frame in frames])  # type: ignore[misc]
    predictor, sentences = Listening.default(), EvaluationSentences(PromptSet.P1)
    table = robustness.write_robustness(tmp_path, predictor, own, sentences, patients=1)
    assert asked == [4, 4, 4, 2]
    assert [line[0].text for line in table.lines] == ["low gain", "mirrored"]
    names = {path.name for path in tmp_path.iterdir()}
    assert {"shift-rows.csv", "robustness.csv", "robustness.svg", "worst.png"} <= names
    robustness.write_robustness(tmp_path, predictor, own, sentences, patients=1)
    assert asked == [4, 4, 4, 2, 2]
