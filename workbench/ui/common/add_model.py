"""The form "Add a model" of every model panel: what a TOML row says, as fields. For the machine's owner alone.

A path or an upload makes this server open a file, and a Hub id makes it download one: each asks for the owner's token,
and on a Space nobody may.
"""

import functools
import hashlib
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary, WeakSet

import gradio as gr

from workbench.batch.files import write_atomically
from workbench.bench import Workbench
from workbench.catalog import own, own_file
from workbench.catalog.spec import CROPS, FORMS, KINDS, UNITS, ModelSpec
from workbench.errors import BadRequest, NotAllowed
from workbench.labeling.serving.access import Gate
from workbench.ui.common.door import CLIENT
from workbench.ui.common.events import bound

UPLOADS = "models"
"""Folder below the data folder where uploaded networks are kept."""
REFUSAL = (
    "Adding a model needs the owner's token (WORKBENCH_OWNER_TOKEN, or the file owner.token in the data folder). "
    "On the machine itself: face-workbench models add FILE.toml"
)
_RUNTIMES = [("ONNX file", "onnx"), ("transformers, by Hub id", "transformers"), ("timm, by Hub id", "timm")]
_MOST = 20_000
"""Characters of all fields together."""
_pages: "WeakKeyDictionary[Workbench, WeakSet[gr.Blocks]]" = WeakKeyDictionary()
"""The pages a workbench is shown on: a new model is put into their choices."""


_textbox, _dropdown, _number, _file = (
    functools.partial(kind, interactive=True) for kind in (gr.Textbox, gr.Dropdown, gr.Number, gr.File)
)
"""Fields; Gradio takes those that are made on unfolding and have a value for results, unless they say otherwise."""


@dataclass(frozen=True, slots=True)
class Form:
    """What the fields hold, in the order they are handed over. Nothing of it is believed."""

    id: Any
    task: Any
    runtime: Any
    source: Any
    labels: Any
    side: Any
    order: Any
    crop: Any
    mean: Any
    std: Any
    kind: Any
    threshold: Any
    form: Any
    unit: Any
    weights: Any
    data: Any


def add_form(bench: Workbench, tasks: Iterable[str], choice: gr.Dropdown | None = None) -> None:
    """The form, folded up. choice: a dropdown of this tab that gets the model at once. Nothing on a Space."""
    here = [task for task in own.TASKS if task in tuple(tasks)]
    if bench.settings.space or not here:
        return
    if (page := gr.context.Context.root_block) is not None:
        _pages.setdefault(bench, WeakSet()).add(page)
    with gr.Accordion("Add a model", open=False) as fold:
        gr.render(triggers=[fold.expand], show_progress="hidden")(lambda: _fields(bench, here, choice))


def _fields(bench: Workbench, here: list[str], choice: gr.Dropdown | None) -> None:
    """The form itself: made when it is unfolded, so that a page does not carry one for every tab."""
    gr.Markdown("As `models add` reads it (`docs/own_models.md`). ONNX and safetensors only; nothing is executed.")
    with gr.Row():
        name = _textbox("", label="Id", placeholder="my-parser", max_lines=1)
        task = _dropdown(here, value=here[0], label="Task")
        runtime = _dropdown(_RUNTIMES, value="onnx", label="Runtime")
    upload = _file(label="ONNX file", file_types=[".onnx"], height=170)
    source = _textbox(
        "", label="Or where it lies", max_lines=1, placeholder="owner/name of the Hub, or local:/models/mine.onnx"
    )
    labels = _textbox("", label="Labels, in the network's order", placeholder="background, skin, hair, …", lines=2)
    with gr.Row():
        side = _number(512, precision=0, label="Side, pixels", min_width=100)
        order = _dropdown(["rgb", "bgr"], value="rgb", label="Channels", min_width=100)
        crop = _dropdown(list(CROPS), value="celeba", label="Crop", min_width=120)
    with gr.Row():
        mean = _textbox("0, 0, 0", label="Mean (of 0..1)", max_lines=1, min_width=120)
        std = _textbox("1, 1, 1", label="Deviation", max_lines=1, min_width=120)
    with gr.Row():
        kind = _dropdown(
            [("usual for its task", ""), *((k, k) for k in KINDS)], value="", label="Output", min_width=120
        )
        threshold = _textbox("", label="Threshold", max_lines=1, min_width=90)
        form = _dropdown(list(FORMS), value="corners", label="Boxes", min_width=90)
        unit = _dropdown(list(UNITS), value="pixels", label="in", min_width=90)
    with gr.Row():
        weights = _textbox("", label="Licence of the weights", max_lines=1)
        data = _textbox("", label="Trained on", max_lines=1)
    token = _textbox("", label="Owner's token", type="password", max_lines=1)
    start = gr.Button("Add", size="sm")
    told = gr.Markdown()
    fields = [
        name,
        task,
        runtime,
        source,
        labels,
        side,
        order,
        crop,
        mean,
        std,
        kind,
        threshold,
        form,
        unit,
        weights,
        data,
    ]
    quiet: dict[str, Any] = {"api_visibility": "private", "concurrency_id": "add-model", "concurrency_limit": 1}
    added = start.click(bound(add_model, bench), [token, upload, *fields], told, **quiet)
    if choice is not None:
        added.success(lambda: gr.update(choices=choice.choices), None, choice, api_visibility="private")


