"""The model cards in a tab's model panel: one is made when it is asked for."""

from collections.abc import Sequence

import gradio as gr

from workbench.bench import Workbench
from workbench.errors import BadRequest
from workbench.ui.common.events import bound


def card_view(bench: Workbench, tasks: Sequence[str]) -> None:
    """A choice of cards, folded up."""
    with gr.Accordion("Model cards", open=False) as fold:
        gr.render(triggers=[fold.expand], show_progress="hidden")(lambda: _choice(bench, tasks))


def _choice(bench: Workbench, tasks: Sequence[str]) -> None:
    rows = [(spec.title, spec.id) for task in tasks for spec in bench.specs(task)]
    choice = gr.Dropdown(rows, value=None, label="Card of", interactive=True)
    shown = gr.Markdown()
    choice.change(bound(show_card, bench), choice, shown, api_visibility="private", show_progress="hidden")


def show_card(bench: Workbench, model: str | None) -> str:
    """A model's card as Markdown; a visitor's own folders are no part of it. Raises BadRequest for an unknown id."""
    from workbench.cards import records
    from workbench.cards.card import make_card
    from workbench.cards.markdown import as_markdown

    if not isinstance(model, str):
        raise BadRequest("Choose a model first.")
    spec = bench.spec(model)
    return as_markdown(make_card(spec, records.last(spec.id, bench.settings.data)))
