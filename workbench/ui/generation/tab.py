"""The Generation tab: portraits that keep an identity, one's own photo re-posed, people mixed, people who do not exist,
studies of them."""

import gradio as gr

from workbench.bench import Workbench
from workbench.ui.common.widgets import part_of_page, tab_row
from workbench.ui.generation import likeness as generation_likeness
from workbench.ui.generation import mix as generation_mix
from workbench.ui.generation import new as generation_new
from workbench.ui.generation import portraits as generation_portraits
from workbench.ui.generation import repose as generation_repose
from workbench.ui.generation import study as generation_study


def build(bench: Workbench, photo: gr.State | None = None) -> gr.Blocks:
    """The tab. `photo` is the one photo of the page, which every tab reads; None in a Space of its own."""
    with part_of_page() as tab, tab_row():
        with gr.Tab("Re-pose", id="generate-repose"):
            generation_repose.build_inside(bench, photo)
        with gr.Tab("Portraits", id="generate-portraits"):
            generation_portraits.build_inside(bench, photo)
        with gr.Tab("Likeness", id="generate-likeness"):
            generation_likeness.build_inside(bench)
        with gr.Tab("Mix two people", id="generate-mix"):
            generation_mix.build_inside(bench)
        with gr.Tab("New identities", id="generate-new"):
            generation_new.build_inside(bench)
        with gr.Tab("Pair study", id="generate-study"):
            generation_study.build_inside(bench)
    return tab
