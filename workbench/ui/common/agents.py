"""What agents are told of the endpoints and get from them, where Gradio's own server (6.31) falls short.

It answers with one text for all parts, and with none or an error where a part is a session's; tells a schema that
points nowhere where several files are taken, and turns no file in a list into one; and allows no value at all where
the page has no choice before a photo is there; it keeps the files that agents send where nobody sweeps, and reads
those that they name by a path; it answers with tables as Python writes them, with pictures of a gallery and clips as
paths in such a text, and with every picture inside a text as it is, which is a page of a conversation for each. Here
every part is an answer of its own, a list of files is a list of `data:` URLs, tables are JSON, pictures are pictures,
and what was sent lies among the uploads. Knows nothing of the tabs.
"""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

import gradio as gr
from gradio.mcp import GradioMCPServer
from gradio.processing_utils import add_root_url, save_base64_to_cache
from gradio.utils import get_upload_folder
from gradio_client import handle_file
from gradio_client.utils import is_file_obj_with_meta, traverse

from workbench.ui.common.door import paths

FILE = {"type": "string", "format": "a data: URL of a file"}
NAMED = "Invalid file data: expected a data: URL of the file itself; this server reads no path and fetches no address."
PICTURES = 8
"""As many pictures of a gallery come as pictures, the others as addresses: a model pays for each."""
_INSIDE = re.compile(r"data:([\w.+/-]+);base64,[A-Za-z0-9+/=]{400,}")
_PAGE = re.compile(r'srcdoc=(?:"[^"]{2000,}"|\\"[^"\\]{2000,}\\")')
EACH = "each"
"""In a file's place in the arguments: one of a list of files, or of a gallery's pictures."""


class Agents(GradioMCPServer):
    """Gradio's server for agents, mended."""

    def get_input_schema(
        self, tool_name: str, parameters: dict[str, str] | None = None
    ) -> tuple[dict[str, Any], list[list[str | int]]]:
        """What a tool takes, and where files stand in that."""
        schema, found = super().get_input_schema(tool_name, parameters)
        places = [place for place in found if len(place) == 1]
        for (name,) in places:
            schema["properties"][name] |= FILE
        for told in self.api_info["named_endpoints"][self.tool_to_endpoint[tool_name]]["parameters"]:
            name, value = told["parameter_name"], schema["properties"][told["parameter_name"]]
            if value.get("enum") == []:
                del value["enum"]
            if told["component"] in ("File", "Gallery") and told["type"].get("type") == "array":
                kept = {key: value[key] for key in ("title", "description") if key in value}
                schema["properties"][name] = {"type": "array", "items": FILE, **kept}
                places.append([name, EACH, told["component"]])
        return schema, places

    @property
    def _file_data_tool_description(self) -> str:
        """What tools that take files say of them; Gradio's own words lead to addresses, which are not fetched."""
        return " A file is given as a data: URL of it."

    def convert_strings_to_filedata(self, value: Any, filedata_positions: list[list[str | int]]) -> Any:
        """The arguments with files where `get_input_schema` says so. Raises ValueError for a file that is named instead
        of sent: this server would read it."""
        given = dict(value)
        if any(True for _ in paths(given)):
            raise ValueError(NAMED)
        for name, *each in filedata_positions:
            told = given.get(str(name))
            if each and isinstance(told, list):
                files = [_file(text) for text in told]
                pictures = [{"image": file, "caption": None} for file in files]
                given[str(name)] = pictures if each[1] == "Gallery" else files
            elif told is not None and not each:
                given[str(name)] = _file(told)
        return given

    def postprocess_output_data(self, data: Any, root_url: str) -> list[Any]:
        """The parts of an answer as an agent reads them."""
        parts = [part for output in add_root_url(data, root_url, None) for part in _parts(output)]
        return list(super().postprocess_output_data(parts, root_url))

    @staticmethod
    def pop_returned_state(components: Sequence[Any], data: Any) -> list[Any]:
        """The parts of an answer, without the session's."""
        parts = list(data)
        if len(parts) == 1 and len(components) > 1 and isinstance(parts[0], (list, tuple)):
            parts = list(parts[0])
        if len(parts) != len(components):
            return parts
        return [part for component, part in zip(components, parts, strict=True) if not isinstance(component, gr.State)]


def _parts(output: Any) -> Iterator[Any]:
    """A part of an answer as an agent gets it: a gallery as pictures with captions, two pictures as two, a clip as
    file, values as JSON."""
    if isinstance(output, list) and output and all(map(_is_shown, output)):
        for number, each in enumerate(output):
            file = {"url": None, **each["image"]}
            yield file if number < PICTURES else _address(file)
            if each.get("caption"):
                yield str(each["caption"])
    elif isinstance(output, list) and output and all(map(is_file_obj_with_meta, output)):
        yield from ({"url": None, **file} for file in output)
    elif isinstance(output, dict) and isinstance(output.get("video"), dict):
        yield {"url": None, **output["video"]}
    elif isinstance(output, str) or is_file_obj_with_meta(output):
        yield output if isinstance(output, dict) else _lean(output)
    else:
        told = traverse(output, _address, is_file_obj_with_meta)
        yield _lean(json.dumps(told, ensure_ascii=False, default=str))


def _is_shown(part: Any) -> bool:
    return isinstance(part, dict) and is_file_obj_with_meta(part.get("image"))


def _address(file: dict[str, Any]) -> str:
    return str(file.get("url") or file["path"])


def _lean(text: str) -> str:
    """Text without the pictures and pages in it, which come as files too."""
    text = _PAGE.sub(lambda found: f"(a page, {len(found[0]) // 1000} kB, left out)", text)
    return _INSIDE.sub(lambda found: f"({found[1]}, {len(found[0]) * 3 // 4000} kB, left out)", text)


def _file(text: Any) -> dict[str, Any]:
    """A `data:` URL as a file among the uploads, which are swept."""
    if not isinstance(text, str) or not text.startswith("data:"):
        raise ValueError(NAMED)
    file: dict[str, Any] = handle_file(save_base64_to_cache(text, get_upload_folder()))
    return file


def serve(demo: gr.Blocks) -> None:
    """Let the server that `demo` was launched with answer so."""
    if demo.mcp_server_obj is not None:
        demo.mcp_server_obj.__class__ = Agents
