"""The state of a result: what takes it away, and that a refusal is said in words beside its button."""

import asyncio

import gradio as gr
import pytest

from workbench.errors import BadRequest
from workbench.ui.common.door import REFUSED, Page
from workbench.ui.common.events import bound
from workbench.ui.common.outcome import Outcome, emptied, line, run_buttons


def _refuse(bench, value):
    raise BadRequest(f"Expected <b>, got {value}.")


@pytest.fixture
def made():
    """A page with one result that is always refused."""
    with Page() as page:
        photo = gr.Image(elem_id="photo")
        model = gr.Dropdown(["a", "b"], elem_id="model")
        start, stop = run_buttons("Go", "thing")
        outcome = Outcome("thing", start, stop, named=[model])
        words, file, kept = gr.Markdown("nothing yet"), gr.DownloadButton(interactive=False), gr.State(None)
        run = outcome.run(start.click, bound(_refuse, None), [model], [words, file, kept], api_name="go")
        outcome.photos([photo], then={"fn": bound(_refuse, None), "inputs": [model], "outputs": [words, file, kept]})
        outcome.ages(model)
        outcome.cancels()
    return page, run, (words, file, kept)


def _call(page, number: int, state, *values):
    return asyncio.run(page.process_api(page.fns[number], list(values), state))


def test_an_old_result_is_taken_away_whole_and_its_download_leads_nowhere(made) -> None:
    page, _, (words, file, kept) = made

    assert emptied(words)["value"] == "nothing yet"
    assert (emptied(file)["value"], emptied(file)["interactive"]) == (None, False)
    assert emptied(kept) is None
    clearing = [fn for fn in page.fns.values() if {words._id, file._id, kept._id} == {each._id for each in fn.outputs}]
    assert len(clearing) >= 2, "a changed photo and Cancel must both clear everything"


def test_what_was_refused_is_said_once_beside_the_button_and_is_no_markup(made) -> None:
    from gradio.state_holder import SessionState

    page, run, _ = made
    state = SessionState(page)
    after = next(fn for fn in page.fns.values() if fn.trigger_only_on_failure and fn.trigger_after == run["id"])
    with pytest.raises(gr.Error, match="got a"):
        _call(page, run["id"], state, "a")
    said, again = (_call(page, after._id, state)["data"][0] for _ in range(2))

    assert "Expected &lt;b&gt;, got a." in said["value"] if isinstance(said, dict) else said
    assert again["__type__"] == "update"
    assert "value" not in again


def test_what_its_line_says_is_not_said_again_in_a_corner_of_the_page(made) -> None:
    from gradio.state_holder import SessionState

    page, run, _ = made
    with pytest.raises(gr.Error) as refused:
        _call(page, run["id"], SessionState(page), "a")

    assert refused.value.visible is False
    assert "Expected <b>, got a." in str(refused.value), "clients of the API still read it"


def test_the_download_of_an_old_run_cannot_be_pressed_while_a_new_one_runs(made) -> None:
    """ "Everything (zip)" of the photos before gave those, beside a line that said what runs now."""
    page, _, (_, file, _) = made
    begun = [fn for fn in page.fns.values() if ".begun(" in str(fn.js)]

    assert begun
    assert all(file in fn.outputs and '"held": 1' in fn.js for fn in begun)


def test_another_session_never_reads_the_refusal(made) -> None:
    from gradio.state_holder import SessionState

    page, run, _ = made
    one, other = SessionState(page), SessionState(page)
    with pytest.raises(gr.Error):
        _call(page, run["id"], one, "a")

    async def seen() -> dict:
        await page.process_api(page.fns[run["id"]], ["b"], other)
        return {}

    with pytest.raises(gr.Error):
        asyncio.run(seen())
    assert page._refused[one] != page._refused[other]
    assert REFUSED.get({}) == {}


def test_a_new_photo_stops_every_run_of_the_old_one_also_the_one_it_started_itself(made) -> None:
    page = made[0]
    stopping = [fn for fn in page.fns.values() if fn.is_cancel_function]
    runs = {fn._id for fn in page.fns.values() if fn.fn is not None and fn.fn.__name__ == "_refuse"}

    assert len(runs) == 2
    assert all(runs <= set(fn.cancels) for fn in stopping)


def test_only_a_failure_is_announced_by_its_own_line_the_rest_by_the_region_of_the_page() -> None:
    """A line that came with its role was left out by some readers, and beside the region it would be read twice."""
    assert 'role="alert"' in line("error", "no")
    assert "role=" not in line("done", "yes")


def test_the_primary_action_no_longer_lies_over_the_settings() -> None:
    """It stuck to the bottom of the window and covered the examples and the first settings; now it stands right below
    what is to be given."""
    with Page(), gr.Column() as column:
        photo = gr.Image()
        gr.Dataset(components=[gr.Textbox(visible=False, render=False)], samples=[["one"]])
        consent = gr.Checkbox(elem_id="thing-consent")
        gr.Dropdown(["a"])
        gr.File(label="people to keep")
        start, _ = run_buttons("Go", "thing")
    with Page(), gr.Column() as plain:
        gr.Dropdown(["a"])
        first, _ = run_buttons("Go", "other")

    assert column.children.index(photo) == 0
    assert column.children.index(start.parent) == column.children.index(consent.parent) + 1
    assert plain.children[0] is first.parent, "nothing is to be given: the action comes first"


def test_a_photo_is_followed_by_the_action_and_then_by_examples() -> None:
    with Page(), gr.Column() as column:
        gr.Image()
        examples = gr.Dataset(components=[gr.Textbox(visible=False, render=False)], samples=[["one"]])
        start, _ = run_buttons("Go", "thing")

    assert column.children.index(start.parent) < column.children.index(examples)
