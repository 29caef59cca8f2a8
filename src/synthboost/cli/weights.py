"""`synthboost weights`: list, convert, verify and publish weights."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import tyro

from synthboost.errors import ConfigError
from synthboost.models.catalogue import DEFAULT

if TYPE_CHECKING:
    from synthboost.models.catalogue import Published
    from synthboost.models.cris.published import ConversionReport

SHOWN = 8
"""Names printed of each kind of tensor."""


@dataclass(frozen=True)
class ListWeights:
    """List the published weights that a model can start from, with source, licence and use."""

    def run(self) -> None:
        """Print the catalogue."""
        from synthboost.models.catalogue import MODELS

        for model, one in ((model, one) for model, entry in MODELS.items() for one in entry.published):
            print(f"{one.name} (for {model})")
            facts = {"trained": one.trained, "source": one.source, "licence": one.licence, "use": one.use}
            for name, text in facts.items():
                print(f"  {name:8s} {text}")
        print("Nothing is downloaded by this command, and nothing is redistributed.")


@dataclass(frozen=True)
class ConvertWeights:
    """Convert a published file into a folder that `--weights`, or `synthesize sample --model`, takes; once per file.

    Every tensor of the file must match, or nothing is written. What `pretrain` wrote becomes what the package ships:
    calibrated on simulated frames, in half precision, with a model card.
    """

    file: tyro.conf.Positional[Path]
    """`cris_best.pth`, OpenAI's `RN50.pt`, a bare state dict of either, MedCLIPSeg's `*.pth`, a diffusion model's
    `ema_*.pt`, or `pretrain`'s folder."""
    out: Path
    """A new folder."""
    tokenizer: str | None = None
    """CLIP's tokenizer: a folder with `tokenizer.json`, or `vocab.json` and `merges.txt`; or a hub name, by default
    `openai/clip-vit-base-patch32`. MedCLIPSeg requires a folder with `tokenizer.json` of BiomedBERT or BiomedCLIP."""
    input_size: int | None = None
    """Pixels of the square images; 416 for CRIS, whose weights fit any multiple of 32, and 256 for diffusion models."""
    origin: Literal["cris", "medclipseg", "sdm", "echo-from-noise"] = "cris"
    """Who trained it: CRIS or CLIP, MedCLIPSeg, or, for a diffusion model, the authors of SDM or of Echo from Noise."""

    def run(self) -> None:
        """Convert, and print which tensors matched."""
        from synthboost.diffusion import published as diffusion
        from synthboost.io.atomic import require_new_folder
        from synthboost.models.catalogue import published_with
        from synthboost.models.cris.published import TOKENIZER, convert
        from synthboost.models.cris.settings import CrisSettings
        from synthboost.models.medclipseg.published import convert as convert_medclipseg
        from synthboost.models.medclipseg.settings import PRESETS
        from synthboost.models.weights_folder import file_sha256

        require_new_folder(self.out, "out")
        if self.file.is_dir():
            self._pack()
            return
        if self.origin == "cris":
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # the lines below say it
                size = self.input_size or CrisSettings.input_size
                lines = _lines(convert(self.file, self.out, self.tokenizer or TOKENIZER, input_size=size))
        elif self.origin == "medclipseg":
            if self.tokenizer is None:
                raise ConfigError(
                    "weights convert", "tokenizer", None, "a folder with tokenizer.json of BiomedBERT or BiomedCLIP",
                    f"--origin {self.origin} requires --tokenizer.",
                )  # fmt: skip
            sizes = replace(PRESETS["unimed-b16"], input_size=self.input_size or PRESETS["unimed-b16"].input_size)
            model = convert_medclipseg(self.file, self.out, Path(self.tokenizer), sizes)
            lines = [f"kind: medclipseg\nmatched: {len(model.state_dict())}"]
        else:
            network = diffusion.convert(self.file, self.out, self.origin, self.input_size or diffusion.SIZE)
            lines = [f"kind: semantic diffusion ({self.origin})", f"matched: {len(network.state_dict())}"]
        digest = file_sha256(self.file)
        print("\n".join([_file(self.file, digest, published_with(digest)), *lines, f"folder: {self.out}"]))

    def _pack(self) -> None:
        from synthboost.training.packaging import pack

        made = pack(self.file, self.out)
        print(f"temperature: {made.temperature:g}, found on {made.frames} simulated frames")
        print(f"negative log-likelihood: {made.likelihood_before:.4f} before, {made.likelihood_after:.4f} after")
        print(f"folder: {self.out} ({made.precision})")


@dataclass(frozen=True)
class VerifyWeights:
    """Check weights: checksum, and which tensors match, are missing, or are unexpected.

    Any mismatch makes the exit code 2.
    """

    source: tyro.conf.Positional[str]
    """A run's folder, a folder of weights, a hub name, a published file, or `default`: what the package ships."""

    def run(self) -> None:
        """Print the result."""
        from synthboost.diffusion.checkpoint import is_diffusion, load_diffusion
        from synthboost.models.catalogue import published_with
        from synthboost.models.cris.published import check
        from synthboost.models.registry import BOX, load_segmenter, weights_fingerprint
        from synthboost.models.weights_folder import file_sha256

        path = BOX if self.source == DEFAULT else Path(self.source)
        if path.is_file():
            digest = file_sha256(path)
            print(_file(path, digest, published_with(digest)))
            print("\n".join(_lines(check(path), would=True)), "unexpected: 0\nIt can be converted.", sep="\n")
            return
        print(f"sha256: {weights_fingerprint(self.source)}")
        diffusion = is_diffusion(path)
        model = load_diffusion(path) if diffusion else load_segmenter(self.source)
        print(f"kind: {model.name}\nmatched: {len(model.state_dict())}\nmissing: 0\nunexpected: 0")
        print(f"parameters: {sum(parameter.numel() for parameter in model.parameters()):,}")
        print(f"It can be used with {'--model' if diffusion else '--weights or --checkpoint'}.")


@dataclass(frozen=True)
class PushWeights:
    """Publish a run's weights with their model card on the Hugging Face hub; private by default.

    Only the folder of weights is uploaded: no images, no rows. Whether the terms of the training data allow it is for
    you to decide; the card names them.
    """

    source: tyro.conf.Positional[Path]
    """A finished run's folder, or a folder of weights."""
    repo: str
    """`name/model` on the hub. Log in first: `hf auth login`."""
    public: bool = False
    """Make the repository public."""

    def run(self) -> None:
        """Upload, and print the address."""
        from synthboost.models.registry import push_weights

        print(push_weights(self.source, self.repo, private=not self.public))


def _file(path: Path, digest: str, known: Published | None) -> str:
    return f"file: {path}\nsha256: {digest} ({f'as published: {known.name}' if known else 'not one with a stated sum'})"


def _lines(report: ConversionReport, would: bool = False) -> list[str]:
    """What became of the tensors, or what would."""
    named = {
        "missing, would be left random" if would else "left random, to be trained": report.left_random,
        f"counters without influence, {'would be ' if would else ''}set to 0": report.zeroed,
        "not weights, left out": report.dropped,
    }
    lines = [f"kind: {report.kind}", f"matched: {len(report.matched)}"]
    for what, found in named.items():
        shown = ", ".join(found[:SHOWN]) + (", ..." if len(found) > SHOWN else "")
        if found or not what.startswith("counters"):
            lines.append(f"{what}, {len(found)}: {shown}" if found else f"{what}: 0")
    return lines
