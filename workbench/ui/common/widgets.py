"""Components that several tabs share: the photo box, the model choice, the one photo of the page, the part viewer."""

import base64
import binascii
import secrets
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, TypeAlias

import gradio as gr
import numpy as np

from workbench import drawing, images
from workbench.bench import Workbench, fetch_command
from workbench.catalog.spec import ModelSpec
from workbench.errors import BadImage, BadRequest
from workbench.parts import PARTS, title
from workbench.photo import Photo
from workbench.settings import Settings
from workbench.ui.common import uploads
from workbench.values import Parsing

_VIEWER = Path(__file__).parent / "part_viewer"


PLAIN = ["download", "fullscreen"]
"""Buttons of a result picture: Gradio's third one would share a face with the world."""
FULL = ["fullscreen"]
"""Buttons of a comparison: what it shows is a close-up and not the result, so it cannot be downloaded by mistake."""


PagePhoto: TypeAlias = "gr.Textbox | gr.State | None"
"""The photo of the whole page, as JSON of its upload that never leaves the browser but as a photo of a tab; None where
a tab is a page of its own."""
QUIET: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
"""Of an event that is no endpoint and shows nobody that it runs."""


def file_room(kind: str = "file") -> gr.Column:
    """The room of a "file" box, a "short" one or a "gallery" at the top of a tab: kept while Gradio still fetches the
    box, so that nothing moves."""
    return gr.Column(elem_classes=f"{kind}-room", min_width=0)


def photo_box(label: str = "Photo", **options: Any) -> gr.Image:
    """A photo box with upload, webcam and clipboard; options as for `gr.Image`.

    It hands over the uploaded file untouched, so that `images.decode` sees it before any other decoder does. (Not a
    subclass: Gradio writes a stub file beside every module that defines one.)
    """
    usual = {
        "type": "filepath",
        "image_mode": None,
        "format": "png",
        "sources": ["upload", "webcam", "clipboard"],
        "height": 340,
    }
    usual["buttons"] = ["fullscreen"]
    box = gr.Image(label=label, **(usual | options))
    box.preprocess = _untouched  # type: ignore[method-assign]
    return box


def _untouched(payload: Any) -> str | None:
    """The path of the uploaded file inside the upload folder, or a data URL as it came."""
    if payload is None:
        return None
    return str(payload.url) if payload.url and payload.url.startswith("data:") else payload.path


def read_photo(source: str | np.ndarray | None, settings: Settings) -> Photo:
    """The photo of a box at its own size, with its file's name. Raises BadRequest (empty) or BadImage."""
    if source is None:
        raise BadRequest("Drop a photo first.")
    if isinstance(source, np.ndarray):
        return Photo(source)
    if source.startswith("data:"):
        return images.read(_from_data_url(source, settings.max_bytes), settings)
    return images.read(Path(source), settings)


