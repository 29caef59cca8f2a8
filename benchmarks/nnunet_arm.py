"""nnU-Net v2 on one CPU thread for so many seconds, in an environment of its own that holds `nnunetv2`.

    python nnunet_arm.py FOLDER SECONDS

FOLDER/raw/Dataset050_CAMUS is what `export_nnunet` wrote. Fingerprint, plans, preprocessing, network, augmentation,
loss, optimizer and prediction are nnU-Net's own (`2d`, `nnUNetPlans`, fold `all`). The loop is its `train_step`, with
its learning rate 0.01 (1 - t)^0.9, where t is the share of CPU time instead of that of 1,000 epochs. Writes
FOLDER/predicted and FOLDER/done.json.
"""

import json
import os
import shutil
import sys
import time
from pathlib import Path

FOLDER, SECONDS = Path(sys.argv[1]).absolute(), float(sys.argv[2])
NAME, IDENTIFIER, PLANS = "Dataset050_CAMUS", 50, "nnUNetPlans"
os.environ |= {f"nnUNet_{name}": str(FOLDER / name) for name in ("raw", "preprocessed", "results")}
os.environ |= {"nnUNet_n_proc_DA": "1", "nnUNet_compile": "f", "OMP_NUM_THREADS": "1"}

import torch  # noqa: E402  (nnU-Net reads its environment when it is imported)
from nnunetv2.experiment_planning import plan_and_preprocess_api as planning  # noqa: E402
from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor  # noqa: E402
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer  # noqa: E402

CPU = torch.device("cpu")


def train() -> dict:
    """Plan, preprocess and train; the time of planning and preprocessing is counted apart."""
    prepared = FOLDER / "preprocessed" / NAME
    began = time.process_time()
    if not (prepared / f"{PLANS}_2d").is_dir():
        planning.extract_fingerprints([IDENTIFIER], num_processes=1)
        planning.plan_experiments([IDENTIFIER])
        planning.preprocess([IDENTIFIER], PLANS, ("2d",), (1,))
    prepared_s = time.process_time() - began
    plans, facts = (json.loads((prepared / f"{name}.json").read_text()) for name in (PLANS, "dataset"))
    plans["continue_training"] = False  # as its command does
    os.environ |= {"nnUNet_n_proc_DA": "0"}  # augment in this process, whose time is counted; the planner refuses 0
    trainer = nnUNetTrainer(plans, "2d", "all", facts, CPU)
    trainer.on_train_start()
    trainer.network.train()
    wall, began, steps = time.monotonic(), time.process_time(), 0
    while (spent := time.process_time() - began) < SECONDS:
        for group in trainer.optimizer.param_groups:
            group["lr"] = trainer.initial_lr * (1 - spent / SECONDS) ** 0.9
        loss = float(trainer.train_step(next(trainer.dataloader_train))["loss"])
        steps += 1
        print(f"step {steps}, {spent:.0f} s, loss {loss:.3f}", flush=True)
    wall = time.monotonic() - wall
    trainer.save_checkpoint(str(Path(trainer.output_folder) / "checkpoint_final.pth"))
    own = trainer.configuration_manager
    return {
        "folder": str(trainer.output_folder_base), "steps": steps, "train_cpu_s": spent, "train_wall_s": wall,
        "preprocessing_cpu_s": prepared_s, "size": "x".join(map(str, own.patch_size)), "batch": own.batch_size,
        "parameters": sum(one.numel() for one in trainer.network.parameters()),
    }  # fmt: skip


def predict(trained: dict) -> float:
    """Predict `imagesTs` as its command does, mirror images included; return the median CPU seconds of an image."""
    predictor = nnUNetPredictor(device=CPU, perform_everything_on_device=False, allow_tqdm=False)
    predictor.initialize_from_trained_model_folder(trained["folder"], ("all",))
    out, seconds = FOLDER / "predicted", []
    out.mkdir(exist_ok=True)
    images = sorted((FOLDER / "raw" / NAME / "imagesTs").glob("*_0000.nii.gz"))
    for image in images:
        case = image.name.removesuffix("_0000.nii.gz")
        began = time.process_time()
        predictor.predict_from_files_sequential([[str(image)]], [str(out / case)], overwrite=False)
        seconds.append(time.process_time() - began)
    return sorted(seconds)[len(seconds) // 2]


def main() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    record = FOLDER / "trained.json"
    trained = json.loads(record.read_text()) if record.is_file() else train()
    record.write_text(json.dumps(trained))
    trained["image_cpu_s"] = predict(trained)
    shutil.rmtree(FOLDER / "preprocessed", ignore_errors=True)
    (FOLDER / "done.json").write_text(json.dumps(trained))


if __name__ == "__main__":
    main()
