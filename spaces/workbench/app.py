"""The whole workbench as a Space. Written by `make docs`."""

from workbench.publish import examples
from workbench.ui.app import build_app, launch, opened

bench = opened(
    "detection",
    "parsing",
    "clicks",
    "matte",
    "expression",
    "attributes",
    "recognition",
    "portrait",
    "generation",
    fetch=True,
)
examples.make(bench)
launch(build_app(bench), bench)
