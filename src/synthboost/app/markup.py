"""The page's own pieces of HTML. Whatever a visitor typed or uploaded goes through `safe` first."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape

from synthboost.app.beat import VIEW, ClipBeats
from synthboost.app.results import MaskMeasurement
from synthboost.app.sentences import NO_WORDS
from synthboost.domain import Phase
from synthboost.errors import SynthboostError
from synthboost.inference.overlay import Colour, colours_for

NOT_A_DEVICE = "Research software, not a medical device."
SINGLE_PLANE = (
    "From one view, its 20 discs taken as circles: not the biplane ejection fraction. The SD is over two wordings, "
    "each of the image and its mirror image. It shows where the model contradicts itself; the error may be far larger."
)
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 560, 190, 52, 16, 24, 164
"""Of the curve."""
_TEMPLATE_SIGNS = str.maketrans({"$": "&#36;", "{": "&#123;", "}": "&#125;", "`": "&#96;"})


def safe(text: str) -> str:
    """Text that shows as it is: neither HTML nor the signs of the template languages of the page's library."""
    return escape(text, quote=True).translate(_TEMPLATE_SIGNS)


def header(model: str, random_weights: bool) -> str:
    """The top of the page."""
    warning = (
        '<p class="sb-warn"><b>This model has random weights.</b> It was never trained: its masks mean nothing.</p>'
        if random_weights
        else ""
    )
    return (
        '<div class="sb-head"><h1>synthboost</h1><p>Name a structure in a sentence, and see it in the echocardiogram.'
        f'</p><p class="sb-device">{NOT_A_DEVICE}</p><p class="sb-quiet">Model: {safe(model)}. Images stay on the '
        f"machine that runs this page, in memory, until you leave.</p>{warning}</div>"
    )


def figure(png: bytes, name: str, measured: Sequence[MaskMeasurement]) -> str:
    """The image with its masks; read aloud as the sentences and their shares."""
    words = "; ".join(f"{line.sentence or NO_WORDS} {100 * line.share:.1f} % of the image" for line in measured)
    source = base64.b64encode(png).decode("ascii")
    return (
        f'<figure class="sb-figure"><img id="sb-overlay" alt="{safe(name)}. {safe(words)}" '
        f'src="data:image/png;base64,{source}"><figcaption>{safe(name)}</figcaption></figure>'
    )


def beat_figure(beat: ClipBeats) -> str:
    """The curve of a clip's ventricle with ED and ES, and the ejection fraction; read aloud as the same in words."""
    where = {phase: _instant(beat, frame) for phase, frame in beat.frames.items()}
    sizes = {
        phase: f"{beat.smoothed[frame]:,.{0 if beat.unit == 'pixels' else 1}f} {beat.unit}"
        for phase, frame in beat.frames.items()
    }
    words = ", ".join(f"{phase} {where[phase]} ({sizes[phase]})" for phase in Phase)
    heading = f"Area of the left ventricle ({beat.unit}) over {len(beat.areas)} frames"
    return (
        f'<figure class="sb-beat" id="sb-beat-figure"><figcaption>{heading}</figcaption>'
        f'<svg role="img" aria-label="{heading}: {words}." viewBox="0 0 {WIDTH} {HEIGHT}">{_curve(beat)}</svg>'
        f'<p role="status"><b>{_fraction(beat)}</b> {words}.</p><p class="sb-quiet">{SINGLE_PLANE}</p></figure>'
    )


