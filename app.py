"""The whole workbench in one page: `python app.py`, or `make run`."""

from workbench.bench import Workbench
from workbench.ui.app import build_app, launch

bench = Workbench.from_env()
demo = build_app(bench)

if __name__ == "__main__":
    launch(demo, bench)
