"""The page: menus, sliders, a box for sentences, the image with its masks, the numbers. Built on Gradio."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from synthboost.app.controller import Controller, Display, Screen
from synthboost.app.images import EXAMPLES, LEFT_BEHIND_SECONDS, example
from synthboost.app.markup import header, problem
from synthboost.app.sentences import MAX_SENTENCES, sentences_of
from synthboost.domain import STRUCTURES, Attributes, Domain, FrameInfo, PatientId, Phase, PromptSet, Quality, Sex, View
from synthboost.errors import SynthboostError
from synthboost.prompts import SHAPE_WORDS
from synthboost.prompts.templates import STRUCTURE_NAMES

UNKNOWN = "unknown"
FIRST = next(iter(EXAMPLES))
CSS = (Path(__file__).parent / "page.css").read_text(encoding="utf-8")
CLICK_THE_LINK = "() => { const link = document.querySelector('#sb-zip'); if (link) link.click(); }"
VIEWS = {"four-chamber": View.FOUR_CHAMBER, "two-chamber": View.TWO_CHAMBER}
PHASES = {"end-diastole": Phase.END_DIASTOLE, "end-systole": Phase.END_SYSTOLE}
SEXES = {UNKNOWN: None, "female": Sex.FEMALE, "male": Sex.MALE}
QUALITIES = {UNKNOWN: None, "good": Quality.GOOD, "medium": Quality.MEDIUM, "poor": Quality.POOR}
NAMES = {STRUCTURE_NAMES[structure]: structure for structure in STRUCTURES}


def build_page(controller: Controller, model: str, random_weights: bool, name_domain: bool) -> gr.Blocks:
    """Lay out the page and connect it.

    Args:
        controller: does the work.
        model: what the page calls the model.
        random_weights: the page then says that the masks mean nothing.
        name_domain: end the sentences that the menus build with the image's domain.
    """
    first, words = _first_screen(controller, name_domain)
    font = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif"]
    with gr.Blocks(title="synthboost", analytics_enabled=False, delete_cache=(60, int(LEFT_BEHIND_SECONDS))) as page:
        gr.HTML(header(model, random_weights))
        with gr.Row():
            with gr.Column(scale=5, min_width=320):
                figure = gr.HTML(first.figure, elem_id="sb-figure")
                frame = gr.Slider(1, 2, value=1, step=1, label="Frame of the clip", visible=False, elem_id="sb-frame")
                with gr.Row():
                    opacity = gr.Slider(0, 1, value=0.35, step=0.05, label="Opacity", elem_id="sb-opacity")
                    threshold = gr.Slider(
                        0.05, 0.95, value=0.5, step=0.01, label="Threshold (probability)", elem_id="sb-threshold"
                    )
            with gr.Column(scale=4, min_width=320):
                message = gr.HTML(first.message, elem_id="sb-message")
                table = gr.HTML(first.table, elem_id="sb-table")
                sentences = gr.Textbox(
                    words, label=f"Sentences, one per line (at most {MAX_SENTENCES})", lines=3, max_lines=8,
                    elem_id="sb-sentences",
                )  # fmt: skip
                with gr.Row():
                    predict = gr.Button("Segment", variant="primary", elem_id="sb-predict")
                    download = gr.Button("Download masks", elem_id="sb-download")
                link = gr.HTML(elem_id="sb-link")
                beat = gr.HTML(elem_id="sb-beat")
                with gr.Row(visible=False) as instants:
                    ends = {
                        phase: gr.Button(f"Show {name}", elem_id=f"sb-show-{phase}") for name, phase in PHASES.items()
                    }
        with gr.Row():
            with gr.Column(scale=5, min_width=320):
                upload = gr.File(label="Your image or clip, up to 64 MB", height=140, elem_id="sb-upload")
                upload.preprocess = _path_of  # the library's own would leave an empty file behind for every upload
                examples = gr.Dropdown(
                    list(EXAMPLES), value=FIRST, label="Or an example: simulated, no patient", elem_id="sb-examples"
                )
            with gr.Column(scale=4, min_width=320), gr.Accordion("Build the sentences from attributes", open=False):
                structures = gr.CheckboxGroup(list(NAMES), value=list(NAMES), label="Structures")
                prompt_set = gr.Dropdown(
                    [str(s) for s in PromptSet], value=str(PromptSet.P1), label="Prompt set (P0: no words)",
                    elem_id="sb-prompts",
                )  # fmt: skip
                with gr.Row():
                    view = gr.Radio(list(VIEWS), value="four-chamber", label="View")
                    phase = gr.Radio(list(PHASES), value="end-diastole", label="Phase")
                with gr.Row():
                    sex = gr.Dropdown(list(SEXES), value=UNKNOWN, label="Sex", min_width=100)
                    age = gr.Number(label="Age", minimum=0, maximum=120, precision=0, min_width=100, value=None)
                    quality = gr.Dropdown(list(QUALITIES), value=UNKNOWN, label="Quality", min_width=100)
                    shape = gr.Dropdown([UNKNOWN, *SHAPE_WORDS], value=UNKNOWN, label="Shape (P7)", min_width=100)
        menus: list[Any] = [structures, prompt_set, view, phase, sex, age, quality, shape]
        display: list[Any] = [opacity, threshold, frame]
        outputs: list[Any] = [figure, table, message, frame, link]
        to_beat: list[Any] = [beat, instants]

        def write(key: str, *chosen: Any) -> str:
            session = controller.sessions.get(key)
            domain = Domain.REAL if session is None else session.image.domain
            return _text(name_domain, domain, *chosen)

        def on_menus(request: gr.Request, *chosen: Any) -> tuple[Any, Any]:
            try:
                return write(_key(request), *chosen), ""
            except SynthboostError as error:
                return gr.skip(), problem(error)

        def on_example(request: gr.Request, name: str, names: list[str], wanted: str, word: str, *shown: Any) -> Any:
            image, known = example(name if name in EXAMPLES else FIRST)
            state = _state(name if name in EXAMPLES else FIRST, known)
            text = _text(name_domain, image.domain, names or list(NAMES), wanted, *state, word)
            screen = controller.open(_key(request), image, text, _display(shown[0], shown[1], 1))
            return [*_outputs(screen, 1), text, *state]

        def on_upload(request: gr.Request, path: str | None, text: str, *shown: Any) -> Any:
            if path is None:
                return [*(gr.skip() for _ in outputs), None]
            screen = controller.open_upload(_key(request), Path(path), text, _display(shown[0], shown[1], 1))
            return [*_outputs(screen, 1), None]

        def on_predict(request: gr.Request, text: str, *shown: Any) -> Any:
            return _outputs(controller.predict(_key(request), text, _display(*shown)))

        def on_display(request: gr.Request, *shown: Any) -> Any:
            return _outputs(controller.show(_key(request), _display(*shown)))

        def on_beat(request: gr.Request) -> Any:
            yield controller.waiting(_key(request)), gr.update(visible=False)
            found = controller.beat(_key(request))
            yield found, gr.update(visible=controller.frame_of(_key(request), Phase.END_DIASTOLE) is not None)

        def on_end(phase: Phase) -> Any:
            def show(request: gr.Request, opacity: float, threshold: float) -> Any:
                number = controller.frame_of(_key(request), phase) or 1
                return _outputs(controller.show(_key(request), _display(opacity, threshold, number)), number)

            return show

        def on_download(request: gr.Request, *shown: Any) -> str:
            return controller.download(_key(request), _display(*shown))

        def on_leave(request: gr.Request) -> None:
            controller.sessions.forget(_key(request))

        quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "minimal"}
        of_example = [examples, structures, prompt_set, shape, *display]
        to_example = [*outputs, sentences, view, phase, sex, age, quality]
        opened = [page.load(on_example, of_example, to_example, **{**quiet, "show_progress": "hidden"})]
        page.unload(on_leave)
        opened += [
            examples.input(on_example, of_example, to_example, **quiet),
            upload.upload(on_upload, [upload, sentences, *display], [*outputs, upload], **quiet),
            predict.click(on_predict, [sentences, *display], outputs, **quiet),
        ]
        for event in opened:
            event.then(on_beat, None, to_beat, **{**quiet, "show_progress": "hidden"})
        for phase, button in ends.items():
            button.click(on_end(phase), [opacity, threshold], outputs, **quiet)
        for slider in display:
            slider.input(on_display, display, outputs, trigger_mode="always_last", **quiet)
        for menu in menus:
            menu.input(on_menus, menus, [sentences, message], trigger_mode="always_last", **quiet)
        download.click(on_download, display, link, **quiet).then(None, None, None, js=CLICK_THE_LINK)
    page.theme = gr.themes.Default(primary_hue="blue", font=font, font_mono=["ui-monospace", "monospace"])
    page.css = CSS
    return page


def _first_screen(controller: Controller, name_domain: bool) -> tuple[Screen, str]:
    """The first example and its sentences: on the page from the start, before a visitor's own are computed."""
    image, _ = example(FIRST)
    state = _state(FIRST, Attributes())
    text = _text(name_domain, image.domain, list(NAMES), str(PromptSet.P1), *state, UNKNOWN)
    screen = controller.open("", image, text, Display())
    controller.sessions.forget("")
    return screen, text


