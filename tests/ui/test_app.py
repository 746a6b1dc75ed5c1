"""The page: fixed API names, nothing heavy at start, no call to another machine, no rendering twice."""

import inspect
import os
import subprocess
import sys
from pathlib import Path

import pytest
from gradio.routes import App

from workbench.tabs import TABS
from workbench.ui.app import build_app, build_tab, theme

ROOT = Path(__file__).resolve().parents[2]


def _public(page) -> list[str]:
    return [str(fn.api_name) for fn in page.fns.values() if fn.api_visibility == "public" and fn.api_name]


def test_public_api_names_are_unique_and_ours(page) -> None:
    names = _public(page)

    assert sorted(names) == sorted(set(names))
    assert not [name for name in names if name.rsplit("_", 1)[-1].isdigit()], "Gradio renamed a clash"


def test_what_an_endpoint_has_a_default_for_may_be_left_out_by_clients(page) -> None:
    """A menu that begins empty made its parameter needed, whatever the function and its documentation said."""
    told = page.get_api_info()["named_endpoints"]
    public = [fn for fn in page.fns.values() if fn.api_visibility == "public" and fn.api_name]
    needed = [
        f"{fn.api_name}: {row['parameter_name']}"
        for fn in public
        for row in told[f"/{fn.api_name}"]["parameters"]
        if not row["parameter_has_default"]
        and inspect.signature(fn.fn).parameters[row["parameter_name"]].default is not inspect.Parameter.empty
    ]

    assert needed == []


def test_public_api_names_are_stable(page) -> None:
    """Clients depend on these. Adding one is fine: add it here. Renaming or removing one breaks somebody."""
    promised = (ROOT / "tests" / "api_names.txt").read_text().split()

    assert sorted(_public(page)) == sorted(promised)


def test_a_new_photo_clears_every_result_of_the_old_one(page) -> None:
    """Also the tab nobody thought of: an event without inputs takes away all that an endpoint shows."""
    from gradio.components import File, Gallery, Image, Video

    own = {"correct_mask", "landmarks"}  # goes with the answer that is cleared; kept for clients alone
    clearing = [{part._id for part in fn.outputs} for fn in page.fns.values() if not fn.inputs and not fn.queue]
    lacking = {
        str(fn.api_name)
        for fn in page.fns.values()
        if fn.api_visibility == "public" and fn.api_name and str(fn.api_name) not in own
        if any(isinstance(part, (File, Gallery, Image, Video)) for part in fn.inputs)
        if not any({part._id for part in fn.outputs} <= cleared for cleared in clearing)
    }

    assert lacking == set()


def test_the_page_of_the_api_is_fresh(page) -> None:
    """Otherwise: python -m workbench api --write"""
    from workbench.ui import api_page

    text = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")

    assert api_page.page(page) == text
    assert {f"\n## /{name}\n" in text for name in _public(page)} == {True}


def test_every_public_endpoint_says_what_it_does_and_what_each_input_is(page) -> None:
    for fn in page.fns.values():
        if fn.api_visibility == "public" and fn.api_name:
            assert fn.fn.__doc__, fn.api_name
            assert fn.outputs, fn.api_name


@pytest.mark.parametrize("tab", TABS, ids=lambda tab: tab.stem)
def test_every_tab_is_also_a_page_of_its_own(bench, tab) -> None:
    assert build_tab(bench, tab).blocks


def test_building_twice_makes_two_pages_each_one_web_application_and_not_one_per_tab(bench, monkeypatch) -> None:
    """Gradio made two for every tab and a configuration of each: a second of every start."""
    made: list[object] = []
    create = App.create_app
    monkeypatch.setattr(App, "create_app", lambda page, **options: made.append(page) or create(page, **options))
    one, other = build_app(bench), build_app(bench)

    assert one is not other
    assert set(made) == {one, other}
    assert {f"tab-{tab.stem}" for tab in TABS} <= {getattr(block, "elem_id", "") for block in one.blocks.values()}


def test_starting_loads_no_model_library_and_writes_no_stubs(settings) -> None:
    """Gradio wrote type stubs of its components at every start, which took over a second."""
    code = (
        "import sys; from workbench.bench import Workbench; from workbench.ui.app import build_app; "
        "build_app(Workbench.from_env()); "
        "print([name for name in ('torch', 'transformers', 'diffusers', 'captum', 'onnxruntime', 'sklearn', 'scipy', "
        "'matplotlib', 'pyarrow.parquet') if name in sys.modules]); "
        "print(sys.modules['gradio.component_meta'].create_or_modify_pyi.__module__)"
    )
    environment = {key: value for key, value in os.environ.items() if key in ("HOME", "PATH", "XDG_CACHE_HOME")}
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=True
    )

    assert run.stdout.split() == ["[]", "workbench.ui.stubs"]


def test_the_look_is_soft_but_for_the_colours_of_texts_and_buttons() -> None:
    import gradio as gr

    soft, ours = gr.themes.Soft(primary_hue="indigo", neutral_hue="slate"), theme()
    changed = {key for key, value in vars(soft).items() if isinstance(value, str) and value != getattr(ours, key)}

    assert "background_fill_primary" not in changed
    texts = {"body_text_color_subdued", "block_label_text_color", "button_primary_background_fill"}
    assert texts | {"checkbox_border_color", "checkbox_border_color_dark"} <= changed
    assert (ours.input_border_width, ours.input_border_color) == ("1px", "*neutral_400"), "as for what is written"
