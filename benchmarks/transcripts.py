"""Every public endpoint called once as a stranger would: by `gradio_client`, and as a tool by the client of `mcp`.

`python benchmarks/transcripts.py ADDRESS [--mcp] [NAME ...]` against a workbench that runs (with WORKBENCH_MCP=1 for
`--mcp`). Prints name, arguments, the kind of every part of the answer beside what `docs/api.md` says, and seconds;
leaves with 1 when a call failed or answered something else.
"""

import argparse
import asyncio
import base64
import json
import mimetypes
import re
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.browser.page_jobs import files, saved_mask

ROOT = Path(__file__).parents[1]
KINDS = ("a file", "a photo (file)", "photos (files)", "two pictures (files)", "a clip (file)", "a table", "a figure",
         "nativeplot", "text (Markdown)", "text", "HTML, or the viewer's content", "HTML")  # fmt: skip
ASKED: dict[str, dict[str, Any]] = {
    "parse": {"source": "photo"},
    "glance": {"source": "photo"},
    "correct_mask": {"source": "photo", "saved": "mask"},
    "cut_out": {"source": "photo", "subject": "hair"},
    "compare_parsers": {"source": "photo", "first": "compact", "second": "mesh"},
    "parse_many": {"sources": "photos"},
    "analyse": {"source": "photo"},
    "analyse_video": {"source": "clip", "every": 2},
    "landmarks": {"source": "photo"},
    "explain": {"source": "photo", "method": "grad_cam", "model": "fer", "shuffle": False},
    "explain_similarity": {"first": "photo", "second": "photo", "method": "grad_cam", "prove": False},
    "explain_compare": {"source": "photo", "methods": ["grad_cam"], "models": ["fer"], "prove": False},
    "explain_many": {"sources": "photos", "methods": ["grad_cam"], "models": ["fer"]},
    "what_if": {"source": "photo", "groups": ["Makeup"], "models": ["fer"]},
    "slices": {"source": "zip", "method": "grad_cam", "model": "fer"},
    "apply_makeup": {"source": "photo", "face": "Face 1"},
    "protect": {"source": "photo", "face": "Face 1"},
    "anonymise": {"source": "photo"},
    "hide_video": {"source": "clip"},
    "protect_many": {"sources": "photos", "strength": "none"},
    "judge_protected": {"before": "photo", "after": "photo"},
    "generate": {"references": "pictures", "consent": True, "count": 1, "steps": 2},
    "repose": {"source": "photo", "consent": True, "yaw": 8},
    "likeness": {"source": "zip", "references": "pictures", "consent": True},
    "mix": {"first": "pictures", "second": "pictures", "consent": True, "count": 1, "steps": 2},
    "new_identities": {"count": 2, "steps": 2},
    "pair_study": {"name": "transcript", "people": 2, "pictures": 2, "steps": 2},
    "evaluate": {"source": "masks"},
    "people": {"source": "zip"},
}
"""The least work that still ends in an answer; a file stands as its kind."""


def documented() -> dict[str, list[str]]:
    """The kinds each endpoint answers with, by `docs/api.md`."""
    found: dict[str, list[str]] = {}
    for part in (ROOT / "docs" / "api.md").read_text(encoding="utf-8").split("\n## /")[1:]:
        told = re.search(r"^Returns: (.*)\.$", part, re.MULTILINE)
        ends = "|".join(re.escape(kind) for kind in KINDS)
        found[part.split("\n")[0]] = re.findall(rf"\(({ends})\)(?:, |$)", told.group(1)) if told else []
    return found


def kind(value: Any) -> str:
    """What came, in a word."""
    if isinstance(value, str):
        return "file" if Path(value).is_absolute() and Path(value).exists() else "text"
    if isinstance(value, dict):
        return "update" if "__type__" in value else "table" if "headers" in value else f"dict {sorted(value)[:3]}"
    if isinstance(value, (list, tuple)):
        return "files" if value and all(kind(_inner(each)) == "file" for each in value) else f"list of {len(value)}"
    return type(value).__name__


def _inner(value: Any) -> Any:
    if isinstance(value, dict):
        return value.get("image") or value.get("video") or value
    return value[0] if isinstance(value, (list, tuple)) and value else value


def fits(value: Any, said: str) -> bool:
    """Whether an answer is of the kind that is documented; nothing at all fits a part that need not be there."""
    come = kind(value if said != "a clip (file)" else _inner(value))
    if value is None:
        return True
    if "(file)" in said or said == "a file":
        return come == "file"
    if "(files)" in said:
        return come in ("files", "list of 0")
    if said == "a table":
        return come == "table"
    if said in ("a figure", "nativeplot"):
        return come.startswith("dict")
    return come == "text" or (said.startswith("HTML") and come.startswith("dict"))


def by_client(address: str) -> tuple[Callable[[str, dict[str, Any]], Any], Callable[[Path], Any]]:
    """How an endpoint is called, and how a file is handed over, with `gradio_client`."""
    from gradio_client import Client, handle_file

    client = Client(address, verbose=False, download_files=tempfile.mkdtemp())

    def call(name: str, given: dict[str, Any]) -> Any:
        answer = client.predict(**given, api_name=f"/{name}")
        return answer if isinstance(answer, tuple) else (answer,)

    return call, lambda path: handle_file(str(path))


