"""The network of semantic diffusion models (SDM, arXiv 2207.00050): a map tells the decoder of a U-Net what is where.

A U-Net as of arXiv 2105.05233 (residual blocks that also halve and double, time as scale and shift, attention at low
resolutions), with SPADE for the normalisations of the middle and of the decoder. What depends on the map alone is
worked out by `condition`, once for any number of calls.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, TypeAlias, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from synthboost.diffusion.settings import ATTRIBUTES, DiffusionSettings
from synthboost.diffusion.spade import Modulation, Neighbourhoods, Spade, find_neighbourhoods
from synthboost.errors import DataError

TABLE_SHARE = 0.35
"""With more distinct neighbourhoods per pixel than this, convolutions are taken instead of a table.

On one core both cost the same at 0.3 (32 channels, 16 hidden) to 0.6 (128 channels, 64 hidden)."""
Modulations: TypeAlias = Mapping[Spade, Modulation]
"""What the map dictates to each SPADE layer."""
Resize: TypeAlias = Callable[[Tensor], Tensor]
Layer = TypeVar("Layer", bound=nn.Module)
PERIOD = 10_000.0
"""The longest period of the time's sinusoids, in steps."""


@dataclass(frozen=True)
class Conditioning:
    """All that conditions a network on a batch; good for any image and time until its weights change."""

    modulations: tuple[Modulation, ...]
    """One for each SPADE layer, in the order of `SemanticUNet.spades`; those of a single map serve any batch."""
    attributes: Tensor | None
    """(B, 4 width), to be added to the time's embedding; `None` where the network knows no attributes."""


Encoded: TypeAlias = tuple[Tensor, Sequence[Tensor]]
"""What the encoder, which sees no map, made of noisy images: the embedded time (B, 4 width), and the outputs of all its
blocks, input first."""


