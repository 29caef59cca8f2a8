"""The page: menus, sliders, a box for sentences, the image with its masks, the numbers. Built on Gradio."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from synthboost.app.desk import Desk, Look, Shown
from synthboost.app.markup import header, problem
from synthboost.app.simulated import EXAMPLES, example
from synthboost.app.wording import MAX_SENTENCES, Choice, sentences_of
from synthboost.domain import STRUCTURES, Attributes, Domain, Phase, PromptSet, Quality, Sex, Structure, View
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


def build_page(desk: Desk, model: str, random_weights: bool, name_domain: bool) -> gr.Blocks:
    """Lay out the page and connect it.

    Args:
        desk: does the work.
        model: what the page calls the model.
        random_weights: the page then says that the masks mean nothing.
        name_domain: end the sentences that the menus build with the image's domain.
    """
    font = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif"]
    with gr.Blocks(title="synthboost", analytics_enabled=False, delete_cache=(60, 120)) as page:
        gr.HTML(header(model, random_weights))
        with gr.Row():
            with gr.Column(scale=5, min_width=320):
                figure = gr.HTML(elem_id="sb-figure")
                frame = gr.Slider(1, 2, value=1, step=1, label="Frame of the clip", visible=False, elem_id="sb-frame")
                with gr.Row():
                    opacity = gr.Slider(0, 1, value=0.35, step=0.05, label="Opacity", elem_id="sb-opacity")
                    threshold = gr.Slider(
                        0.05, 0.95, value=0.5, step=0.01, label="Threshold (probability)", elem_id="sb-threshold"
                    )
            with gr.Column(scale=4, min_width=320):
                message = gr.HTML(elem_id="sb-message")
                table = gr.HTML(elem_id="sb-table")
                sentences = gr.Textbox(
                    label=f"Sentences, one per line (at most {MAX_SENTENCES})", lines=3, max_lines=8,
                    elem_id="sb-sentences",
                )  # fmt: skip
                with gr.Row():
                    ask = gr.Button("Draw", variant="primary", elem_id="sb-ask")
                    pack = gr.Button("Download masks", elem_id="sb-pack")
                link = gr.HTML(elem_id="sb-link")
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
        look: list[Any] = [opacity, threshold, frame]
        screen: list[Any] = [figure, table, message, frame, link]

        def write(key: str, *chosen: Any) -> str:
            session = desk.sessions.get(key)
            domain = Domain.REAL if session is None else session.domain
            return "\n".join(sentences_of(_choice(domain, *chosen), name_domain))

        def on_menus(request: gr.Request, *chosen: Any) -> tuple[Any, Any]:
            try:
                return write(_key(request), *chosen), ""
            except SynthboostError as error:
                return gr.skip(), problem(error)

        def on_example(request: gr.Request, name: str, names: list[str], wanted: str, word: str, *seen: Any) -> Any:
            intake, known = example(name if name in EXAMPLES else FIRST)
            _, of_view, of_phase = EXAMPLES[name if name in EXAMPLES else FIRST]
            state = (
                _name(VIEWS, of_view), _name(PHASES, of_phase), _name(SEXES, known.sex), known.age,
                _name(QUALITIES, known.quality),
            )  # fmt: skip
            choice = _choice(Domain.SIMULATED, names or list(NAMES), wanted, *state, word)
            text = "\n".join(sentences_of(choice, name_domain))
            shown = desk.open(_key(request), intake, Domain.SIMULATED, text, _look(seen[0], seen[1], 1))
            return [*_screen(shown), text, *state]

        def on_upload(request: gr.Request, path: str | None, text: str, *seen: Any) -> Any:
            if path is None:
                return [*(gr.skip() for _ in screen), None]
            return [*_screen(desk.open_upload(_key(request), Path(path), text, _look(seen[0], seen[1], 1))), None]

        def on_ask(request: gr.Request, text: str, *seen: Any) -> Any:
            return _screen(desk.ask(_key(request), text, _look(*seen)))

        def on_look(request: gr.Request, *seen: Any) -> Any:
            return _screen(desk.look(_key(request), _look(*seen)))

        def on_pack(request: gr.Request, *seen: Any) -> str:
            return desk.pack(_key(request), _look(*seen))

        def on_leave(request: gr.Request) -> None:
            desk.sessions.forget(_key(request))

        quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "minimal"}
        of_example = [examples, structures, prompt_set, shape, *look]
        to_example = [*screen, sentences, view, phase, sex, age, quality]
        page.load(on_example, of_example, to_example, **quiet)
        page.unload(on_leave)
        examples.input(on_example, of_example, to_example, **quiet)
        upload.upload(on_upload, [upload, sentences, *look], [*screen, upload], **quiet)
        ask.click(on_ask, [sentences, *look], screen, **quiet)
        for slider in look:
            slider.release(on_look, look, screen, trigger_mode="always_last", **quiet)
        for menu in menus:
            menu.input(on_menus, menus, [sentences, message], trigger_mode="always_last", **quiet)
        pack.click(on_pack, look, link, **quiet).then(None, None, None, js=CLICK_THE_LINK)
    page.theme = gr.themes.Default(primary_hue="blue", font=font, font_mono=["ui-monospace", "monospace"])
    page.css = CSS
    return page


def _path_of(payload: Any) -> str | None:
    return None if payload is None else str(payload.path)


def _screen(shown: Shown | str) -> list[Any]:
    """What goes into figure, table, message, slider of frames, link; of a message only that."""
    if isinstance(shown, str):
        return [gr.skip(), gr.skip(), shown, gr.skip(), ""]
    clip = gr.update(visible=shown.frames > 1, maximum=max(2, shown.frames))
    return [shown.figure, shown.table, shown.message, clip, ""]


def _look(opacity: float, threshold: float, frame: float) -> Look:
    """What the sliders say; a request that did not come from the page may say anything."""
    return Look(min(max(float(opacity), 0.0), 1.0), min(max(float(threshold), 0.01), 0.99), int(frame))


def _choice(
    domain: Domain, names: list[str], prompt_set: str, view: str, phase: str, sex: str, age: Any, quality: str,
    shape: str,
) -> Choice:  # fmt: skip
    structures: tuple[Structure, ...] = tuple(structure for name, structure in NAMES.items() if name in names)
    attributes = Attributes(SEXES[sex], None if age is None else int(age), QUALITIES[quality])
    word = None if shape == UNKNOWN else shape
    return Choice(structures, PromptSet(prompt_set), VIEWS[view], PHASES[phase], attributes, word, domain)


def _name(names: dict[str, Any], value: object) -> str:
    return next(name for name, own in names.items() if own == value)


def _key(request: gr.Request) -> str:
    return str(request.session_hash)
