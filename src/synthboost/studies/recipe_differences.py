"""In what the three recipes differ, as lines to print: what a recipe carries out, and what it only lists."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from synthboost.models.freezing import Encoders
from synthboost.studies.recipes import RECIPES, Recipe

HANDED_OVER = {
    "weights": "the pretrained weights, everything else fresh",
    "everything": "the whole checkpoint: optimiser, learning rate, epoch, patience",
}
PUBLISHED_MODELS = ("clipseg", "cris")


@dataclass(frozen=True)
class Difference:
    """One thing that the recipes do not do alike."""

    what: str
    by_recipe: dict[str, str]
    """Recipe -> what is (or, where not carried out, was) done."""
    instead: str = ""
    """What all recipes do when the difference is not carried out; empty when it is."""


def recipe_differences() -> list[Difference]:
    """Return all differences: those between the recipes as they are, then those that are only listed."""
    recipes = {name: build() for name, build in RECIPES.items()}
    carried_out: dict[str, Callable[[Recipe], str]] = {
        "weight of the cross-entropy": lambda r: f"{r.cross_entropy_weight:g}",
        "threshold": lambda r: _by_model(lambda m: f"{r.threshold(m):g}"),
        "encoders that learn when asked to": lambda r: _by_model(
            lambda m: "both" if r.encoders(m, Encoders.TRAINED) == Encoders.TRAINED else "none"
        ),
        "sentences of the synthetic stage": _pairs,
        "synthetic alone with": lambda r: "P0 to P6" if r.without_synthetic else "P0 to P7",
        "shape word in evaluation": lambda r: {"ground-truth": "from the true mask"}.get(
            r.shape_from, "from a first mask"
        ),
        "fine-tuning starts from": lambda r: HANDED_OVER[r.hand_over],
        "split": lambda r: r.split,
    }
    lines = [Difference(what, {name: say(r) for name, r in recipes.items()}) for what, say in carried_out.items()]
    return [line for line in lines if len(set(line.by_recipe.values())) > 1] + list(LISTED)


def _listed(what: str, written: str, run: str, instead: str) -> Difference:
    return Difference(what, {"as-written": written, "as-run": run, "ours": instead}, instead)


LISTED = (
    _listed("epoch that is kept", "best Dice on the test set", "best on validation", "best on validation"),
    _listed("batch", "128 image-sentence pairs, drawn singly", "128 pairs", "32 images with their three sentences"),
    _listed("paraphrase in evaluation", "not said", "one of two, drawn at random, not recorded", "always the first"),
    _listed("shape word", "question-answering on a box around the true mask", "the same, also in testing",
            "a geometric rule"),
    _listed("frozen encoder of CRIS", "frozen", "its normalisation statistics drift", "frozen"),
    _listed("resizing", "not said", "without a low-pass filter", "with one"),
    _listed("zero-shot CRIS reads", "not said", "17 tokens, so P3 to P6 are one sentence", "the whole sentence"),
)  # fmt: skip


def _by_model(say: Callable[[str], str]) -> str:
    values = {model: say(model) for model in PUBLISHED_MODELS}
    if len(set(values.values())) == 1:
        return str(next(iter(values.values())))
    return ", ".join(f"{model} {value}" for model, value in values.items())


def _pairs(recipe: Recipe) -> str:
    pairs = [f"{own} with {learned}" for own, learned in recipe.synthetic_sentences.items()]
    return ", ".join(pairs) if pairs else "the same set; what is unknown is left out"


def differences_text() -> str:
    """Return the list as text, one block per difference."""
    blocks = []
    for line in recipe_differences():
        said = [f"  {name:<11}{value}" for name, value in line.by_recipe.items()]
        listed = f" (listed only; all recipes: {line.instead})" if line.instead else ""
        blocks.append("\n".join([f"{line.what}{listed}", *said]))
    return "\n".join(blocks)