class SemanticUNet(nn.Module):
    """Noisy images (B, C, S, S), times and a condition to noise or velocity (and variances), (B, C or 2C, S, S)."""

    name: ClassVar[str] = "semantic-diffusion"
    """On the card of its weights, where segmenters have theirs."""

    def __init__(self, settings: DiffusionSettings) -> None:
        """Build with random weights (from torch's global generator). The last layer is zero, and so is the output."""
        super().__init__()
        self.settings = settings
        widths = [settings.width * multiplier for multiplier in settings.multipliers]
        emb = 4 * settings.width
        self.time = nn.Sequential(nn.Linear(settings.width, emb), nn.SiLU(), nn.Linear(emb, emb))
        self.attributes = nn.ModuleDict(
            {name: nn.Embedding(1 + len(values), emb) for name, values in ATTRIBUTES.items()}
            if settings.attributes else {}
        )  # fmt: skip
        self.stem = nn.Conv2d(settings.channels * settings.patch**2, widths[0], 3, padding=1)
        self.down = nn.ModuleList(
            DownLevel(settings, level, widths[max(level - 1, 0)], widths[level]) for level in range(len(widths))
        )
        self.middle = Middle(settings, widths[-1])
        stored = [widths[0]]
        for level, width in enumerate(widths):
            stored += [width] * (settings.blocks + (level < len(widths) - 1))
        self.up = nn.ModuleList()
        for level in reversed(range(len(widths))):
            skips = [stored.pop() for _ in range(settings.blocks + 1)]
            self.up.insert(0, UpLevel(settings, level, widths[min(level + 1, len(widths) - 1)], widths[level], skips))
        outputs = settings.channels * settings.patch**2 * (2 if settings.learned_sigma else 1)
        self.head = nn.Sequential(
            nn.GroupNorm(settings.groups, widths[0]), nn.SiLU(), _zeroed(nn.Conv2d(widths[0], outputs, 3, padding=1))
        )
        self.spades = [module for module in self.modules() if isinstance(module, Spade)]
        for module in self.modules():
            if isinstance(module, nn.Conv2d):  # as the features are laid out: 7-15 % less time per step on a CPU
                module.weight.data = module.weight.data.contiguous(memory_format=torch.channels_last)

    def forward(self, images: Tensor, times: Tensor, condition: Conditioning) -> Tensor:
        """Predict.

        Args:
            images: (B, C, S, S), around [-1, 1] plus noise.
            times: (B,), 0 to 1000: the step's number, or 1000 times a flow's time.
            condition: of the same batch.
        """
        return self.decode(self.encode(images, times, condition), condition)

    def encode(self, images: Tensor, times: Tensor, condition: Conditioning) -> Encoded:
        """Run the half that sees images, times and attributes, but no map."""
        time = self.time(embed_times(times, self.settings.width).to(images.dtype))
        if condition.attributes is not None:
            time = time + condition.attributes
        folded = F.pixel_unshuffle(images, self.settings.patch)
        features = [self.stem(folded.contiguous(memory_format=torch.channels_last))]
        for level in self.down:
            features += level(features[-1], time)
        return time, features

    def decode(self, encoded: Encoded, condition: Conditioning) -> Tensor:
        """Run the half that sees the map."""
        modulations = dict(zip(self.spades, condition.modulations, strict=True))
        time, features = encoded[0], list(encoded[1])
        x = self.middle(features[-1], time, modulations)
        for level in reversed(self.up):
            x = level(x, features, time, modulations)
        return F.pixel_shuffle(self.head(x), self.settings.patch)

    def condition(
        self, labels: Tensor, attributes: Tensor | None = None, tables: bool = True, expand: bool = False
    ) -> Conditioning:
        """Work out all that depends on the map and the attributes alone. Gradients reach the weights.

        Args:
            labels: (B, S, S) integers, the condition maps: 0 to `classes` - 1, or `settings.null` for no label.
            attributes: (B, 3) integers as of `attribute_codes`; all unknown when absent.
            tables: work scale and shift out for distinct neighbourhoods where that is faster; never changes the result
                by more than rounding.
            expand: spread tables to maps, which makes many calls faster and takes more memory; for samplers.

        Raises:
            DataError: labels or attributes have another size, or values that the network does not know.
        """
        self._require_labels(labels)
        labels = labels.long()
        known: dict[int, Neighbourhoods | Tensor] = {}
        modulations = []
        for spade in self.spades:
            if spade.side not in known:
                known[spade.side] = self._labels_at(spade.side, labels, tables)
            seen = known[spade.side]
            made = spade.from_map(seen) if isinstance(seen, Tensor) else spade.from_neighbourhoods(seen)
            modulations.append(made.expanded() if expand else made)
        return Conditioning(tuple(modulations), self._embed_attributes(attributes, labels))

    def _labels_at(self, side: int, labels: Tensor, tables: bool) -> Neighbourhoods | Tensor:
        """Return what SPADE layers need to know of the maps at one resolution."""
        step = self.settings.size // side
        labels = labels[:, ::step, ::step]
        if tables:
            found = find_neighbourhoods(labels, outside=self.settings.classes + 1)
            if found.share <= TABLE_SHARE:
                return found
        one_hot = F.one_hot(labels, self.settings.classes + 1)
        if not self.settings.null_label:
            one_hot = one_hot[..., :-1]
        return one_hot.permute(0, 3, 1, 2).to(self.stem.weight.dtype)

    def _embed_attributes(self, codes: Tensor | None, labels: Tensor) -> Tensor | None:
        if not self.settings.attributes:
            if codes is not None and codes.any():
                raise DataError("attributes", "codes", "known", "none, for this network knows no attributes")
            return None
        if codes is None:
            codes = labels.new_zeros((len(labels), len(ATTRIBUTES)))
        if codes.shape != (len(labels), len(ATTRIBUTES)):
            raise DataError("attributes", "shape", tuple(codes.shape), f"{(len(labels), len(ATTRIBUTES))}")
        for (name, values), column in zip(ATTRIBUTES.items(), codes.T, strict=True):
            if column.min() < 0 or column.max() > len(values):
                raise DataError("attributes", name, column.tolist(), f"codes from 0 (unknown) to {len(values)}")
        embedded = [table(column.long()) for table, column in zip(self.attributes.values(), codes.T, strict=True)]
        return torch.stack(embedded).sum(dim=0)

    def _require_labels(self, labels: Tensor) -> None:
        size, null = self.settings.size, self.settings.null
        if labels.ndim != 3 or labels.shape[1:] != (size, size) or not len(labels):
            raise DataError(
                "condition map", "shape", tuple(labels.shape), f"(batch, {size}, {size})",
                "Resize label maps to the network's size (nearest).",
            )  # fmt: skip
        if labels.is_floating_point() or labels.is_complex():
            raise DataError("condition map", "values", labels.dtype, "integers")
        if labels.min() < 0 or labels.max() > null:
            found = sorted(set(torch.unique(labels).tolist()) - set(range(null + 1)))
            raise DataError("condition map", "labels", found[:5], f"0 to {null - 1}, or {null} for no label")


