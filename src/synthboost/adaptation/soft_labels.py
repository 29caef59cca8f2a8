"""Soft labels for unannotated frames: what a model predicts on average over small changes of the image.

Frames whose prediction is no heart, alone or beside the patient's other frames, get none; nor do the least sure ones.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from synthboost.adaptation.pseudo_labels import confidence_in, implausible_frames
from synthboost.adaptation.real_frames import BareFrames
from synthboost.domain import STRUCTURES, LabelMap
from synthboost.inference.doubts import reasons_against_heart
from synthboost.inference.predictor import THRESHOLD, choose_device, resolve, whole_heart
from synthboost.models.textunet.model import NAMES, TextUNet, in_each
from synthboost.progress import Progress
from synthboost.training.engine import autocast
from synthboost.training.frame_stream import CERTAIN, FrameBatch, as_shares
from synthboost.training.hardware import choose_precision, limit_threads
from synthboost.training.structure_loss import by_image, with_background

Variant: TypeAlias = tuple[float, float, float]
"""Degrees of rotation, magnification, and exponent of the grey values (0-1)."""
UNCHANGED: Variant = (0.0, 1.0, 1.0)
VARIANTS: tuple[Variant, ...] = (UNCHANGED, (8.0, 1.0, 0.8), (-8.0, 1.0, 1.25), (0.0, 1.1, 1.0), (0.0, 0.9, 1.0))
"""Over which predictions are averaged; well within what training shows."""
KEPT_SHARE = 0.85
"""Of the plausible frames, the most confident ones."""
AT_ONCE = 16
"""Frames."""


def soft_labels(model: TextUNet, frames: BareFrames) -> FrameBatch | None:
    """Return the frames that get labels, with these as shares of background and structures; `None` if no frame does."""
    shares = predict_shares(model, frames.images)
    hearts = [whole_heart(one[1:], THRESHOLD) for one in shares]
    plausible = np.flatnonzero(plausible_frames(frames, shares, hearts))
    if not len(plausible):
        return None
    confidence = [confidence_in(hearts[place], shares[place, 1:]) for place in plausible]
    most = math.ceil(KEPT_SHARE * len(plausible))
    kept = np.sort(plausible[np.argsort(confidence, kind="stable")[::-1][:most]])
    labels = np.stack([_mended(shares[place], hearts[place]) for place in kept])
    return FrameBatch(frames.images[kept], labels, tuple(frames.infos[place] for place in kept))


def plausible_share(model: TextUNet, frames: BareFrames) -> float:
    """Return how many of the frames, 0-1, get a plausible prediction."""
    shares = predict_shares(model, frames.images, (UNCHANGED,))
    return float(np.mean(plausible_frames(frames, shares, [whole_heart(one[1:], THRESHOLD) for one in shares])))


def plausible_frames(frames: BareFrames, shares: NDArray[np.float32], hearts: Sequence[LabelMap]) -> NDArray[np.bool_]:
    """Return which predictions look like a heart, alone and beside the patient's other frames, (N,).

    Args:
        frames: N.
        shares: (N, 4, S, S) of `predict_shares`.
        hearts: the label map of each, of `whole_heart`.
    """
    failed = implausible_frames(list(zip(frames.infos, hearts, frames.spacings_mm, strict=True)))
    return np.array([
        not reasons and not reasons_against_heart(image, one[1:])
        for reasons, image, one in zip(failed, frames.images, shares, strict=True)
    ])  # fmt: skip


@torch.inference_mode()
def predict_shares(
    model: TextUNet, images: NDArray[np.uint8], variants: Sequence[Variant] = VARIANTS
) -> NDArray[np.float32]:
    """Return the probability of background and of each structure in each pixel, (N, 4, S, S), for images (N, S, S)."""
    limit_threads(model)
    device, found = choose_device("auto"), []
    model.to(device).eval()
    with autocast(device, choose_precision("auto", model)), Progress("predicting", len(images), "frame") as bar:
        text = model.encode_text(model.tokenize(NAMES).to(device))[0]
        for start in range(0, len(images), AT_ONCE):
            grey = torch.from_numpy(images[start : start + AT_ONCE]).to(device)[:, None].float() / 255
            found.append(_mean_over(model, grey, text, variants).cpu())
            bar.advance(len(grey))
    return torch.cat(found).numpy()


def _mean_over(model: TextUNet, grey: Tensor, text: Tensor, variants: Sequence[Variant]) -> Tensor:
    """(B, 4, S, S): the mean where a variant shows the pixel; the first one, unchanged, shows all."""
    vectors, index = in_each(text, len(grey))
    total = seen = torch.zeros((), device=grey.device)
    for degrees, scale, gamma in variants:
        forth = _matrix(degrees, scale).to(grey.device)
        changed = _warped(grey, forth) ** gamma
        # Not `decode`, whose logits are odds against all the rest: here the structures share each pixel.
        logits = model.decode_scales(model.encode_image(model.normalise(changed)), (vectors,), index)[0]
        shares = with_background(by_image(logits).float()).softmax(1)
        back = torch.linalg.inv(forth)
        weight = _warped(torch.ones_like(grey), back)
        total = total + _warped(shares, back)
        seen = seen + weight
    return total / seen


def _matrix(degrees: float, scale: float) -> Tensor:
    """(2, 2): where a pixel of the changed image lies in the image."""
    angle = math.radians(degrees)
    turn = torch.tensor([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    return turn / scale


def _warped(planes: Tensor, matrix: Tensor) -> Tensor:
    if torch.equal(matrix, torch.eye(2, device=matrix.device)):
        return planes
    theta = torch.cat([matrix, matrix.new_zeros(2, 1)], 1).expand(len(planes), 2, 3)
    grid = F.affine_grid(theta, list(planes.shape), align_corners=False)
    return F.grid_sample(planes.float(), grid, align_corners=False)


def _mended(shares: NDArray[np.float32], heart: LabelMap) -> NDArray[np.uint8]:
    """Shares (4, S, S) of 0-255, certain where what no heart has was removed or filled."""
    labels = np.round(CERTAIN * shares).astype(np.uint8)
    changed = resolve(shares[1:], STRUCTURES, THRESHOLD) != heart
    return np.where(changed, as_shares(heart[None])[0], labels)
