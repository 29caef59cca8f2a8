"""`synthboost export`: a trained model and its sentences as one ONNX file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from synthboost.cli.options import SENTENCES, WithModel


@dataclass(frozen=True, kw_only=True)
class Export(WithModel):
    """Write a model for use without this package: one image in, one map of logits per sentence out.

    The sentences are fixed. A JSON file beside it says how to prepare an image and read the output.
    """

    out: Path
    """The file, ending in .onnx."""
    sentences: tuple[str, ...] = SENTENCES
    """The sentences of the exported model."""

    def run(self) -> None:
        """Export, and compare the file's logits with the original's."""
        from synthboost.errors import OutputError, PromptError
        from synthboost.inference.onnx_export import export_onnx
        from synthboost.models.registry import load_segmenter, name_with_checksum
        from synthboost.prompts import clean_sentence

        if not self.sentences:
            raise PromptError("export", "sentences", "none", "one or more sentences")
        sentences = [clean_sentence(sentence) for sentence in self.sentences]
        for path in (self.out, self.out.with_suffix(".json")):
            if path.exists():
                raise OutputError(path, "out", "exists", "a new file", "Nothing was touched. Choose another name.")
        model = load_segmenter(self.checkpoint)
        difference = export_onnx(model, sentences, self.out, name_with_checksum(model, self.checkpoint))
        print(f"exported: {self.out} and {self.out.with_suffix('.json')}; logits differ by {difference:.1g} at most")