def _curve(beat: ClipBeats) -> str:
    """Dots for the frames, a line for the moving average, a labelled line each for ED and ES."""
    high = max(*beat.areas, float(beat.smoothed.max()))
    step = (WIDTH - LEFT - RIGHT) / (len(beat.areas) - 1)
    x = [LEFT + number * step for number in range(len(beat.areas))]
    y = [BOTTOM - (BOTTOM - TOP) * area / high for area in (*beat.areas, *beat.smoothed)]
    dots = "".join(f'<circle cx="{a:.1f}" cy="{b:.1f}" r="2"/>' for a, b in zip(x, y, strict=False))
    line = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y[len(x) :], strict=True))
    marks = "".join(
        f'<line class="sb-mark" x1="{x[frame]:.1f}" x2="{x[frame]:.1f}" y1="{TOP}" y2="{BOTTOM}"/>'
        f'<text x="{x[frame]:.1f}" y="{TOP - 8}" text-anchor="middle">{phase}</text>'
        for own in beat.beats
        for phase, frame in zip(Phase, own[:2], strict=True)
    )
    top = f"{high:,.{0 if beat.unit == 'pixels' else 1}f}"
    last = _instant(beat, len(beat.areas) - 1)
    return (
        f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{BOTTOM}" y2="{BOTTOM}"/>{marks}{dots}<polyline points="{line}"/>'
        f'<text x="{LEFT - 6}" y="{BOTTOM}" text-anchor="end">0</text>'
        f'<text x="{LEFT - 6}" y="{TOP + 5}" text-anchor="end">{top}</text>'
        f'<text x="{LEFT}" y="{HEIGHT - 4}">{_instant(beat, 0)}</text>'
        f'<text x="{WIDTH - RIGHT}" y="{HEIGHT - 4}" text-anchor="end">{last}</text>'
    )


def _instant(beat: ClipBeats, frame: int) -> str:
    seconds = "" if beat.frame_seconds is None else f", {frame * beat.frame_seconds:.2f} s"
    return f"frame {frame + 1}{seconds}"


def _fraction(beat: ClipBeats) -> str:
    if beat.fraction.value is None:
        return f"No ejection fraction: {safe(beat.fraction.reason.removeprefix(f'{VIEW} '))}."
    several = f", mean of {len(beat.beats)} beats" if len(beat.beats) > 1 else ""
    spread = "" if beat.model_sd is None else f" (the model's own SD: {beat.model_sd:.1f} points, no interval)"
    doubt = f" Do not rely on it: {beat.doubt}." if beat.doubt else ""
    return f"Ejection fraction, single plane{several}: {beat.fraction.value:.0f} %{spread}.{doubt}"


def table(measured: Sequence[MaskMeasurement], spacing_known: bool) -> str:
    """Legend and numbers in one."""
    unit = "mm²" if spacing_known else "pixels"
    colours = colours_for([line.sentence for line in measured])
    rows = "".join(_row(line, colour, spacing_known) for line, colour in zip(measured, colours, strict=True))
    note = (
        ""
        if spacing_known
        else '<p class="sb-quiet">The file does not say how large a pixel is, so sizes are in pixels.</p>'
    )
    return (
        '<table class="sb-table" id="sb-numbers"><thead><tr><th>Sentence</th>'
        f"<th>Area ({unit})</th><th>Long axis</th><th>Mean prob.</th></tr></thead><tbody>{rows}</tbody></table>{note}"
    )


def download_link(pack: bytes) -> str:
    """A link that holds the zip itself: the server keeps no file."""
    source = base64.b64encode(pack).decode("ascii")
    return (
        f'<a id="sb-zip" download="synthboost-masks.zip" href="data:application/zip;base64,{source}">'
        f"synthboost-masks.zip ({len(pack) / 1000:.0f} kB)</a>"
    )


def problem(error: SynthboostError) -> str:
    """A mistake of the visitor's, and what to do about it."""
    remedy = f" {error.remedy}" if error.remedy else ""
    text = f"{error.where}: {error.field}: {error.value}; expected {error.expected}.{remedy}"
    return f'<p class="sb-problem" role="alert">{safe(" ".join(text.split()))}</p>'


def note(text: str) -> str:
    """A quiet line."""
    return f'<p class="sb-quiet" role="status">{safe(text)}</p>' if text else ""


def _row(line: MaskMeasurement, own: Colour, spacing_known: bool) -> str:
    colour = "#{:02x}{:02x}{:02x}".format(*own)
    area = f"{line.area_mm2:,.0f}" if spacing_known and line.area_mm2 is not None else f"{line.pixels:,}"
    length = "–" if line.length is None else f"{line.length:.0f} {line.length_unit}"
    sure = "–" if line.confidence is None else f"{line.confidence:.2f}"
    return (
        f'<tr><td><span class="sb-swatch" style="background:{colour}"></span>{safe(line.sentence or NO_WORDS)}</td>'
        f"<td>{area if line.pixels else 'nothing'}</td><td>{length}</td><td>{sure}</td></tr>"
    )
