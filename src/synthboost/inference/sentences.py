"""Which sentence names each structure: in the frames of a data set, in a recording, or freely."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from synthboost.domain import (
    STRUCTURES,
    Attributes,
    Domain,
    Frame,
    FrameInfo,
    Mask,
    PatientId,
    Phase,
    Prompt,
    PromptSet,
    Structure,
    View,
)
from synthboost.errors import ConfigError
from synthboost.prompts import PROMPT_SETS, Attribute, build_prompt, clean_sentence
from synthboost.prompts.shape import shape_word
from synthboost.records.run_record import ShapeFrom

SHAPELESS = PromptSet.P6
"""Used for a first prediction when the shape word comes from a predicted mask: it says everything but the shape."""
NAMES = {
    "lv": Structure.LEFT_VENTRICULAR_CAVITY,
    "left-ventricle": Structure.LEFT_VENTRICULAR_CAVITY,
    "myo": Structure.MYOCARDIUM,
    "myocardium": Structure.MYOCARDIUM,
    "la": Structure.LEFT_ATRIUM_CAVITY,
    "left-atrium": Structure.LEFT_ATRIUM_CAVITY,
}
"""What a structure may be called."""
ALL_NAMES = ("lv", "myo", "la")
MOST_SENTENCES = 255
"""Of free sentences; a label map could not hold more."""


@dataclass(frozen=True)
class EvaluationSentences:
    """Which sentence names each structure of a frame."""

    prompt_set: PromptSet
    paraphrase: int = 0
    """0 "... of the heart ...", 1 "... in the cardiac ultrasound ...": the same for every frame."""
    shape_from: ShapeFrom = "prediction"
    """Where the shape word of P7 and P6-SDM comes from. `ground-truth` leaks the true mask and is marked in every row;
    `prediction` predicts with P6 first and names the shape of that mask; `unknown` leaves the clause out."""
    name_domain: bool = False
    """End every sentence with the frame's domain, as models of the `mixed` strategy were trained."""

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
        shapes = {s: shape_word(m, frame.spacing_mm) for s, m in masks.items() if m.any()}
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


@dataclass(frozen=True)
class Target:
    """One thing to segment in a recording."""

    name: str
    """In file names: `LV`, `MYO`, `LA`, or the sentence's number."""
    sentence: str
    label: int
    """In the label map: CAMUS' label of a structure, or the sentence's number."""
    structure: Structure | None = None


def structure_targets(
    names: Sequence[str] = ALL_NAMES, view: View | None = None, name_domain: bool = False, paraphrase: int = 0
) -> tuple[Target, ...]:
    """Turn names into the sentences of prompt set P1, or P2 when the view is known.

    The sets beyond say the phase, which a clip's frames do not share, and attributes that are unknown here.

    Args:
        names: see `NAMES`; capitals do not matter.
        view: of the recordings, all of them.
        name_domain: end each sentence with `..., in a real image`, as models of the `mixed` strategy were trained.
        paraphrase: see `EvaluationSentences`.

    Raises:
        ConfigError: a name is unknown, or comes twice.
    """
    if unknown := [name for name in names if name.lower() not in NAMES]:
        remedy = "Anything else is a sentence: --sentences."
        raise ConfigError("predict", "structures", repr(unknown[0]), f"among {', '.join(NAMES)}", remedy)
    structures = [NAMES[name.lower()] for name in names]
    if len(set(structures)) < len(structures):
        raise ConfigError("predict", "structures", " ".join(names), "each structure once")
    patient = PatientId("unknown", "unknown", "unknown")
    info = FrameInfo(patient, view or View.FOUR_CHAMBER, Phase.END_DIASTOLE, Attributes(), Domain.REAL)
    prompt_set = PromptSet.P1 if view is None else PromptSet.P2
    prompts = [build_prompt(prompt_set, s, info, name_domain=name_domain, paraphrase=paraphrase) for s in structures]
    return tuple(Target(s.short, prompt.text, int(s), s) for s, prompt in zip(structures, prompts, strict=True))


def sentence_targets(sentences: Sequence[str]) -> tuple[Target, ...]:
    """Number free sentences from 1; see `clean_sentence`.

    Raises:
        PromptError: a sentence has nothing visible, or is too long.
        ConfigError: more than `MOST_SENTENCES`.
    """
    if len(sentences) > MOST_SENTENCES:
        raise ConfigError("predict", "sentences", len(sentences), f"at most {MOST_SENTENCES}")
    return tuple(Target(str(number), clean_sentence(text), number) for number, text in enumerate(sentences, start=1))


def texts_of(prompts: Mapping[Structure, Prompt]) -> tuple[str, ...]:
    """Return the sentences of a frame in the order of `STRUCTURES`."""
    return tuple(prompts[structure].text for structure in STRUCTURES)
