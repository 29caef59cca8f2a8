"""The words around the demo's numbers."""

from __future__ import annotations

from pathlib import Path

from synthboost.domain import STRUCTURES, Attributes, FrameInfo, PatientId, Phase, PromptSet, Quality, Sex, View
from synthboost.prompts import build_prompt
from synthboost.records.run_folder import RunPaths, read_run
from synthboost.reports.content import CONFIDENTIAL, ReportContent
from synthboost.reports.page import write_report
from synthboost.studies.demo import DIFFUSION_PATIENTS, FIXED_DICE, DemoSettings

EXAMPLE_FRAME = FrameInfo(
    PatientId("example", "example", "example"),
    View.FOUR_CHAMBER,
    Phase.END_SYSTOLE,
    Attributes(sex=Sex.FEMALE, age=64, quality=Quality.MEDIUM),
)
CITATION = (
    "Method: Adhikari et al., Synthetic Boost: Leveraging Synthetic Data for Enhanced Vision-Language Segmentation in "
    "Echocardiography, arXiv 2309.12829 (2023)."
)
CAMUS_TERMS = (
    "CAMUS: CC BY-NC-SA 4.0, non-commercial scientific research only; cite Leclerc et al., IEEE TMI 38(9):2198-2210, "
    "2019, doi 10.1109/TMI.2019.2900516."
)


COMMANDS = (
    ("This report, on your CAMUS folder", "synthboost demo --data CAMUS --out demo-camus"),
    ("See what the folder holds and lacks", "synthboost data inspect CAMUS --deep"),
    ("Simulate pretraining data", "synthboost simulate --out simulated --patients 500"),
    (
        "Or make them as the paper does",
        "synthboost synthesize train --data CAMUS --out diffusion && "
        "synthboost synthesize sample --model diffusion --masks CAMUS --out synthetic",
    ),
    (
        "Train the published CLIPSeg under the paper's winning strategy",
        "synthboost train --data CAMUS --synthetic simulated --strategy synth-PT:real-FT "
        "--weights CIDAS/clipseg-rd64-refined --prompts P6",
    ),
    ("Convert a published file of CRIS, once", "synthboost weights convert cris_best.pth --out cris"),
    (
        "The same strategy with it",
        "synthboost train --data CAMUS --synthetic simulated --strategy synth-PT:real-FT "
        "--model cris --weights cris --prompts P6",
    ),
    ("Report the finished runs", "synthboost report runs/* --out report.html"),
)


def write_demo_report(out: Path, runs: list[RunPaths], settings: DemoSettings, data: Path | None) -> Path:
    """Write `report.html` into the demo's folder and return its path; `data` is `None` for a simulated target."""
    page, simulated = out / "report.html", data is None
    texts = {
        str(one): build_prompt(one, STRUCTURES[0], EXAMPLE_FRAME, shape="oval").text or "(empty)" for one in PromptSet
    }
    content = ReportContent(
        title="Synthetic Boost in minutes" + (", on simulated echocardiograms" if simulated else ""),
        summary=_summary(settings, simulated),
        target_is_simulated=simulated,
        sentences=tuple(texts.items()),
        commands=COMMANDS,
        notes=_notes(settings, simulated),
        licence=(CITATION, CAMUS_TERMS),
        fixed_dice=FIXED_DICE,
    )
    write_report(page, [read_run(run.root) for run in runs], content)
    return page


def _summary(settings: DemoSettings, simulated: bool) -> tuple[str, ...]:
    target = (
        "simulated (three scanners, all image qualities, hearts as CAMUS' annotators draw them)"
        if simulated
        else "a CAMUS folder"
    )
    return (
        "An ultrasound image and an English sentence go in; the mask of the structure that the sentence names comes "
        f"out. The models are small ones ({', '.join(settings.preset.grid.models)}) that start from random weights, so "
        "that everything runs on a laptop without a download. Each is trained under the strategies of the paper: not "
        "at all (zero-shot), on the target domain only (real), on synthetic data only (synthetic), and on synthetic "
        "data first and then on the target domain (synth-PT:real-FT).",
        f"Here the target domain is {target}. There are two kinds of synthetic images. The simulator's (“simulated” in "
        "the tables) show one clean scanner and hearts drawn from reference ranges in the literature; no annotation "
        "was needed to make them. The others (“diffusion”) are the paper's way: a semantic diffusion model is trained "
        "on the target's training images and masks, and draws new images for deformed masks of "
        f"{DIFFUSION_PATIENTS} training patients. All strategies use the sentences of prompt set "
        f"{settings.preset.grid.prompts[0]}.",
        "Two baselines look at less than a model does: text-blind draws one and the same best mask whatever the "
        "sentence, image-blind the training set's typical mask for the sentence whatever the image.",
    )


def _notes(settings: DemoSettings, simulated: bool) -> tuple[str, ...]:
    shared = (
        "Zero-shot means random initialisation here: no pretrained weights were given.",
        "One seed: the intervals resample patients and do not hold the chance of training. Compare several seeds "
        "before believing a small difference.",
        f"The diffusion model is a small one ({settings.diffusion.size} x {settings.diffusion.size} pixels, "
        f"{settings.diffusion_training.steps} steps); what it saw are the target's training patients alone.",
        "The synthetic stage's learning curve is measured on synthetic validation patients, the other stages' on "
        "validation patients of the target domain; only the latter two can be compared.",
    )
    if not simulated:
        return (
            *shared,
            CONFIDENTIAL,
            "A folder without the official test patients is evaluated on the official validation patients; the last "
            "training patients then choose the epoch. The split is named under provenance.",
        )
    return (
        *shared,
        "Source and target come from one simulator with two sets of settings. The gap between them is smaller than "
        "between simulation and patients; these numbers show that the method's plumbing works, not how well it "
        "works on patients.",
    )
