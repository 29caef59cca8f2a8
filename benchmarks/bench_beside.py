"""Ours beside MONAI's networks and nnU-Net v2: the same 50 training patients, the same CPU time, the same metrics.

    SYNTHBOOST_CAMUS=CAMUS OMP_NUM_THREADS=1 python benchmarks/bench_beside.py --out beside --nnunet VENV/bin/python

Every model trains for `--minutes` of processor time on one thread, scoring excluded, and is scored on the testing
part (with `no-test` the official validation patients) at native size: label maps without overlaps, as predicted;
ejection fractions after `whole_heart`. A row is written as it comes, and the same command goes on. `textunet` is our
recipe from random weights, `textunet, pretrained` the same from the weights that ship, whose training on simulated
frames is not counted, with a frozen text encoder as in `adapt`. MONAI's networks see the same frames at 128 px under
the same augmentation, in bf16 where ours do, with DiceCELoss and AdamW; their learning rate follows the share of the
time that is spent. nnU-Net: see `nnunet_arm.py`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from argparse import Namespace
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from harness import NO_DATA, Stopwatch, annotated_parser
from torch import Tensor

from synthboost.cli.options import SENTENCES
from synthboost.data import open_dataset
from synthboost.data.nnunet_export import export_nnunet
from synthboost.data.source import FrameSet, Source, open_source
from synthboost.domain import STRUCTURES, Frame, LabelMap, SplitOptions, SplitPart
from synthboost.evaluation.metrics.score import score_masks
from synthboost.evaluation.statistics.bootstrap import bootstrap_mean
from synthboost.inference.clinical import compare_cases, measure_cases
from synthboost.inference.predict_dataset import FrameLabelMaps
from synthboost.inference.predictor import Predictor, whole_heart
from synthboost.io.tables import read_typed, write_typed
from synthboost.models.catalogue import DEFAULT
from synthboost.models.registry import build_segmenter, load_segmenter
from synthboost.models.textunet.model import TextUNet
from synthboost.training.augment_batch import augment_batch
from synthboost.training.frame_stream import FrameBatch, repeated, shrunk_frames, shrunk_image
from synthboost.training.hardware import choose_precision
from synthboost.training.pretrain import ENCODERS
from synthboost.training.recipe import RecipeSettings, fit

SIZE, BATCH, CHANNELS = 128, 16, (16, 32, 64, 128, 256)
RATE, WARM_UP, CLIP = 2e-3, 0.1, 12.0
TIMED_STEPS = 5
"""Of a training that only tells how many steps fit into the time; its own time is not counted."""


@dataclass(frozen=True)
class Row:
    """One model; Dice in percent, its mean with a 95 % interval over patients."""

    model: str
    minutes: float
    """Of processor time that it was given."""
    patients: int
    seed: int
    LV: float
    MYO: float
    LA: float
    dice: float
    low: float
    high: float
    hd95_mm: float
    """Mean over frames and structures; an absent mask counts as the image's diagonal."""
    absent: int
    """Of the masks."""
    ef_bias: float | None
    """Predicted minus stated, points, CAMUS' convention."""
    ef_mae: float | None
    ef_patients: int
    """Those in whom it can be measured."""
    image_cpu_s: float
    """Median of all frames, one thread."""
    steps: int
    batch: int
    size: str
    parameters: int
    train_cpu_s: float
    train_wall_s: float


@dataclass(frozen=True, eq=False)
class Trained:
    """A model after its time."""

    label_map: Callable[[Frame], LabelMap]
    facts: dict[str, Any]
    """Of the fields of `Row`."""


def main() -> None:
    parser = annotated_parser(__doc__)
    parser.set_defaults(leave_out=["patient0068"])
    parser.add_argument("--minutes", type=float, default=20.0, help="of processor time for each model")
    parser.add_argument("--only", nargs="*", choices=(*ARMS, "nnU-Net"), default=(*ARMS, "nnU-Net"))
    parser.add_argument("--nnunet", type=Path, help="the Python of an environment that holds nnunetv2; else left out")
    parser.add_argument("--out", type=Path, required=True, help="a folder for beside.csv and nnU-Net's files")
    options = parser.parse_args()
    if options.data is None:
        print(NO_DATA)
        return
    torch.set_num_threads(1)
    chosen = SplitOptions(options.split, tuple(options.leave_out))
    source = open_source(options.data, chosen, options.patients, images=False)
    frames, path = source.evaluation_frames(SplitPart.TESTING), options.out / "beside.csv"
    options.out.mkdir(parents=True, exist_ok=True)
    rows = [*read_typed(path, Row)] if path.is_file() else []
    for name in options.only:
        key = name, options.minutes, options.patients, options.seed
        if key in [(row.model, row.minutes, row.patients, row.seed) for row in rows]:
            continue
        if name == "nnU-Net":
            if options.nnunet is None:
                continue
            trained = train_nnunet(source, options)
        else:
            shrunk = shrunk_frames(source.evaluation_frames(SplitPart.TRAINING), SIZE)
            trained = ARMS[name](shrunk, options)
        rows.append(scored(name, trained, frames, options))
        write_typed(path, Row, rows)
        print(rows[-1], flush=True)


