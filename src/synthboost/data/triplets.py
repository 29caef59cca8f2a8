"""From a frame to triplets: one image, one sentence, one mask for each structure that a recipe names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from synthboost.domain import STRUCTURES, Frame, PromptSet, Structure, Triplet
from synthboost.errors import DataError, require_fields
from synthboost.prompts import PROMPT_SETS, Attribute, build_prompt, seeded_omissions, seeded_paraphrase, shape_word

Paraphrase: TypeAlias = Literal["seeded", 0, 1]


@dataclass(frozen=True)
class TripletRecipe:
    """Which sentences are made of a frame. As in the paper, a shape word (P7, P6-SDM) comes from the mask itself."""

    prompt_set: PromptSet
    structures: tuple[Structure, ...] = STRUCTURES
    paraphrase: Paraphrase = 0
    """0 or 1: always that one (evaluation). `seeded`: drawn anew per epoch, frame and structure (training), as are then
    the clauses that P7-ANY leaves out."""
    seed: int = 0
    """Of the drawing; the same seed gives the same sentences in every process."""
    name_domain: bool = False
    """Say at the end of every sentence which domain the frame is of."""

    def __post_init__(self) -> None:
        """Refuse (`ConfigError`) no structure or one twice, another paraphrase, or a negative seed."""
        each_once = 0 < len(self.structures) == len(set(self.structures))
        require_fields(
            self,
            ("structures", each_once, "at least one, and each once"),
            ("paraphrase", self.paraphrase in ("seeded", 0, 1), "seeded, 0 or 1"),
            ("seed", self.seed >= 0, "0 or more"),
        )


def make_triplets(frame: Frame, recipe: TripletRecipe, epoch: int = 0) -> list[Triplet]:
    """Make one triplet per structure of the recipe that the frame annotates, in the recipe's order.

    All share the frame, so an image is held once.

    `epoch` takes part in drawing a `seeded` paraphrase.

    Raises:
        DataError: the frame has no label map, or annotates nothing that the recipe names.
    """
    if frame.label_map is None:
        raise DataError(
            str(frame.info.patient), "label map", f"{frame.info.name} has none", "an annotated frame",
            "Triplets are for training and evaluation; a prediction needs only image and sentence.",
        )  # fmt: skip
    structures = [structure for structure in recipe.structures if structure in frame.info.structures]
    if not structures:
        raise DataError(
            str(frame.info.patient), "structures", ", ".join(s.short for s in frame.info.structures),
            f"one of {', '.join(s.short for s in recipe.structures)} annotated", "Name one that the set annotates.",
        )  # fmt: skip
    return [_triplet(frame, structure, recipe, epoch) for structure in structures]


def _triplet(frame: Frame, structure: Structure, recipe: TripletRecipe, epoch: int) -> Triplet:
    shape = None
    if Attribute.SHAPE in PROMPT_SETS[recipe.prompt_set]:
        mask = frame.mask(structure)
        shape = shape_word(mask, frame.spacing_mm) if mask.any() else None  # what is not there has no shape
    drawn, without = (recipe.seed, epoch, frame.info.name, structure), frozenset[Attribute]()
    paraphrase = seeded_paraphrase(*drawn) if recipe.paraphrase == "seeded" else recipe.paraphrase
    if recipe.paraphrase == "seeded" and recipe.prompt_set is PromptSet.P7_ANY:
        without = seeded_omissions(*drawn)
    prompt = build_prompt(
        recipe.prompt_set, structure, frame.info, shape=shape, shape_uses_ground_truth=shape is not None,
        paraphrase=paraphrase, name_domain=recipe.name_domain, without=without,
    )  # fmt: skip
    return Triplet(frame, structure, prompt)