class ResBlock(nn.Module):
    """Normalise, convolve, twice, around a shortcut; the time scales and shifts what the second normalisation gives."""

    def __init__(
        self, settings: DiffusionSettings, inputs: int, outputs: int, side: int = 0, resize: Resize | None = None
    ) -> None:
        """Build. Blocks of the decoder normalise by SPADE, features of `side` rows; `resize` halves or doubles them."""
        super().__init__()
        self.resize = resize
        self.norm1 = _norm(settings, inputs, side)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.time = nn.Linear(4 * settings.width, 2 * outputs)
        self.norm2 = _norm(settings, outputs, 2 * side if resize else side)
        self.conv2 = _zeroed(nn.Conv2d(outputs, outputs, 3, padding=1))
        self.skip = nn.Identity() if inputs == outputs else nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: Tensor, time: Tensor, modulations: Modulations) -> Tensor:
        """Turn (B, inputs, h, w) into (B, outputs, h, w), or half or twice as high and wide."""
        h = F.silu(_normalise(self.norm1, x, modulations))
        if self.resize is not None:
            h, x = self.resize(h), self.resize(x)
        h = _normalise(self.norm2, self.conv1(h), modulations)
        scale, shift = self.time(F.silu(time))[:, :, None, None].chunk(2, dim=1)
        h = F.silu(torch.addcmul(shift, h, 1 + scale))
        output: Tensor = self.skip(x) + self.conv2(h)
        return output


