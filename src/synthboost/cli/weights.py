"""`synthboost weights`: list, convert, verify and publish weights."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import tyro

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

    Every tensor of the file must match, or nothing is written.
    """

    file: tyro.conf.Positional[Path]
    """`cris_best.pth`, OpenAI's `RN50.pt`, a bare state dict of either, or a diffusion model's `ema_*.pt`."""
    out: Path
    """A new folder."""
    tokenizer: str = "openai/clip-vit-base-patch32"
    """CLIP's tokenizer: a folder with `tokenizer.json`, or `vocab.json` and `merges.txt`; or a hub name."""
    input_size: int | None = None
    """Pixels of the square images; 416 for CRIS, whose weights fit any multiple of 32, and 256 for diffusion models."""
    origin: Literal["cris", "sdm", "echo-from-noise"] = "cris"
    """Who trained it: CRIS or CLIP; or, a semantic diffusion model, the authors of SDM or of Echo from Noise."""

    def run(self) -> None:
        """Convert, and print which tensors matched."""
        from synthboost.io.atomic import require_new_folder
        from synthboost.models.cris.published import convert
        from synthboost.models.cris.settings import CrisSettings

        require_new_folder(self.out, "out")
        if self.origin != "cris":
            self._convert_diffusion()
            return
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # the lines below say it
            report = convert(self.file, self.out, self.tokenizer, input_size=self.input_size or CrisSettings.input_size)
        _print_file(self.file)
        print(f"kind: {report.kind}")
        _print_names("matched", report.matched, names=False)
        _print_names("left random, to be trained", report.left_random)
        if report.zeroed:
            _print_names("counters without influence, set to 0", report.zeroed)
        _print_names("not weights, left out", report.dropped)
        print(f"folder: {self.out}")

    def _convert_diffusion(self) -> None:
        from synthboost.diffusion.published import SIZE, convert

        network = convert(self.file, self.out, self.origin, self.input_size or SIZE)
        _print_file(self.file)
        print(f"kind: semantic diffusion ({self.origin})\nmatched: {len(network.state_dict())}\nfolder: {self.out}")


@dataclass(frozen=True)
class VerifyWeights:
    """Check weights: checksum, and which tensors match, are missing, or are unexpected.

    Any mismatch makes the exit code 2.
    """

    source: tyro.conf.Positional[str]
    """A run's folder, a folder of weights, a hub name, or a published file."""

    def run(self) -> None:
        """Print the result."""
        path = Path(self.source)
        if path.is_file():
            self._verify_file(path)
        else:
            self._verify_folder()

    def _verify_file(self, path: Path) -> None:
        from synthboost.models.cris.published import check

        _print_file(path)
        report = check(path)
        print(f"kind: {report.kind}")
        _print_names("matched", report.matched, names=False)
        _print_names("missing, would be left random", report.left_random)
        if report.zeroed:
            _print_names("counters without influence, would be set to 0", report.zeroed)
        _print_names("not weights, left out", report.dropped)
        print("unexpected: 0\nIt can be converted.")

    def _verify_folder(self) -> None:
        from synthboost.models.registry import load_segmenter, weights_fingerprint

        digest = weights_fingerprint(self.source)
        print(f"sha256: {digest}")
        model = load_segmenter(self.source)
        print(f"kind: {model.name}")
        print(f"matched: {len(model.state_dict())}\nmissing: 0\nunexpected: 0")
        print(f"parameters: {sum(parameter.numel() for parameter in model.parameters()):,}")
        print("It can be used with --weights or --checkpoint.")


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


def _print_file(path: Path) -> None:
    from synthboost.models.catalogue import published_with
    from synthboost.models.weights_folder import file_sha256

    digest = file_sha256(path)
    known = published_with(digest)
    print(f"file: {path}\nsha256: {digest} ({f'as published: {known.name}' if known else 'not one with a stated sum'})")


def _print_names(what: str, found: Sequence[str], names: bool = True) -> None:
    listed = f": {', '.join(found[:SHOWN])}{', ...' if len(found) > SHOWN else ''}" if names and found else ""
    print(f"{what}: {len(found)}{listed}" if listed == "" else f"{what}, {len(found)}{listed}")
