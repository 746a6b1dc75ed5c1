"""The command line: `face-workbench COMMAND`, or `python -m workbench COMMAND`.

One module per command, imported only when it is asked for.

A command module has a docstring whose first line is its help, `add_arguments(parser)` and `run(args, settings) -> int`.
"""

import argparse
import importlib
import os
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from workbench import __version__
from workbench.batch.files import shown
from workbench.batch.loop import THREAD
from workbench.errors import Cancelled, WorkbenchError
from workbench.settings import Settings

COMMANDS: dict[str, str] = {
    "serve": "open the app, or one tab of it, in the browser",
    "models": "list, fetch, convert and verify weights",
    "parse": "write a part map for every photo of a folder",
    "analyse": "write everything the faces of a folder's photos show, as a table and as points",
    "cutout": "cut the person, their hair or their face out of every photo of a folder",
    "classify": "write the expression, age or gender of every photo of a folder",
    "embed": "write a vector for every photo of a folder",
    "verify": "measure a recogniser on a list of pairs",
    "evaluate": "measure models on your own photos and truth, with intervals and per group",
    "people": "put the faces of a folder into people, find copies and mislabelled pictures, search by a photo",
    "explain": "write a heatmap with its proof for every photo of a folder",
    "concepts": "say which parts of the face a model's answer hangs on, over a folder (TCAV)",
    "what-if": "change a face by sliders and parts, and find the smallest change that flips a model's decision",
    "slices": "ask a model about a folder: who is right where, and which photos are judged for the same reason",
    "glance": "write one page of everything that is known of a photo, to hand on",
    "protect": "write a photo that recognisers do not match, or a made-up or anonymised one, for every photo of a folder",  # noqa: E501
    "analyse-video": "write what every face of a clip shows, a row per picture and person, and the annotated clip",
    "hide-video": "write a clip in which every face is hidden, searched again picture by picture",
    "collect": "bring the shards of a very large run into one table, one .npz or a folder",
    "generate": "draw portraits of a person, people who do not exist, or a labeling study of drawn pairs",
    "bias": "draw people at graded distance, have people judge them, and set people beside recognisers per group",
    "likeness": "measure how like their references pictures are that were made anywhere, and compare tools",
    "marks": "say what pictures' files say of how they came to be, and sign them with Content Credentials (C2PA)",
    "api": "print the page of the API's endpoints, or write it to docs/api.md",
    "spaces": "write, check, assemble and push the Spaces",
    "label": "make, serve, watch and export labeling studies",
}


STOPPED = 130
"""The exit code after Ctrl-C."""


def entry() -> None:
    """Run the command of this process and end it; after Ctrl-C at once, also where a thread is still deep in a network:
    taking everything down in order can take seconds."""
    code = main()
    if code == STOPPED or any(thread.name == THREAD for thread in threading.enumerate()):
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        os._exit(code)
    sys.exit(code)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Returns the exit code: 0 done, 1 some files failed, 2 the request itself was wrong, 130
    stopped, 141 the reader of a pipe went away."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    parser = argparse.ArgumentParser(prog=_name(), description="Face Workbench on the command line.")
    parser.add_argument("--version", action="version", version=f"face-workbench {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, sentence in COMMANDS.items():
        command = commands.add_parser(name, help=sentence, description=sentence)
        if words[:1] == [name]:
            importlib.import_module(_module(name)).add_arguments(command)
    args = parser.parse_args(words)
    try:
        settings = Settings.from_env(os.environ)
        code: int = importlib.import_module(_module(args.command)).run(args, settings)
        sys.stdout.flush()
    except (KeyboardInterrupt, Cancelled):
        print("Stopped. What was finished is kept; the same command goes on from there.", file=sys.stderr)
        return STOPPED
    except WorkbenchError as error:
        print(f"error: {shown(str(error))}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nobody reads: the last flush must not complain
        return 141
    return code


def _module(command: str) -> str:
    return f"workbench.cli.{command.replace('-', '_')}"


def _name() -> str:
    """What the person typed to get here."""
    return "face-workbench" if Path(sys.argv[0]).stem == "face-workbench" else "python -m workbench"
