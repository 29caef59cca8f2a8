"""Read the per-image scores that the authors of arXiv 2309.12829 published, as runs like ours.

Their repository (github.com/naamiinepal/synthetic-boost, MIT) holds them under `metrics/`, one `metrics.csv` in
`<strategy>/<model>/<prompt set>/`, in percent: no patient column, but file names that tell patient, view, phase and
structure. What the files do not say stays unknown here: spacing, attributes, training seed, and which of the two
paraphrases was given. Their `hausdorff_distance` is left out: it is 100 times a distance in pixels of an image that was
squashed to 512 x 512, and no number of millimetres can be made of it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar, cast

import pandas as pd

from synthboost.domain import Domain, Phase, PromptSet, SplitPart, Strategy, Structure, View
from synthboost.errors import DataError
from synthboost.io.tables import number_of, read_lines
from synthboost.records.rows import TINY_SHARE, Row, Status, rows_frame
from synthboost.records.run_folder import RunRecord
from synthboost.records.run_record import Spec

FILE = "metrics.csv"
STRATEGY_FOLDERS: Mapping[str, Strategy] = {
    "camus": Strategy.REAL,
    "sdm_camus": Strategy.SYNTHETIC,
    "pt_on_sdm_camus_ft_on_camus": Strategy.SYNTHETIC_THEN_REAL,
}
"""What a strategy's folder is called; theirs add `_metrics_reduce_lr`."""
_SUFFIX = "_metrics"
MODEL_FOLDERS: Mapping[str, str] = {
    "clip_seg_bs_128": "clipseg (published)",
    "cris": "cris (published)",
    "clip_seg": "clipseg, second set (published)",
}
"""What a model's folder is called, and its name in our rows. The paper's table holds `clip_seg_bs_128`; `clip_seg` is
another set of runs of the same model that the paper does not mention."""
PAPER_MODELS = ("clipseg (published)", "cris (published)")
"""Those of the paper's table."""
GRID = "512x512"
REAL_PATIENTS = 400
"""The paper trains on 1,600 real images, four of each patient."""
SENTENCE = "(not recorded)"
"""Of all prompt sets but P0: theirs drew one of two paraphrases at random for every test image."""
_COLUMNS = ("filename", "iou", "dice", "ones_dice_diff")
_NAME = re.compile(r"mask_(?P<label>[123])/(?P<patient>patient\d{4})_(?P<view>2CH|4CH)_(?P<phase>ED|ES)_gt\.png")
_PATIENTS = "camus-mhd/testing/"
"""Release and folder of the official test patients: the names begin at patient0001 again, for other people."""
_AGREEMENT = 0.01
"""Percent: Dice computed from their IoU agrees with their Dice to about 0.0002; what differs by more is no percent."""


def is_published(paths: Sequence[Path]) -> bool:
    """Whether `paths` are one folder of published scores."""
    return len(paths) == 1 and any(paths[0].glob(f"*/*/*/{FILE}"))


def read_published(folder: Path) -> list[RunRecord]:
    """Read all published runs below `folder` (theirs is called `metrics`), in the order of their names.

    Each has rows, and a spec as far as the folders tell it; logs, manifests and weights were not published.

    Raises:
        DataError: there is none, a folder's name is not one of theirs, or a file is not as `read_metrics` wants it.
    """
    paths = sorted(folder.glob(f"*/*/*/{FILE}"))
    if not paths:
        raise DataError(
            folder, "files", "none", f"files <strategy>/<model>/<prompt set>/{FILE}",
            "Give the folder `metrics` of a clone of github.com/naamiinepal/synthetic-boost.",
        )  # fmt: skip
    records = [_record(path) for path in paths]
    return sorted(records, key=lambda record: record.spec.name)


def read_metrics(path: Path, strategy: Strategy, model: str, prompt_set: PromptSet) -> pd.DataFrame:
    """Read one published file, in the order of patient, view, phase and structure.

    Raises:
        DataError: the file is absent or empty, a column is missing, a name does not tell what it shows, a value is no
            percentage, Dice and IoU contradict each other, or two lines score the same structure of one image.
    """
    rows = dict[tuple[str, str], Row]()
    for where, cells in read_lines(path, *_COLUMNS):
        row = _row(where, cells, strategy, model, prompt_set)
        key = row["frame"], row["structure"]
        if key in rows:
            raise DataError(where, "filename", f"{' '.join(key)} again", "each structure of an image once")
        rows[key] = row
    if not rows:
        raise DataError(path, "lines", "none", "one line per image and structure")
    return rows_frame(rows[key] for key in sorted(rows, key=lambda key: (key[0], _LABELS[key[1]])))


