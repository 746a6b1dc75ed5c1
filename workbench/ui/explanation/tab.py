"""The Explanation tab: why a model says what it says, and whether the heatmap deserves to be believed."""

import gradio as gr

from workbench.bench import Workbench
from workbench.ui.common.widgets import part_of_page, tab_row
from workbench.ui.explanation import compare as explanation_compare
from workbench.ui.explanation import many as explanation_many
from workbench.ui.explanation import one as explanation_one
from workbench.ui.explanation import pair as explanation_pair
from workbench.ui.explanation import slices as explanation_slices
from workbench.ui.explanation import what_if as explanation_what_if


def build(bench: Workbench, photo: gr.State | None = None) -> gr.Blocks:
    """The tab. `photo` is the one photo of the page, which every tab reads; None in a Space of its own."""
    with part_of_page() as tab, tab_row():
        with gr.Tab("One face", id="explain-one"):
            explanation_one.build_inside(bench, photo)
        with gr.Tab("What if", id="explain-what-if"):
            explanation_what_if.build_inside(bench, photo)
        with gr.Tab("Why do these two match?", id="explain-pair"):
            explanation_pair.build_inside(bench)
        with gr.Tab("Methods × models", id="explain-compare"):
            explanation_compare.build_inside(bench, photo)
        with gr.Tab("Many faces", id="explain-many"):
            explanation_many.build_inside(bench)
        with gr.Tab("Slices", id="explain-slices"):
            explanation_slices.build_inside(bench)
    return tab
