"""What the page does, without any page: a visitor's key and choices in, markup out."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from synthboost.app.archive import zip_masks
from synthboost.app.drawing import draw
from synthboost.app.intake import Intake, take_in
from synthboost.app.markup import download_link, figure, note, problem, table
from synthboost.app.numbers import measure
from synthboost.app.sessions import Session, Sessions
from synthboost.app.uploads import Uploads
from synthboost.app.wording import read_lines
from synthboost.domain import Domain, GreyImage
from synthboost.errors import DataError, SynthboostError
from synthboost.inference.predictor import Predictor
from synthboost.io.pictures import png_bytes

GONE = DataError(
    "page", "image", "forgotten", "an image that was opened lately", "Open the image, or an example, again."
)


@dataclass(frozen=True)
class Look:
    """How the masks are shown; changing it never asks the model."""

    opacity: float = 0.35
    threshold: float = 0.5
    frame: int = 1
    """Of a clip, from 1."""


@dataclass(frozen=True)
class Shown:
    """What the visitor sees now."""

    figure: str
    table: str
    message: str
    frames: int = 1
    """Of the image that is open."""


class Desk:
    """One model and all its visitors, one question at a time."""

    def __init__(self, predictor: Predictor, uploads: Uploads) -> None:
        """Begin without visitors."""
        self.predictor, self.uploads = predictor, uploads
        self.sessions = Sessions()
        self._lock = threading.Lock()

    def open_upload(self, key: str, path: Path, text: str, look: Look) -> Shown | str:
        """Read an upload, remove it, and ask about it; returns a message when that cannot be."""
        try:
            with self.uploads.taken(path):
                intake = take_in(path)
        except SynthboostError as error:
            return problem(error)
        except MemoryError:
            return problem(DataError(path.name, "size", "too large for the memory", "a smaller image"))
        return self.open(key, intake, Domain.REAL, text, look)

    def open(self, key: str, intake: Intake, domain: Domain, text: str, look: Look) -> Shown | str:
        """Give a visitor an image and ask about it."""
        self.sessions.put(key, Session(intake, domain))
        return self.ask(key, text, look)

    def ask(self, key: str, text: str, look: Look) -> Shown | str:
        """Ask a visitor's image what each line of `text` names."""
        session = self.sessions.get(key)
        if session is None:
            return problem(GONE)
        try:
            session.asked = read_lines(text)
            return self._show(session, look)
        except SynthboostError as error:
            session.asked = ()
            return problem(error)

    def look(self, key: str, look: Look) -> Shown | str:
        """Show the last answers otherwise."""
        session = self.sessions.get(key)
        if session is None or not session.asked:
            return problem(GONE)
        try:
            return self._show(session, look)
        except SynthboostError as error:
            return problem(error)

    def pack(self, key: str, look: Look) -> str:
        """A link that holds the masks as a zip."""
        session = self.sessions.get(key)
        if session is None or not session.asked:
            return problem(GONE)
        image, frame = _frame(session, look)
        with self._lock:
            probability = session.probabilities(self.predictor, session.asked, frame)
        spacing = session.intake.spacing_mm
        overlay = draw(image, probability, spacing, look.opacity, look.threshold)
        return download_link(zip_masks(session.asked, probability, look.threshold, spacing, overlay))

    def _show(self, session: Session, look: Look) -> Shown:
        image, frame = _frame(session, look)
        with self._lock:
            probability = session.probabilities(self.predictor, session.asked, frame)
        spacing = session.intake.spacing_mm
        measured = measure(session.asked, probability, look.threshold, spacing)
        drawn = draw(image, probability, spacing, look.opacity, look.threshold)
        return Shown(
            figure(png_bytes(np.asarray(drawn)), session.intake.name, measured),
            table(measured, spacing is not None),
            note(self._strange_words(session.asked)),
            len(session.intake.frames),
        )

    def _strange_words(self, sentences: tuple[str, ...]) -> str:
        words = dict.fromkeys(word for text in sentences for word in self.predictor.model.unknown_words(text))
        return f"The model has never read: {', '.join(words)}." if words else ""


def _frame(session: Session, look: Look) -> tuple[GreyImage, int]:
    number = min(max(look.frame, 1), len(session.intake.frames)) - 1
    return session.intake.frames[number], number
