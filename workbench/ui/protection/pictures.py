"""The looks as small pictures to click, painted beforehand on a person who does not exist and shipped."""

from pathlib import Path
from typing import Any

import gradio as gr

from workbench.errors import BadRequest
from workbench.makeup.looks import LOOKS
from workbench.ui.common.widgets import data_url

HERE = Path(__file__).parent / "look_pictures"


def look_row(look: gr.Dropdown) -> None:
    """A row of pictures; a click chooses its look in the dropdown."""
    row = gr.Dataset(
        components=[gr.Textbox(visible=False, render=False)],
        samples=[[name] for name in LOOKS],
        label="Looks",
        samples_per_page=len(LOOKS),
        elem_id="protect-looks",
        elem_classes=["examples", "looks"],
    )
    row.click(picked, row, look, api_visibility="private", show_progress="hidden")


def picked(chosen: Any) -> str:
    """The look that was clicked. Raises BadRequest when there is none of that name."""
    name = chosen[0] if isinstance(chosen, (list, tuple)) and chosen else None
    if not isinstance(name, str) or name not in LOOKS:
        raise BadRequest("There is no such look. Reload the page.")
    return name


def style() -> str:
    """CSS that puts each look's picture on its button; once for the whole page."""
    return "\n".join(
        f".looks .gallery-item:nth-of-type({number})::before {{ background-image: "
        f"url({data_url((HERE / f'{name}.jpg').read_bytes(), 'image/jpeg')}) !important; }}"
        for number, name in enumerate(LOOKS, start=1)
    )
