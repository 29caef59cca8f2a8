from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from synthboost.diffusion.network import SemanticUNet, attribute_codes, embed_times
from synthboost.diffusion.settings import PRESETS, DiffusionSettings
from synthboost.domain import Phase, Quality, View
from synthboost.errors import ConfigError, DataError

Maps = Callable[[int, int], Tensor]
CODES = torch.tensor([[1, 2, 3], [0, 0, 0]])
TIMES = torch.tensor([3.0, 700.0])


@pytest.fixture
def images() -> Tensor:
    return torch.randn(2, 1, 32, 32, generator=torch.Generator().manual_seed(0))


def test_a_new_network_predicts_zero_and_as_many_channels_as_it_must(settings: DiffusionSettings) -> None:
    new = SemanticUNet(replace(settings, channels=3, learned_sigma=True))
    with torch.no_grad():
        output = new(torch.randn(1, 3, 32, 32), TIMES[:1], new.condition(torch.zeros(1, 32, 32, dtype=torch.int64)))
    assert output.shape == (1, 6, 32, 32)
    assert not output.any()


@torch.no_grad()
@pytest.mark.parametrize("expand", [False, True])
def test_tables_give_what_convolutions_give(
    make_network: Callable[[DiffusionSettings], SemanticUNet],
    settings: DiffusionSettings,
    make_maps: Maps,
    expand: bool,
) -> None:
    network = make_network(replace(settings, size=64, attention=(32,)))
    maps = make_maps(64, 2)
    images = torch.randn(2, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    dense = network.condition(maps, CODES, tables=False)
    quick = network.condition(maps, CODES, expand=expand)
    looked_up = [m.index is not None for m in network.condition(maps, CODES).modulations]
    assert any(looked_up), "no level of this map has few neighbourhoods: the test would compare a thing with itself"
    assert any(m.index is not None for m in quick.modulations) != expand
    published = network(images, TIMES, dense)
    assert published.std() > 0.05
    torch.testing.assert_close(network(images, TIMES, quick), published, rtol=0, atol=1e-5)


def test_training_through_tables_gives_the_gradients_of_the_convolutions(
    make_network: Callable[[DiffusionSettings], SemanticUNet], settings: DiffusionSettings, make_maps: Maps
) -> None:
    network = make_network(replace(settings, size=64, attention=(32,))).double()
    images = torch.randn(2, 1, 64, 64, generator=torch.Generator().manual_seed(0)).double()
    gradients = []
    for tables in (False, True):
        network.zero_grad()
        network(images, TIMES, network.condition(make_maps(64, 2), CODES, tables=tables)).square().mean().backward()
        gradients.append({name: p.grad.clone() for name, p in network.named_parameters() if p.grad is not None})
    assert gradients[0].keys() == dict(network.named_parameters()).keys()
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradients[1][name], gradient, rtol=1e-6, atol=1e-10, msg=name)


@torch.no_grad()
def test_a_network_of_patches_draws_twice_the_size_on_the_same_grid(
    make_network: Callable[[DiffusionSettings], SemanticUNet], settings: DiffusionSettings, make_maps: Maps
) -> None:
    small = replace(settings, learned_sigma=True)
    network = make_network(replace(small, size=64, patch=2))
    told = network.condition(make_maps(64, 2), CODES, tables=False)
    half = make_network(small).condition(make_maps(32, 2), CODES, tables=False)
    assert [m.values.shape for m in told.modulations] == [m.values.shape for m in half.modulations]
    images = torch.zeros(2, 1, 64, 64)
    output = network(images, TIMES, told)
    assert output.shape == (2, 2, 64, 64)
    for row, column in ((10, 20), (11, 21)):  # every pixel of a patch is seen, and every one is drawn
        changed = images.clone()
        changed[:, :, row, column] = 1
        assert (network(changed, TIMES, told) != output)[:, 0, row, column].all()


@torch.no_grad()
def test_an_image_does_not_depend_on_its_batch(network: SemanticUNet, images: Tensor, make_maps: Maps) -> None:
    maps = make_maps(32, 2)
    together = network(images, TIMES, network.condition(maps, CODES))
    for one in (0, 1):
        part = slice(one, one + 1)
        alone = network(images[part], TIMES[part], network.condition(maps[part], CODES[part]))
        torch.testing.assert_close(alone[0], together[one], rtol=0, atol=1e-5)


@torch.no_grad()
def test_map_time_and_each_attribute_change_the_output(network: SemanticUNet, images: Tensor, make_maps: Maps) -> None:
    maps = make_maps(32, 2)
    first = network(images, TIMES, network.condition(maps, CODES))
    flipped = network(images, TIMES, network.condition(maps.flip(1), CODES))
    unlabelled = network(images, TIMES, network.condition(torch.full_like(maps, network.settings.null), CODES))
    later = network(images, TIMES + 100, network.condition(maps, CODES))
    others = [network(images, TIMES, network.condition(maps, CODES * keep)) for keep in 1 - torch.eye(3).long()]
    for other in (flipped, unlabelled, later, *others):
        assert (other[0] - first[0]).abs().max() > 1e-3


@torch.no_grad()
def test_the_encoder_sees_no_map(network: SemanticUNet, images: Tensor, make_maps: Maps) -> None:
    maps = make_maps(32, 2)
    with_map = network.encode(images, TIMES, network.condition(maps, CODES))
    without = network.encode(images, TIMES, network.condition(torch.full_like(maps, network.settings.null), CODES))
    assert all(torch.equal(a, b) for a, b in zip(with_map[1], without[1], strict=True))


