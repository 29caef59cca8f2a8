"""Studies as recipes: what runs, at which size (smoke, small, paper), and how (as written, as run, ours).

synthboost study paper --data CAMUS --synthetic SDM --out DIR --preset smoke --recipe ours --plan
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Literal, NamedTuple, TypeAlias

from synthboost.domain import PromptSet, Strategy
from synthboost.errors import ConfigError
from synthboost.models.catalogue import entry_of
from synthboost.models.freezing import Encoders
from synthboost.records.run_record import CONTROL, ShapeFrom
from synthboost.simulator.settings import SimulationSettings
from synthboost.studies.levels import THE_BASE, Level, synthetic_data_levels
from synthboost.training.config import PRETRAINED_MODEL, TrainingConfig

HandOver: TypeAlias = Literal["weights", "everything"]
PAPER_STRATEGIES = (Strategy.ZERO_SHOT, Strategy.REAL, Strategy.SYNTHETIC, Strategy.SYNTHETIC_THEN_REAL)
PAPER_PROMPTS = tuple(PromptSet(f"P{number}") for number in range(8))
RANDOM = "random"
"""In the place of weights: start from random ones."""
PRETRAINED_ENCODERS = "lite0-minilm"
"""Weights, and the preset of the same network: encoders of the extra `pretrained`."""
PARTLY = ("frozen", "last-1", "lora-8")
"""What one encoder may do while the other is trained."""


@dataclass(frozen=True)
class Recipe:
    """How the study is done. What else tells the three apart is listed in `recipe_differences`."""

    name: str
    cross_entropy_weight: float
    thresholds: dict[str, float] = field(default_factory=dict)
    """By model; 0.5 for the others. Fixed before anything is trained."""
    shape_from: ShapeFrom = "prediction"
    """Where the shape word of P7 comes from when a run is evaluated."""
    synthetic_sentences: dict[PromptSet, PromptSet | None] = field(default_factory=dict)
    """Prompt set -> that of the synthetic stage, where it is another one."""
    without_synthetic: tuple[PromptSet, ...] = ()
    """Prompt sets for which the strategy `synthetic` does not exist."""
    never_learn: tuple[str, ...] = ()
    """Models whose encoders stay frozen even when they are to be trained."""
    hand_over: HandOver = "weights"
    """What fine-tuning takes from pretraining."""
    split: str = "official"
    """How the patients of the real data are split unless something else is asked for."""

    def threshold(self, model: str) -> float:
        """The probability above which a pixel is inside."""
        return self.thresholds.get(model, 0.5)

    def encoders(self, model: str, wanted: Encoders) -> Encoders:
        """What is really trained when `wanted` was asked for."""
        return Encoders.FROZEN if model in self.never_learn else wanted

    def has(self, strategy: Strategy, prompt_set: PromptSet) -> bool:
        """Whether a cell of the paper's table exists."""
        return not (strategy is Strategy.SYNTHETIC and prompt_set in self.without_synthetic)


PAIRED_AS_PUBLISHED: dict[PromptSet, PromptSet | None] = {
    PromptSet.P6: PromptSet.P6_SDM,
    PromptSet.P7: PromptSet.P6_SDM,
}
"""Diffusion images have no quality; their P6 says the shape instead, and P7 starts from the run of that P6."""


def as_written() -> Recipe:
    """The paper's text (arXiv 2309.12829), where it can be followed without looking at the test patients."""
    return Recipe(
        name="as-written",
        cross_entropy_weight=0.25,
        shape_from="ground-truth",
        synthetic_sentences=PAIRED_AS_PUBLISHED,
        without_synthetic=(PromptSet.P7,),
        split="paper",
    )


def as_run() -> Recipe:
    """The published code, as far as its result does not hang on a library's defect."""
    return replace(
        as_written(),
        name="as-run",
        cross_entropy_weight=0.0,
        thresholds={"cris": 0.35},
        never_learn=("clipseg",),
        hand_over="everything",
    )


