"""Pictures that live inside the page: SVG markup of a figure, data URI of an image."""

from __future__ import annotations

import base64
import io
import re
from html import escape

from matplotlib import rc_context
from matplotlib.figure import Figure
from PIL import Image

from synthboost.domain import GreyImage

_METADATA = {"Date": None, "Creator": None, "Format": None, "Type": None}


def figure_svg(figure: Figure, alternative: str) -> str:
    """The figure as an `<svg>` element that scales with its place and reads out `alternative`."""
    stream = io.StringIO()
    # Letters as outlines look alike everywhere; a fixed salt gives the same figure the same text.
    with rc_context({"svg.fonttype": "path", "svg.hashsalt": "synthboost"}):
        figure.savefig(stream, format="svg", metadata=_METADATA, transparent=True)
    markup = stream.getvalue()
    markup = markup[markup.index("<svg") :]
    markup = re.sub(r'(<svg[^>]*?) width="[^"]*" height="[^"]*"', r"\1", markup, count=1)
    return markup.replace("<svg", f'<svg role="img" aria-label="{escape(alternative)}"', 1)


def plain_label(text: str) -> str:
    """Text for a figure in which dollar signs mean themselves, and which no leading underscore hides from a legend."""
    return text.replace("$", r"\$").lstrip("_")


def png_data_uri(image: GreyImage, longest_side: int) -> str:
    """A grey image as a PNG data URI, made smaller when a side is longer than `longest_side` pixels."""
    picture = Image.fromarray(image)
    scale = longest_side / max(picture.size)
    if scale < 1:
        width, height = (max(1, round(scale * side)) for side in picture.size)
        picture = picture.resize((width, height), Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    picture.save(stream, format="PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(stream.getvalue()).decode('ascii')}"
