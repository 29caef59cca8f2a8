"""The sentences that a data set is judged with: fixed, and stored with every mask."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeVar

from synthboost.domain import STRUCTURES, Frame, Mask, Prompt, PromptSet, Structure
from synthboost.prompts import PROMPT_SETS, Attribute, ShapeNamer, build_prompt
from synthboost.prompts.shape import GeometricShape

T = TypeVar("T")
ShapeFrom = Literal["unknown", "ground-truth", "prediction"]
SHAPELESS = PromptSet.P6
"""Asked first when the shape word is to come from a predicted mask: it says everything but the shape."""


@dataclass(frozen=True)
class EvaluationSentences:
    """Which sentence names each structure of a frame."""

    prompt_set: PromptSet
    paraphrase: int = 0
    """0 "... of the heart ...", 1 "... in the cardiac ultrasound ...": the same for every frame."""
    shape_from: ShapeFrom = "prediction"
    """Where the shape word of P7 and P6-SDM comes from. `ground-truth` leaks the answer and is marked in every row;
    `prediction` asks with P6 first and names the shape of the answer; `unknown` leaves the clause out."""
    namer: ShapeNamer = field(default_factory=GeometricShape)
    name_domain: bool = False
    """Say at the end of every sentence which domain the frame is of, as models of the `mixed` strategy learnt it."""

    @property
    def needs_prediction(self) -> bool:
        """Whether a first mask must be predicted before the sentence can be built."""
        return Attribute.SHAPE in PROMPT_SETS[self.prompt_set] and self.shape_from == "prediction"

    def first(self, frame: Frame) -> dict[Structure, Prompt]:
        """Return the sentences that need no prediction: the final ones, or `SHAPELESS` when `needs_prediction`."""
        prompt_set = SHAPELESS if self.needs_prediction else self.prompt_set
        truth = self.shape_from == "ground-truth" and Attribute.SHAPE in PROMPT_SETS[prompt_set]
        masks = {s: frame.mask(s) for s in STRUCTURES} if truth else {}
        return self._build(frame, prompt_set, masks, truth)

    def second(self, frame: Frame, predicted: dict[Structure, Mask]) -> dict[Structure, Prompt]:
        """Return the final sentences, their shape word taken from the masks that the first ones gave."""
        return self._build(frame, self.prompt_set, predicted, truth=False)

    def _build(
        self, frame: Frame, prompt_set: PromptSet, masks: dict[Structure, Mask], truth: bool
    ) -> dict[Structure, Prompt]:
        shapes = {s: self.namer(frame.image, m, frame.spacing_mm) for s, m in masks.items() if m.any()}
        return {
            structure: build_prompt(
                prompt_set,
                structure,
                frame.info,
                shape=shapes.get(structure),
                shape_uses_ground_truth=truth,
                paraphrase=self.paraphrase,
                name_domain=self.name_domain,
            )
            for structure in STRUCTURES
        }


def swapped(of_structure: dict[Structure, T]) -> dict[Structure, T]:
    """Give each structure the next one's sentence (or the mask it drew), to see whether the sentence is used at all."""
    following = {s: STRUCTURES[(number + 1) % len(STRUCTURES)] for number, s in enumerate(STRUCTURES)}
    return {structure: of_structure[following[structure]] for structure in STRUCTURES}