def ours() -> Recipe:
    """The paper's study, corrected: `docs/method.md` gives the reasons."""
    return Recipe(name="ours", cross_entropy_weight=0.25)


RECIPES: dict[str, Callable[[], Recipe]] = {"as-written": as_written, "as-run": as_run, "ours": ours}


@dataclass(frozen=True)
class Grid:
    """Combine everything with everything. An option that is not given takes the preset's values."""

    models: tuple[str, ...] = ()
    strategies: tuple[Strategy, ...] = ()
    encoders: tuple[str, ...] = ()
    """`trained`, `frozen`, or any other policy of `train --encoders`."""
    prompts: tuple[PromptSet, ...] = ()
    seeds: tuple[int, ...] = ()
    patients: tuple[int | Literal["all"], ...] = ()
    """Numbers of real training patients (the first N by name), or `all`; e.g. `50 10 all`."""

    def over(self, other: Grid) -> Grid:
        """Return the grid with the other's values where this one has none."""
        return replace(other, **{name: values for name, values in vars(self).items() if values})

    def cells(self) -> Iterator[GridCell]:
        """Everything combined with everything.

        Raises:
            ConfigError: there is nothing to combine, an encoder policy is unknown, or there is no patient.
        """
        for name, values in vars(self).items():
            if not values:
                raise ConfigError("study", name, "nothing", "at least one")
        for policy in self.encoders:
            Encoders.parse(policy)
        for count in self.patients:
            if count != "all" and count < 1:
                raise ConfigError("study", "patients", count, "numbers from 1 on, or all")
        axes = (self.patients, self.prompts, self.encoders, self.seeds, self.models, self.strategies)
        return (GridCell(*values) for values in product(*axes))


class GridCell(NamedTuple):
    """One combination of a grid."""

    patients: int | Literal["all"]
    prompt_set: PromptSet
    encoders: str
    seed: int
    model: str
    strategy: Strategy


@dataclass(frozen=True)
class Preset:
    """The size of a study."""

    name: str
    grid: Grid
    """What runs."""
    architectures: dict[str, str]
    """Model -> preset of its architecture, for random weights."""
    training: TrainingConfig
    """Of every stage; the recipe's loss and the model's own learning rate come on top."""
    weights: dict[str, str] = field(default_factory=dict)
    """Model -> weights to start from: a folder, a hub name, or `RANDOM`, as those do that are not listed."""
    images_per_stage: int | None = None
    """Images that a stage's optimiser sees, a frame counted every time: the epochs follow from the size of the data.
    `None`: the epochs of `training`."""
    least_epochs: int = 1
    levels: tuple[Level, ...] = (THE_BASE,)
    """What is varied beside the grid, one thing at a time."""
    simulation: SimulationSettings | None = None
    """The synthetic data of the base, where the study simulates its own."""

    def __post_init__(self) -> None:
        """Refuse a stage without an image."""
        if self.images_per_stage is not None and self.images_per_stage < 1:
            raise ConfigError("study", "images_per_stage", self.images_per_stage, "at least 1")

    def architecture(self, model: str) -> str:
        """The preset of a model's architecture; a model that is not listed has its `tiny` one."""
        return self.architectures.get(model, "tiny")

    def stage(self, recipe: Recipe, model: str, frames: int) -> TrainingConfig:
        """The settings of a stage on so many training frames."""
        entry = entry_of(model)
        cycles = self.training.schedule == "one-cycle"
        rate = entry.cycle_rates.get(self.architecture(model), entry.rate) if cycles else entry.rate
        config = replace(self.training, learning_rate=rate, cross_entropy_weight=recipe.cross_entropy_weight)
        if self.images_per_stage is None:
            return config
        return replace(config, epochs=max(self.least_epochs, round(self.images_per_stage / max(frames, 1))))


