"""Write, check, assemble and push the Spaces."""

import argparse
import sys
import tempfile
from pathlib import Path

from workbench.publish import spaces as publish
from workbench.settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    actions.add_parser("write", help="write every generated file of the Spaces and docs/models.md")
    actions.add_parser("check", help="fail when a generated file is out of date")
    assemble = actions.add_parser("assemble", help="put one Space together in a folder")
    assemble.add_argument("name", choices=publish.stems())
    assemble.add_argument("--out", type=Path, required=True)
    push = actions.add_parser("push", help="bring a Space on the Hub to the state of this checkout")
    push.add_argument("name", choices=publish.stems())
    push.add_argument("--repo", required=True, help="owner/name of the Space")


def run(args: argparse.Namespace, settings: Settings) -> int:
    if args.action == "write":
        changed = publish.write()
        print("\n".join(f"wrote {path}" for path in changed) or "Everything was up to date.")
        return 0
    if args.action == "check":
        faults = publish.check()
        said = "\n".join(faults) or "Spaces and docs/models.md are up to date."
        print(said, file=sys.stderr if faults else sys.stdout)
        return 1 if faults else 0
    if args.action == "assemble":
        print(publish.assemble(args.name, args.out))
        return 0
    with tempfile.TemporaryDirectory() as scratch:
        print(publish.push(args.name, args.repo, settings, Path(scratch)))
    return 0
