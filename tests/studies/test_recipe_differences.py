from __future__ import annotations

from synthboost.studies.recipes import RECIPES
from synthboost.studies.study_text import differences_text, recipe_differences


def test_every_difference_says_what_each_recipe_does_and_no_two_lines_are_alike() -> None:
    lines = recipe_differences()
    assert len({what for what, _, _ in lines}) == len(lines)
    assert all(set(by_recipe) == set(RECIPES) for _, by_recipe, _ in lines)
    assert all(len(set(by_recipe.values())) > 1 for _, by_recipe, _ in lines)


def test_the_text_tells_what_is_carried_out_from_what_is_only_listed() -> None:
    text = differences_text()
    assert "threshold\n  as-written 0.5\n  as-run     clipseg 0.5, cris 0.35\n  ours       0.5" in text
    assert (
        "fine-tuning starts from\n  as-written the pretrained weights, everything else fresh\n  as-run     the whole"
        in text
    )
    assert "resizing (listed only; all recipes: with one)" in text
