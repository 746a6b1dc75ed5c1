"""All models on one page: a card each with licences, size and figures, filters that answer at once, a Download each.

The cards are sent when the page is opened, not with the first screen. Downloads are the owner's, as everywhere.
"""

import html
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from workbench.bench import Workbench, fetch_command
from workbench.cards.brief import LICENCES, ORIGINS, brief
from workbench.catalog.spec import TASKS, ModelSpec
from workbench.errors import BadRequest
from workbench.ui.common import model_fetch
from workbench.ui.common.add_model import add_form
from workbench.ui.common.card_view import card_view
from workbench.ui.common.events import bound
from workbench.ui.common.widgets import QUIET, openings

STEM, TITLE, EMOJI = "models", "Models", "📦"
HERE = Path(__file__).parent


def settings() -> dict[str, Any]:
    """How its tab is named on the page."""
    return {"label": f"{EMOJI} {TITLE}", "id": STEM, "elem_id": f"tab-{STEM}"}


def build(bench: Workbench) -> None:
    """Lay it out in the tab that is open: the download, which shows once a card asks for it, above the cards."""
    with gr.Column(visible=False, elem_id="models-fetch") as panel:
        terms = gr.Markdown(elem_id="models-terms")
        with gr.Row():
            token = gr.Textbox("", label="Owner's token", type="password", max_lines=1, scale=3, elem_id="models-token")
            start = gr.Button("Download", variant="primary", scale=1, min_width=110, elem_id="models-start")
            stop = gr.Button("Cancel", scale=1, min_width=90, interactive=False, elem_id="models-stop")
        bar = gr.HTML(elem_id="models-bar")
    wanted = gr.State("")
    shown = gr.HTML(
        "",
        html_template=_filters(bench) + '<div class="model-cards">${value}</div>',
        css_template=(HERE / "cards.css").read_text("utf-8"),
        js_on_load=(HERE / "cards.js").read_text("utf-8"),
        elem_id="models-cards",
        padding=False,
    )
    card_view(bench, TASKS)
    add_form(bench, TASKS)

    opened = openings() or [gr.context.Context.root_block.load]  # type: ignore[union-attr]
    gr.on(opened, bound(cards, bench), None, shown, **QUIET)
    shown.select(bound(ask, bench), None, [wanted, terms, panel], **QUIET)
    start.click(
        bound(download, bench),
        [wanted, token],
        [bar, start, stop, shown],
        concurrency_id="fetch",
        concurrency_limit=2,
        **QUIET,
    )
    stop.click(bound(model_fetch.cancel, bench), None, bar, **QUIET)


def ask(bench: Workbench, event: gr.EventData) -> tuple[Any, ...]:
    """The model whose Download was pressed: its terms, and what starts it. Raises BadRequest or NotAllowed."""
    model = getattr(event, "model", None)
    if not isinstance(model, str):
        raise BadRequest("Expected the id of a model.")
    spec = model_fetch.checked(bench, model)
    return spec.id, model_fetch.describe(bench, spec.id), gr.Column(visible=True)


def download(bench: Workbench, model: str, token: str) -> Iterator[tuple[Any, ...]]:
    """Bring a model here, telling how far it is; the cards at the end. As `model_fetch.fetch_model`."""
    if not model:
        raise BadRequest("Press Download on a card first.")
    task = bench.spec(model).task
    for told in model_fetch.fetch_model(bench, model, (task,), token):
        yield *told[:3], gr.skip()
    yield *told[:3], cards(bench)


def cards(bench: Workbench) -> str:
    """Every model's card as HTML, those that are here first within their task."""
    rows = [spec for task in TASKS for spec in bench.specs(task)]
    here = {spec.id for spec in rows if bench.available(spec.id)}
    rows.sort(key=lambda spec: (TASKS.index(spec.task), spec.id not in here))
    return "".join(_card(bench, spec, spec.id in here) for spec in rows)


def _card(bench: Workbench, spec: ModelSpec, here: bool) -> str:
    told, said = brief(spec), html.escape
    measured = dict(told.measured)
    timed = measured.pop("speed", "")
    speed = ", ".join(part for part in (_sees(spec), timed) if part)
    lines = [
        ("Weights", spec.weights_license or "licence unknown"),
        ("Trained on", spec.data_license or "unknown"),
        ("Size", told.size or "not counted"),
        *([("Time on two cores" if timed else "Resolution", speed)] if speed else []),
        ("Measured here", "; ".join(f"{what}: {text}" for what, text in measured.items()) or "not measured"),
        *([("Paper", spec.paper)] if spec.paper else []),
        *([("Note", spec.note)] if spec.note else []),
    ]
    rows = "".join(f"<dt>{name}</dt><dd>{said(text)}</dd>" for name, text in lines)
    facts = f'data-task="{spec.task}" data-origin="{told.origin}" data-licence="{told.licence}" data-here="{int(here)}"'
    state = "<span class='ready'>✓ ready here</span>" if here else "<span class='absent'>not here</span>"
    return (
        f"<article {facts} data-model='{said(spec.id)}' aria-labelledby='model-{said(spec.id)}'>"
        f"<h3 id='model-{said(spec.id)}'>{said(spec.title)}</h3><p class='chips'>{state}<span>{spec.task}</span>"
        f"<span>{ORIGINS[told.origin]}</span><span>{LICENCES[told.licence]}</span></p><dl>{rows}</dl>"
        f"<p class='way'><code>{said(spec.id)}</code>{_way(bench, spec, here)}</p></article>"
    )


def _sees(spec: ModelSpec) -> str:
    """The resolution a model of one's own sees; the others' stands in their measured time, where it is known."""
    return f"sees {spec.input.side} × {spec.input.side} px" if spec.input else ""


def _way(bench: Workbench, spec: ModelSpec, here: bool) -> str:
    """How an absent model comes here: a button where this server may fetch it, else the command."""
    if here:
        return ""
    if not model_fetch.fetchable(spec):
        return "<span>bring its file: see the note</span>"
    if model_fetch.allowed(bench):
        named = html.escape(f"Download {spec.title}", quote=True)
        return f"<button type='button' data-fetch='{html.escape(spec.id)}' aria-label=\"{named}\">Download</button>"
    return f"<code>{html.escape(fetch_command(spec))}</code>"


def _filters(bench: Workbench) -> str:
    """The row of filters; they act in the browser."""
    tasks = {task: task for task in TASKS if bench.specs(task)}
    return (
        "<form class='model-filters' role='search' aria-label='Which models are shown'>"
        "<label>Search<input type='search' name='words' placeholder='name or words'></label>"
        f"{_menu('task', 'Task', tasks)}{_menu('origin', 'Where from', ORIGINS)}"
        f"{_menu('licence', 'Licence of the weights', LICENCES)}"
        "<label class='tick'><input type='checkbox' name='here'>Ready here</label></form>"
        "<p class='model-count' role='status'>Loading …</p>"
    )


def _menu(name: str, label: str, rows: dict[str, str]) -> str:
    options = "".join(f"<option value='{key}'>{html.escape(words)}</option>" for key, words in rows.items())
    return f"<label>{label}<select name='{name}'><option value=''>all</option>{options}</select></label>"
