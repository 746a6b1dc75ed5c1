"""What agents are told of the endpoints and get from them, where Gradio's own server (6.31) falls short.

It answers with one text for all parts, and with none or an error where a part is a session's; tells a schema that
points nowhere where several files are taken, and turns no file in a list into one; and allows no value at all where
the page has no choice before a photo is there. Here every part is an answer of its own, and a list of files is a list
of `data:` URLs. Knows nothing of the tabs.
"""

from collections.abc import Sequence
from typing import Any

import gradio as gr
from gradio.mcp import GradioMCPServer

FILE = {"type": "string", "format": "a data: URL of a file"}
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
        for told in self.api_info["named_endpoints"][self.tool_to_endpoint[tool_name]]["parameters"]:
            name, value = told["parameter_name"], schema["properties"][told["parameter_name"]]
            if value.get("enum") == []:
                del value["enum"]
            if told["component"] in ("File", "Gallery") and told["type"].get("type") == "array":
                kept = {key: value[key] for key in ("title", "description") if key in value}
                schema["properties"][name] = {"type": "array", "items": FILE, **kept}
                places.append([name, EACH, told["component"]])
        return schema, places

    def convert_strings_to_filedata(self, value: Any, filedata_positions: list[list[str | int]]) -> Any:
        """The arguments with files where `get_input_schema` says so."""
        given = dict(value)
        for name, *each in filedata_positions:
            if each and isinstance(given.get(str(name)), list):
                files = [self._file(text) for text in given[str(name)]]
                pictures = [{"image": file, "caption": None} for file in files]
                given[str(name)] = pictures if each[1] == "Gallery" else files
        return super().convert_strings_to_filedata(given, [place for place in filedata_positions if len(place) == 1])

    @staticmethod
    def pop_returned_state(components: Sequence[Any], data: Any) -> list[Any]:
        """The parts of an answer, without the session's."""
        parts = list(data)
        if len(parts) == 1 and len(components) > 1 and isinstance(parts[0], (list, tuple)):
            parts = list(parts[0])
        if len(parts) != len(components):
            return parts
        return [part for component, part in zip(components, parts, strict=True) if not isinstance(component, gr.State)]

    def _file(self, text: Any) -> Any:
        return super().convert_strings_to_filedata({EACH: text}, [[EACH]])[EACH]


def serve(demo: gr.Blocks) -> None:
    """Let the server that `demo` was launched with answer so."""
    if demo.mcp_server_obj is not None:
        demo.mcp_server_obj.__class__ = Agents