def scored(name: str, trained: Trained, frames: FrameSet, options: Namespace) -> Row:
    """The row of a model."""
    maps, seconds, found = [], [], []
    for frame in frames:
        began = time.process_time()
        maps.append(trained.label_map(frame))
        seconds.append(time.process_time() - began)
        found.append([score_masks(frame.mask(s), maps[-1] == s, frame.spacing_mm) for s in STRUCTURES])
    dice = 100 * np.array([[one.dice for one in of_frame] for of_frame in found])
    interval = bootstrap_mean(dice.mean(1), [str(info.patient) for info in frames.infos], seed=0)
    ef = compare_cases([*measure_cases(_hearts(frames, maps), with_reference=False)], name)[0]
    own = ef.agreement
    facts = {"image_cpu_s": round(median(seconds), 3), **trained.facts}
    return Row(
        name, options.minutes, options.patients, options.seed, *dice.mean(0).round(2).tolist(),
        *np.round([dice.mean(), interval.low, interval.high], 2).tolist(),
        hd95_mm=round(float(np.mean([one.hd95_mm for of_frame in found for one in of_frame])), 2),
        absent=sum(int(one.area_predicted_mm2 == 0) for of_frame in found for one in of_frame),
        ef_bias=None if own is None else round(own.bias.value, 1),
        ef_mae=None if own is None else round(own.mean_absolute_error, 1),
        ef_patients=len(ef.values), **facts,
    )  # fmt: skip


def _hearts(frames: FrameSet, maps: Sequence[LabelMap]) -> FrameLabelMaps:
    for frame, label_map in zip(frames, maps, strict=True):
        yield frame.info, frame, whole_heart(np.stack([label_map == s for s in STRUCTURES]).astype(np.float32), 0.5)


def train_textunet(training: FrameBatch, options: Namespace, pretrained: bool = False) -> Trained:
    """By `training/recipe.py`, for as many steps as fit into the time."""
    rate = 2e-3 if pretrained else RecipeSettings.learning_rate

    def begun() -> TextUNet:
        model = load_segmenter(DEFAULT) if pretrained else build_segmenter("textunet", "base", options.seed)
        assert isinstance(model, TextUNet)
        if pretrained:
            model.set_encoders(ENCODERS)
        return model

    def run(model: TextUNet, steps: int, folder: Path) -> list[float]:
        """Processor time at the beginning of each step."""
        times = list[float]()

        def stream(step: int) -> Generator[FrameBatch, None, None]:
            for batch in repeated(training, BATCH, options.seed)(step):
                times.append(time.process_time())
                yield batch

        fit(model, stream, RecipeSettings(steps, options.seed, rate, log_every=steps, threads=1), folder)
        return [*times, time.process_time()]

    folder = options.out / "training"
    for old in (folder, folder / "timed"):
        shutil.rmtree(old, ignore_errors=True)
    step_s = median(np.diff(run(begun(), TIMED_STEPS, folder / "timed")[1:-1]))
    steps, model, wall = int(60 * options.minutes / step_s), begun(), time.monotonic()
    times = run(model, steps, folder)
    facts = _facts(model, steps, times[-1] - times[0], time.monotonic() - wall)
    predictor = Predictor(model, "cpu")
    return Trained(lambda frame: predictor.predict(frame.image, SENTENCES).label_map(), facts)


