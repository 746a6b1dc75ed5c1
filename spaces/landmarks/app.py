"""The Landmarks tab as a Space. Written by `make docs`."""

from workbench.bench import Workbench
from workbench.publish import examples
from workbench.tabs import find
from workbench.ui.app import build_tab, launch

bench = Workbench.from_env()
bench.fetch_defaults("detection")
examples.make(bench)
launch(build_tab(bench, find("landmarks")), bench)
