"""“Ask people” under a result: one press makes, or adds to, a labeling study with its pictures, and gives its link.

For the owner alone: a study is open to everybody who has the link, and its pictures stay until the owner removes them.
"""

from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr
import numpy as np

from workbench.bench import Workbench
from workbench.errors import BadRequest
from workbench.ui.common.door import CLIENT
from workbench.ui.common.events import GPU, MODELS_AT_ONCE, MODELS_QUEUE, bound
from workbench.ui.common.own_words import own_words

Shown = list[tuple[np.ndarray, str]]
"""The pictures of one item, each with what made it ("" for a photo)."""
REFUSAL = (
    "Asking people needs the owner's token (WORKBENCH_OWNER_TOKEN, or the file owner.token in the data folder): the "
    "pictures stay on this server, open to whoever has the link."
)


def ask_panel(
    bench: Workbench,
    stem: str,
    questions: Sequence[tuple[str, str]],
    inputs: Sequence[gr.components.Component],
    gather: Callable[..., list[Shown]],
) -> None:
    """Lay the panel out. questions: (what is read, name in `asking.QUESTIONS`). gather(bench, question, *values of
    inputs): the pictures of each item; it runs no model that is not loaded already, or raises what the tab would."""
    with gr.Accordion("Ask people", open=False, elem_id=f"{stem}-ask"):
        gr.Markdown(
            "Opens a study with these pictures; pressed again with the same name, it adds them. Models are never named "
            "to raters, sides are random."
        )
        question = gr.Radio(list(questions), value=questions[0][1], label="What is asked", elem_id=f"{stem}-ask-what")
        with gr.Row():
            name = gr.Textbox(f"{stem}-{questions[0][1]}", label="Study", max_lines=1, elem_id=f"{stem}-ask-name")
            token = gr.Textbox(
                "", label="Owner's token", type="password", max_lines=1, elem_id=f"{stem}-ask-token", min_width=140
            )
            start = gr.Button("Ask people", size="sm", elem_id=f"{stem}-ask-start", min_width=120)
        told = gr.Markdown(elem_id=f"{stem}-ask-told")
    question.change(lambda asked: f"{stem}-{asked}", question, name, api_visibility="private", show_progress="hidden")

    def handler(bench: Workbench, question: str, name: str, token: str, *values: Any) -> str:
        return ask_people(bench, question, name, token, lambda: gather(bench, question, *values))

    handler.__name__ = f"ask_people_{stem}"
    start.click(
        bound(GPU(handler), bench),
        [question, name, token, *inputs],
        told,
        api_visibility="private",
        concurrency_id=MODELS_QUEUE,
        concurrency_limit=MODELS_AT_ONCE,
    )


def ask_people(bench: Workbench, question: str, name: str, token: str, gather: Callable[[], list[Shown]]) -> str:
    """Make or add to a study and open it; its link, as Markdown. Raises NotAllowed without the owner's token,
    BadRequest when there is no result yet, StudyError."""
    from workbench.images import limit
    from workbench.labeling.serving.folders import set_opened, studies_folder
    from workbench.labeling.study.asking import ask
    from workbench.ui.labeling.room import gate, renewed

    gate(bench).check(token.strip() if isinstance(token, str) else token, CLIENT.get(), REFUSAL)
    shown = gather()
    if not shown:
        raise BadRequest("There is no result to ask about yet. Make one first.")
    small = [[(limit(picture, 1024), source) for picture, source in item] for item in shown]
    study, count = ask(studies_folder(bench.settings), str(name).strip(), question, small)
    set_opened(bench.settings, study.name, True)
    renewed(bench, study.name)
    return (
        f"**{own_words(study.title)}** has {count} item{'s' * (count != 1)}. Raters' link: "
        f"[?tab=labeling&study={study.name}](?tab=labeling&study={study.name}); its QR code and results are in "
        "Labeling › Owner."
    )
