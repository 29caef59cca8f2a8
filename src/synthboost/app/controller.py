"""What the page does, without any page: a visitor's key and choices in, markup out."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from synthboost.app.beat import measure_clip, ventricle_area
from synthboost.app.images import OpenedImage, Uploads, read_upload
from synthboost.app.markup import beat_figure, download_link, figure, note, problem, table
from synthboost.app.results import heart_of, measure, structures_named, zip_masks
from synthboost.app.sentences import NO_WORDS, read_lines, structure_named
from synthboost.app.sessions import Session, Sessions
from synthboost.domain import GreyImage, Phase, Structure
from synthboost.errors import DataError, SynthboostError
from synthboost.evaluation.clinical.beats import measure_frame
from synthboost.inference.doubts import doubts_about
from synthboost.inference.overlay import draw_smooth
from synthboost.inference.predictor import REFUSED, Prediction, Predictor
from synthboost.io.pictures import png_bytes

GONE = DataError(
    "page", "image", "forgotten", "an image that was opened lately", "Open the image, or an example, again."
)
LOST = DataError("page", "upload", "waited too long", "an upload of the last hour", "Upload it again.")
NOTHING = DataError("page", "masks", "none yet", "one sentence per line", "Type one, and press Segment.")
NO_VENTRICLE = "No beat: no sentence begins with “Left ventricular cavity”."
NO_BEAT = "No beat: the area of the left ventricle hardly changes, or no end of systole follows an end of diastole."
NO_SECTOR = (
    "No ultrasound sector was found: this may be no apical view of a heart. The model draws masks in any picture."
)


@dataclass(frozen=True)
class Display:
    """How the masks are shown; changing it never runs the model."""

    opacity: float = 0.35
    threshold: float = 0.5
    frame: int = 1
    """Of a clip, from 1."""


@dataclass(frozen=True)
class Screen:
    """What the visitor sees now."""

    figure: str
    table: str
    message: str
    frames: int = 1
    """Of the image that is open."""


class Controller:
    """One model and all its visitors, one prediction at a time. Returns a screen, or a message in its place."""

    def __init__(self, predictor: Predictor, uploads: Uploads) -> None:
        """Begin without visitors."""
        self.predictor, self.uploads = predictor, uploads
        self.sessions = Sessions()
        self._lock = threading.Lock()

    def open_upload(self, key: str, path: Path, text: str, display: Display) -> Screen | str:
        """Read an upload, remove it, and predict in it."""
        try:
            with self.uploads.taken(path):
                image = read_upload(path)
        except SynthboostError as error:
            return problem(error)
        except FileNotFoundError:
            return problem(LOST)
        except MemoryError:
            return problem(DataError(path.name, "size", "too large for the memory", "a smaller image"))
        return self.open(key, image, text, display)

    def open(self, key: str, image: OpenedImage, text: str, display: Display) -> Screen:
        """Give a visitor an image and predict in it; it is shown even where nothing can be predicted."""
        session = Session(image)
        self.sessions.put(key, session)
        answer = self.predict(key, text, display)
        return self._screen(session, (), display, answer) if isinstance(answer, str) else answer

    def predict(self, key: str, text: str, display: Display) -> Screen | str:
        """Predict in a visitor's image what each line of `text` names; after a mistake, what is on show stays."""
        session = self.sessions.get(key)
        if session is None:
            return problem(GONE)
        try:
            sentences = read_lines(text)
            screen = self._screen(session, sentences, display)
        except SynthboostError as error:
            return problem(error)
        session.sentences = sentences
        return screen

    def show(self, key: str, display: Display) -> Screen | str:
        """Show the last prediction otherwise."""
        session = self.sessions.get(key)
        return problem(GONE) if session is None else self._screen(session, session.sentences, display)

    def beat(self, key: str) -> str:
        """Return the beat of a visitor's clip in the masks of his last sentences; nothing for an image.

        Every frame is predicted, other visitors in between, unless he goes on to something else meanwhile.
        """
        session = self.sessions.get(key)
        if session is None or len(session.image.frames) < 2 or not session.sentences:
            return ""
        sentences, image = session.sentences, session.image
        if Structure.LEFT_VENTRICULAR_CAVITY not in structures_named(sentences):
            return note(NO_VENTRICLE)
        if session.beat is None or session.beat[0] != sentences:
            areas, measured = [], []
            for number in range(len(image.frames)):
                if self.sessions.get(key) is not session or session.sentences != sentences:
                    return ""
                with self._lock:
                    prediction = session.predict(self.predictor, sentences, number, self.predictor.threshold)
                areas.append(ventricle_area(prediction, image.spacing_mm))
                measured.append(measure_frame(heart_of(prediction), image.spacing_mm))
            with self._lock:
                found = measure_clip(
                    self.predictor, image.frames, areas, measured, sentences, image.spacing_mm, image.frame_seconds
                )
            session.beat = sentences, found
        return note(NO_BEAT) if session.beat[1] is None else beat_figure(session.beat[1])

    def waiting(self, key: str) -> str:
        """Return what is shown until the beat is found."""
        session = self.sessions.get(key)
        frames = 1 if session is None else len(session.image.frames)
        return note(f"Measuring the beat in {frames} frames …") if frames > 1 else ""

    def frame_of(self, key: str, phase: Phase) -> int | None:
        """Return the frame of ED or ES, from 1, of the beat that was found last; `None` without one."""
        session = self.sessions.get(key)
        beat = None if session is None or session.beat is None else session.beat[1]
        return None if beat is None else beat.frames[phase] + 1

    def download(self, key: str, display: Display) -> str:
        """Return a link that holds the masks as a zip."""
        session = self.sessions.get(key)
        if session is None or not session.sentences:
            return problem(GONE if session is None else NOTHING)
        image, prediction = self._predict(session, session.sentences, display)
        spacing = session.image.spacing_mm
        overlay = draw_smooth(image, prediction, spacing, display.opacity)
        return download_link(zip_masks(prediction, spacing, overlay))

    def _predict(self, session: Session, sentences: Sequence[str], display: Display) -> tuple[GreyImage, Prediction]:
        number = _number(session, display)
        with self._lock:
            prediction = session.predict(self.predictor, sentences, number, display.threshold)
        return session.image.frames[number], prediction

    def _screen(self, session: Session, sentences: Sequence[str], display: Display, message: str = "") -> Screen:
        image, prediction = self._predict(session, sentences, display)
        spacing = session.image.spacing_mm
        measured = measure(prediction, spacing)
        drawn = draw_smooth(image, prediction, spacing, display.opacity)
        words = dict.fromkeys(word for text in sentences for word in self.predictor.model.unknown_words(text))
        notes = [f"The model has never read: {', '.join(words)}."] if words else []
        notes += (
            [f"No mask: {REFUSED}: {'; '.join(text or NO_WORDS for text in prediction.refused)}."]
            if prediction.refused
            else []
        )
        coloured = session.image.coloured[_number(session, display)] if session.image.coloured else None
        doubts = doubts_about(image, prediction, [structure_named(sentence) for sentence in sentences], coloured)
        notes += [f"This may be no apical heart, or one shown poorly: {'; '.join(doubts)}."] if doubts else []
        notes += [NO_SECTOR] if doubts is None and not session.image.has_sector else []
        return Screen(
            figure(png_bytes(np.asarray(drawn)), session.image.name, measured),
            table(measured, spacing is not None) if measured else "",
            message + note(" ".join(notes)),
            len(session.image.frames),
        )


def _number(session: Session, display: Display) -> int:
    """Of the frame on show, from 0."""
    return min(max(display.frame, 1), len(session.image.frames)) - 1
