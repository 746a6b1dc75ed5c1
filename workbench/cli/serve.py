"""Open the app, or one tab of it, in the browser."""

import argparse
from dataclasses import replace

from workbench.settings import Settings
from workbench.tabs import TABS, find


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("tab", nargs="?", choices=[tab.stem for tab in TABS], help="only this tab; none: all of them")
    parser.add_argument("--port", type=int, help="default: 7860 or WORKBENCH_PORT")
    parser.add_argument("--host", help="default: this machine only")


def run(args: argparse.Namespace, settings: Settings) -> int:
    from workbench.bench import Workbench
    from workbench.publish import examples
    from workbench.ui.app import build_app, build_tab, launch

    bench = Workbench(replace(settings, port=args.port or settings.port, host=args.host or settings.host))
    bench.require_device()
    examples.make(bench)
    launch(build_tab(bench, find(args.tab)) if args.tab else build_app(bench), bench)
    return 0
