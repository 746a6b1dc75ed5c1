"""Old results never stand beside a new photo: they go at once, a replaced photo runs once, a failure is said there."""

import json
import re

from playwright.sync_api import expect

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
    page.locator("#compare-second input").click()
    other = page.locator("[role=option]").filter(has_not_text=re.compile(re.escape(chosen))).first
    other.click()

    expect(line.locator("[data-state=stale]")).to_be_visible()
    keep(page)
    expect(page.locator("#spoken")).to_contain_text("Out of date")
    heard = page.evaluate("heard")
    assert [words.split(" ")[0].strip(":. ") for words in heard[-3:]] == ["Running", "Compact", "Out"], heard
    assert not [words for words in heard if " s ·" in words], "the seconds that pass are not read"
