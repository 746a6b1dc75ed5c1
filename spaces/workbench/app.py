"""The whole workbench as a Space. Written by `make docs`."""

from workbench.bench import Workbench
from workbench.publish import examples
from workbench.ui.app import build_app, launch

bench = Workbench.from_env()
bench.fetch_defaults("detection", "parsing", "expression", "attributes", "recognition", "portrait", "generation")
examples.make(bench)
launch(build_app(bench), bench)