def smoke() -> Preset:
    """Every part of the study once, with tiny models from random weights.

        synthboost study paper --data CAMUS --synthetic SDM --out DIR --preset smoke

    The numbers mean nothing; that they appear means that everything works.
    """
    return Preset(
        name="smoke",
        grid=Grid(
            models=("clipseg", "cris"),
            strategies=PAPER_STRATEGIES,
            encoders=("frozen", "trained"),
            prompts=(PromptSet.P1, PromptSet.P6),
            seeds=(0,),
            patients=("all",),
        ),
        architectures={"clipseg": "tiny", "cris": "tiny"},
        training=TrainingConfig(batch_images=8, schedule="one-cycle"),
        images_per_stage=240,
    )


def small() -> Preset:
    """Tiny models from random weights, trained until they are of use; three seeds.

        synthboost study paper --data CAMUS --synthetic SDM --out DIR --preset small --patients 50

    Its 26 runs took 38 minutes on one core; CRIS reached a Dice of 83.9 % under synth-PT:real-FT (`docs/results.md`).
    """
    return replace(
        smoke(),
        name="small",
        grid=replace(smoke().grid, encoders=("trained",), prompts=(PromptSet.P1,), seeds=(0, 1, 2)),
        training=TrainingConfig(batch_images=8, schedule="one-cycle", augmentation=0.5),
        images_per_stage=3600,
        least_epochs=3,
    )


def paper() -> Preset:
    """The paper's own size: published weights by name, all prompt sets, encoders frozen and trained, three seeds.

        synthboost study paper --data CAMUS --synthetic SDM --out DIR --preset paper --weights cris=FOLDER

    It needs GPUs. CRIS' weights cannot be fetched by name: convert the published file once
    (`synthboost weights convert`) and give the folder. The best cell of the paper's table is 91.39 (CRIS,
    synth-PT:real-FT, P2); nobody has measured this preset yet.
    """
    return Preset(
        name="paper",
        grid=replace(smoke().grid, prompts=PAPER_PROMPTS, seeds=(0, 1, 2)),
        architectures={"clipseg": "rd64", "cris": "rn50"},
        weights={"clipseg": "CIDAS/clipseg-rd64-refined", "cris": ""},
        training=TrainingConfig(),
    )


def demo() -> Preset:
    """As `small`, one seed and a third of the images: minutes on two cores (`synthboost demo`)."""
    grid = replace(small().grid, prompts=(PromptSet.P6,), seeds=(0,))
    return replace(small(), name="demo", grid=grid, images_per_stage=1200)


PRESETS: dict[str, Callable[[], Preset]] = {"smoke": smoke, "small": small, "paper": paper}


def choose_preset(name: str) -> Preset:
    """Return the preset of a name; raise a `ConfigError` if there is none."""
    if name not in PRESETS:
        raise ConfigError("study", "preset", name, f"one of {', '.join(PRESETS)}")
    return PRESETS[name]()


def label_free(size: Preset) -> Preset:
    """What annotation is worth: real images alone against synthetic ones first, by annotated real patients.

        synthboost study label-free --data CAMUS --synthetic SIM SDM PSEUDO --out DIR --patients 5 10 50 all

    `synthetic` alone is the arm without any annotation.
    """
    strategies = (Strategy.REAL, Strategy.SYNTHETIC, Strategy.SYNTHETIC_THEN_REAL)
    return replace(size, grid=replace(size.grid, strategies=strategies, patients=(5, 10, 50, "all")))


def prompts(size: Preset) -> Preset:
    """What each part of a sentence contributes, and what is drawn for a sentence that is wrong.

        synthboost study prompts --data CAMUS --out DIR --preset small --patients 50

    Models are trained on P7 with clauses dropped at random, so that they know every subset of them.
    """
    return replace(size, grid=_own_grid(size, Strategy.REAL, PromptSet.P7_ANY))


def ablation(size: Preset) -> Preset:
    """Which synthetic data: one factor at a time, with as many images seen by every training.

        synthboost study ablation --data CAMUS --out DIR --preset small

    Sets are simulated by the study; each `--synthetic` folder, e.g. of `synthesize sample` with other steps, guidance,
    copies or perturbation, is a level of the factor `set`.
    """
    base, levels = synthetic_data_levels(size.images_per_stage or 4096)
    return replace(size, grid=_own_grid(size, Strategy.SYNTHETIC, PromptSet.P1), levels=levels, simulation=base)


