"""The Protection tab: makeup that recognisers cannot read through, what they still read, and the plain ways to hide a
face."""

import gradio as gr

from workbench.bench import Workbench
from workbench.ui.common.widgets import part_of_page, tab_row
from workbench.ui.protection import elsewhere as protection_elsewhere
from workbench.ui.protection import many as protection_many
from workbench.ui.protection import one as protection_one
from workbench.ui.protection import plain as protection_plain
from workbench.ui.protection import video as protection_video


def build(bench: Workbench, photo: gr.State | None = None) -> gr.Blocks:
    """The tab. `photo` is the one photo of the page, which every tab reads; None in a Space of its own."""
    with part_of_page() as tab, tab_row() as tabs:
        with gr.Tab("Makeup that protects", id="protect-one"):
            protection_one.build_inside(bench, photo, tabs)
        with gr.Tab("Blur, mosaic, silhouette", id="protect-plain"):
            protection_plain.build_inside(bench, photo)
        with gr.Tab("Hide in video", id="protect-video"):
            protection_video.build_inside(bench)
        with gr.Tab("Many photos", id="protect-many"):
            protection_many.build_inside(bench)
        with gr.Tab("Protected elsewhere", id="protect-elsewhere"):
            protection_elsewhere.build_inside(bench)
    return tab
