"""The colours and strokes of the figures, safe for the colour-blind and told apart in grey print."""

from __future__ import annotations

from typing import Literal

from synthboost.domain import Strategy

TRUE_CONTOUR = "#56b4e9"
PREDICTED_CONTOUR = "#f0a030"
INK = "#1d2733"
QUIET = "#5b6672"
RULE = "#d9dee3"

Stroke = Literal["solid", "dashed", "dashdot", "dotted"]

# Okabe and Ito, Color Universal Design, 2008; darkened where thin lines on white need it.
_COLOURS = {
    Strategy.ZERO_SHOT: "#666666",
    Strategy.REAL: "#0072b2",
    Strategy.SYNTHETIC: "#c77700",
    Strategy.SYNTHETIC_THEN_REAL: "#00795a",
    Strategy.MIXED: "#b0548c",
}
_STROKES: dict[str, Stroke] = {
    Strategy.REAL: "solid",
    Strategy.SYNTHETIC: "dashed",
    Strategy.SYNTHETIC_THEN_REAL: "dashdot",
    Strategy.MIXED: "dotted",
}


def strategy_colour(strategy: str) -> str:
    """A strategy's colour; what is no strategy (a baseline) is grey."""
    return {str(key): colour for key, colour in _COLOURS.items()}.get(strategy, QUIET)


def strategy_stroke(strategy: str) -> Stroke:
    """A strategy's kind of line."""
    return _STROKES.get(strategy, "solid")
