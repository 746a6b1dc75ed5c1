"""A person drops a photo and gets drawn portraits with figures, re-poses the photo, invents people, and opens a study
of them."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.page_jobs import JOBS
from tests.browser.thumbs import Touch, below
from tests.browser.walker import Keys, layout
from workbench.generation import marking

OWNER = "owner-token-of-the-browser-tests"
CAPTION = re.compile(r"1: SFace \d\.\d\d( ✓)? \(strangers .*\) · .* \d\.\d\d( ✓)? · quality (good|fair|poor)")


def open_tab(page, server: str, sub: str = ""):
    page.goto(server)
    page.get_by_role("tab", name="Generation").click()
    if sub:
        page.get_by_role("tab", name=sub).click()
    return page


def draw(page, portrait: str, count: int = 4):
    page.locator("#generate-references input[type=file]").first.set_input_files(portrait)
    expect(page.locator("#generate-references img").first).to_be_visible()
    page.locator("#generate-count input[type=number]").fill(str(count))
    page.locator("#generate-consent input").check()
    page.locator("#generate-start").click()
    expect(page.locator("#generate-words")).to_contain_text("A face was found", timeout=120_000)
    expect(page.locator("#generate-gallery img")).to_have_count(count)


def test_a_reference_becomes_a_sheet_with_figures_and_marked_downloads(page, server, portrait, keep, tmp_path):
    draw(open_tab(page, server, "Portraits"), portrait)
    expect(page.locator("#generate-words")).to_contain_text("took no part in drawing")
    expect(page.locator("#generate-words")).to_contain_text("where 1 % of strangers do")
    expect(page.locator("#generate-gallery .caption-label").first).to_have_text(CAPTION)
    keep(page)
    empty = "wrap => wrap.clientHeight - wrap.firstElementChild.offsetHeight"
    assert page.locator("#generate-gallery .grid-wrap").evaluate(empty) < 40, "up to 300 pixels were left empty below"
    page.locator("#generate-gallery button.thumbnail-item").first.click()
    with page.expect_download() as download:
        page.locator("#generate-gallery").get_by_label("Download").first.click()
    text = marking.read(download.value.path())
    assert text["AI-generated"] == "true"
    assert text["Seed"] == "0"
    assert text["Model"]


def test_it_is_readable_in_the_dark(page, server, portrait, keep):
    page.emulate_media(color_scheme="dark")
    draw(open_tab(page, f"{server}?__theme=dark", "Portraits"), portrait, 2)
    assert page.evaluate("document.documentElement.scrollWidth") <= 1281
    keep(page, "generation")


def test_portraits_are_drawn_by_touch(phone, server, portrait, keep):
    """And Re-pose, whose photo pushed it away, has its button on the screen."""
    person, job = Touch(phone), next(job for job in JOBS if job.name == "generation/portraits")
    person.open(server, next(job for job in JOBS if job.name == "generation/re-pose"))
    person.give("repose-photo", [portrait])
    expect(phone.locator("#repose-shown")).to_be_in_viewport()
    expect(phone.locator("#repose-make")).to_be_in_viewport(ratio=0.99)
    person.open(server, job)
    person.give("generate-references", [portrait])
    expect(phone.locator("#generate-references img").first).to_be_attached()
    person.write("generate-count", "2")
    person.tick("generate-consent")
    person.press("#generate-start")
    expect(phone.locator("#generate-words")).to_contain_text("A face was found", timeout=120_000)
    expect(phone.locator("#generate-gallery img")).to_have_count(2)
    assert (layout(phone), person.far) == ([], [])
    assert below(phone, job) <= 24
    keep(phone, "generation")


def test_without_consent_nothing_is_drawn_and_cancel_leaves_nothing(page, server, portrait):
    open_tab(page, server, "Portraits")
    page.locator("#generate-references input[type=file]").first.set_input_files(portrait)
    expect(page.locator("#generate-references img").first).to_be_visible()
    page.locator("#generate-start").click()
    expect(page.locator("#generate-state [data-state=error]")).to_contain_text("Please confirm first")
    page.locator("#generate-consent input").check()
    page.locator("#generate-count input[type=number]").fill("16")
    page.locator("#generate-start").click()
    expect(page.locator("#generate-words")).to_contain_text("Drawing", timeout=60_000)
    page.locator("#generate-stop").click()
    expect(page.locator("#generate-state")).to_contain_text("nothing was kept")
    expect(page.locator("#generate-gallery img")).to_have_count(0)


def test_sliders_turn_the_photo_and_the_download_says_edited(page, server, portrait, keep):
    """By keys alone."""
    person = Keys(page)
    person.open(server, next(job for job in JOBS if job.name == "generation/re-pose"))
    person.give("repose-photo", [portrait])
    person.tick("repose-consent")
    expect(page.locator("#repose-shown img")).to_be_visible(timeout=60_000)
    person.write("repose-yaw", "12")
    person.write("repose-smile", "0.6")
    expect(page.locator("#repose-words")).to_contain_text("yaw +12, smile +0.6")
    person.press("#repose-make")
    expect(page.locator("#repose-png")).to_be_enabled(timeout=60_000)
    keep(page)
    with page.expect_download() as download:
        person.press("#repose-png")
    assert person.lost == []
    text = marking.read(download.value.path())
    assert text["Edited"] == "true"
    assert text["Edit"] == "yaw +12, smile +0.6"


def test_new_people_become_a_study_that_opens_in_the_labeling_tab(page, server, keep):
    open_tab(page, server, "Pair study")
    page.locator("#study-name input, #study-name textarea").fill("browser-pairs")
    page.locator("#study-people input[type=number]").fill("3")
    page.locator("#study-pictures input[type=number]").fill("3")
    page.locator("#study-token input").fill(OWNER)
    page.locator("#study-start").click()
    expect(page.locator("#study-words")).to_contain_text("open the Labeling tab", timeout=180_000)
    keep(page)
    answer = page.evaluate(
        """async ([token]) => {
        const config = await (await fetch('config')).json();
        const part = config.components.find(one => one.props.elem_id === 'labeling-owner');
        const ask = body => fetch('gradio_api/component_server/', {method: 'POST', headers: {'Content-Type': 'application/json'},
            body: JSON.stringify({data: body, component_id: part.id, fn_name: 'study', session_hash: 'browser'})}).then(r => r.json());
        return [await ask({token, action: 'list'}), await ask({token, action: 'serve', name: 'browser-pairs'})]; }""",  # noqa: E501
        [OWNER],
    )
    assert "browser-pairs" in answer[0]["studies"]
    assert answer[1] == {"serving": "browser-pairs"}
    page.goto(server)
    page.get_by_role("tab", name="Labeling").click()
    root = page.locator("#labeling-judge .judge")
    expect(root).to_have_attribute("data-screen", "consent", timeout=60_000)
    expect(root).to_contain_text("AI-generated")
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    expect(root).to_have_attribute("data-screen", "judging")
    expect(root.locator("img").first).to_be_visible()
    page.set_viewport_size({"width": 1280, "height": 720})
    expect(page.locator("[data-answer]").last, "a small laptop shows the answers whole").to_be_in_viewport(ratio=0.99)
    keep(page, "labeling")


@pytest.fixture(scope="module", autouse=True)
def _give_the_demo_study_back(server):
    """Other tests of this server expect the demo study."""
    yield
    import json
    import urllib.request

    with urllib.request.urlopen(f"{server}config", timeout=60) as answer:
        parts = json.load(answer)["components"]
    owner = next(part["id"] for part in parts if part["props"].get("elem_id") == "labeling-owner")
    body = {
        "data": {"token": OWNER, "action": "serve", "name": "demo"},
        "component_id": owner,
        "fn_name": "study",
        "session_hash": "end",
    }
    request = urllib.request.Request(
        f"{server}gradio_api/component_server/", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    urllib.request.urlopen(request, timeout=120).read()
