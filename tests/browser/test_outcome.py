"""Old results never stand beside a new photo: they go at once, a replaced photo runs once, a failure is said there."""

import json
import re
from pathlib import Path

from playwright.sync_api import expect

SPOKEN = Path(__file__).resolve().parents[2] / "workbench/ui/common/spoken.js"

LISTEN = """() => { window.heard = []; const region = document.getElementById('spoken');
    new MutationObserver(() => heard.push(region.textContent)).observe(region, {childList: true}); }"""
"""What people who hear the page are told from now on."""


def _drop(page, path: str) -> None:
    page.locator("#parsing-photo input[type=file]").set_input_files(path)


def test_a_bad_file_after_a_good_one_leaves_nothing_of_the_old_result(page, server, portrait, tmp_path, keep) -> None:
    bad = tmp_path / "notes.jpg"
    bad.write_text("this is no photo")
    page.goto(f"{server}?tab=parsing")
    line, download = page.locator("#parsing-state"), page.locator("#parsing-palette")
    _drop(page, portrait)
    expect(line.locator("[data-state=done]")).to_contain_text("Compact parser", timeout=60_000)
    expect(download).to_be_enabled()

    _drop(page, str(bad))
    expect(line.locator("[data-state=error]")).to_contain_text("got a text file")
    expect(download).to_be_disabled()
    expect(page.locator("#parsing-masks")).to_be_disabled()
    expect(page.locator("#parsing-viewer .pv")).to_have_attribute("data-state", "empty")
    expect(page.locator("#parsing-stop")).to_be_hidden()
    keep(page)

    asked: list[int] = []
    page.on(
        "request", lambda sent: asked.append(json.loads(sent.post_data)["fn_index"]) if "/join" in sent.url else None
    )
    _drop(page, portrait)
    expect(line.locator("[data-state=done]")).to_be_visible()
    expect(page.locator("#parsing-masks")).to_be_enabled()
    assert len(asked) == len(set(asked)), "a replaced photo must run once"


def test_a_changed_model_makes_a_result_out_of_date(page, server, portrait, keep) -> None:
    page.goto(f"{server}?tab=parsing&sub=compare-models")
    expect(page.locator("#compare-start")).to_be_visible()
    page.evaluate(LISTEN)
    page.locator("#compare-photo input[type=file]").set_input_files(portrait)
    line = page.locator("#compare-state")
    line.get_by_role("button", name="Compare").click()
    expect(line.locator("[data-state=done]")).to_contain_text("Compact parser", timeout=60_000)
    expect(page.locator("#spoken")).to_have_text(re.compile("^Compact"))
    chosen = page.locator("#compare-second input").input_value()
    page.locator("#compare-first input").press("Tab")  # chooses nothing, but the result went out of date
    expect(page.locator("#compare-second input")).to_be_focused()
    expect(page.get_by_role("listbox")).to_have_count(1)  # of the menu one is in
    page.locator("#compare-second input").press("Escape")
    page.locator("#compare-second input").press("Shift+Tab")
    page.wait_for_function("() => new Promise(done => requestAnimationFrame(() => setTimeout(() => done(true), 50)))")
    expect(line.locator("[data-state=done]")).to_be_visible()
    expect(page.locator("#spoken")).to_have_text(re.compile("^Compact"))
    page.locator("#compare-second input").click()
    other = page.locator("[role=option]").filter(has_not_text=re.compile(re.escape(chosen))).first
    other.click()

    expect(line.locator("[data-state=stale]")).to_be_visible()
    keep(page)
    expect(page.locator("#spoken")).to_contain_text("Out of date")
    heard = page.evaluate("heard")
    assert [words.split(" ")[0].strip(":. ") for words in heard[-3:]] == ["Running", "Compact", "Out"], heard
    assert not [words for words in heard if " s ·" in words], "the seconds that pass are not read"


def test_what_a_slow_page_finds_is_said_however_late_it_comes(page) -> None:
    """Two seconds after the line "done" nobody listened any more, and the finding was never said."""
    page.clock.install()
    page.set_content(
        '<div class="outcome" id="x-state"><div data-state="empty">Ready.</div></div><div id="x-words"></div>'
    )
    page.add_script_tag(path=SPOKEN)
    page.evaluate(LISTEN)
    line, words = "document.getElementById('x-state').innerHTML", "document.getElementById('x-words').textContent"
    for state in ("running", "done"):
        page.evaluate(f"{line} = '<div data-state={state}>{state.capitalize()}</div>'")
        page.clock.run_for(100)
    page.clock.run_for(60_000)
    assert page.evaluate("heard") == ["Running", "Done"], "the line is said alone, once"
    page.evaluate(f"{words} = 'Two faces.'")
    page.clock.run_for(60_000)
    assert page.evaluate("heard") == ["Running", "Done", "Two faces."]

    page.evaluate(f"{line} = '<div data-state=running>Running</div>'; {words} = ''")
    page.clock.run_for(100)
    page.evaluate(f"{line} = '<div data-state=done>Done</div>'")
    page.clock.run_for(1_000)
    page.evaluate(f"{words} = 'Three faces.'")
    page.clock.run_for(60_000)
    assert page.evaluate("heard")[3:] == ["Running", "Done. Three faces."], "what comes soon is said with the line"
