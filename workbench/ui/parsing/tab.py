"""The Parsing tab: one photo, corrected by hand or cut out, models beside each other, or many photos at once."""

import gradio as gr

from workbench.bench import Workbench
from workbench.ui.common.widgets import part_of_page, tab_row
from workbench.ui.parsing import compare, correct, cutting, many, one


def build(bench: Workbench, photo: gr.State | None = None) -> gr.Blocks:
    """The tab. `photo` is the one photo of the page, which every tab reads; None in a Space of its own."""
    with part_of_page() as tab, tab_row():
        with gr.Tab("One photo", id="one"):
            screen = one.build_inside(bench, photo)
        with gr.Tab("Correct", id="correct") as editing:
            correct.build_inside(bench, screen, editing)
        with gr.Tab("Cut out", id="cutout"):
            cutting.build_inside(bench, screen)
        with gr.Tab("Compare models", id="compare"):
            compare.build_inside(bench, photo)
        with gr.Tab("Many photos", id="many"):
            many.build_inside(bench)
    return tab
