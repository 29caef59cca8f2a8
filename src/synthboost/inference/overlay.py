"""Masks painted over an image, a tint and an outline each: as pictures whose pixels are square in mm, and as clips."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.util import find_spec
from io import BytesIO
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from synthboost.data.sector import BRIGHT, find_sector
from synthboost.domain import STRUCTURES, GreyImage, Mask, Structure, largest_piece
from synthboost.errors import DataError
from synthboost.io.atomic import write_bytes
from synthboost.io.pictures import write_png
from synthboost.prompts.build import spell_out

if TYPE_CHECKING:  # torch is loaded where something is predicted
    from synthboost.inference.predictor import Prediction

Colour: TypeAlias = tuple[int, int, int]
OTHERS: tuple[Colour, ...] = ((204, 121, 167), (240, 228, 66), (213, 94, 0), (0, 114, 178))
"""What is left of Okabe and Ito's palette, without black, for what is none of the structures."""
CLIP_SIDE = 320
"""Longer side of an animation, in pixels."""
USUAL_SECONDS = 0.04
SHORTEST, LONGEST = 640, 1024
"""Pixels of the longer side on a screen: smaller images are enlarged, so that outlines stay thin."""
LINE, MOST_LINES = 22, 12
"""Of a legend: pixels of a line, and how many there are at most."""
NARROWEST = 240
"""Pixels of a picture with a legend: a narrower one is black on its right."""
BLACK: Colour = (0, 0, 0)
_MEANT = {
    Structure.MYOCARDIUM: re.compile(r"\bmyo|walls?\b|muscle|muskel|miocard"),
    Structure.LEFT_ATRIUM_CAVITY: re.compile(r"atri|vorhof|oreillette|aurícula"),
    Structure.LEFT_VENTRICULAR_CAVITY: re.compile(r"ventri|herzkammer|endocard"),
}
"""Words that tell which structure a sentence is about; the wall of the ventricle is no ventricle."""
_RIGHT = re.compile(r"\bright\b")


def colours_for(sentences: Sequence[str]) -> list[Colour]:
    """Return a colour for each sentence: that of the structure it is about, at the first such sentence, or another."""
    meant = [_meant(spell_out(sentence).lower()) for sentence in sentences]
    free = cycle((*OTHERS, *(structure.colour for structure in STRUCTURES if structure not in meant)))
    return [
        next(free) if structure is None or structure in meant[:number] else structure.colour
        for number, structure in enumerate(meant)
    ]


def _meant(words: str) -> Structure | None:
    return None if _RIGHT.search(words) else next((s for s, pattern in _MEANT.items() if pattern.search(words)), None)


def paint(
    image: NDArray[np.floating[Any] | np.integer[Any]],
    masks: Iterable[Mask],
    opacity: float = 0.25,
    rim: int = 1,
    colours: Sequence[Colour] = (),
) -> Image.Image:
    """Paint masks over a grey image (H, W), each in its colour: first all tints, then all outlines.

    Args:
        image: grey values 0-255.
        masks: (H, W) each.
        opacity: of the tints, 0 (outlines only) to 1.
        rim: width of the outlines in pixels; they lie inside the masks, the image's edge counts as one.
        colours: of the masks; without them, those of the structures, then others.
    """
    canvas = np.repeat(image[..., None].astype(np.float32), 3, axis=2)
    own = colours or cycle((*(structure.colour for structure in STRUCTURES), *OTHERS))
    coloured = [(mask, np.array(colour, dtype=np.float32)) for mask, colour in zip(masks, own, strict=False)]
    for mask, colour in coloured:
        canvas[mask] = (1 - opacity) * canvas[mask] + opacity * colour
    for mask, colour in coloured:
        canvas[mask & ~_core(mask, rim)] = colour
    return Image.fromarray(canvas.round().clip(0, 255).astype(np.uint8))


def draw_overlay(
    image: GreyImage,
    masks: NDArray[np.bool_],
    spacing_mm: tuple[float, float] | None,
    shown: Mask | None = None,
    said: Sequence[str] = (),
    side: int | None = None,
) -> Image.Image:
    """Draw masks (N, H, W) over an image (H, W), pixels in their true shape, enlarged to `SHORTEST` if it is small.

    Args:
        image, masks, spacing_mm: of one frame.
        shown: (H, W); the rest of the image is black.
        said: the sentence of each mask, for its colour (`colours_for`) and a legend below; without, as for `paint`.
        side: pixels of the longer side instead.
    """
    size = shown_size(image.shape, spacing_mm, side or SHORTEST, side or max(image.shape))
    grey = np.asarray(_resized(image if shown is None else np.where(shown, image, 0), size))
    enlarged = [np.asarray(_resized(mask.astype(np.float32), size)) > 0.5 for mask in masks]
    colours = colours_for(said)
    drawn = paint(grey, enlarged, rim=1 if side else 2, colours=colours)
    return _with_legend(drawn, said, colours, [bool(mask.any()) for mask in masks]) if said else drawn


def _resized(pixels: NDArray[Any], size: tuple[int, int]) -> Image.Image:
    picture = Image.fromarray(pixels)
    return picture if picture.size == size else picture.resize(size, Image.Resampling.BILINEAR)