class Attention(nn.Module):
    """Every position attends to all others; added to the input."""

    def __init__(self, settings: DiffusionSettings, channels: int) -> None:
        super().__init__()
        self.heads = channels // settings.head_width
        self.norm = nn.GroupNorm(settings.groups, channels)
        self.qkv = nn.Conv1d(channels, 3 * channels, 1)
        self.out = _zeroed(nn.Conv1d(channels, channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Turn (B, C, h, w) into the same shape."""
        batch, channels, height, width = x.shape
        qkv = self.qkv(self.norm(x).flatten(2))  # (B, 3C, h w): queries, keys, values, each head by head
        q, k, v = qkv.reshape(batch, 3, self.heads, channels // self.heads, height * width).transpose(3, 4).unbind(1)
        attended = F.scaled_dot_product_attention(q, k, v).transpose(2, 3).reshape(batch, channels, height * width)
        output: Tensor = x + self.out(attended).reshape(x.shape).contiguous(memory_format=torch.channels_last)
        return output


class DownLevel(nn.Module):
    """One resolution of the encoder."""

    def __init__(self, settings: DiffusionSettings, level: int, inputs: int, width: int) -> None:
        super().__init__()
        attended = settings.side(level) in settings.attention
        count, last = settings.blocks, level == len(settings.multipliers) - 1
        self.blocks = nn.ModuleList(ResBlock(settings, width if i else inputs, width) for i in range(count))
        self.attention = nn.ModuleList(Attention(settings, width) for _ in range(count * attended))
        self.pool = None if last else ResBlock(settings, width, width, resize=_half)

    def forward(self, x: Tensor, time: Tensor) -> list[Tensor]:
        """Return what the decoder will see again, in order; the last one goes on to the next level."""
        features = []
        for number, block in enumerate(self.blocks):
            x = block(x, time, {})
            if self.attention:
                x = self.attention[number](x)
            features.append(x)
        if self.pool is not None:
            features.append(self.pool(x, time, {}))
        return features


class Middle(nn.Module):
    """The deepest level's middle."""

    def __init__(self, settings: DiffusionSettings, width: int) -> None:
        super().__init__()
        side = settings.side(len(settings.multipliers) - 1)
        self.first = ResBlock(settings, width, width, side)
        self.attention = Attention(settings, width)
        self.second = ResBlock(settings, width, width, side)

    def forward(self, x: Tensor, time: Tensor, modulations: Modulations) -> Tensor:
        """Turn (B, C, h, w) into the same shape."""
        return self.second(self.attention(self.first(x, time, modulations)), time, modulations)  # type: ignore[no-any-return]


class UpLevel(nn.Module):
    """One resolution of the decoder."""

    def __init__(self, settings: DiffusionSettings, level: int, inputs: int, width: int, skips: Sequence[int]) -> None:
        super().__init__()
        side = settings.side(level)
        self.blocks = nn.ModuleList(
            ResBlock(settings, (width if i else inputs) + skip, width, side) for i, skip in enumerate(skips)
        )
        count = len(skips) * (side in settings.attention)
        self.attention = nn.ModuleList(Attention(settings, width) for _ in range(count))
        self.grow = ResBlock(settings, width, width, side, resize=_double) if level else None

    def forward(self, x: Tensor, features: list[Tensor], time: Tensor, modulations: Modulations) -> Tensor:
        """Take the encoder's last features off the list, one for each block."""
        for number, block in enumerate(self.blocks):
            x = block(torch.cat((x, features.pop()), dim=1), time, modulations)
            if self.attention:
                x = self.attention[number](x)
        return x if self.grow is None else self.grow(x, time, modulations)


def embed_times(times: Tensor, width: int) -> Tensor:
    """Return (B, width) sinusoids of the times (B,): cosines, then sines, of periods of 2 pi to `PERIOD` 2 pi."""
    frequencies = torch.exp(-math.log(PERIOD) * torch.arange(width // 2, device=times.device) / (width // 2))
    angles = times[:, None].float() * frequencies
    return torch.cat((angles.cos(), angles.sin()), dim=1)


def attribute_codes(**values: str | None) -> tuple[int, ...]:
    """Return the codes of a frame's view, phase and quality; 0 is unknown.

    Raises:
        DataError: an attribute is not one of `ATTRIBUTES`, or its value is none that exists.
    """
    for name, value in values.items():
        if name not in ATTRIBUTES or (value is not None and value not in ATTRIBUTES[name]):
            raise DataError("attributes", name, value, str(ATTRIBUTES.get(name, tuple(ATTRIBUTES))))
    known = {name: values.get(name) for name in ATTRIBUTES}
    return tuple(0 if value is None else 1 + ATTRIBUTES[name].index(value) for name, value in known.items())


def _norm(settings: DiffusionSettings, channels: int, side: int) -> nn.GroupNorm | Spade:
    if side:
        return Spade(channels, settings.groups, settings.classes + settings.null_label, settings.spade_width, side)
    return nn.GroupNorm(settings.groups, channels)


def _normalise(norm: nn.GroupNorm | Spade, x: Tensor, modulations: Modulations) -> Tensor:
    return norm(x, modulations[norm]) if isinstance(norm, Spade) else norm(x)  # type: ignore[no-any-return]


def _half(x: Tensor) -> Tensor:
    return F.avg_pool2d(x, 2)


def _double(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2.0)


def _zeroed(layer: Layer) -> Layer:
    """Make a layer begin as nothing, so that a residual block begins as its shortcut."""
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)
    return layer