_LABELS = {structure.short: structure for structure in Structure}
_T = TypeVar("_T")


def _record(path: Path) -> RunRecord:
    strategy_folder, model_folder, prompt_folder = path.parts[-4:-1]
    strategy = _known(path, "strategy folder", strategy_folder.partition(_SUFFIX)[0], STRATEGY_FOLDERS)
    model = _known(path, "model folder", model_folder, MODEL_FOLDERS)
    prompt_set = _known(path, "prompt folder", prompt_folder, {p.value.lower(): p for p in PromptSet})
    rows = read_metrics(path, strategy, model, prompt_set)
    spec = Spec(
        name=rows.run.iloc[0],
        model=model,
        preset=None,
        architecture=None,
        weights=None,
        strategy=str(strategy),
        encoders=rows.encoders.iloc[0],
        prompt_set=str(prompt_set),
        domain_named=False,
        real_share=None,
        seed=None,
        stages=None,
        data={},
    )
    return RunRecord(root=path.parent, spec=spec, manifest=None, log=[], rows=rows, examples=[])


def _known(path: Path, field: str, name: str, names: Mapping[str, _T]) -> _T:
    if name not in names:
        raise DataError(path, field, name, f"one of {', '.join(names)}")
    return names[name]


def _row(where: str, cells: Mapping[str, str], strategy: Strategy, model: str, prompt_set: PromptSet) -> Row:
    name = "/".join(Path(cells["filename"]).parts[-2:])
    found = _NAME.fullmatch(name)
    if found is None:
        raise DataError(where, "filename", name or "empty", "a path that ends as mask_1/patient0001_2CH_ED_gt.png")
    dice, iou = (number_of(where, column, cells[column], 0, 100) for column in ("dice", "iou"))
    if abs(200 * iou / (100 + iou) - dice) > _AGREEMENT:
        raise DataError(where, "dice", f"{dice} with an IoU of {iou}", "2 IoU / (1 + IoU), both in percent")
    view, phase = View(found["view"]), Phase(found["phase"])
    known = {
        "run": _run_name(strategy, model, prompt_set),
        "model": model,
        "strategy": strategy,
        "encoders": "trained",
        "synthetic": "" if strategy is Strategy.REAL else Domain.DIFFUSION,
        "real_patients": None if strategy is Strategy.SYNTHETIC else REAL_PATIENTS,
        "prompt_set": prompt_set,
        "sentence": "" if prompt_set is PromptSet.P0 else SENTENCE,
        "uses_ground_truth": prompt_set is PromptSet.P7,  # their shape word is read off the true mask
        "probe": "",
        "split": "official",
        "part": SplitPart.TESTING,
        "domain": Domain.REAL,
        "patient": _PATIENTS + found["patient"],
        "frame": f"{found['patient']}_{view}_{phase}",
        "view": view,
        "phase": phase,
        "structure": Structure(int(found["label"])).short,
        "grid": GRID,
        "status": _status(dice, number_of(where, "ones_dice_diff", cells["ones_dice_diff"], -100, 100)),
        "reason": "",
        "dice": dice / 100,
        "iou": iou / 100,
    }
    return cast(Row, dict.fromkeys(Row.__annotations__) | known)


def _run_name(strategy: Strategy, model: str, prompt_set: PromptSet) -> str:
    short, _, rest = model.partition(" (published)")[0].partition(", ")
    return f"published-{short}{'-second' if rest else ''}-{strategy}-{prompt_set}".replace(":", "-")


def _status(dice: float, gain_over_all: float) -> Status:
    """Tiny or not, from the Dice (percent) of a mask of the whole image: 2 a / (1 + a) for a true share of a."""
    whole = (dice - gain_over_all) / 100
    return Status.TINY if whole / (2 - whole) < TINY_SHARE else Status.OK