def _with_legend(
    drawn: Image.Image, said: Sequence[str], colours: Sequence[Colour], found: Sequence[bool]
) -> Image.Image:
    """The picture, and below it a line for each sentence: its colour, its words, and whether its mask is empty."""
    found_or_not = ["" if inside else " (nothing found)" for inside in found]
    lines = list(zip(said, found_or_not, colours, strict=True))
    if len(lines) > MOST_LINES:
        lines[MOST_LINES - 1 :] = [(f"and {len(lines) - MOST_LINES + 1} more", "", BLACK)]
    whole = Image.new("RGB", (max(drawn.width, NARROWEST), drawn.height + LINE * len(lines) + 4))
    whole.paste(drawn)
    draw, font = ImageDraw.Draw(whole), _font()
    for number, (text, ending, colour) in enumerate(lines):
        top = drawn.height + 4 + LINE * number
        shorter = (f"{text[:length].rstrip()}…{ending}" for length in range(len(text) - 1, 0, -1))
        widest = whole.width - LINE - 12
        fitting = (line for line in (text + ending, *shorter) if draw.textlength(line, font) <= widest)
        draw.rectangle((6, top + 3, LINE - 2, top + LINE - 7), fill=colour)
        draw.text((LINE + 6, top), next(fitting, f"…{ending}"), fill="white", font=font)
    return whole


@cache  # an animation has a legend in each frame
def _font() -> ImageFont.FreeTypeFont:
    """DejaVu Sans as matplotlib brings it: Pillow's own font has neither accents nor Cyrillic."""
    found = find_spec("matplotlib")  # not `matplotlib.get_data_path`: to import it takes a third of a second
    if found is None or found.origin is None:
        raise ModuleNotFoundError("matplotlib")
    path = Path(found.origin).parent / "mpl-data" / "fonts" / "ttf" / "DejaVuSans.ttf"
    return ImageFont.truetype(path, LINE * 0.6)


def draw_smooth(
    image: GreyImage, prediction: Prediction, spacing_mm: tuple[float, float] | None, opacity: float
) -> Image.Image:
    """Draw a prediction over an image (H, W), both enlarged or reduced to fit a screen, pixels in their true shape.

    Probabilities are enlarged before they are cut at the threshold, which gives smooth outlines; numbers and files are
    cut at the image's own size.
    """
    size = shown_size(image.shape, spacing_mm)
    grey = np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BICUBIC))
    enlarged = (np.asarray(Image.fromarray(p).resize(size, Image.Resampling.BILINEAR)) for p in prediction.probability)
    masks = [own > prediction.threshold for own in enlarged]
    return paint(grey, masks, opacity, rim=2, colours=colours_for(prediction.sentences))


def shown_size(
    shape: tuple[int, ...], spacing_mm: tuple[float, float] | None, shortest: int = SHORTEST, longest: int = LONGEST
) -> tuple[int, int]:
    """Return (columns, rows) in which an image (H, W) is shown, its longer side from `shortest` to `longest`."""
    rows_mm, columns_mm = spacing_mm or (1.0, 1.0)
    height, width = shape[0] * rows_mm, shape[1] * columns_mm
    scale = max(min(max(shape), longest), shortest) / max(height, width)
    return max(1, round(scale * width)), max(1, round(scale * height))


def write_overlay(
    path: Path,
    image: GreyImage,
    masks: NDArray[np.bool_],
    spacing_mm: tuple[float, float] | None = None,
    shown: Mask | None = None,
    said: Sequence[str] = (),
) -> None:
    """Write what `draw_overlay` draws as a PNG."""
    write_png(path, np.asarray(draw_overlay(image, masks, spacing_mm, shown, said)))


def write_animation(path: Path, frames: Sequence[Image.Image], frame_seconds: float | None) -> None:
    """Write `small` pictures as an endless GIF, at their own pace if it is known; `frames` is not empty."""
    milliseconds = max(20, round(1000 * (frame_seconds or USUAL_SECONDS)))  # browsers slow down what is faster
    stream = BytesIO()  # to a file of its own Pillow writes without looking whether all was written
    frames[0].save(stream, format="GIF", save_all=True, append_images=frames[1:], duration=milliseconds, loop=0)
    write_bytes(path, stream.getvalue())


def small(drawn: Image.Image) -> Image.Image:
    """A picture as it goes into an animation: 256 colours."""
    return drawn.quantize(colors=256, method=Image.Quantize.FASTOCTREE)


def shown_area(image: GreyImage) -> Mask:
    """(H, W) the part of an image that may be shown: the ultrasound sector, not the words burnt in beside it.

    Where no sector can be made out, it is the largest bright piece, its holes filled. Words inside the sector, or
    touching the largest piece, are shown: this is no guarantee that an image holds no name.
    """
    try:
        return find_sector(image).mask((image.shape[0], image.shape[1]))
    except DataError:
        return np.asarray(ndimage.binary_fill_holes(largest_piece(image > BRIGHT)))


def _core(mask: Mask, rim: int) -> Mask:
    """Pixels whose neighbours up to `rim` away in the four directions are in the mask too."""
    cross = np.zeros((2 * rim + 1, 2 * rim + 1), dtype=bool)
    cross[rim] = cross[:, rim] = True
    return np.asarray(ndimage.binary_erosion(mask, cross))
