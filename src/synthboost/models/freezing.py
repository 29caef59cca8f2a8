"""What learns inside the encoders, as one word per encoder: `frozen`, `trained`, `last-3`, `lora-8`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar, Literal, Self, get_args

from synthboost.errors import ConfigError

Kind = Literal["trained", "frozen", "last", "lora"]
EXPECTED = "trained, frozen, last-K (K blocks), lora-R (rank R), or one for each encoder: vision=...,text=..."


@dataclass(frozen=True)
class Tuning:
    """What learns inside one encoder."""

    kind: Kind
    """`trained`: everything. `frozen`: nothing, and normalisation statistics stay. `last`: the last `amount` blocks.
    `lora`: low-rank updates of its matrices (arXiv 2106.09685), everything else frozen."""
    amount: int = 0
    """Blocks of `last`, rank of `lora`."""

    def __post_init__(self) -> None:
        """Refuse an amount where none belongs, and none where one does."""
        if (self.amount >= 1) != (self.kind in ("last", "lora")) or self.amount < 0:
            raise ConfigError(
                "encoders", "amount", f"{self.kind}, {self.amount}", "1 or more for last and lora, else 0"
            )

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `trained`, `frozen`, `last-3` or `lora-8`.

        Raises:
            ConfigError: it is none of these.
        """
        found = re.fullmatch(r"(trained|frozen)|(last|lora)-([1-9][0-9]*)", text)
        if found is None:
            raise ConfigError("encoders", "policy", text, EXPECTED)
        whole, partial, amount = found.groups()
        kind = next(kind for kind in get_args(Kind) if kind in (whole, partial))
        return cls(kind, int(amount or 0))

    def __str__(self) -> str:
        """The word that `parse` reads."""
        return f"{self.kind}-{self.amount}" if self.amount else self.kind


@dataclass(frozen=True)
class Encoders:
    """What learns inside the image encoder and inside the text encoder. The decoder always learns."""

    vision: Tuning
    text: Tuning

    TRAINED: ClassVar[Encoders]
    FROZEN: ClassVar[Encoders]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read one policy for both encoders (`frozen`), or one each (`vision=last-3,text=frozen`).

        Raises:
            ConfigError: a word is unknown, or an encoder is named twice or not at all.
        """
        if "=" not in text:
            return cls(Tuning.parse(text), Tuning.parse(text))
        parts = [part.strip().partition("=") for part in text.split(",")]
        if sorted(name for name, _, _ in parts) != ["text", "vision"]:
            raise ConfigError("encoders", "policy", text, EXPECTED)
        return cls(**{name: Tuning.parse(word) for name, _, word in parts})

    def __str__(self) -> str:
        """The words that `parse` reads; `trained` and `frozen` are the paper's."""
        return str(self.vision) if self.vision == self.text else f"vision={self.vision},text={self.text}"


Encoders.TRAINED = Encoders(Tuning("trained"), Tuning("trained"))
Encoders.FROZEN = Encoders(Tuning("frozen"), Tuning("frozen"))
