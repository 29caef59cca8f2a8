"""Strong augmentation of a batch: image and label map move alike, and the generator decides everything."""

from __future__ import annotations

import pytest
import torch

from synthboost.training.augment_batch import augment_batch


def draw(
    seed: int, grey: torch.Tensor, labels: torch.Tensor, strength: float = 1.0
) -> tuple[torch.Tensor, torch.Tensor]:
    return augment_batch(grey, labels, torch.Generator().manual_seed(seed), strength)


def squares(images: int = 6) -> tuple[torch.Tensor, torch.Tensor]:
    labels = torch.zeros(images, 64, 64, dtype=torch.uint8)
    labels[:, 22:38, 28:44] = 2
    return (labels > 0)[:, None].float(), labels


def test_strength_zero_changes_nothing() -> None:
    grey = torch.rand(2, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(512).reshape(2, 16, 16).remainder(4).byte()
    changed, moved = draw(0, grey, labels, strength=0.0)
    torch.testing.assert_close(changed, grey)
    assert moved.equal(labels)


@pytest.mark.parametrize("seed", range(4))
def test_a_square_stays_aligned_with_its_label(seed: int) -> None:
    grey, labels = squares()
    changed, moved = draw(seed, grey, labels)
    assert moved.dtype == torch.uint8
    assert set(moved.unique().tolist()) == {0, 2}
    for image, there in zip(changed[:, 0], moved == 2, strict=True):
        bright = image > image.max() * 0.3
        # Shadows darken a part, so only what lies outside is counted; a pixel's width may be brighter by blur.
        wider = torch.nn.functional.max_pool2d(there[None].float(), 5, 1, 2)[0] > 0
        assert not (bright & ~wider).any()
        assert (bright & there).sum() > 0.3 * there.sum()


def test_every_image_is_changed_in_its_own_way_and_stays_in_range() -> None:
    grey, labels = squares()
    changed, moved = draw(1, grey, labels)
    assert 0 <= float(changed.min()) <= float(changed.max()) <= 1
    assert all(not moved[0].equal(other) for other in moved[1:])
    assert all(not changed[0].equal(other) for other in changed[1:])


def test_the_generator_decides_everything() -> None:
    first, second, other = (draw(seed, *squares()) for seed in (3, 3, 4))
    assert first[0].equal(second[0])
    assert first[1].equal(second[1])
    assert not first[1].equal(other[1])


def test_black_stays_black_around_the_fan() -> None:
    changed, _ = draw(2, torch.zeros(2, 1, 32, 32), torch.zeros(2, 32, 32, dtype=torch.uint8))
    assert not changed.any()


@pytest.mark.parametrize("seed", range(3))
def test_shares_move_as_label_maps_do(seed: int) -> None:
    grey, labels = squares()
    shares = torch.stack([(labels == value).byte() * 255 for value in range(4)], 1)
    (image, moved), (same, moved_shares) = draw(seed, grey, labels), draw(seed, grey, shares)
    assert image.equal(same)
    assert moved_shares[:, 2].div(255).equal((moved == 2).float())
    assert moved_shares.dtype == torch.uint8
