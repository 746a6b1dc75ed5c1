"""Photos to click: NASA's public-domain portrait and synthetic faces sampled here. Nobody's private picture is
shipped."""

import gradio as gr

from workbench.bench import Workbench


def example_row(bench: Workbench, target: gr.components.Component, *, several: bool = True) -> None:
    """Clickable examples that fill a photo box, or a gallery; nothing when none were made on this machine.

    several: also the picture with more than one face.
    """
    files = [
        path
        for path in sorted((bench.settings.cache / "examples").glob("*.png"))
        if several or "several" not in path.stem
    ]
    if not files:
        return
    labels = [path.stem.partition("-")[2].replace("-", " ") for path in files]
    gr.Examples(
        [[[str(path)] if isinstance(target, gr.Gallery) else str(path)] for path in files],
        inputs=[target],
        example_labels=labels,
        label="Examples",
        examples_per_page=6,
        cache_examples=False,
        api_visibility="private",
    )