def _path_of(payload: Any) -> str | None:
    return None if payload is None else str(payload.path)


def _outputs(screen: Screen | str, frame: int | None = None) -> list[Any]:
    """What goes into figure, table, message, slider of frames (at `frame`), link; of a message only that."""
    if isinstance(screen, str):
        return [gr.skip(), gr.skip(), screen, gr.skip(), ""]
    at = {} if frame is None else {"value": frame}  # a longer clip's number would lie beyond the end of this one
    clip = gr.update(visible=screen.frames > 1, maximum=max(2, screen.frames), **at)
    return [screen.figure, screen.table, screen.message, clip, ""]


def _display(opacity: float, threshold: float, frame: float) -> Display:
    """What the sliders say; a request that did not come from the page may say anything."""
    return Display(min(max(float(opacity), 0.0), 1.0), min(max(float(threshold), 0.01), 0.99), int(frame))


def _text(
    name_domain: bool, domain: Domain, names: list[str], prompt_set: str, view: str, phase: str, sex: str, age: Any,
    quality: str, shape: str,
) -> str:  # fmt: skip
    """One sentence per structure and line, from what the menus say."""
    structures = [structure for name, structure in NAMES.items() if name in names]
    attributes = Attributes(SEXES[sex], None if age is None else int(age), QUALITIES[quality])
    info = FrameInfo(PatientId("page", "page", "image"), VIEWS[view], PHASES[phase], attributes, domain)
    word = None if shape == UNKNOWN else shape
    return "\n".join(sentences_of(structures, PromptSet(prompt_set), info, word, name_domain))


def _state(name: str, known: Attributes) -> tuple[str, str, str, int | None, str]:
    """What the menus show beside an example; of a clip ED."""
    _, view, phase = EXAMPLES[name]
    shown = _name(VIEWS, view), _name(PHASES, phase or Phase.END_DIASTOLE)
    return *shown, _name(SEXES, known.sex), known.age, _name(QUALITIES, known.quality)


def _name(names: dict[str, Any], value: object) -> str:
    return next(name for name, own in names.items() if own == value)


def _key(request: gr.Request) -> str:
    return str(request.session_hash)
