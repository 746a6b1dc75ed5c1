"""The Parsing tab as a Space. Written by `make docs`."""

from workbench.publish import examples
from workbench.tabs import find
from workbench.ui.app import build_tab, launch, opened

bench = opened("detection", "parsing", "clicks", "matte", fetch=True)
examples.make(bench)
launch(build_tab(bench, find("parsing")), bench)