def add_model(bench: Workbench, token: Any, upload: Any, *fields: Any) -> str:
    """Check the row, load the network once, keep the row, and put it into every choice of this server's pages.

    Returns what was done, as Markdown with the row as TOML. Raises NotAllowed, BadRequest or BadWeights; then nothing
    is kept.
    """
    if bench.settings.space:
        raise NotAllowed("On a Space visitors cannot add models.")
    gate(bench).check(token.strip() if isinstance(token, str) else token, CLIENT.get(), REFUSAL)
    if sum(len(str(field)) for field in fields) > _MOST or len(fields) != len(Form.__slots__):
        raise BadRequest("The form is larger than a row can be.")
    target, new = _kept(bench, upload) if upload else (None, False)
    try:
        entry = as_entry(Form(*fields), "" if target is None else f"local:{target}")
        text = own_file.written(entry)
        spec = own.row(entry, "The form")
        here = bench.try_out(spec)
        own_file.keep(text, (spec,), bench.settings)
    except BaseException:
        if target is not None and new:
            target.unlink(missing_ok=True)
        raise
    bench.adopt(spec)
    if here:
        offer_everywhere(bench, spec)
    return _words(spec, text, here)


def as_entry(form: Form, uploaded: str) -> dict[str, Any]:
    """The fields as a [[model]] table; `own.row` checks it. uploaded: the source of an uploaded file, "" for none."""
    runtime, source = str(form.runtime), uploaded or str(form.source or "").strip()
    from_hub = runtime != "onnx" and not source.startswith("local:")
    if not source:
        raise BadRequest("Drop an ONNX file, or say where the model lies.")
    entry: dict[str, Any] = {"id": str(form.id or "").strip(), "task": str(form.task), "runtime": runtime}
    entry |= {"hub": source.removeprefix("hub:")} if from_hub else {"files": {"weights": source}}
    shape: dict[str, Any] = {"order": str(form.order), "crop": "whole" if form.task == "detection" else str(form.crop)}
    if runtime == "onnx":
        side = form.side
        whole = isinstance(side, (int, float)) and math.isfinite(side) and side == int(side)
        shape |= {
            "side": int(side) if whole else str(side)[:20],
            "mean": _numbers(form.mean),
            "std": _numbers(form.std),
        }
    entry["input"] = shape
    entry["labels"] = [word.strip() for word in str(form.labels or "").split(",") if word.strip()]
    output: dict[str, Any] = {"kind": str(form.kind or "")}
    if (threshold := "" if form.threshold is None else str(form.threshold).strip()) != "":
        output["threshold"] = _numbers(threshold)[0] if "," not in threshold else threshold[:20]  # 0,5 is not 0
    output |= {"form": str(form.form), "unit": str(form.unit)} if form.task == "detection" else {}
    entry["output"] = {name: value for name, value in output.items() if value != ""}
    terms = {"weights": str(form.weights or "").strip(), "data": str(form.data or "").strip()}
    return entry | {"licence": {name: value for name, value in terms.items() if value}}


def _numbers(text: Any) -> list[Any]:
    """Numbers between commas; a word that is none stays, for the row's check to name it."""
    found: list[Any] = []
    for word in str(text if text is not None else "").split(","):
        try:
            value = float(word)
            found.append(value if math.isfinite(value) else word.strip()[:20])
        except ValueError:
            found.append(word.strip()[:20])
    return found


def _kept(bench: Workbench, upload: Any) -> tuple[Path, bool]:
    """Where the uploaded network lies after it was copied to where sweeping does not reach, and whether it is new
    there."""
    path = Path(str(upload))
    if path.suffix.lower() != ".onnx" or not path.is_file():
        raise BadRequest("Expected an ONNX file.")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    target = (bench.settings.data / UPLOADS / f"{digest[:32]}.onnx").absolute()
    target.parent.mkdir(parents=True, exist_ok=True)
    new = not target.exists()
    if new:
        write_atomically(target, path.read_bytes())
    return target, new


def offer_everywhere(bench: Workbench, spec: ModelSpec) -> None:
    """Put a model into every choice of this server's pages that holds a model of its task that is here.

    Pages that are open see it when they are loaded again; the server takes it from them at once.
    """
    alike = {row.id for row in bench.here(spec.task)} - {spec.id}
    for page in _pages.get(bench, ()):
        for block in page.blocks.values():
            if isinstance(block, (gr.Dropdown, gr.CheckboxGroup, gr.Radio)) and block.choices:
                _offer(block, spec, alike)
        page.config = page.get_config_file()


def _offer(block: Any, spec: ModelSpec, alike: set[str]) -> None:
    known = {value: title for title, value in block.choices if isinstance(value, str)}
    if spec.id in known or not alike & set(known):
        return
    suffix = f" ({spec.task})" if any(known[name].endswith(f" ({spec.task})") for name in alike & set(known)) else ""
    block.choices = [*block.choices, (f"{spec.title}{suffix}", spec.id)]


def _words(spec: ModelSpec, text: str, here: bool) -> str:
    command = f"`face-workbench models fetch {spec.id}`"
    done = (
        f"**{spec.title}** was loaded once and added. It is in every tab when the page is loaded again."
        if here
        else f"**{spec.title}** was added. Its files are not here yet: {command}"
    )
    return f"{done}\n\nThe same as TOML:\n\n```toml\n{text}```"


def gate(bench: Workbench) -> Gate:
    """The owner's gate, shared with downloads and studies."""
    from workbench.ui.labeling.room import gate as owners

    return owners(bench)
