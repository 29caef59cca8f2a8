"""In what the three recipes differ, as lines to print: what a recipe carries out, and what it only lists."""

from __future__ import annotations

from collections.abc import Callable

from synthboost.models.freezing import Encoders
from synthboost.studies.recipes import RECIPES, Recipe

LISTED = (
    ("epoch that is kept", "best Dice on the test set", "best on validation", "best on validation"),
    ("batch", "128 image-sentence pairs, drawn singly", "128 pairs", "32 images with their three sentences"),
    ("paraphrase in evaluation", "not said", "one of two, drawn at random, not recorded", "always the first"),
    ("shape word", "question-answering on a box around the true mask", "the same, also in testing", "a geometric rule"),
    ("frozen encoder of CRIS", "frozen", "its normalisation statistics drift", "frozen"),
    ("resizing", "not said", "without a low-pass filter", "with one"),
    ("zero-shot CRIS reads", "not said", "17 tokens, so P3 to P6 are one sentence", "the whole sentence"),
)
"""What all recipes do as `ours`: what it is, as written, as run, ours."""


def recipe_differences() -> list[tuple[str, dict[str, str], str]]:
    """Return all differences: those between the recipes as they are, then those that are only listed.

    Returns:
        What differs; recipe -> what is done, or was done; and what all recipes do instead, empty where each is carried
        out.
    """
    say: dict[str, Callable[[Recipe], str]] = {
        "weight of the cross-entropy": lambda r: f"{r.cross_entropy_weight:g}",
        "threshold": lambda r: _by_model(lambda m: f"{r.threshold(m):g}"),
        "encoders that are trained when asked to": lambda r: _by_model(
            lambda m: "both" if r.encoders(m, Encoders.TRAINED) == Encoders.TRAINED else "none"
        ),
        "sentences of the synthetic stage": lambda r: (
            ", ".join(f"{own} with {first}" for own, first in r.synthetic_sentences.items())
            or "the same set; what is unknown is left out"
        ),
        "synthetic alone with": lambda r: "P0 to P6" if r.without_synthetic else "P0 to P7",
        "shape word in evaluation": lambda r: (
            "from the true mask" if r.shape_from == "ground-truth" else "from a first mask"
        ),
        "fine-tuning starts from": lambda r: (
            "the pretrained weights, everything else fresh"
            if r.hand_over == "weights"
            else "the whole checkpoint: optimiser, learning rate, epoch, patience"
        ),
        "split": lambda r: r.split,
    }
    lines = [(what, {name: text(build()) for name, build in RECIPES.items()}, "") for what, text in say.items()]
    listed = [(what, dict(zip(RECIPES, done, strict=True)), done[-1]) for what, *done in LISTED]
    return [line for line in lines if len(set(line[1].values())) > 1] + listed


def _by_model(say: Callable[[str], str]) -> str:
    values = {model: say(model) for model in ("clipseg", "cris")}
    if len(set(values.values())) == 1:
        return values["cris"]
    return ", ".join(f"{model} {value}" for model, value in values.items())


def differences_text() -> str:
    """Return the list as text, one block per difference."""
    blocks = []
    for what, by_recipe, instead in recipe_differences():
        said = [f"  {name:<11}{value}" for name, value in by_recipe.items()]
        listed = f" (listed only; all recipes: {instead})" if instead else ""
        blocks.append("\n".join([f"{what}{listed}", *said]))
    return "\n".join(blocks)