def pretraining(size: Preset) -> Preset:
    """Natural images, synthetic ones, or both: pretrained encoders against random ones, under each strategy.

        synthboost study pretraining --data CAMUS --synthetic SIM --out DIR --preset small --patients 10 50

    The control is real images alone for as many images as both stages take.
    """
    strategies = (Strategy.REAL, Strategy.SYNTHETIC_THEN_REAL)
    grid = replace(
        size.grid, models=(PRETRAINED_MODEL,), strategies=strategies, encoders=("trained", "frozen"),
        prompts=(PromptSet.P1,), patients=(5, 10, 50, "all"),
    )  # fmt: skip
    images = 2 * (size.images_per_stage or 3600)
    longer = {"images_per_stage": images}
    levels = (
        THE_BASE,
        Level("encoders", "random", {"weights": RANDOM}),
        Level(CONTROL, "pretrained", longer, (Strategy.REAL,)),
        Level(CONTROL, "random", {"weights": RANDOM, **longer}, (Strategy.REAL,)),
    )
    started = {PRETRAINED_MODEL: PRETRAINED_ENCODERS}
    return replace(
        size, grid=grid, levels=levels, architectures=started, weights=started, images_per_stage=images // 2,
        least_epochs=1,  # more would make the synthetic stage longer than the control is
    )  # fmt: skip


def freezing(size: Preset) -> Preset:
    """Which encoder should learn, and how far, under which architecture: each policy for one encoder, and for both.

        synthboost study freezing --data CAMUS --synthetic SIM --out DIR --preset small --patients 50

    `textunet` starts from pretrained encoders, others from the preset's weights or `--weights`, or else from random
    ones, which the report says: freezing those keeps noise.
    """
    parts = [f"vision={own},text=trained" for own in PARTLY] + [f"vision=trained,text={own}" for own in PARTLY]
    grid = replace(
        size.grid, models=(PRETRAINED_MODEL, "clipseg", "cris", "dual", "medclipseg", "sam3"), prompts=(PromptSet.P1,),
        strategies=(Strategy.REAL, Strategy.SYNTHETIC_THEN_REAL), encoders=("trained", "frozen", *parts),
    )  # fmt: skip
    started = {PRETRAINED_MODEL: PRETRAINED_ENCODERS}
    return replace(
        size, grid=grid, architectures={**size.architectures, **started}, weights={**size.weights, **started}
    )


def _own_grid(size: Preset, strategy: Strategy, prompts: PromptSet) -> Grid:
    """Of studies that vary something else: of the model that ships, where no published weights are asked for."""
    models = size.grid.models if size.weights else (PRETRAINED_MODEL,)
    return replace(
        size.grid, models=models, strategies=(strategy,), encoders=("trained",), prompts=(prompts,), patients=("all",)
    )


def transfer(size: Preset) -> Preset:
    """What a model loses on another data set, and what adapting it to that set's images without annotations gives back.

        synthboost study transfer --data CAMUS ECHONET CLINIC --out DIR --preset small

    Every set is trained on; every model is evaluated on all sets.
    """
    return replace(size, grid=_own_grid(size, Strategy.REAL, PromptSet.P1))


STUDIES: dict[str, Callable[[Preset], Preset]] = {
    "paper": lambda size: size,
    "label-free": label_free,
    "prompts": prompts,
    "ablation": ablation,
    "pretraining": pretraining,
    "freezing": freezing,
    "transfer": transfer,
}
"""Name -> what a study makes of a size: which runs there are. The report shows what these runs have to show."""
SEVERAL_SETS = frozenset({"label-free", "ablation"})
"""Studies that compare synthetic data sets."""


def choose_study(name: str, size: Preset) -> Preset:
    """Return what a study runs at a size; raise a `ConfigError` if there is none of the name."""
    if name not in STUDIES:
        raise ConfigError("study", "name", name or "none", f"one of {', '.join(STUDIES)}")
    return STUDIES[name](size)
