"""Soft labels: the mean over variants of an image, of what could be a heart and is sure enough."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from synthboost.adaptation import soft_labels as module
from synthboost.adaptation.real_frames import BareFrames
from synthboost.adaptation.soft_labels import (
    UNCHANGED,
    VARIANTS,
    plausible_share,
    predict_shares,
    soft_labels,
)
from synthboost.domain import FrameInfo, Phase, View
from synthboost.models.registry import build_segmenter
from synthboost.models.textunet.model import TextUNet
from synthboost.simulator.render import simulate_patient
from synthboost.simulator.settings import SimulationSettings
from synthboost.training.frame_stream import FrameBatch, joined
from synthboost.training.simulated_stream import draw_frames
from synthboost.training.structure_loss import shares_of

SIZE = 64


class Brightness:
    """Draws the ventricle where an image is brighter than a half, and is surer the brighter it is."""

    def parameters(self) -> list[torch.Tensor]:
        return [torch.zeros(1)]

    def to(self, device: object) -> Brightness:
        return self

    def eval(self) -> Brightness:
        return self

    def tokenize(self, sentences: Sequence[str]) -> torch.Tensor:
        return torch.zeros(len(sentences), 1)

    def encode_text(self, tokens: torch.Tensor) -> tuple[torch.Tensor]:
        return (tokens,)

    def normalise(self, grey: torch.Tensor) -> torch.Tensor:
        return grey

    encode_image = normalise

    def decode_scales(self, features: torch.Tensor, text: object, index: torch.Tensor) -> tuple[torch.Tensor]:
        sure = 20 * (features - 0.5)
        return (torch.cat([sure, -20 + 0 * sure, -20 + 0 * sure], 1).flatten(0, 1),)


def disc() -> NDArray[np.uint8]:
    row, column = np.mgrid[:SIZE, :SIZE]
    distance = np.hypot(row - 26.0, column - 38.0)
    return (255 / (1 + np.exp((distance - 14) / 2))).astype(np.uint8)


def test_where_two_structures_are_as_likely_the_background_gets_nothing() -> None:
    model = build_segmenter("textunet", "tiny")
    assert isinstance(model, TextUNet)
    even = torch.zeros(3, model.input_size, model.input_size)
    even[0], even[1], even[2] = 20.0, 20.0, -20.0  # ventricle and wall
    model.decode_scales = lambda features, text, index: (even[torch.arange(len(index)) % 3],)  # type: ignore[method-assign]
    model.rivals = torch.zeros(3, model.settings.text_width)  # as of a network that tells structures apart
    shares = predict_shares(model, np.zeros((2, model.input_size, model.input_size), np.uint8), (UNCHANGED,))
    assert shares[:, :, 0, 0] == pytest.approx(np.array([[0.0, 0.5, 0.5, 0.0]] * 2), abs=0.01)


def test_a_variant_is_turned_back_so_that_all_agree() -> None:
    images = disc()[None]
    plain = predict_shares(Brightness(), images, (UNCHANGED,))  # type: ignore[arg-type]
    for degrees, scale, _ in VARIANTS:
        turned = predict_shares(Brightness(), images, ((degrees, scale, 1.0),))  # type: ignore[arg-type]
        seen = np.isfinite(turned)
        assert np.abs(turned - plain)[seen].max() < 0.15
        assert seen.mean() > 0.75


def test_shares_are_those_of_a_whole_and_every_pixel_has_some() -> None:
    shares = predict_shares(Brightness(), disc()[None].repeat(3, axis=0))  # type: ignore[arg-type]
    assert shares.shape == (3, 4, SIZE, SIZE)
    np.testing.assert_allclose(shares.sum(1), 1.0, atol=1e-5)


def test_the_mean_is_less_sure_at_edges_than_one_prediction() -> None:
    one, mean = (predict_shares(Brightness(), disc()[None], v) for v in ((UNCHANGED,), VARIANTS))  # type: ignore[arg-type]
    assert np.abs(mean - 0.5)[:, 1].mean() < np.abs(one - 0.5)[:, 1].mean()


def test_a_real_network_predicts_in_evaluation_mode() -> None:
    model = build_segmenter("textunet", "tiny")
    assert isinstance(model, TextUNet)
    images = np.zeros((2, model.input_size, model.input_size), np.uint8)
    shares = predict_shares(model.train(), images, (UNCHANGED,))
    np.testing.assert_array_equal(shares[0], shares[1])
    assert not model.training


@pytest.fixture(scope="module")
def drawn() -> tuple[FrameBatch, tuple[tuple[float, float], ...]]:
    """The frames of five simulated patients, and their spacings."""
    settings = SimulationSettings(size=96)
    spacing = [frame.spacing_mm for n in range(1, 6) for frame in simulate_patient(n, settings).frames.values()]
    return joined([draw_frames(number, settings, 96) for number in range(1, 6)]), tuple(spacing)


@pytest.fixture
def patients(
    drawn: tuple[FrameBatch, tuple[tuple[float, float], ...]], monkeypatch: pytest.MonkeyPatch
) -> tuple[BareFrames, dict[str, NDArray[np.float32]]]:
    """The five as unannotated ones, and what is predicted for each frame, by patient and frame."""
    (images, labels, infos), spacing = drawn
    predicted = {str((info.patient.name, info.name)): shares for info, shares in zip(
        infos, 0.92 * shares_of(torch.from_numpy(labels)).numpy() + np.float32(0.02), strict=True)}  # fmt: skip

    def predict(model: object, images: object, variants: object = ()) -> NDArray[np.float32]:
        return np.stack([*predicted.values()])

    monkeypatch.setattr(module, "predict_shares", predict)
    return BareFrames(images, infos, spacing), predicted


def left(frames: BareFrames, labels: object) -> set[str]:
    assert labels is not None
    return {i.name for i in frames.infos} - {i.name for i in labels.infos}  # type: ignore[attr-defined]


def test_of_plausible_frames_the_least_sure_are_left_out(
    patients: tuple[BareFrames, dict[str, NDArray[np.float32]]],
) -> None:
    frames, predicted = patients
    unsure = [*predicted][:3]
    for name in unsure:
        predicted[name][:] = 0.8 * predicted[name] + 0.05
    labels = soft_labels(None, frames)  # type: ignore[arg-type]
    assert labels is not None
    assert len(labels.images) == 17
    assert left(frames, labels) == {info.name for info in frames.infos[:3]}
    assert labels.labels.shape == (17, 4, 96, 96)
    assert set(np.unique(labels.labels)) == {5, 240}, "2 and 94 % of 255: nothing is certain"
    assert plausible_share(None, frames) == 1.0  # type: ignore[arg-type]


def test_a_frame_without_an_atrium_gets_no_label(patients: tuple[BareFrames, dict[str, NDArray[np.float32]]]) -> None:
    frames, predicted = patients
    predicted[next(iter(predicted))][3] = 0.0
    assert frames.infos[0].name in left(frames, soft_labels(None, frames))  # type: ignore[arg-type]
    assert plausible_share(None, frames) < 1.0  # type: ignore[arg-type]


def test_frames_that_are_plausible_alone_and_not_together_get_none(
    patients: tuple[BareFrames, dict[str, NDArray[np.float32]]],
) -> None:
    frames, predicted = patients
    names = dict(zip(((i.patient, i.view, i.phase) for i in frames.infos), predicted, strict=True))
    first = frames.infos[0].patient
    for view in View:  # the heart shall fill when it empties
        diastole, systole = names[first, view, Phase.END_DIASTOLE], names[first, view, Phase.END_SYSTOLE]
        predicted[diastole], predicted[systole] = predicted[systole], predicted[diastole]
    own = {info.name for info in frames.infos if info.patient == first}
    assert own <= left(frames, soft_labels(None, frames))  # type: ignore[arg-type]


def test_a_second_piece_is_certainly_background(patients: tuple[BareFrames, dict[str, NDArray[np.float32]]]) -> None:
    frames, predicted = patients
    last = predicted[[*predicted][-1]]
    last[:, :2, :2] = np.array([0.0, 0.0, 0.0, 1.0])[:, None, None]
    labels = soft_labels(None, frames)  # type: ignore[arg-type]
    assert labels is not None
    place = [info.name for info in labels.infos].index(frames.infos[-1].name)
    np.testing.assert_array_equal(labels.labels[place, :, 0, 0], [255, 0, 0, 0])


def test_nothing_plausible_gives_no_labels() -> None:
    info = FrameInfo(
        draw_frames(1, SimulationSettings(size=32), 32).infos[0].patient, View.TWO_CHAMBER, Phase.END_SYSTOLE
    )
    frames = BareFrames(disc()[None], (info,), ((1.0, 1.0),))
    assert soft_labels(Brightness(), frames) is None  # type: ignore[arg-type]
