"""The whole workbench in one page: `python app.py`, or `make run`."""

from workbench.publish import examples
from workbench.ui.app import build_app, launch, opened

bench = opened()
examples.make(bench)
demo = build_app(bench)

if __name__ == "__main__":
    launch(demo, bench)
