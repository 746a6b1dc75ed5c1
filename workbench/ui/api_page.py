"""docs/api.md, written from the page itself: every public endpoint with what it takes, what it returns and an example.

What depends on the models that happen to be here (choices, their defaults) is left to "Use via API" below the page.
"""

import inspect
from typing import Any

import gradio as gr

HEAD = """# API

Written by `python -m workbench api --write`. Every endpoint is called with `gradio_client`, over HTTP
(`/gradio_api/call/NAME`) or, with `WORKBENCH_MCP=1`, as a tool of the Model Context Protocol at `/gradio_api/mcp/`
under the same name; there a photo is a `data:` URL. "Use via API" below the page shows the choices of the models that
are here. Files come back as paths, which the client downloads; what cannot be done raises an error with its sentence.
A face is chosen by number ("Face 2", the largest is 1) or by a point or box in the photo's pixels; it may be left out
where a photo has one face. Photos (files) are a list of `{"image": handle_file("photo.jpg"), "caption": None}`, files a
plain list; an agent gives a `data:` URL for each. It gets pictures as pictures (of a gallery the first eight), tables
and other values as JSON without the pictures in them, and files as addresses.

```python
from gradio_client import Client, handle_file

client = Client("http://127.0.0.1:7860/")
drawn, table = client.predict(handle_file("photo.jpg"), api_name="/landmarks")
print(table["headers"])
```
"""
KINDS = {
    "image": "a photo (file)",
    "file": "a file",
    "gallery": "photos (files)",
    "video": "a clip (file)",
    "dropdown": "text",
    "textbox": "text",
    "radio": "text",
    "checkbox": "true or false",
    "checkboxgroup": "a list of text",
    "slider": "a number",
    "number": "a number",
    "html": "HTML, or the viewer's content",
    "markdown": "text (Markdown)",
    "dataframe": "a table",
    "downloadbutton": "a file",
    "imageslider": "two pictures (files)",
    "plot": "a figure",
    "state": "",
}


def page(demo: gr.Blocks) -> str:
    """The page of all public endpoints of `demo`, in the order of the tabs."""
    public = [fn for fn in demo.fns.values() if fn.api_visibility == "public" and fn.api_name]
    return HEAD + "".join(_endpoint(fn) for fn in public)


def _endpoint(fn: Any) -> str:
    given = [(parameter, part) for parameter, part in zip(_parameters(fn.fn), fn.inputs, strict=False) if _told(part)]
    lines = [f"\n## /{fn.api_name}\n", inspect.cleandoc(fn.fn.__doc__ or ""), ""]
    if given:
        lines += ["| Parameter | What it is | Default |", "|---|---|---|"]
        lines += [f"| `{parameter.name}` | {_kind(part)} | {_default(parameter, part)} |" for parameter, part in given]
        lines.append("")
    returned = [f"{_label(part)} ({_kind(part)})" for part in fn.outputs if _told(part)]
    lines += [f"Returns: {', '.join(returned)}.", ""]
    return "\n".join(lines)


def _parameters(function: Any) -> list[inspect.Parameter]:
    """The parameters a client fills in."""
    return [each for each in inspect.signature(function).parameters.values() if each.name != "progress"]


def _told(part: Any) -> bool:
    return not isinstance(part, gr.State)


def _label(part: Any) -> str:
    return str(part.label or part.elem_id or part.get_block_name())


def _kind(part: Any) -> str:
    """What a client sends or gets for a component."""
    name = str(part.get_block_name())
    if getattr(part, "multiselect", False):
        return "a list of text"
    if name == "file" and getattr(part, "file_count", "single") == "multiple":
        return "files"
    return KINDS.get(name, name)


def _default(parameter: inspect.Parameter, part: Any) -> str:
    if parameter.default is not inspect.Parameter.empty:
        return f"`{parameter.default!r}`"
    return "needed" if part.get_block_name() in ("image", "file", "gallery", "video") else "as on the page"