@torch.no_grad()
def test_no_label_is_a_map_of_zeros_where_it_has_no_weights(
    make_network: Callable[[DiffusionSettings], SemanticUNet], settings: DiffusionSettings
) -> None:
    network = make_network(replace(settings, null_label=False))
    nothing = torch.full((1, 32, 32), network.settings.null)
    for tables in (False, True):
        gain, shift = network.condition(nothing, tables=tables).modulations[-1].maps()
        spade = network.spades[-1]
        hidden = spade.shared.bias.relu()
        assert torch.allclose(
            gain[0, :, 16, 16], 1 + spade.gamma.bias + spade.gamma.weight.sum((2, 3)) @ hidden, atol=1e-5
        )
        assert torch.allclose(shift[0, :, 16, 16], spade.beta.bias + spade.beta.weight.sum((2, 3)) @ hidden, atol=1e-5)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (torch.full((1, 32, 32), 6), r"labels: \[6\]; expected 0 to 4, or 5 for no label"),
        (torch.full((1, 32, 32), -1), r"labels: \[-1\]"),
        (torch.zeros(1, 16, 16, dtype=torch.uint8), r"shape: \(1, 16, 16\); expected \(batch, 32, 32\)"),
        (torch.zeros(32, 32, dtype=torch.uint8), r"shape: \(32, 32\)"),
        (torch.zeros(0, 32, 32, dtype=torch.uint8), r"shape: \(0, 32, 32\)"),
        (torch.zeros(1, 32, 32), r"values: torch\.float32; expected integers"),
    ],
)
def test_a_map_that_cannot_be_is_refused(network: SemanticUNet, labels: Tensor, message: str) -> None:
    with pytest.raises(DataError, match=message):
        network.condition(labels)


def test_attributes_that_cannot_be_are_refused(
    network: SemanticUNet, settings: DiffusionSettings, make_maps: Maps
) -> None:
    maps = make_maps(32, 1)
    with pytest.raises(DataError, match=r"quality: \[4\]; expected codes from 0 \(unknown\) to 3"):
        network.condition(maps, torch.tensor([[1, 2, 4]]))
    with pytest.raises(DataError, match=r"shape: \(1, 2\); expected \(1, 3\)"):
        network.condition(maps, torch.tensor([[1, 2]]))
    with pytest.raises(DataError, match="knows no attributes"):
        SemanticUNet(replace(settings, attributes=False)).condition(maps, torch.tensor([[1, 0, 0]]))
    with pytest.raises(DataError, match="view: 3CH"):
        attribute_codes(view="3CH")
    with pytest.raises(DataError, match="age: 3"):
        attribute_codes(age="3")


def test_attributes_have_codes_and_the_unknown_is_zero() -> None:
    assert attribute_codes(view=View.FOUR_CHAMBER, phase=Phase.END_DIASTOLE, quality=Quality.POOR) == (2, 1, 3)
    assert attribute_codes(phase="ES") == (0, 2, 0)
    assert attribute_codes(quality=None) == (0, 0, 0)


def test_times_are_embedded_as_cosines_and_sines() -> None:
    # Frequencies 1 and 1 / 100.
    expected = torch.tensor([[1.0, 1.0, 0.0, 0.0], [0.5403, 0.99995, 0.84147, 0.0099998]])
    torch.testing.assert_close(embed_times(torch.tensor([0.0, 1.0]), 4), expected, rtol=0, atol=1e-4)


def test_the_published_size_has_the_published_number_of_weights() -> None:
    with torch.device("meta"):
        network = SemanticUNet(PRESETS["sdm256"])
    assert len(network.state_dict()) == 766
    assert sum(p.numel() for p in network.parameters()) / 1e6 == pytest.approx(652.2, abs=0.05)
    assert len(network.spades) == 50


def test_tiny_is_tiny() -> None:
    assert sum(p.numel() for p in SemanticUNet(PRESETS["tiny"]).parameters()) < 2_000_000


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"size": 33}, "size: 33; expected a multiple of 2"),
        ({"patch": 0}, "patch: 0; expected 1 or more"),
        ({"patch": 4, "size": 36}, "size: 36; expected a multiple of 8"),
        ({"channels": 2}, "channels: 2; expected 1 or 3"),
        ({"attention": (8,)}, r"attention: \(8,\); expected some of \[32, 16\]"),
        ({"head_width": 5}, r"head_width: 5; expected a divisor of \[16\]"),
        ({"groups": 3}, "groups: 3; expected a divisor of width 8"),
        ({"objective": "flow", "learned_sigma": True}, "learned_sigma: True; expected false"),
        ({"objective": "score"}, "objective: score; expected noise or flow"),
        ({"multipliers": ()}, "multipliers"),
    ],
)
def test_sizes_that_cannot_form_a_network_are_refused(
    settings: DiffusionSettings, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        replace(settings, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("tables", [False, True])
def test_training_works_in_half_precision(
    make_network: Callable[[DiffusionSettings], SemanticUNet],
    settings: DiffusionSettings,
    make_maps: Maps,
    tables: bool,
) -> None:
    network = make_network(replace(settings, size=64, attention=(32,)))
    maps, images = make_maps(64, 2), torch.randn(2, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    exact = network(images, TIMES, network.condition(maps, CODES, tables=tables))
    with torch.autocast("cpu", torch.bfloat16):
        output = network(images, TIMES, network.condition(maps, CODES, tables=tables))
    output.float().square().mean().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())
    # bfloat16 has 8 bits: some per cent after a dozen layers.
    assert (output.float() - exact).std() < 0.1 * exact.std()
