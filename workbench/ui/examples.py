"""Photos to click: NASA's public-domain portrait and synthetic faces sampled here. Nobody's private picture is shipped."""

import gradio as gr

from workbench.bench import Workbench


def example_row(bench: Workbench, target: gr.components.Component) -> None:
    """Clickable examples that fill a photo box; nothing when none were made on this machine."""
    files = sorted((bench.settings.cache / "examples").glob("*.png"))
    if not files:
        return
    labels = [path.stem.partition("-")[2].replace("-", " ") for path in files]
    gr.Examples(
        [[str(path)] for path in files],
        inputs=[target],
        example_labels=labels,
        label="Examples",
        examples_per_page=6,
        cache_examples=False,
        api_visibility="private",
    )