def _from_data_url(url: str, max_bytes: int) -> bytes:
    if len(url) > max_bytes * 4 // 3 + 100:
        raise BadImage(f"The picture is larger than {max_bytes // 1_000_000} MB.")
    try:
        return base64.b64decode(url.partition(",")[2], validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadImage("The picture did not arrive whole. Please drop it again.") from error


def model_choice(
    bench: Workbench,
    task: str,
    label: str = "Model",
    fits: Callable[[ModelSpec], bool] = lambda spec: True,
    **options: Any,
) -> gr.Dropdown:
    """A dropdown of a task's models that are on this machine and fit; `model_notes` tells of the others."""
    rows = [spec for spec in bench.here(task) if fits(spec)]
    return gr.Dropdown(
        [(spec.title, spec.id) for spec in rows], value=rows[0].id if rows else None, label=label, **options
    )


def model_notes(bench: Workbench, task: str) -> str:
    """Markdown: every model of a task with its licences; absent ones greyed with the command that fetches them."""
    lines = ["| Model | Licence of the weights | Trained on | |", "|---|---|---|---|"]
    for spec in bench.specs(task):
        here = bench.available(spec.id)
        size = f" ({spec.download_bytes / 1e6:.0f} MB)" if spec.download_bytes else ""
        mine = spec.files and all(file.scheme in ("local", "builtin") for file in spec.files)
        state = (
            "ready"
            if here
            else f"absent: {spec.note}"
            if mine and spec.note
            else f"absent{size}: `{fetch_command(spec)}`"
        )
        name = spec.title if here else f'<span style="opacity:.55">{spec.title}</span>'
        lines.append(f"| {name} | {spec.weights_license or 'unknown'} | {spec.data_license or 'unknown'} | {state} |")
    return "\n".join(lines)


def send_to(source: gr.components.Component, photo: PagePhoto) -> None:
    """Make what is dropped into this box the photo of the whole page; what is taken out of it is nobody's any more.
    Nothing in a single-tab Space."""
    if photo is not None:
        source.change(None, [source, photo], photo, js="(mine, text) => window.strip.sent(mine, text)", **QUIET)
        source.clear(None, None, photo, js="() => ''", **QUIET)


def offer(run: Any, *buttons: gr.DownloadButton) -> None:
    """Let the files of an event be downloaded once it has ended well.

    The event itself returns their paths: an update, which could do both, reaches clients of the API as it is.
    """
    enabled = [gr.update(interactive=True) for _ in buttons]  # a component made here would stand on the page itself
    run.success(lambda: enabled if len(buttons) > 1 else enabled[0], None, list(buttons), **QUIET)


def receive(photo: PagePhoto, target: gr.components.Component) -> Any:
    """Put the page's photo into this tab's box, or gallery, when it is new or the tab is opened; take an old one out of
    it at once. Returns the event, to chain work on it; None in a single-tab Space."""
    if photo is None:
        return None
    if isinstance(target, gr.Image):
        target.elem_classes = [*(target.elem_classes or []), "of-page"]
    many = "true" if isinstance(target, gr.Gallery) else "false"
    js = f"(text, mine) => window.strip.take('{target.elem_id}', text, mine, {many})"
    return gr.on([*openings(), heard("strip-photo").select], None, [photo, target], target, js=js, **QUIET)


def heard(name: str) -> gr.HTML:
    """A part of a tab that cannot be seen and tells by `select` what the strip tells the page by this name."""
    return gr.HTML(visible="hidden", js_on_load=f"document.addEventListener('{name}', () => trigger('select'));")


def openings() -> list[Any]:
    """The events of opening what is laid out now."""
    return [tab.select for tab in tabs_around()]


def part_of_page() -> AbstractContextManager[gr.Blocks]:
    """The page that is being built, else one of its own. Of every Blocks Gradio makes two web applications and a
    configuration; a part of another never uses them, and seven tabs took a second of each start."""
    around = gr.context.Context.root_block
    return gr.Blocks() if around is None else nullcontext(around)


def tab_row(**options: Any) -> gr.Tabs:
    """A row of tabs that scrolls where it is too narrow for all, instead of folding some away; options as for
    `gr.Tabs`."""
    return gr.Tabs(overflow_behavior="wrap", **options)


def refusals() -> str:
    """What is said of an answer that is none, as JavaScript: `causeOf(status)`."""
    return (Path(__file__).parent / "refusals.js").read_text(encoding="utf-8")


def tabs_around() -> list[gr.Tab]:
    """The tabs that what is laid out now stands in, the innermost first."""
    found, here = [], gr.context.Context.block
    while here is not None:
        found += [here] if isinstance(here, gr.Tab) else []
        here = here.parent
    return found


def results(settings: Settings) -> Path:
    """A new private folder for one answer's files; it is swept with the uploads."""
    path = uploads.folder(settings) / f"result-{secrets.token_hex(12)}"
    path.mkdir(mode=0o700)
    return path


def write(path: Path, data: bytes) -> str:
    """Write a file to download, in a folder of `results`; its path, as Gradio takes it."""
    path.write_bytes(data)
    return str(path)


def part_viewer(elem_id: str, **options: Any) -> gr.HTML:
    """The photo with its parts in colour: opacity, part switches, names under the pointer; all in the browser, without
    delay.

    Its value is what `viewer_value` makes. A click triggers `select` with {"part", "face"}.
    """
    return gr.HTML(
        value=None,
        elem_id=elem_id,
        html_template=(_VIEWER / "viewer.html").read_text(),
        css_template=(_VIEWER / "viewer.css").read_text(),
        js_on_load=(_VIEWER / "viewer.js").read_text(),
        **options,
    )


def viewer_value(image: np.ndarray, parsing: Parsing, scores: str = "") -> dict[str, Any]:
    """What the viewer shows: (H, W, 3) photo, part indices in red and face numbers in green and blue (its upper byte)
    of one PNG, names and colours."""
    codes = np.dstack([parsing.labels, parsing.owners & 255, parsing.owners >> 8]).astype(np.uint8)
    present = np.flatnonzero(np.bincount(parsing.labels.ravel(), minlength=len(PARTS)))
    return {
        "photo": data_url(images.encode_jpeg(image, 92), "image/jpeg"),
        "labels": data_url(exact_png(codes), "image/png"),
        "size": [int(image.shape[1]), int(image.shape[0])],
        "parts": [
            {"index": int(i), "name": title(PARTS[i]), "color": drawing.hex_color(PARTS[i])} for i in present if i
        ],
        "faces": len(parsing.faces),
        "caption": scores,
    }


def data_url(data: bytes, kind: str) -> str:
    """Bytes as a page embeds them."""
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def exact_png(image: np.ndarray) -> bytes:
    """A small, quickly written PNG whose values survive: no colour profile, no gamma."""
    return images.encode_png(image, tagged=False)