def by_tool(address: str) -> tuple[Callable[[str, dict[str, Any]], Any], Callable[[Path], Any]]:
    """The same with the client of the Model Context Protocol."""
    from mcp import ClientSession
    from mcp.client.streamable_http import streamablehttp_client

    async def talk(name: str, given: dict[str, Any]) -> Any:
        async with (
            streamablehttp_client(f"{address}gradio_api/mcp/") as (reading, writing, _),
            ClientSession(reading, writing) as session,
        ):
            await session.initialize()
            tools = [tool.name for tool in (await session.list_tools()).tools]
            if name not in tools:
                raise LookupError(f"no tool {name} among {tools}")
            return await session.call_tool(name, given)

    def call(name: str, given: dict[str, Any]) -> Any:
        answer = asyncio.run(talk(name, given))
        if answer.isError:
            raise RuntimeError(answer.content[0].text)
        return tuple(answer.content)

    return call, _url


LETTERS = (("u", r"(?:SVG )?Image URL: http"), ("h", r"https?://\S+$"), ("n", r"null$"), ("j", r"[\[{]"))
"""What a text of a tool's answer is: a picture's address, a file's, nothing, JSON; any other is `t`."""
TOLD = {
    "a file": "(?:iu|h|n)", "a photo (file)": "(?:iu|n)",
    "photos (files)": "(?:(?:iu|h)[tj]?)*", "a clip (file)": "[hn]",
    "two pictures (files)": "(?:iu[tj]?){2}|n", "a table": "[jn]", "a figure": "[jn]", "nativeplot": "[jn]",
}  # fmt: skip
"""How each documented kind comes to an agent; text and HTML as one text of any kind."""


def letter(part: Any) -> str:
    """A part of a tool's answer in a letter. Raises ValueError for text that looks like JSON and is none."""
    if part.type == "image":
        return "i"
    found = next((name for name, begins in LETTERS if re.match(begins, part.text)), "t")
    if found == "j":
        json.loads(part.text)
    return found


def wrong_for_agents(answer: tuple[Any, ...], said: list[str]) -> list[str]:
    """What of a tool's answer is not as documented, or longer than a model should have to read."""
    come = "".join(map(letter, answer))
    wanted = "".join(f"(?:{TOLD.get(kind, '[tjhn]')})" for kind in said)
    long = [f"{len(part.text)} characters" for part in answer if part.type == "text" and len(part.text) > LONGEST]
    return [*([] if re.fullmatch(wanted, come) else [f"{come} for {', '.join(said)}"]), *long]


LONGEST = 60_000
"""Characters of text an agent's model may have to read at once."""


def _given(value: Any, made: dict[str, list[str]], handed: Callable[[Path], Any]) -> Any:
    """An argument as it is sent: a kind of file becomes files of that kind."""
    two = [Path(path) for path in made["photos"][:2]]
    if value == "mask":
        return handed(saved_mask(Path(made["photo"][0]), two[0].with_name("mask.png")))
    if value == "photos" or (value == "pictures" and handed is _url):
        return [handed(path) for path in two]
    if value == "pictures":
        return [{"image": handed(path), "caption": None} for path in two]
    if value in ("photo", "clip", "masks", "zip"):
        return handed(Path(made["drawn" if value == "zip" else value][0]))
    return value


def _url(path: Path) -> str:
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"


def main() -> int:
    """Call, print, and tell whether all went as documented."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("address")
    asked.add_argument("names", nargs="*")
    asked.add_argument("--mcp", action="store_true")
    asked.add_argument("--files", type=Path)
    said = asked.parse_intermixed_args()
    made = files(said.files or Path(tempfile.mkdtemp()))
    call, handed = (by_tool if said.mcp else by_client)(said.address)
    told, bad = documented(), 0
    for name in said.names or (ROOT / "tests" / "api_names.txt").read_text().split():
        given = {part: _given(value, made, handed) for part, value in ASKED[name].items()}
        start = time.perf_counter()
        try:
            answer = call(name, given)
            wrong = (wrong_for_agents if said.mcp else _wrong)(answer, told[name])
            come = ", ".join(_size(each) if said.mcp else kind(each) for each in answer)
        except Exception as error:  # noqa: BLE001, the table says it
            wrong, come = [f"{type(error).__name__}: {str(error)[:200]}"], ""
        bad += bool(wrong)
        row = [name, ASKED[name], come, "; ".join(wrong) or "as documented", f"{time.perf_counter() - start:.1f}"]
        print("| " + " | ".join(map(str, row)) + " |", flush=True)
    return bool(bad)


def _size(part: Any) -> str:
    return f"{part.type} {len(part.data if part.type == 'image' else part.text)}"


def _wrong(answer: tuple[Any, ...], said: list[str]) -> list[str]:
    if len(answer) != len(said):
        return [f"{len(answer)} parts, documented {len(said)}"]
    return [f"{kind(each)} for {what}" for each, what in zip(answer, said, strict=True) if not fits(each, what)]


if __name__ == "__main__":
    sys.exit(main())
