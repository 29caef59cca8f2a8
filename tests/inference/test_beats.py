"""Beats of a predicted clip: their numbers, and what other words change."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from synthboost.domain import STRUCTURES
from synthboost.inference.beats import CONTRADICTS, beat_rows, beats_of, contradicted, fraction_of
from synthboost.inference.predictor import Prediction
from synthboost.inference.sentences import structure_targets


def heart(length: float, half_width: float) -> np.ndarray:
    """(110, 80) of 1 mm: half an ellipse in a wall of 6 mm, its flat side at row 70, an atrium below."""
    down, right = np.mgrid[:110, :80] + 0.5 - np.array([70, 40])[:, None, None]
    labels = np.zeros((110, 80), np.uint8)
    labels[(down > 0) & ((down / 25) ** 2 + (right / 14) ** 2 < 1)] = 3
    labels[(down < 0) & ((down / (length + 6)) ** 2 + (right / (half_width + 6)) ** 2 < 1)] = 2
    labels[(down < 0) & ((down / length) ** 2 + (right / half_width) ** 2 < 1)] = 1
    return labels


class Copying:
    """Reads the masks out of the picture; in other words it always sees diastole."""

    def encode_images(self, images):
        return images

    def predict_encoded(self, images, sentences):
        [shown], [sentences] = images, sentences
        shown = DIASTOLE if "cardiac ultrasound" in sentences[0] else shown
        return [Prediction(tuple(sentences), np.stack([shown == s for s in STRUCTURES]).astype(np.float32), 0.5)]


DIASTOLE, SYSTOLE = heart(60, 20), heart(50, 15)


def test_a_beat_comes_with_how_far_the_model_changes_it() -> None:
    clip = [DIASTOLE] * 3 + [SYSTOLE] * 5 + [DIASTOLE] * 5 + [SYSTOLE] * 5
    seconds = [0.1 * number for number in range(9)] + [0.2 * number - 0.8 for number in range(9, 18)]  # half as fast
    recording = SimpleNamespace(spacing_mm=(1.0, 1.0), frame_seconds=0.15, seconds=seconds)
    beats = beats_of(clip, 0.1)
    ends = {number: clip[number] for beat in beats for number in beat[:2]}
    doubts = [(), (), ("unclear",), *[()] * 13, ("no sector", "unclear"), ()]
    rows = beat_rows(Copying(), recording, structure_targets(), clip, beats, ends, doubts)
    assert len({row["beat"] for row in rows} - {"mean"}) == 2
    first = {row["number"]: row for row in rows if row["beat"] == 1}
    # 1 - 15^2 50 / (20^2 60) = 53.1 %; two of four variants see no change: 53.1 / sqrt(3) = 30.7.
    assert first["ef_single_plane"]["value"] == pytest.approx(53.1, abs=2)
    assert first["ef_single_plane"]["model_sd"] == pytest.approx(30.7, abs=1.5)
    assert first["la_volume_max"]["unit"] == "ml"
    assert (beats[0].ed, beats[0].end) == (0, 9)
    assert first["heart_rate"]["value"] == 60  # over 1 s
    mean = next(row for row in rows if (row["beat"], row["number"]) == ("mean", "ef_single_plane"))
    assert (mean["value"], mean["beats_sd"]) == (first["ef_single_plane"]["value"], 0)
    assert fraction_of(rows) == {
        "percent": mean["value"], "model_sd": first["ef_single_plane"]["model_sd"], "beats_sd": 0,
        "doubts": f"unclear; no sector; {CONTRADICTS}",
    }  # fmt: skip
    assert fraction_of([]) is None
    assert [row["doubts"] for row in rows if row["number"] == "ef_single_plane"] == [
        f"unclear; {CONTRADICTS}", f"no sector; unclear; {CONTRADICTS}", f"unclear; no sector; {CONTRADICTS}",
    ]  # fmt: skip
    assert {row["doubts"] for row in rows if row["number"] == "la_volume_max"} == {
        "unclear", "no sector; unclear", "unclear; no sector",
    }  # fmt: skip
    rates = {row["beat"]: row for row in rows if row["number"] == "heart_rate"}
    assert (rates[1]["reason"], rates[2]["reason"]) == ("", "the clip ends before the beat")
    recording.frame_seconds = recording.seconds = None
    rows = beat_rows(Copying(), recording, structure_targets(), clip, beats, ends, doubts)
    assert rows[0]["reason"] == "the file does not state the time between frames"
    assert beats_of([DIASTOLE] * 6, 0.1) == []


def test_a_spread_of_a_fifth_of_a_volume_or_ten_points_is_a_doubt() -> None:
    numbers = {"lv_volume_ED": 177.0, "lv_volume_ES": 90.0, "ef_single_plane": 49.2, "la_emptying": 40.0}
    assert contradicted(numbers, {"lv_volume_ED": 35.0, "ef_single_plane": 9.9, "la_emptying": 9.9}) == set()
    assert contradicted(numbers, {"lv_volume_ED": 56.0, "ef_single_plane": 6.0}) == {"lv_volume_ED", "ef_single_plane"}
    assert contradicted(numbers, {"ef_single_plane": 10.1}) == {"ef_single_plane"}
    assert contradicted(numbers, {"la_emptying": 10.1}) == {"la_emptying"}
