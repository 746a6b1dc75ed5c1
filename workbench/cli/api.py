"""Print the page of the API, or write it to docs/api.md."""

import argparse
from pathlib import Path

from workbench.settings import Settings

PAGE = Path(__file__).resolve().parents[2] / "docs" / "api.md"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """--write."""
    parser.add_argument("--write", action="store_true", help="write docs/api.md of this checkout")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Build the app, and say what it offers to clients."""
    from workbench.bench import Workbench
    from workbench.ui.api_page import page
    from workbench.ui.app import build_app

    text = page(build_app(Workbench(settings)))
    if args.write:
        PAGE.write_text(text, encoding="utf-8")
    else:
        print(text)
    return 0
