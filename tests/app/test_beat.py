from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from synthboost.app.beat import ClipBeats, measure_clip, ventricle_area
from synthboost.app.controller import Controller, Display
from synthboost.app.images import OpenedImage, Uploads
from synthboost.app.markup import beat_figure
from synthboost.domain import STRUCTURES, Phase
from synthboost.evaluation.clinical.beats import Beat, measure_frame
from synthboost.evaluation.clinical.patient_numbers import Measurement
from synthboost.inference.beats import CONTRADICTS
from synthboost.inference.predictor import Prediction
from synthboost.prompts.templates import STRUCTURE_NAMES

SENTENCES = tuple(f"{STRUCTURE_NAMES[structure]} of the heart." for structure in STRUCTURES)


def _heart(radius: float) -> Any:
    """A long half ellipse with a wall of two pixels, open at its base, and an atrium behind it; (3, 64, 64)."""
    row, column = np.mgrid[:64, :64] + 0.5
    distance = ((row - 40) / (3 * radius)) ** 2 + ((column - 32) / radius) ** 2
    outside = ((row - 40) / (3 * radius + 3)) ** 2 + ((column - 32) / (radius + 3)) ** 2
    cavity, above = distance < 1, row < 40
    atrium = (row > 40) & (row < 50) & (abs(column - 32) < radius)
    return np.stack([cavity & above, (outside < 1) & ~cavity & above, atrium]).astype(np.float32)


class Reading:
    """Predicts the heart whose radius is the brightness of the image; of other words a wider one."""

    threshold = 0.5

    def encode_images(self, images: Any) -> list[float]:
        return [float(image.max()) for image in images]

    def predict_encoded(self, radii: Any, sentences: Any) -> list[Prediction]:
        wider = [0.0 if tuple(own) == SENTENCES else 1.0 for own in sentences]
        pairs = zip(radii, sentences, wider, strict=True)
        return [Prediction(tuple(own), _heart(radius + more), 0.5) for radius, own, more in pairs]

    def refused(self, sentences: Any) -> tuple[str, ...]:
        return ()


def _clip(*radii: int) -> tuple[Any, ...]:
    return tuple(np.full((64, 64), radius, np.uint8) for radius in radii)


def test_a_ventricle_has_the_area_of_its_pixels() -> None:
    prediction = Prediction(SENTENCES, _heart(6.0), 0.5)
    pixels = int(_heart(6.0)[0].sum())
    assert pixels == pytest.approx(math.pi * 6 * 18 / 2, rel=0.02)
    assert ventricle_area(prediction, None) == pixels
    assert ventricle_area(prediction, (0.5, 2.0)) == pytest.approx(pixels / 100)
    assert ventricle_area(Prediction(SENTENCES[1:], _heart(6.0)[1:], 0.5), None) == 0


def _measured(radii: Any) -> tuple[list[float], list[dict[str, float]]]:
    maps = [Prediction(SENTENCES, _heart(radius), 0.5).label_map() for radius in radii]
    return [float((own == 1).sum()) for own in maps], [measure_frame(own, (1.0, 1.0)) for own in maps]


def test_the_fraction_is_the_mean_over_the_beats_and_its_sd_that_of_other_words_and_the_mirror_image() -> None:
    radii = (9, 7, 9, 6)
    areas, measured = _measured(radii)
    clip = measure_clip(Reading(), _clip(*radii), areas, measured, SENTENCES, (1.0, 1.0), 0.5)  # type: ignore[arg-type]
    assert clip is not None
    assert [beat[:2] for beat in clip.beats] == [(0, 1), (2, 3)]
    first, second = 100 * (1 - 7**3 / 9**3), 100 * (1 - 6**3 / 9**3)  # volumes of one shape go with its cube
    assert clip.fraction.value == pytest.approx((first + second) / 2, abs=3)
    wider = 100 * (1 - 8**3 / 10**3)  # two values twice: sqrt(4 d^2 / 3) where each is d from the mean
    assert clip.model_sd == pytest.approx(math.sqrt(4 / 3) * (first - wider) / 2, abs=1)
    # Volumes of one shape: 9^3 and 10^3, so at ED an SD of 18 % of 9^3; of 7^3 and 8^3, at ES 28 % of 7^3.
    assert clip.doubt == CONTRADICTS
    assert f"points, no interval). Do not rely on it: {CONTRADICTS}." in beat_figure(clip)
    assert "Do not rely" not in beat_figure(replace(clip, doubt=""))


def test_a_ventricle_that_never_changes_has_no_beat() -> None:
    areas, measured = _measured((6, 6))
    assert measure_clip(Reading(), _clip(6, 6), areas, measured, SENTENCES, None, None) is None  # type: ignore[arg-type]


def test_the_page_draws_the_curve_and_says_it_in_words_and_shows_the_instants() -> None:
    with Uploads() as uploads:
        controller = Controller(Reading(), uploads)  # type: ignore[arg-type]
        controller._screen = lambda *_: "shown"  # type: ignore[assignment, method-assign, return-value]
        controller.open("me", OpenedImage("clip", _clip(9, 8, 6), (1.0, 1.0), frame_seconds=0.5), "\n".join(SENTENCES),
                        Display())  # fmt: skip
        assert "3 frames" in controller.waiting("me")
        assert controller.frame_of("me", Phase.END_SYSTOLE) is None
        drawn = controller.beat("me")
        assert [controller.frame_of("me", phase) for phase in Phase] == [1, 3]
        session = controller.sessions.get("me")
        assert session is not None
        session.sentences = SENTENCES[1:]
        assert "Left ventricular cavity" in controller.beat("me")
        controller.open("me", OpenedImage("still", _clip(6), None), "\n".join(SENTENCES), Display())
        assert controller.beat("me") == controller.waiting("me") == ""
    assert "ED frame 1, 0.00 s (3.8 cm²), ES frame 3, 1.00 s" in drawn
    assert "Ejection fraction, single plane:" in drawn
    assert re.search(r'role="img" aria-label="Area of the left ventricle \(cm²\) over 3 frames: ED', drawn)
    assert drawn.count("<circle") == 3


def test_without_a_wall_the_page_says_why_there_is_no_fraction() -> None:
    why = Measurement("ef_4CH", None, "%", "4CH ED: myocardium: absent; expected <one>")
    beat = ClipBeats((4.0, 2.0), np.array([4.0, 2.0]), (Beat(0, 1, None),), "pixels", None, why, None)
    drawn = beat_figure(beat)
    assert "No ejection fraction: ED: myocardium: absent; expected &lt;one&gt;." in drawn
    assert "frame 2 (2 pixels)" in drawn
