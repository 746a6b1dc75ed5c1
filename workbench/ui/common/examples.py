"""Photos to click: NASA's public-domain portrait and synthetic faces sampled here. Nobody's private picture is
shipped.

They stay where they were made, outside the folder that is swept, and are copied into it when somebody clicks: an
example works as long as the server runs, and the page names no path.
"""

import base64
import io
import shutil
from pathlib import Path

import gradio as gr
from PIL import Image, ImageOps

from workbench.bench import Workbench
from workbench.catalog.generation import EXAMPLES
from workbench.errors import BadRequest
from workbench.settings import Settings
from workbench.ui.common.events import bound
from workbench.ui.common.widgets import results

SIDE = 56
"""Pixels of a small picture's sides."""


def example_row(bench: Workbench, target: gr.components.Component, *, several: bool = True) -> None:
    """Clickable examples that fill a photo box, or a gallery; nothing when none were made on this machine.

    several: also the picture with more than one face.
    """
    names = [name for name, path in examples(bench.settings).items() if several or "several" not in path.stem]
    if not names:
        return
    row = gr.Dataset(
        components=[gr.Textbox(visible=False, render=False)],
        samples=[[name] for name in names],
        label="Examples (people who do not exist, and NASA)",
        samples_per_page=6,
        elem_classes="examples",
    )
    pick = bring_into_gallery if isinstance(target, gr.Gallery) else bring
    row.click(bound(pick, bench), row, target, api_visibility="private", show_progress="hidden")


def examples(settings: Settings) -> dict[str, Path]:
    """The pictures made on this machine, by the name that is shown."""
    return {
        path.stem.partition("-")[2].replace("-", " "): path
        for path in sorted((settings.cache / EXAMPLES).glob("*.png"))
    }


def thumbnails(settings: Settings) -> str:
    """CSS that puts a small picture of each example on its button; once for the whole page."""
    rules = [
        f".examples .gallery-item:nth-of-type({number})::before {{ background-image: url({_small(path)}); }}"
        for number, path in enumerate(examples(settings).values(), start=1)
    ]
    return "\n".join(rules)


def _small(path: Path) -> str:
    picture = ImageOps.fit(Image.open(path).convert("RGB"), (SIDE, SIDE), centering=(0.5, 0.3))
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=70)
    return f"data:image/jpeg;base64,{base64.b64encode(stream.getvalue()).decode()}"


def bring(bench: Workbench, chosen: list[str]) -> str:
    """A fresh copy of an example among the uploads. Raises BadRequest when there is none of that name."""
    path = examples(bench.settings).get(str(chosen[0])) if chosen else None
    if path is None:
        raise BadRequest("That example is not here any more. Reload the page, or drop a photo of your own.")
    return str(shutil.copyfile(path, results(bench.settings) / "example.png"))


def bring_into_gallery(bench: Workbench, chosen: list[str]) -> list[str]:
    """As `bring`, as the one picture of a gallery."""
    return [bring(bench, chosen)]