def train_monai(network: torch.nn.Module, training: FrameBatch, options: Namespace) -> Trained:
    """A plain loop until the time is over."""
    from monai.losses import DiceCELoss

    optimizer, loss_of = torch.optim.AdamW(network.parameters(), RATE), DiceCELoss(to_onehot_y=True, softmax=True)
    generator, watch, wall = torch.Generator().manual_seed(options.seed), Stopwatch(), time.monotonic()
    limit, steps, half = 60 * options.minutes, 0, choose_precision("auto", network) == "bf16"  # as ours
    for batch in repeated(training, BATCH, options.seed)(0):
        watch.go()
        share = watch.total / limit
        for group in optimizer.param_groups:
            group["lr"] = RATE * min(1.0, share / WARM_UP + 0.01) * (1 - share) ** 0.9
        grey, labels = torch.from_numpy(batch.images)[:, None].float() / 255, torch.from_numpy(batch.labels)
        grey, labels = augment_batch(grey, labels, generator)
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            logits = network(normalised(grey))
        loss = loss_of(logits.float(), labels[:, None].long())
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), CLIP)
        optimizer.step()
        steps += 1
        if watch.stop() >= limit:
            break
    network.eval()

    @torch.no_grad()
    def label_map(frame: Frame) -> LabelMap:
        grey = torch.from_numpy(shrunk_image(frame.image, SIZE))[None, None].float() / 255
        logits = torch.nn.functional.interpolate(network(normalised(grey)), frame.image.shape, mode="bilinear")
        return np.asarray(logits[0].argmax(0).byte().numpy())

    return Trained(label_map, _facts(network, steps, watch.total, time.monotonic() - wall))


def normalised(grey: Tensor) -> Tensor:
    """Each image with mean 0 and standard deviation 1, as nnU-Net does."""
    return (grey - grey.mean((2, 3), keepdim=True)) / grey.std((2, 3), keepdim=True).clamp(min=1e-3)


def dynunet(training: FrameBatch, options: Namespace) -> Trained:
    from monai.networks.nets import DynUNet

    torch.manual_seed(options.seed)
    levels = len(CHANNELS)
    network = DynUNet(2, 1, 1 + len(STRUCTURES), [3] * levels, [1] + [2] * (levels - 1), [2] * (levels - 1),
                      filters=CHANNELS)  # fmt: skip
    return train_monai(network, training, options)


def attention_unet(training: FrameBatch, options: Namespace) -> Trained:
    from monai.networks.nets import AttentionUnet

    torch.manual_seed(options.seed)
    network = AttentionUnet(2, 1, 1 + len(STRUCTURES), CHANNELS, [2] * (len(CHANNELS) - 1))
    return train_monai(network, training, options)


def train_nnunet(source: Source, options: Namespace) -> Trained:
    """In its own environment, on our export; its masks come back through our reader of its layout."""
    folder = options.out / "nnunet"
    raw, done = folder / "raw" / "Dataset050_CAMUS", folder / "done.json"
    if not raw.is_dir():
        raw.parent.mkdir(parents=True, exist_ok=True)
        parts = {
            **source.split.parts,
            SplitPart.VALIDATION: (),
        }  # which would be trained on too; those to score are `Ts`
        export_nnunet(source.dataset, replace(source.split, parts=parts), raw)
    if not done.is_file():
        arm = Path(__file__).parent / "nnunet_arm.py"
        command = [str(options.nnunet), str(arm), str(folder), str(60 * options.minutes)]
        subprocess.run(command, check=True, env={name: v for name, v in os.environ.items() if name != "PYTHONPATH"})
    facts, back = json.loads(done.read_text()), folder / "back"
    shutil.rmtree(back, ignore_errors=True)
    shutil.copytree(raw, back, ignore=shutil.ignore_patterns("frames.csv", "labelsTs"))
    shutil.copytree(folder / "predicted", back / "labelsTs")
    dataset = open_dataset(back)
    infos = {info.name: info for info in dataset.frames}

    def label_map(frame: Frame) -> LabelMap:
        found = dataset.load(infos[frame.info.name]).label_map
        assert found is not None
        return found

    return Trained(label_map, {name: facts[name] for name in Row.__dataclass_fields__ if name in facts})


def _facts(model: torch.nn.Module, steps: int, cpu_s: float, wall_s: float) -> dict[str, Any]:
    return {
        "steps": steps, "batch": BATCH, "size": f"{SIZE}x{SIZE}", "train_cpu_s": round(cpu_s, 1),
        "train_wall_s": round(wall_s, 1), "parameters": sum(one.numel() for one in model.parameters()),
    }  # fmt: skip


ARMS: dict[str, Callable[[FrameBatch, Namespace], Trained]] = {
    "textunet, pretrained": lambda training, options: train_textunet(training, options, pretrained=True),
    "textunet": train_textunet,
    "DynUNet": dynunet,
    "AttentionUnet": attention_unet,
}

if __name__ == "__main__":
    main()
